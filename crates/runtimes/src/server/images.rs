//! Images: what is pulled, what it is called, and what a registry is asked.

use crate::json::Json;
use cri::{
    FilesystemIdentifier, FilesystemUsage, ImageFilter, ImageFsInfoResponse, ListImagesResponse,
    UInt64Value,
};
use node::{ImageSpec, image};
use sim::{Ctx, Hop, Lock, SimError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, ImageView, Payload, Protocol, Time};

/// How many small requests a pull makes. Each takes the same share of a tenth of the image's
/// pulling time.
pub(crate) const SMALL_REQUESTS: u32 = 3;
/// The compressed size above which an image has one more layer.
const LAYER_BYTES: u64 = 25_000_000;

/// An image in the store.
pub(crate) struct Image {
    /// The digest of its configuration.
    pub(crate) id: Rc<str>,
    /// What it goes by: tags and digests, with their repositories.
    pub(crate) references: RefCell<Vec<Rc<str>>>,
    /// What it is.
    pub(crate) spec: ImageSpec,
    /// Never collected: the image of the sandbox's container.
    pub(crate) pinned: bool,
    /// The numbers of its layers' directories.
    pub(crate) snapshots: Vec<u32>,
    store: Component,
}

/// The images of a server.
#[derive(Default)]
pub(crate) struct ImageStore {
    by_id: RefCell<BTreeMap<Rc<str>, Rc<Image>>>,
    by_reference: RefCell<BTreeMap<Rc<str>, Rc<Image>>>,
    pulling: RefCell<BTreeMap<Rc<str>, Lock>>,
}

/// A reference in its full form.
pub(crate) struct Reference {
    /// `docker.io/library/nginx`.
    pub(crate) repository: String,
    /// `1.25`; empty where there is a digest.
    pub(crate) tag: String,
    /// `sha256:…`, or empty.
    pub(crate) digest: String,
}

impl Reference {
    /// Models: `github.com/distribution/reference` `ParseDockerRef`: of a tag and a digest, the
    /// digest counts.
    ///
    /// # Errors
    /// In upstream's words, where the text is no reference.
    pub(crate) fn parse(text: &str) -> Result<Self, SimError> {
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
    pub(crate) fn full(&self) -> String {
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
    pub(crate) fn resolve(&self, text: &str) -> Option<Rc<Image>> {
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
        // Ids begin with the algorithm or do without, which depends on the server.
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        let by_id = self.by_id.borrow();
        [text.to_owned(), format!("sha256:{text}")].iter().find_map(|prefix| {
            let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
            let mut found =
                by_id.range::<str, _>(from).take_while(|(id, _)| id.starts_with(prefix));
            match (found.next(), found.next()) {
                (Some((_, image)), None) => Some(image.clone()),
                _ => None,
            }
        })
    }

    /// All images, by id.
    pub(crate) fn list(&self) -> Vec<Rc<Image>> {
        self.by_id.borrow().values().cloned().collect()
    }

    /// Who pulls a reference holds its lock, so that nobody else does at the same time.
    pub(crate) fn lock_for(&self, reference: &str) -> Lock {
        self.pulling.borrow_mut().entry(reference.into()).or_default().clone()
    }

    /// Whether there is an image of this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.by_id.borrow().contains_key(id)
    }

    /// Forgets an image with all its names; false if it was forgotten already.
    pub(crate) fn remove(&self, ctx: &Ctx, image: &Image) -> bool {
        if self.by_id.borrow_mut().remove(&image.id).is_none() {
            return false;
        }
        for name in image.references.borrow().iter() {
            self.by_reference.borrow_mut().remove(name);
        }
        ctx.effect(Effect::ImageRemoved { id: image.id.clone() });
        true
    }

    /// Takes an image in under its names.
    pub(crate) fn insert(&self, ctx: &Ctx, image: Image, names: Vec<Rc<str>>) {
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
    /// An image without a name, in the store of a component.
    pub(crate) fn new(
        spec: ImageSpec,
        pinned: bool,
        snapshots: Vec<u32>,
        store: Component,
    ) -> Self {
        let (id, references) = (spec.id.clone(), RefCell::default());
        Self { id, references, spec, pinned, snapshots, store }
    }

    /// As CRI has it.
    pub(crate) fn cri_image(&self) -> cri::Image {
        let (repo_tags, repo_digests) = self.tags_and_digests();
        // A user by number, or by name.
        let user = self.spec.user.split(':').next().unwrap_or_default();
        let uid = user.parse().ok().map(|value| cri::Int64Value { value });
        let username = if uid.is_none() { user.to_owned() } else { String::new() };
        cri::Image {
            id: self.id.to_string(),
            repo_tags,
            repo_digests,
            size: self.spec.size,
            pinned: self.pinned,
            uid,
            username,
            ..cri::Image::default()
        }
    }

    /// The part of the configuration that says what runs and how.
    pub(crate) fn config_json(&self) -> Json {
        let spec = &self.spec;
        let ports = spec.exposed_ports.iter();
        let ports = ports.fold(Json::object(), |json, port| json.raw(&format!("{port}/tcp"), "{}"));
        Json::object()
            .str_if("User", &spec.user)
            .object_in("ExposedPorts", ports)
            .strs("Env", &spec.env)
            .strs("Entrypoint", &spec.entrypoint)
            .strs("Cmd", &spec.cmd)
            .str_if("WorkingDir", &spec.working_dir)
    }

    /// The references with a tag, and those with a digest.
    pub(crate) fn tags_and_digests(&self) -> (Vec<String>, Vec<String>) {
        let references = self.references.borrow();
        let (digests, tags): (Vec<_>, Vec<_>) = references
            .iter()
            .map(|reference| reference.to_string())
            .partition(|name| name.contains('@'));
        (tags, digests)
    }

    fn view(&self) -> Rc<ImageView> {
        Rc::new(ImageView {
            id: self.id.clone(),
            references: self.references.borrow().clone(),
            size: self.spec.size,
            store: self.store,
        })
    }
}

/// A repository of a registry, and who asks for it.
#[derive(Clone, Copy)]
pub(crate) struct Remote<'a> {
    /// Who asks.
    pub(crate) caller: Component,
    /// The registry: `docker.io`.
    pub(crate) host: &'a str,
    /// The repository: `library/nginx`.
    pub(crate) path: &'a str,
    /// Where upstream asks.
    pub(crate) source: &'static str,
}

impl Remote<'_> {
    /// A request for something of the repository.
    pub(crate) fn request(&self, op: &'static str, method: &'static str, what: &str) -> Hop {
        let host = if self.host == "docker.io" { "registry-1.docker.io" } else { self.host };
        let path = format!("https://{host}/v2/{}/{what}", self.path);
        Hop::new(self.caller, Component::Registry, Protocol::Https, op).source(self.source).request(
            move || Payload::Http {
                method: method.into(),
                path: path.clone(),
                query: Vec::new(),
                body: None,
            },
        )
    }

