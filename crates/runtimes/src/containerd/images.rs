//! Images, their content and their snapshots: what is pulled, and what it is called.

use super::core::{Client, DATABASE, not_found, wrapped};
use crate::json::Json;
use node::{ImageSpec, image};
use sim::{Ctx, Hop, Lock, SimError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, ImageView, Payload, Protocol};

/// The share of an image's pulling time that goes into each of the three small requests.
const SMALL_REQUESTS: u32 = 3;
/// Unpacking one layer into a snapshot.
const UNPACK: Duration = Duration::from_millis(40);
/// The compressed size above which an image has one more layer.
const LAYER_BYTES: u64 = 25_000_000;

/// An image in the store.
pub(super) struct Image {
    /// The digest of its configuration.
    pub(super) id: Rc<str>,
    /// What it goes by: tags and digests, with their repositories.
    pub(super) references: RefCell<Vec<Rc<str>>>,
    /// What it is.
    pub(super) spec: ImageSpec,
    /// Never collected: the image of the sandbox's container.
    pub(super) pinned: bool,
    /// The numbers of its layers' snapshots.
    snapshots: Vec<u32>,
}

/// The images of one of containerd's namespaces.
#[derive(Default)]
pub(super) struct ImageStore {
    by_id: RefCell<BTreeMap<Rc<str>, Rc<Image>>>,
    by_reference: RefCell<BTreeMap<Rc<str>, Rc<Image>>>,
    pulling: RefCell<BTreeMap<Rc<str>, Lock>>,
}

/// A reference in its full form.
pub(super) struct Reference {
    /// `docker.io/library/nginx`.
    pub(super) repository: String,
    /// `1.25`; empty where there is a digest.
    pub(super) tag: String,
    /// `sha256:…`, or empty.
    pub(super) digest: String,
}

impl Reference {
    /// Models: `github.com/distribution/reference` `ParseDockerRef`: of a tag and a digest, the
    /// digest counts.
    ///
    /// # Errors
    /// In upstream's words, where the text is no reference.
    pub(super) fn parse(text: &str) -> Result<Self, SimError> {
        let invalid = || {
            let message =
                format!("failed to parse image reference {text:?}: invalid reference format");
            SimError::new("Unknown", message)
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, digest),
            None => (text, ""),
        };
        let (repository, tag) = image::split_tag(name);
        let tag = tag.strip_prefix(':').unwrap_or(tag);
        let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let in_path = |c: char| letter(c) || ".-_/:".contains(c);
        let in_tag = |c: char| letter(c) || c.is_ascii_uppercase() || ".-_".contains(c);
        let hex = digest.strip_prefix("sha256:");
        let ok = !repository.is_empty()
            && repository.len() <= 255
            && repository.split('/').all(|part| {
                part.starts_with(letter) && part.ends_with(letter) && part.chars().all(in_path)
            })
            && tag.len() <= 128
            && tag.chars().all(in_tag)
            && !(name.ends_with(':') && tag.is_empty())
            && (digest.is_empty() && !text.ends_with('@')
                || hex.is_some_and(|hex| hex.len() == 64 && hex.chars().all(letter)));
        if !ok {
            return Err(invalid());
        }
        let full = image::normalize(repository);
        let repository = image::split_tag(&full).0.to_owned();
        let tag = match (digest, tag) {
            ("", "") => "latest",
            ("", tag) => tag,
            _ => "",
        };
        Ok(Self { repository, tag: tag.to_owned(), digest: digest.to_owned() })
    }

    /// `docker.io/library/nginx:1.25`, or with `@` and a digest.
    pub(super) fn full(&self) -> String {
        if self.digest.is_empty() {
            format!("{}:{}", self.repository, self.tag)
        } else {
            format!("{}@{}", self.repository, self.digest)
        }
    }
}

