//! The image store: a graph driver's layers, and what they are called.
//!
//! Models: moby@v20.10.7 `daemon/images`, `distribution/pull_v2.go`.

use super::{Dockerd, ROOT};
use crate::docker::engine::{EngineError, ImageInspect, Progress, PullMessage, Response};
use crate::json::Json;
use node::image::{familiar, normalize, split_tag};
use node::{ImageSpec, Node, Registry};
use sim::{Ctx, Hop, SimError};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, ImageView, Payload, Protocol};

/// How often a download tells how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// An image of the store.
struct Image {
    inspect: Rc<ImageInspect>,
    spec: ImageSpec,
}

/// The images of the daemon.
pub(super) struct Images {
    node: Node,
    images: RefCell<Vec<Image>>,
}

impl Images {
    pub(super) fn new(node: &Node) -> Self {
        Self { node: node.clone(), images: RefCell::default() }
    }

    /// Puts the images into the store that are there from the beginning.
    pub(super) fn preload(&self, ctx: &Ctx, registry: &Registry) {
        self.node.make_dir(ctx, &format!("{ROOT}/image"));
        self.node.make_dir(ctx, &format!("{ROOT}/image/overlay2"));
        for reference in registry.present() {
            if let Some(spec) = registry.resolve(reference) {
                self.store(ctx, &familiar(reference), spec);
            }
        }
    }

    /// The image of a reference, in whatever form.
    pub(super) fn inspect(&self, reference: &str) -> Result<Rc<ImageInspect>, EngineError> {
        let images = self.images.borrow();
        let found = images.iter().find(|image| image.inspect.is_called(reference));
        let found = found.map(|image| Rc::clone(&image.inspect));
        found.ok_or_else(|| EngineError::no_such_image(reference))
    }

    /// What is known about an image.
    pub(super) fn spec(&self, id: &str) -> Option<ImageSpec> {
        let images = self.images.borrow();
        let found = images.iter().find(|image| *image.inspect.id == *id);
        found.map(|image| image.spec.clone())
    }

    /// What an image is called, in full.
    pub(super) fn name(&self, id: &str) -> Rc<str> {
        let images = self.images.borrow();
        let found = images.iter().find(|image| *image.inspect.id == *id);
        let name = found.and_then(|image| {
            let inspect = &image.inspect;
            inspect.repo_tags.iter().chain(&inspect.repo_digests).next()
        });
        name.map_or_else(|| "".into(), |name| normalize(name).into())
    }

    /// The images that a reference matches; all for an empty one.
    pub(super) fn list(&self, reference: &str) -> Vec<Rc<ImageInspect>> {
        let images = self.images.borrow();
        let matching = images
            .iter()
            .map(|image| &image.inspect)
            .filter(|image| reference.is_empty() || image.is_called(reference));
        matching.cloned().collect()
    }

    /// Adds an image, or one more name of it.
    fn store(&self, ctx: &Ctx, name: &str, spec: ImageSpec) {
        let (repository, suffix) = split_tag(name);
        let digest = format!("{repository}@{}", spec.digest);
        let mut images = self.images.borrow_mut();
        // A tag leads to one image only.
        for image in images.iter_mut() {
            if image.inspect.id != spec.id && image.inspect.repo_tags.iter().any(|tag| tag == name)
            {
                Rc::make_mut(&mut image.inspect).repo_tags.retain(|tag| tag != name);
            }
        }
        let at = match images.iter().position(|image| image.inspect.id == spec.id) {
            Some(at) => at,
            None => {
                let inspect = ImageInspect {
                    id: Rc::clone(&spec.id),
                    size: spec.size,
                    user: spec.user.to_string(),
                    ..ImageInspect::default()
                };
                images.push(Image { inspect: Rc::new(inspect), spec });
                images.len() - 1
            }
        };
        let inspect = Rc::make_mut(&mut images[at].inspect);
        if suffix.starts_with(':') && !inspect.repo_tags.iter().any(|tag| tag == name) {
            inspect.repo_tags.push(name.to_owned());
        }
        if !inspect.repo_digests.contains(&digest) {
            inspect.repo_digests.push(digest);
        }
        let inspect = Rc::clone(&images[at].inspect);
        drop(images);
        self.write_repositories(ctx);
        let hex = inspect.id.strip_prefix("sha256:").unwrap_or(&inspect.id);
        let content = format!("{ROOT}/image/overlay2/imagedb/content/sha256/{hex}");
        if !self.node.exists(&content) {
            self.node.write_file(ctx, &content, "{}");
        }
        self.tell(ctx, &inspect);
    }

