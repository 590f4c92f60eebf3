//! The client that dockershim uses for the Docker Engine API: timeouts, error texts, and checks of
//! what came back.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/libdocker/kube_docker_client.go`,
//! `helpers.go`; moby@v20.10.7 `client/errors.go`, `client/request.go`.

use super::Flavor;
use super::glue::Step;
use crate::docker::engine::{
    AuthConfig, ContainerJson, ContainerSummary, CreateBody, DockerEngine, EngineError, EngineInfo,
    EngineVersion, ExecState, Filters, ImageInspect, Progress, PullMessage, Request, Resources,
    Response, Stats, pull_parameters, reference_problem,
};
use futures_util::future::{Either, select};
use node::image::{normalize, split_tag};
use sim::{Ctx, Hop};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Protocol};

/// How long a short request may take: the kubelet's `--runtime-request-timeout`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How often the progress of a pull is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// A request on a unix socket, one way and back, with the parsing of both ends.
const HTTP: Duration = Duration::from_micros(400);
/// The newest API version that the client of a flavour speaks.
const API_VERSION_DOCKERSHIM: &str = "1.41";
const API_VERSION_CRI_DOCKERD: &str = "1.44";

/// Why Docker could not do what was asked, in the words of Go's client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DockerError {
    /// The object of a request does not exist, as the client says it: `container`, `image`.
    NoSuchObject { object: &'static str, id: String },
    /// There is no such image, or it is another one.
    ImageNotFound(String),
    /// The daemon said no.
    Daemon { status: u16, message: String },
    /// There was no answer.
    Connect(String),
    /// No answer came in time.
    Timeout,
    /// dockershim gave up itself.
    Canceled,
    /// A pull failed while it went on.
    Stream { code: Option<u16>, message: String },
}

impl fmt::Display for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchObject { object, id } => write!(f, "Error: No such {object}: {id}"),
            Self::ImageNotFound(id) => write!(f, "no such image: {id:?}"),
            Self::Daemon { message, .. } => write!(f, "Error response from daemon: {message}"),
            Self::Connect(text) => f.write_str(text),
            Self::Timeout => f.write_str("operation timeout: context deadline exceeded"),
            Self::Canceled => f.write_str("context canceled"),
            Self::Stream { message, .. } => f.write_str(message),
        }
    }
}

impl DockerError {
    /// Whether it says that the container does not exist. dockershim decides this by the text.
    ///
    /// Models: kubernetes@v1.22.6 `libdocker/kube_docker_client.go` `IsContainerNotFoundError`.
    pub(super) fn is_container_not_found(&self) -> bool {
        text_says_container_not_found(&self.to_string())
    }

    /// Whether it says that the image does not exist.
    pub(super) const fn is_image_not_found(&self) -> bool {
        matches!(self, Self::ImageNotFound(_))
    }
}

/// Whether a text contains what Docker says of a container that does not exist.
pub(super) fn text_says_container_not_found(text: &str) -> bool {
    const SAYS: &str = "No such container: ";
    text.match_indices(SAYS).any(|(at, _)| {
        text[at + SAYS.len()..]
            .starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_lowercase())
    })
}

/// dockershim's connection to the daemon.
pub(super) struct Docker {
    engine: Rc<dyn DockerEngine>,
    flavor: Flavor,
    api_version: RefCell<String>,
    progress_deadline: Duration,
}

impl Docker {
    /// A connection that has not been used yet.
    pub(super) fn new(
        engine: Rc<dyn DockerEngine>,
        flavor: Flavor,
        progress_deadline: Duration,
    ) -> Self {
        Self { engine, flavor, api_version: RefCell::default(), progress_deadline }
    }

    /// Sends a request without a limit of time.
    async fn send(&self, ctx: &Ctx, step: Step, request: Request) -> Result<Response, DockerError> {
        let request = Rc::new(request);
        let shown = Rc::clone(&request);
        let from = self.flavor.component();
        let mut hop = Hop::new(from, Component::Dockerd, Protocol::DockerApi, request.op())
            .request(move || shown.payload())
            .takes(HTTP);
        if !step.source.is_empty() {
            hop = hop.source(step.source);
        }
        if !step.glue.is_empty() {
            hop = hop.glue(step.glue);
        }
        let engine = &self.engine;
        let answer = ctx.call(hop, async |ctx| engine.request(&ctx, &request).await).await;
        answer.map_err(|error| self.explain(&request, error))
    }