impl ImageStore {
    /// The image that a reference, an id or the beginning of an id stands for
    /// (`CRIImageService.LocalResolve`).
    pub(super) fn resolve(&self, text: &str) -> Option<Rc<Image>> {
        if text.is_empty() {
            return None;
        }
        if let Some(image) = self.by_id.borrow().get(text) {
            return Some(image.clone());
        }
        // Most callers use the full form already.
        if let Some(image) = self.by_reference.borrow().get(text) {
            return Some(image.clone());
        }
        if let Ok(reference) = Reference::parse(text)
            && let Some(image) = self.by_reference.borrow().get(reference.full().as_str())
        {
            return Some(image.clone());
        }
        let prefix = match text.strip_prefix("sha256:") {
            Some(_) => text.to_owned(),
            None => format!("sha256:{text}"),
        };
        let by_id = self.by_id.borrow();
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let mut found = by_id.range::<str, _>(from).take_while(|(id, _)| id.starts_with(&prefix));
        match (found.next(), found.next()) {
            (Some((_, image)), None) => Some(image.clone()),
            _ => None,
        }
    }

    /// All images, by id.
    pub(super) fn list(&self) -> Vec<Rc<Image>> {
        self.by_id.borrow().values().cloned().collect()
    }

    fn lock_for(&self, reference: &str) -> Lock {
        self.pulling.borrow_mut().entry(reference.into()).or_default().clone()
    }

    fn insert(&self, ctx: &Ctx, image: Image, names: Vec<Rc<str>>) {
        let mut by_id = self.by_id.borrow_mut();
        let image = by_id.entry(image.id.clone()).or_insert_with(|| Rc::new(image)).clone();
        for name in names {
            let earlier = self.by_reference.borrow_mut().insert(name.clone(), image.clone());
            // A tag moves from the image that had it before.
            if let Some(earlier) = earlier.filter(|earlier| earlier.id != image.id) {
                earlier.references.borrow_mut().retain(|other| *other != name);
            }
            let mut references = image.references.borrow_mut();
            if !references.contains(&name) {
                references.push(name);
            }
        }
        ctx.effect(Effect::ImageAdded(image.view()));
    }
}

impl Image {
    fn view(&self) -> Rc<ImageView> {
        Rc::new(ImageView {
            id: self.id.clone(),
            references: self.references.borrow().clone(),
            size: self.spec.size,
            store: Component::Containerd,
        })
    }
}

impl Client {
    /// Puts an image into the store without pulling it: it is there from the beginning.
    pub(super) fn preload(&self, ctx: &Ctx, text: &str, pinned: bool) {
        let Ok(reference) = Reference::parse(text) else { return };
        let Some(spec) = self.containerd().registry().resolve(&reference.full()) else { return };
        self.store_image(ctx, &reference, spec, pinned);
    }

    fn store_image(&self, ctx: &Ctx, reference: &Reference, spec: ImageSpec, pinned: bool) {
        let names = names_of(reference, &spec);
        let layers = layer_count(&spec);
        let snapshots = (0..layers).map(|_| self.make_snapshot_directory(ctx)).collect();
        let image =
            Image { id: spec.id.clone(), references: RefCell::default(), spec, pinned, snapshots };
        self.images().insert(ctx, image, names);
    }

    /// `client.Pull`, or the transfer service's: resolves a reference, fetches what is missing and
    /// unpacks it. The image's id is the answer.
    ///
    /// # Errors
    /// A text that is no reference (`Unknown`), one that the registry does not have (`NotFound`),
    /// and injected ones.
    pub(super) async fn pull(
        &self,
        ctx: &Ctx,
        text: &str,
        pinned: bool,
    ) -> Result<Rc<str>, SimError> {
        let reference = Reference::parse(text)?;
        let full: Rc<str> = reference.full().into();
        let lock = self.images().lock_for(&full);
        let guard = lock.acquire().await;
        let pulled = self.pull_reference(ctx, &reference, &full, pinned).await;
        drop(guard);
        pulled.map_err(|error| wrapped(&format!("failed to pull and unpack image {full:?}"), error))
    }