    /// Fetches manifest, configuration and layers, the layers at the same time. What unpacking a
    /// layer will take is a part of the time that the image takes.
    pub(crate) async fn fetch(
        &self,
        ctx: &Ctx,
        spec: &ImageSpec,
        small: Duration,
        unpack: Duration,
    ) -> Result<(), SimError> {
        let manifest = format!("manifests/{}", spec.digest);
        let hop = self.request("GET manifest", "GET", &manifest).takes(small);
        let body = manifest_json(spec);
        ctx.call_answering(
            hop,
            |()| ok_response(Some(body.into())),
            async |_| Ok::<_, SimError>(()),
        )
        .await?;
        self.fetch_blobs(ctx, spec, small, unpack).await
    }

    /// Fetches configuration and layers.
    pub(crate) async fn fetch_blobs(
        &self,
        ctx: &Ctx,
        spec: &ImageSpec,
        small: Duration,
        unpack: Duration,
    ) -> Result<(), SimError> {
        let hop = self.request("GET config", "GET", &format!("blobs/{}", spec.id)).takes(small);
        ctx.call_answering(hop, |()| ok_response(None), async |_| Ok::<_, SimError>(())).await?;
        let layers = layer_count(spec);
        let transfer = spec.pull_time.saturating_sub(small * SMALL_REQUESTS + unpack * layers);
        let fetches = (0..layers).map(|layer| {
            let blob = format!("blobs/{}", layer_digest(spec, layer));
            let hop = self.request("GET layer", "GET", &blob).takes(transfer);
            ctx.call_answering(hop, |()| ok_response(None), async |_| Ok::<_, SimError>(()))
        });
        futures_util::future::try_join_all(fetches).await?;
        Ok(())
    }
}

/// ListImages.
pub(crate) fn list_images(store: &ImageStore, filter: Option<ImageFilter>) -> ListImagesResponse {
    let wanted = filter.and_then(|filter| filter.image).unwrap_or_default().image;
    let found = match wanted.as_str() {
        "" => store.list(),
        reference => store.resolve(reference).into_iter().collect(),
    };
    ListImagesResponse { images: found.iter().map(|image| image.cri_image()).collect() }
}

/// ImageFsInfo.
pub(crate) fn image_fs_info(
    store: &ImageStore,
    now: Time,
    mountpoint: &str,
) -> ImageFsInfoResponse {
    let images = store.list();
    let used = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.spec.size));
    let usage = FilesystemUsage {
        timestamp: now.unix_nanos(),
        fs_id: Some(FilesystemIdentifier { mountpoint: mountpoint.to_owned() }),
        used_bytes: Some(UInt64Value { value: used }),
        inodes_used: Some(UInt64Value { value: images.len() as u64 * 1000 }),
    };
    ImageFsInfoResponse {
        image_filesystems: vec![usage.clone()],
        container_filesystems: vec![usage],
    }
}

/// The names under which an image is stored (`GetRepoDigestAndTag`).
pub(crate) fn names_of(reference: &Reference, spec: &ImageSpec) -> Vec<Rc<str>> {
    let by_digest = format!("{}@{}", reference.repository, spec.digest);
    if reference.digest.is_empty() {
        vec![reference.full().into(), by_digest.into()]
    } else {
        vec![by_digest.into()]
    }
}

/// How many layers an image is taken to have.
pub(crate) fn layer_count(spec: &ImageSpec) -> u32 {
    u32::try_from(1 + spec.size / LAYER_BYTES).unwrap_or(u32::MAX).min(8)
}

/// A digest that follows from the image's: it is not a hash of any content.
pub(crate) fn layer_digest(spec: &ImageSpec, layer: u32) -> String {
    let hex = spec.id.strip_prefix("sha256:").unwrap_or(&spec.id);
    // Moved along, the digits differ for each layer.
    let at = hex.char_indices().nth(layer as usize + 1).map_or(0, |(at, _)| at);
    format!("sha256:{}{}", &hex[at..], &hex[..at])
}

/// The manifest of an image.
pub(crate) fn manifest_json(spec: &ImageSpec) -> String {
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

/// A response of a registry.
pub(crate) const fn ok_response(body: Option<Rc<str>>) -> Payload {
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
