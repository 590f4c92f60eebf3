//! The Docker Engine API, as far as dockershim uses it: requests and responses as values, with the
//! HTTP that they stand for.
//!
//! Models: moby@v20.10.7 `client`, `api/types`.
//!
//! # What we simplify
//! Requests and responses stay values between dockershim and the daemon. Method, path, query and
//! body are written only when somebody looks: a trace that is recorded, a comparison. They then
//! have every field in the order in which Go writes it.

pub(crate) mod config;
pub use config::{ApiFields, CreateBody, Device, HostConfig, MountPoint, PortBinding, Resources};

mod filters;
pub use filters::Filters;

mod response;
pub use response::{
    ContainerJson, ContainerState, ContainerSummary, EngineInfo, EngineVersion, ExecState,
    ImageInspect, PullMessage, Response, Stats,
};

use crate::json::Json;
use async_trait::async_trait;
use node::image::split_tag;
use sim::{Ctx, Failure, Injected};
use std::cell::Cell;
use std::rc::Rc;
use trace::{Payload, Text, Time};

/// Whoever answers the Docker Engine API.
#[async_trait(?Send)]
pub trait DockerEngine {
    /// Answers one request.
    ///
    /// # Errors
    /// An HTTP status from 400 on with its message, or a connection that broke.
    async fn request(&self, ctx: &Ctx, request: &Request) -> Result<Response, EngineError>;
}

/// Why a request got no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// The daemon answered with an HTTP status from 400 on.
    Status {
        /// The status code.
        status: u16,
        /// The `message` of the body.
        message: String,
    },
    /// The connection broke before the answer; the text of Go's error: `EOF`.
    Connection(String),
    /// Nobody listens at the socket.
    Refused,
    /// No answer came in time.
    Timeout,
}

impl EngineError {
    /// An answer with a status from 400 on.
    pub fn status(status: u16, message: impl Into<String>) -> Self {
        Self::Status { status, message: message.into() }
    }

    /// What the daemon says of a container that it does not have.
    #[must_use]
    pub fn no_such_container(id: &str) -> Self {
        Self::status(404, format!("No such container: {id}"))
    }

    /// What the daemon says of an image that it does not have.
    #[must_use]
    pub fn no_such_image(reference: &str) -> Self {
        Self::status(404, format!("No such image: {reference}"))
    }
}

impl Failure for EngineError {
    fn describe(&self) -> (Text, String) {
        match self {
            Self::Status { status, message } => (status.to_string().into(), message.clone()),
            Self::Connection(text) => ("EOF".into(), text.clone()),
            Self::Refused => ("ECONNREFUSED".into(), "connection refused".to_owned()),
            Self::Timeout => ("Timeout".into(), "context deadline exceeded".to_owned()),
        }
    }

    fn payload(&self) -> Payload {
        match self {
            Self::Status { status, message } => Payload::HttpResponse {
                status: *status,
                body: Some(Json::object().str("message", message).text().into()),
            },
            _ => Payload::None,
        }
    }

    /// A number is an HTTP status; `ECONNREFUSED`, `Unavailable` and `Timeout`, `DeadlineExceeded`
    /// are what they say; anything else is a connection that breaks with that text.
    fn injected(error: Injected) -> Self {
        match error.code.as_str() {
            "ECONNREFUSED" | "Unavailable" => Self::Refused,
            "Timeout" | "DeadlineExceeded" => Self::Timeout,
            code => match code.parse() {
                Ok(status) => Self::Status { status, message: error.message },
                Err(_) if error.message.is_empty() => Self::Connection(error.code),
                Err(_) => Self::Connection(error.message),
            },
        }
    }
}

/// Credentials for a registry: the `X-Registry-Auth` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthConfig {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
    /// User and password in one, as base64.
    pub auth: String,
    /// The registry.
    pub server_address: String,
    /// A token that stands for the user at the registry's token server.
    pub identity_token: String,
    /// A token that is sent to the registry itself.
    pub registry_token: String,
}

impl AuthConfig {
    /// The header's content before it is encoded as base64.
    #[must_use]
    pub fn json(&self) -> String {
        Json::object()
            .str_if("username", &self.username)
            .str_if("password", &self.password)
            .str_if("auth", &self.auth)
            .str_if("serveraddress", &self.server_address)
            .str_if("identitytoken", &self.identity_token)
            .str_if("registrytoken", &self.registry_token)
            .text()
    }
}