    async fn pull_reference(
        &self,
        ctx: &Ctx,
        reference: &Reference,
        full: &Rc<str>,
        pinned: bool,
    ) -> Result<Rc<str>, SimError> {
        let (host, path) =
            reference.repository.split_once('/').unwrap_or(("", &reference.repository));
        let version = if reference.digest.is_empty() { &reference.tag } else { &reference.digest };
        let manifest = format!("/v2/{path}/manifests/{version}");
        let spec = self.containerd().registry().resolve(full);
        let known = spec.as_ref().map_or(Duration::from_secs(1), |spec| spec.pull_time);
        // A tenth of the time goes into asking.
        let small = known / 10 / SMALL_REQUESTS;

        let source = "containerd@v2.3.4 core/remotes/docker/resolver.go Resolve";
        let head = https("HEAD manifest", "HEAD", host, &manifest, source).takes(small);
        let resolved = ctx
            .call_answering(
                head,
                |_| ok_response(None),
                async |_| spec.clone().ok_or_else(|| not_found(format!("{full}: not found"))),
            )
            .await;
        let spec = resolved
            .map_err(|error| wrapped(&format!("failed to resolve reference {full:?}"), error))?;
        let present = self.images().by_id.borrow().contains_key(&spec.id);
        if !present {
            self.fetch(ctx, host, path, &spec, small).await?;
            self.unpack(ctx, &spec).await?;
        }
        let hop = Hop::new(
            Component::CriPlugin,
            Component::Containerd,
            Protocol::Function,
            "Images.Create",
        )
        .source("containerd@v2.3.4 plugins/services/images/local.go Create")
        .takes(DATABASE);
        let id = spec.id.clone();
        ctx.call::<(), SimError>(hop, async |ctx| {
            self.store_image(&ctx, reference, spec, pinned);
            Ok(())
        })
        .await?;
        Ok(id)
    }