    /// Sends a request that must be answered in time.
    async fn ask(&self, ctx: &Ctx, step: Step, request: Request) -> Result<Response, DockerError> {
        self.ask_within(ctx, REQUEST_TIMEOUT, step, request).await
    }

    async fn ask_within(
        &self,
        ctx: &Ctx,
        limit: Duration,
        step: Step,
        request: Request,
    ) -> Result<Response, DockerError> {
        let answer = within(ctx, limit, self.send(ctx, step, request)).await;
        answer.unwrap_or(Err(DockerError::Timeout))
    }

    /// An error of the daemon in the words of the client.
    fn explain(&self, request: &Request, error: EngineError) -> DockerError {
        match error {
            EngineError::Status { status: 404, message } => match request {
                // The newer client passes the daemon's text on.
                Request::InspectContainer { id, .. } | Request::RemoveContainer { id, .. }
                    if self.flavor == Flavor::Dockershim =>
                {
                    DockerError::NoSuchObject { object: "container", id: (**id).to_owned() }
                }
                Request::InspectImage { reference }
                | Request::ImageHistory { reference }
                | Request::RemoveImage { reference } => {
                    DockerError::ImageNotFound(reference.clone())
                }
                _ => DockerError::Daemon { status: 404, message },
            },
            EngineError::Status { status, message } => DockerError::Daemon { status, message },
            EngineError::Connection(text) => {
                // Go spells the method as a verb: `Post "http://…": EOF`.
                let method = request.method().to_ascii_lowercase();
                let (first, rest) = method.split_at(1.min(method.len()));
                DockerError::Connect(format!(
                    "error during connect: {}{rest} {:?}: {text}",
                    first.to_ascii_uppercase(),
                    request.url(&self.api_version.borrow()),
                ))
            }
            EngineError::Refused => DockerError::Connect(
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. \
                 Is the docker daemon running?"
                    .to_owned(),
            ),
            EngineError::Timeout => DockerError::Timeout,
        }
    }

    /// Agrees on the API version: the older of the client's and the daemon's.
    pub(super) async fn negotiate(&self, ctx: &Ctx, step: Step) {
        let newest = match self.flavor {
            Flavor::Dockershim => API_VERSION_DOCKERSHIM,
            Flavor::CriDockerd => API_VERSION_CRI_DOCKERD,
        };
        let pong = self.ask(ctx, step, Request::Ping).await;
        let daemons = match pong {
            Ok(Response::Pong { api_version }) if !api_version.is_empty() => api_version,
            // Without an answer the client takes the oldest version that tells its own.
            _ => "1.24".to_owned(),
        };
        let agreed = if minor(&daemons) < minor(newest) { daemons } else { newest.to_owned() };
        *self.api_version.borrow_mut() = agreed;
    }