    fn tell(&self, ctx: &Ctx, inspect: &ImageInspect) {
        let names = inspect.repo_tags.iter().chain(&inspect.repo_digests);
        ctx.effect(Effect::ImageAdded(Rc::new(ImageView {
            id: Rc::clone(&inspect.id),
            references: names.map(|name| name.as_str().into()).collect(),
            size: inspect.size,
            store: Component::Dockerd,
        })));
    }

    fn write_repositories(&self, ctx: &Ctx) {
        let images = self.images.borrow();
        let tags = images
            .iter()
            .flat_map(|image| image.inspect.repo_tags.iter().map(|tag| (tag, &image.inspect.id)));
        let names = tags.fold(Json::object(), |object, (tag, id)| object.str(tag, id));
        let text = Json::object().object_in("Repositories", names).text();
        drop(images);
        self.node.write_file(ctx, &format!("{ROOT}/image/overlay2/repositories.json"), &text);
    }

    /// Pulls an image: asks the registry for the manifest, then for the layers.
    pub(super) async fn pull(
        &self,
        ctx: &Ctx,
        registry: &Registry,
        from_image: &str,
        tag: &str,
        progress: &Progress,
    ) -> Result<Vec<PullMessage>, EngineError> {
        let separator = if tag.contains(':') { '@' } else { ':' };
        let name = format!("{from_image}{separator}{tag}");
        let full = normalize(&name);
        let spec = registry.resolve(&full);
        let known = spec.as_ref().map_or(Duration::from_secs(1), |spec| spec.pull_time);
        let asking = known / 10;
        let hop = https("GET manifest", &full).takes(asking);
        let refused = SimError::new("404", "manifest unknown");
        let manifest = ctx.call(hop, async |_| match &spec {
            Some(_) => Ok(()),
            None => Err(refused),
        });
        manifest.await.map_err(|error| manifest_error(from_image, &name, &error))?;
        let Some(spec) = spec else { return Err(EngineError::no_such_image(&name)) };
        let status = |id: &str, status: &str| PullMessage::Status {
            id: id.to_owned(),
            status: status.to_owned(),
        };
        progress.message(ctx.now());
        let layer: String = spec.id.chars().skip(7).take(12).collect();
        let mut messages = vec![
            status(tag, &format!("Pulling from {}", split_repository(from_image))),
            status(&layer, "Pulling fs layer"),
        ];
        let transfer = known.saturating_sub(asking);
        let layers = ctx.call(https("GET layer", &full), async |ctx| {
            let mut left = transfer;
            while !left.is_zero() {
                let step = left.min(PROGRESS);
                ctx.sleep(step).await;
                left -= step;
                progress.message(ctx.now());
            }
            Ok::<_, SimError>(())
        });
        if let Err(error) = layers.await {
            let code = error.code.parse().ok();
            messages.push(PullMessage::Error { code, message: error.message });
            return Ok(messages);
        }
        messages.push(status(&layer, "Pull complete"));
        messages.push(status("", &format!("Digest: {}", spec.digest)));
        messages.push(status("", &format!("Status: Downloaded newer image for {name}")));
        self.store(ctx, &name, spec);
        Ok(messages)
    }
}