    /// Fetches manifest, configuration and layers, the layers at the same time.
    async fn fetch(
        &self,
        ctx: &Ctx,
        host: &str,
        path: &str,
        spec: &ImageSpec,
        small: Duration,
    ) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 core/remotes/docker/fetcher.go Fetch";
        let manifest = format!("/v2/{path}/manifests/{}", spec.digest);
        let hop = https("GET manifest", "GET", host, &manifest, source).takes(small);
        let body = manifest_json(spec);
        ctx.call_answering(
            hop,
            |()| ok_response(Some(body.into())),
            async |_| Ok::<_, SimError>(()),
        )
        .await?;
        let config = format!("/v2/{path}/blobs/{}", spec.id);
        let hop = https("GET config", "GET", host, &config, source).takes(small);
        ctx.call_answering(hop, |()| ok_response(None), async |_| Ok::<_, SimError>(())).await?;
        let layers = layer_count(spec);
        let transfer = spec.pull_time.saturating_sub(small * SMALL_REQUESTS + UNPACK * layers);
        let fetches = (0..layers).map(|layer| {
            let blob = format!("/v2/{path}/blobs/{}", layer_digest(spec, layer));
            let hop = https("GET layer", "GET", host, &blob, source).takes(transfer);
            ctx.call_answering(hop, |()| ok_response(None), async |_| Ok::<_, SimError>(()))
        });
        futures_util::future::try_join_all(fetches).await?;
        Ok(())
    }

    /// Turns layers into snapshots, one on top of the other.
    async fn unpack(&self, ctx: &Ctx, spec: &ImageSpec) -> Result<(), SimError> {
        for layer in 0..layer_count(spec) {
            let digest = layer_digest(spec, layer);
            let hop = Hop::new(
                Component::CriPlugin,
                Component::Containerd,
                Protocol::Function,
                "Snapshots.Commit",
            )
            .source("containerd@v2.3.4 core/unpack/unpacker.go unpack")
            .takes(UNPACK)
            .request(move || {
                Json::object().str("snapshotter", "overlayfs").str("name", &digest).payload()
            });
            ctx.call::<(), SimError>(hop, async |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Removes an image with all its names. False if there is none.
    ///
    /// # Errors
    /// Injected ones.
    pub(super) async fn remove_image(&self, ctx: &Ctx, text: &str) -> Result<bool, SimError> {
        let Some(image) = self.images().resolve(text) else { return Ok(false) };
        let hop = Hop::new(
            Component::CriPlugin,
            Component::Containerd,
            Protocol::Function,
            "Images.Delete",
        )
        .source("containerd@v2.3.4 plugins/services/images/local.go Delete")
        .takes(DATABASE);
        ctx.call::<(), SimError>(hop, async |ctx| {
            let store = self.images();
            // Two may remove it at the same time; the second finds nothing left.
            if store.by_id.borrow_mut().remove(&image.id).is_none() {
                return Ok(());
            }
            for name in image.references.borrow().iter() {
                store.by_reference.borrow_mut().remove(name);
            }
            ctx.effect(Effect::ImageRemoved { id: image.id.clone() });
            for snapshot in image.snapshots.iter().rev() {
                self.remove_snapshot_directory(&ctx, *snapshot);
            }
            Ok(())
        })
        .await?;
        Ok(true)
    }
}

/// The names under which an image is stored (`GetRepoDigestAndTag`).
fn names_of(reference: &Reference, spec: &ImageSpec) -> Vec<Rc<str>> {
    let by_digest = format!("{}@{}", reference.repository, spec.digest);
    if reference.digest.is_empty() {
        vec![reference.full().into(), by_digest.into()]
    } else {
        vec![by_digest.into()]
    }
}

fn layer_count(spec: &ImageSpec) -> u32 {
    u32::try_from(1 + spec.size / LAYER_BYTES).unwrap_or(u32::MAX).min(8)
}

/// A digest that follows from the image's: it is not a hash of any content.
fn layer_digest(spec: &ImageSpec, layer: u32) -> String {
    let hex = spec.id.strip_prefix("sha256:").unwrap_or(&spec.id);
    // Moved along, the digits differ for each layer.
    let at = hex.char_indices().nth(layer as usize + 1).map_or(0, |(at, _)| at);
    format!("sha256:{}{}", &hex[at..], &hex[..at])
}

fn manifest_json(spec: &ImageSpec) -> String {
    let layers = layer_count(spec);
    let blob = |digest: &str, size: u64| {
        Json::object().str("digest", digest).num("size", i64::try_from(size).unwrap_or(i64::MAX))
    };
    Json::object()
        .num("schemaVersion", 2)
        .str("mediaType", "application/vnd.oci.image.manifest.v1+json")
        .object_in("config", blob(&spec.id, 7_000))
        .objects(
            "layers",
            (0..layers)
                .map(|layer| blob(&layer_digest(spec, layer), spec.size / u64::from(layers))),
        )
        .text()
}

fn https(
    op: &'static str,
    method: &'static str,
    host: &str,
    path: &str,
    source: &'static str,
) -> Hop {
    let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
    let path = format!("https://{host}{path}");
    Hop::new(Component::Containerd, Component::Registry, Protocol::Https, op)
        .source(source)
        .request(move || Payload::Http {
            method: method.into(),
            path: path.clone(),
            query: Vec::new(),
            body: None,
        })
}

const fn ok_response(body: Option<Rc<str>>) -> Payload {
    Payload::HttpResponse { status: 200, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed_as_docker_does() {
        let full = |text: &str| Reference::parse(text).map(|reference| reference.full()).ok();
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, expected) in [
            ("nginx", Some("docker.io/library/nginx:latest".to_owned())),
            ("me/app:v1", Some("docker.io/me/app:v1".to_owned())),
            ("localhost:5000/a:b", Some("localhost:5000/a:b".to_owned())),
            ("registry.k8s.io/pause:3.10.2", Some("registry.k8s.io/pause:3.10.2".to_owned())),
            (&format!("a:1@{digest}"), Some(format!("docker.io/library/a@{digest}"))),
            ("", None),
            ("NGINX", None),
            ("nginx:", None),
            ("a//b", None),
            ("a@sha256:12", None),
            ("-a", None),
            ("a b", None),
            ("a@", None),
        ] {
            assert_eq!(full(text), expected, "{text}");
        }
    }
}