/// When the last progress message of a pull arrived; the daemon sets it while it streams.
#[derive(Clone, Debug, Default)]
pub struct Progress(Rc<Cell<Time>>);

impl Progress {
    /// A pull that begins now.
    #[must_use]
    pub fn beginning(at: Time) -> Self {
        Self(Rc::new(Cell::new(at)))
    }

    /// A message arrived.
    pub fn message(&self, at: Time) {
        self.0.set(at);
    }

    /// When the last message arrived.
    #[must_use]
    pub fn last(&self) -> Time {
        self.0.get()
    }
}

/// A request.
#[derive(Clone, Debug)]
pub enum Request {
    /// `HEAD /_ping`: is anybody there, and which API version?
    Ping,
    /// `GET /version`.
    Version,
    /// `GET /info`.
    Info,
    /// `GET /containers/json`.
    ListContainers {
        /// Whether stopped ones are wanted, too.
        all: bool,
        /// Which ones.
        filters: Filters,
        /// Whether the client says that it wants any number, as older ones do.
        limit: bool,
    },
    /// `GET /containers/{id}/json`.
    InspectContainer {
        /// Which.
        id: Rc<str>,
        /// Whether the writable layer should be measured.
        size: bool,
    },
    /// `POST /containers/create`.
    CreateContainer {
        /// The name it shall have.
        name: String,
        /// What it shall be.
        body: Rc<CreateBody>,
    },
    /// `POST /containers/{id}/start`.
    StartContainer {
        /// Which.
        id: Rc<str>,
    },
    /// `POST /containers/{id}/stop`.
    StopContainer {
        /// Which.
        id: Rc<str>,
        /// Seconds between asking and killing.
        timeout: i64,
    },
    /// `POST /containers/{id}/update`.
    UpdateContainer {
        /// Which.
        id: Rc<str>,
        /// The new limits; zero and empty leave what is.
        resources: Rc<Resources>,
        /// Which fields are written.
        api: ApiFields,
    },
    /// `DELETE /containers/{id}`, with its anonymous volumes.
    RemoveContainer {
        /// Which.
        id: Rc<str>,
        /// Whether a running one is killed first.
        force: bool,
    },
    /// `GET /containers/{id}/stats`, once.
    ContainerStats {
        /// Which.
        id: Rc<str>,
        /// Whether one look is enough; otherwise Docker looks twice, for the rates.
        one_shot: bool,
    },
    /// `GET /images/{reference}/json`.
    InspectImage {
        /// A tag, a digest, or an id.
        reference: String,
    },
    /// `GET /images/{reference}/history`.
    ImageHistory {
        /// A tag, a digest, or an id.
        reference: String,
    },
    /// `GET /images/json`.
    ListImages {
        /// Only what matches this reference; empty for all.
        reference: String,
        /// Whether the sizes that images share are wanted (cri-dockerd measures disk use by them).
        shared_size: bool,
    },
    /// `POST /images/create`: a pull.
    PullImage {
        /// The repository in its short form.
        from_image: String,
        /// The tag or the digest.
        tag: String,
        /// Who asks.
        auth: AuthConfig,
        /// Told of each message.
        progress: Progress,
    },
    /// `DELETE /images/{reference}`.
    RemoveImage {
        /// A tag, a digest, or an id.
        reference: String,
    },
    /// `POST /containers/{id}/exec`.
    CreateExec {
        /// In which container.
        id: Rc<str>,
        /// The command.
        command: Vec<String>,
    },
    /// `POST /exec/{id}/start`, over a connection that is then used for the streams.
    StartExec {
        /// Which.
        id: Rc<str>,
    },
    /// `GET /exec/{id}/json`.
    InspectExec {
        /// Which.
        id: Rc<str>,
    },
}