    pub(super) async fn version(
        &self,
        ctx: &Ctx,
        step: Step,
    ) -> Result<EngineVersion, DockerError> {
        match self.ask(ctx, step, Request::Version).await? {
            Response::Version(version) => Ok(version),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn info(&self, ctx: &Ctx, step: Step) -> Result<EngineInfo, DockerError> {
        match self.ask(ctx, step, Request::Info).await? {
            Response::Info(info) => Ok(info),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn list_containers(
        &self,
        ctx: &Ctx,
        step: Step,
        all: bool,
        filters: Filters,
    ) -> Result<Vec<ContainerSummary>, DockerError> {
        let limit = self.flavor == Flavor::Dockershim;
        match self.ask(ctx, step, Request::ListContainers { all, filters, limit }).await? {
            Response::Containers(list) => Ok(list),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn inspect_container(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
    ) -> Result<Box<ContainerJson>, DockerError> {
        self.inspect_container_and(ctx, step, id, false).await
    }

    pub(super) async fn inspect_container_and(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
        size: bool,
    ) -> Result<Box<ContainerJson>, DockerError> {
        if id.is_empty() {
            // The client does not ask for nothing.
            return Err(DockerError::NoSuchObject { object: "container", id: String::new() });
        }
        match self.ask(ctx, step, Request::InspectContainer { id: id.into(), size }).await? {
            Response::Container(container) => Ok(container),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn create_container(
        &self,
        ctx: &Ctx,
        step: Step,
        name: &str,
        body: &Rc<CreateBody>,
    ) -> Result<Rc<str>, DockerError> {
        let request = Request::CreateContainer { name: name.to_owned(), body: Rc::clone(body) };
        match self.ask(ctx, step, request).await? {
            Response::Created { id } => Ok(id),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn start_container(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
    ) -> Result<(), DockerError> {
        self.ask(ctx, step, Request::StartContainer { id: id.into() }).await.map(drop)
    }

    /// Stops a container; one that is stopped already is no error.
    pub(super) async fn stop_container(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
        timeout: i64,
    ) -> Result<(), DockerError> {
        let patience = Duration::from_secs(u64::try_from(timeout).unwrap_or_default());
        let limit = REQUEST_TIMEOUT.max(patience);
        let request = Request::StopContainer { id: id.into(), timeout };
        self.ask_within(ctx, limit, step, request).await.map(drop)
    }

    pub(super) async fn update_container(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
        resources: Resources,
    ) -> Result<(), DockerError> {
        let api = self.flavor.api();
        let request =
            Request::UpdateContainer { id: id.into(), resources: Rc::new(resources), api };
        self.ask(ctx, step, request).await.map(drop)
    }

    pub(super) async fn remove_container(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
        force: bool,
    ) -> Result<(), DockerError> {
        self.ask(ctx, step, Request::RemoveContainer { id: id.into(), force }).await.map(drop)
    }

    pub(super) async fn container_stats(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
    ) -> Result<Stats, DockerError> {
        let one_shot = self.flavor == Flavor::CriDockerd;
        match self.send(ctx, step, Request::ContainerStats { id: id.into(), one_shot }).await? {
            Response::Stats(stats) => Ok(stats),
            _ => Err(unexpected()),
        }
    }

    async fn inspect_image(
        &self,
        ctx: &Ctx,
        step: Step,
        reference: &str,
    ) -> Result<Rc<ImageInspect>, DockerError> {
        if reference.is_empty() {
            return Err(DockerError::ImageNotFound(String::new()));
        }
        let request = Request::InspectImage { reference: reference.to_owned() };
        match self.ask(ctx, step, request).await? {
            Response::Image(image) => Ok(image),
            _ => Err(unexpected()),
        }
    }

    /// The image of a tag or digest. Docker also finds images by their id; one found that way does
    /// not count.
    pub(super) async fn inspect_image_by_ref(
        &self,
        ctx: &Ctx,
        step: Step,
        reference: &str,
    ) -> Result<Rc<ImageInspect>, DockerError> {
        let image = self.inspect_image(ctx, step, reference).await?;
        if matches_tag_or_digest(&image, reference) {
            Ok(image)
        } else {
            Err(DockerError::ImageNotFound(reference.to_owned()))
        }
    }

    /// The image of an id. One found by its tag does not count.
    pub(super) async fn inspect_image_by_id(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
    ) -> Result<Rc<ImageInspect>, DockerError> {
        let image = self.inspect_image(ctx, step, id).await?;
        // `docker://sha256:…` is a reference by digest whose digest is the id.
        let digest = id.rsplit_once('@').map_or(id, |(_, digest)| digest);
        if *image.id == *digest {
            Ok(image)
        } else {
            Err(DockerError::ImageNotFound(id.to_owned()))
        }
    }

    pub(super) async fn image_history(
        &self,
        ctx: &Ctx,
        step: Step,
        reference: &str,
    ) -> Result<(), DockerError> {
        let request = Request::ImageHistory { reference: reference.to_owned() };
        self.ask(ctx, step, request).await.map(drop)
    }

    pub(super) async fn list_images(
        &self,
        ctx: &Ctx,
        step: Step,
        reference: &str,
        shared_size: bool,
    ) -> Result<Vec<Rc<ImageInspect>>, DockerError> {
        let request = Request::ListImages { reference: reference.to_owned(), shared_size };
        match self.ask(ctx, step, request).await? {
            Response::Images(images) => Ok(images),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn remove_image(
        &self,
        ctx: &Ctx,
        step: Step,
        reference: &str,
    ) -> Result<(), DockerError> {
        let request = Request::RemoveImage { reference: reference.to_owned() };
        self.ask(ctx, step, request).await.map(drop)
    }

    /// Pulls an image. It may take as long as it likes while messages come; that they do is
    /// looked at every ten seconds.
    pub(super) async fn pull_image(
        &self,
        ctx: &Ctx,
        step: Step,
        image: &str,
        auth: AuthConfig,
    ) -> Result<(), DockerError> {
        if let Some(problem) = reference_problem(image) {
            // The client does not ask for what is no reference.
            return Err(DockerError::Connect(problem));
        }
        let (from_image, tag) = pull_parameters(image);
        let progress = Progress::beginning(ctx.now());
        let request = Request::PullImage { from_image, tag, auth, progress: progress.clone() };
        let mut pull = pin!(self.send(ctx, step, request));
        let answer = loop {
            match select(pull.as_mut(), ctx.sleep(PROGRESS_INTERVAL)).await {
                Either::Left((answer, _)) => break answer?,
                Either::Right(_) => {
                    if ctx.now().since(progress.last()) > self.progress_deadline {
                        return Err(DockerError::Canceled);
                    }
                }
            }
        };
        let Response::Pulled(messages) = answer else { return Err(unexpected()) };
        for message in messages {
            if let PullMessage::Error { code, message } = message {
                return Err(DockerError::Stream { code, message });
            }
        }
        Ok(())
    }

    pub(super) async fn create_exec(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &str,
        command: Vec<String>,
    ) -> Result<Rc<str>, DockerError> {
        match self.ask(ctx, step, Request::CreateExec { id: id.into(), command }).await? {
            Response::ExecCreated { id } => Ok(id),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn start_exec(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &Rc<str>,
    ) -> Result<(Vec<u8>, Vec<u8>), DockerError> {
        match self.send(ctx, step, Request::StartExec { id: Rc::clone(id) }).await? {
            Response::ExecOutput { stdout, stderr } => Ok((stdout, stderr)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn inspect_exec(
        &self,
        ctx: &Ctx,
        step: Step,
        id: &Rc<str>,
    ) -> Result<ExecState, DockerError> {
        match self.ask(ctx, step, Request::InspectExec { id: Rc::clone(id) }).await? {
            Response::Exec(exec) => Ok(exec),
            _ => Err(unexpected()),
        }
    }
}

/// Runs a future for a limited time; none if it did not end.
pub(super) async fn within<T>(
    ctx: &Ctx,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(future), ctx.sleep(limit)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

fn unexpected() -> DockerError {
    DockerError::Connect("unexpected answer".to_owned())
}

/// The part of an API version that counts: 41 of `1.41`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}

/// Whether an image that Docker gave for a reference has that tag or digest.
///
/// Models: kubernetes@v1.22.6 `libdocker/helpers.go` `matchImageTagOrSHA`.
fn matches_tag_or_digest(image: &ImageInspect, reference: &str) -> bool {
    let (_, suffix) = split_tag(reference);
    if suffix.is_empty() {
        return true;
    }
    let (tag, digest) = match suffix.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (suffix, None),
    };
    let has_tag = !tag.is_empty()
        && image
            .repo_tags
            .iter()
            .any(|tag| reference.ends_with(&**tag) || tag.ends_with(reference));
    let has_digest = digest.is_some_and(|digest| {
        image.id.contains(digest)
            || image.repo_digests.iter().any(|known| {
                normalize(known).rsplit_once('@').is_some_and(|(_, known)| known == digest)
            })
    });
    has_tag || has_digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_matches_by_tag_or_digest_only() {
        let image = ImageInspect {
            id: "sha256:aa".into(),
            repo_tags: vec!["nginx:1.25".to_owned()],
            repo_digests: vec!["nginx@sha256:bb".to_owned()],
            ..ImageInspect::default()
        };
        for (reference, matches) in [
            ("nginx:1.25", true),
            ("docker.io/library/nginx:1.25", true),
            ("nginx", true),
            ("nginx:1.26", false),
            ("nginx@sha256:bb", true),
            ("nginx@sha256:cc", false),
            // An id reads like a repository `sha256` with a tag.
            ("sha256:aa", false),
        ] {
            assert_eq!(matches_tag_or_digest(&image, reference), matches, "{reference}");
        }
    }

    #[test]
    fn not_found_is_decided_by_the_text() {
        let says = text_says_container_not_found;
        assert!(says("Error: No such container: 0f"));
        assert!(says("failed to inspect container \"0f\": Error: No such container: 0f"));
        assert!(!says("Error: No such container: "));
        assert!(!says("No such image: 0f"));
    }
}