fn split_repository(name: &str) -> String {
    let full = normalize(name);
    let (repository, _) = split_tag(&full);
    repository.split_once('/').map_or(repository, |(_, rest)| rest).to_owned()
}

fn https(op: &'static str, reference: &str) -> Hop {
    let reference = reference.to_owned();
    Hop::new(Component::Dockerd, Component::Registry, Protocol::Https, op)
        .source("moby@v20.10.7 distribution/pull_v2.go pullV2Tag")
        .request(move || Payload::Text(reference.as_str().into()))
}

/// What the daemon answers when it did not get a manifest.
fn manifest_error(repository: &str, name: &str, error: &SimError) -> EngineError {
    let message = &error.message;
    match &*error.code {
        "404" | "NotFound" => EngineError::status(
            404,
            format!("manifest for {name} not found: manifest unknown: {message}"),
        ),
        "401" | "403" | "Unauthenticated" | "PermissionDenied" => EngineError::status(
            404,
            format!(
                "pull access denied for {repository}, repository does not exist or may require \
                 'docker login': denied: {message}"
            ),
        ),
        _ => {
            let full = normalize(name);
            let host = full.split('/').next().unwrap_or_default();
            let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
            EngineError::status(500, format!("Get \"https://{host}/v2/\": {message}"))
        }
    }
}

impl Dockerd {
    /// Takes a name off an image; the last one takes the image with it. By its id, an image with
    /// several tags is refused.
    pub(super) fn remove_image(&self, ctx: &Ctx, reference: &str) -> Result<Response, EngineError> {
        let store = &self.0.images;
        let image = store.inspect(reference)?;
        let by_id = *image.id == *reference || !reference.contains([':', '/', '@']);
        let by_id = by_id && !image.repo_tags.iter().any(|tag| *tag == familiar(reference));
        let short = familiar(reference);
        let short_id: String = image.id.chars().skip(7).take(12).collect();
        let user = self.user_of_image(&image.id);
        let last = by_id || (image.repo_tags.len() <= 1 && image.repo_tags.contains(&short));
        let last = last || image.repo_tags.is_empty();
        if by_id && image.repo_tags.len() > 1 {
            return Err(EngineError::status(
                409,
                format!(
                    "conflict: unable to delete {short_id} (must be forced) - image is referenced \
                     in multiple repositories"
                ),
            ));
        }
        if let Some(user) = user.filter(|_| last) {
            let what = if by_id {
                format!("unable to delete {short_id} (cannot be forced)")
            } else {
                format!("unable to remove repository reference {short:?} (must force)")
            };
            let user: String = user.chars().take(12).collect();
            return Err(EngineError::status(
                409,
                format!(
                    "conflict: {what} - container {user} is using its referenced image {short_id}"
                ),
            ));
        }
        let mut images = store.images.borrow_mut();
        let Some(at) = images.iter().position(|other| other.inspect.id == image.id) else {
            return Err(EngineError::no_such_image(reference));
        };
        let (untagged, deleted);
        if last {
            let gone = images.remove(at);
            drop(images);
            untagged =
                gone.inspect.repo_tags.iter().chain(&gone.inspect.repo_digests).cloned().collect();
            deleted = vec![(*image.id).to_owned()];
            let hex = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
            let content = format!("{ROOT}/image/overlay2/imagedb/content/sha256/{hex}");
            self.0.node.remove_file(ctx, &content);
            ctx.effect(Effect::ImageRemoved { id: Rc::clone(&image.id) });
        } else {
            let inspect = Rc::make_mut(&mut images[at].inspect);
            inspect.repo_tags.retain(|tag| *tag != short);
            inspect.repo_digests.retain(|digest| *digest != short);
            let inspect = Rc::clone(&images[at].inspect);
            drop(images);
            untagged = vec![short];
            deleted = Vec::new();
            store.tell(ctx, &inspect);
        }
        store.write_repositories(ctx);
        self.0.changes.mark();
        Ok(Response::ImageDeleted { untagged, deleted })
    }
}