impl Request {
    /// The operation, with `{id}` in place of ids: what traces show and faults name.
    #[must_use]
    pub const fn op(&self) -> &'static str {
        match self {
            Self::Ping => "HEAD /_ping",
            Self::Version => "GET /version",
            Self::Info => "GET /info",
            Self::ListContainers { .. } => "GET /containers/json",
            Self::InspectContainer { .. } => "GET /containers/{id}/json",
            Self::CreateContainer { .. } => "POST /containers/create",
            Self::StartContainer { .. } => "POST /containers/{id}/start",
            Self::StopContainer { .. } => "POST /containers/{id}/stop",
            Self::UpdateContainer { .. } => "POST /containers/{id}/update",
            Self::RemoveContainer { .. } => "DELETE /containers/{id}",
            Self::ContainerStats { .. } => "GET /containers/{id}/stats",
            Self::InspectImage { .. } => "GET /images/{name}/json",
            Self::ImageHistory { .. } => "GET /images/{name}/history",
            Self::ListImages { .. } => "GET /images/json",
            Self::PullImage { .. } => "POST /images/create",
            Self::RemoveImage { .. } => "DELETE /images/{name}",
            Self::CreateExec { .. } => "POST /containers/{id}/exec",
            Self::StartExec { .. } => "POST /exec/{id}/start",
            Self::InspectExec { .. } => "GET /exec/{id}/json",
        }
    }

    /// `GET`, `POST`, `DELETE`, `HEAD`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.op().split(' ').next().unwrap_or_default()
    }

    /// The path, without the API version.
    #[must_use]
    pub fn path(&self) -> String {
        let template = self.op().split(' ').nth(1).unwrap_or_default();
        match self {
            Self::InspectContainer { id, .. }
            | Self::StartContainer { id }
            | Self::StopContainer { id, .. }
            | Self::UpdateContainer { id, .. }
            | Self::RemoveContainer { id, .. }
            | Self::ContainerStats { id, .. }
            | Self::CreateExec { id, .. }
            | Self::StartExec { id }
            | Self::InspectExec { id } => template.replacen("{id}", id, 1),
            Self::InspectImage { reference }
            | Self::ImageHistory { reference }
            | Self::RemoveImage { reference } => template.replacen("{name}", reference, 1),
            _ => template.to_owned(),
        }
    }

    /// The query's parameters, by name.
    #[must_use]
    pub fn query(&self) -> Vec<(Text, String)> {
        let one = || "1".to_owned();
        let mut query: Vec<(Text, String)> = Vec::new();
        match self {
            Self::ListContainers { all, filters, limit } => {
                if *all {
                    query.push(("all".into(), one()));
                }
                if !filters.is_empty() {
                    query.push(("filters".into(), filters.json()));
                }
                if *limit {
                    query.push(("limit".into(), "0".to_owned()));
                }
            }
            Self::InspectContainer { size: true, .. } => query.push(("size".into(), one())),
            Self::CreateContainer { name, .. } => query.push(("name".into(), name.clone())),
            Self::StopContainer { timeout, .. } => query.push(("t".into(), timeout.to_string())),
            Self::RemoveContainer { force, .. } => {
                if *force {
                    query.push(("force".into(), one()));
                }
                query.push(("v".into(), one()));
            }
            Self::ContainerStats { one_shot, .. } => {
                if *one_shot {
                    query.push(("one-shot".into(), one()));
                }
                query.push(("stream".into(), "0".to_owned()));
            }
            Self::ListImages { shared_size: true, .. } => {
                query.push(("all".into(), one()));
                query.push(("shared-size".into(), one()));
            }
            Self::ListImages { reference, .. } if !reference.is_empty() => {
                let filters = Filters::of("reference", reference);
                query.push(("filters".into(), filters.json()));
            }
            Self::PullImage { from_image, tag, .. } => {
                query.push(("fromImage".into(), from_image.clone()));
                query.push(("tag".into(), tag.clone()));
            }
            _ => {}
        }
        query
    }

    /// The body, as JSON text.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::CreateContainer { body, .. } => Some(body.json()),
            Self::UpdateContainer { resources, api, .. } => Some(resources.update_json(*api)),
            Self::CreateExec { command, .. } => Some(
                Json::object()
                    .str("User", "")
                    .bool("Privileged", false)
                    .bool("Tty", false)
                    .bool("AttachStdin", false)
                    .bool("AttachStderr", true)
                    .bool("AttachStdout", true)
                    .bool("Detach", false)
                    .str("DetachKeys", "")
                    .raw("Env", "null")
                    .str("WorkingDir", "")
                    .strs("Cmd", command)
                    .text(),
            ),
            Self::StartExec { .. } => {
                Some(Json::object().bool("Detach", false).bool("Tty", false).text())
            }
            _ => None,
        }
    }

    /// The request as a trace shows it.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload::Http {
            method: self.method().into(),
            path: self.path(),
            query: self.query(),
            body: self.body().map(Rc::from),
        }
    }

    /// The address as Go's HTTP client writes it into errors.
    #[must_use]
    pub fn url(&self, api_version: &str) -> String {
        let mut url = format!("http://%2Fvar%2Frun%2Fdocker.sock/v{api_version}{}", self.path());
        for (index, (name, value)) in self.query().iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            query_escape(&mut url, value);
        }
        url
    }
}

/// Go's `url.QueryEscape`.
fn query_escape(out: &mut String, value: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// Why a text is no reference to an image; none if it is one.
///
/// Models: github.com/docker/distribution `reference/normalize.go` `ParseNormalizedNamed`.
#[must_use]
pub fn reference_problem(reference: &str) -> Option<String> {
    let bare_id = reference.len() == 64 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    if bare_id {
        return Some(format!(
            "invalid repository name ({reference}), cannot specify 64-byte hexadecimal strings"
        ));
    }
    let (repository, suffix) = split_tag(reference);
    let path = match repository.split_once('/') {
        Some((domain, path)) if domain.contains(['.', ':']) || domain == "localhost" => path,
        _ => repository,
    };
    if path.contains(|c: char| c.is_ascii_uppercase()) {
        return Some("invalid reference format: repository name must be lowercase".to_owned());
    }
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good_path = path.split('/').all(|part| {
        part.starts_with(word)
            && part.ends_with(word)
            && part.chars().all(|c| word(c) || "._-".contains(c))
    });
    let (tag, digest) = suffix.split_once('@').unwrap_or((suffix, "sha256:0"));
    let in_tag = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let good_tag = tag.is_empty()
        || tag
            .strip_prefix(':')
            .is_some_and(|tag| !tag.is_empty() && tag.len() <= 128 && tag.chars().all(in_tag));
    let good_digest = digest
        .split_once(':')
        .is_some_and(|(_, hex)| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    (!(good_path && good_tag && good_digest)).then(|| "invalid reference format".to_owned())
}

/// A reference as the pull request names it: the repository in its short form, and the tag or
/// digest (`latest` if there is neither).
///
/// Models: moby@v20.10.7 `client/image_pull.go` `ImagePull`, `getAPITagFromNamedRef`.
#[must_use]
pub fn pull_parameters(reference: &str) -> (String, String) {
    let short = node::image::familiar(reference);
    let (repository, suffix) = split_tag(&short);
    // Of a tag and a digest, the digest counts.
    let tag = match suffix.split_once('@') {
        Some((_, digest)) => digest,
        None => suffix.trim_start_matches(':'),
    };
    (repository.to_owned(), if tag.is_empty() { "latest" } else { tag }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_names_repository_and_tag() {
        for (reference, repository, tag) in [
            ("busybox", "busybox", "latest"),
            ("docker.io/library/nginx:1.25", "nginx", "1.25"),
            ("k8s.gcr.io/pause:3.5", "k8s.gcr.io/pause", "3.5"),
            ("nginx@sha256:ab", "nginx", "sha256:ab"),
            ("nginx:1@sha256:ab", "nginx", "sha256:ab"),
        ] {
            let (found, found_tag) = pull_parameters(reference);
            assert_eq!((found.as_str(), found_tag.as_str()), (repository, tag));
        }
    }

    #[test]
    fn not_every_text_is_a_reference() {
        for good in ["nginx", "Reg.io:5000/a/b_c:1.2-X", "a@sha256:0f", "a:1@sha256:0f"] {
            assert_eq!(reference_problem(good), None, "{good}");
        }
        for bad in ["", "A", "a//b", "a b", "a:", "a@sha256", "-a", "\u{e9}", &"0f".repeat(32)] {
            assert!(reference_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_escaped() {
        let filters = Filters::of("id", "a b");
        let request = Request::ListContainers { all: true, filters, limit: true };
        assert_eq!(
            request.url("1.41"),
            "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/containers/json\
             ?all=1&filters=%7B%22id%22%3A%7B%22a+b%22%3Atrue%7D%7D&limit=0"
        );
    }
}
