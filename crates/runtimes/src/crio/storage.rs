//! containers/storage, a library inside CRI-O: images, and a layer and two directories for each
//! container.

use super::Crio;
use crate::server::images::{Image, Reference, Remote, SMALL_REQUESTS, layer_count, layer_digest};
use crate::server::images::{names_of, ok_response};
use node::ImageSpec;
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Mount, Payload, Protocol};

/// Where storage keeps what survives a reboot, and what does not.
const ROOT: &str = "/var/lib/containers/storage";
const RUN_ROOT: &str = "/run/containers/storage";
/// Where images and layers are.
pub(super) const IMAGE_FS: &str = "/var/lib/containers/storage/overlay-images";
/// Writing what is known of a container or an image, with `fsync`.
const WRITE: Duration = Duration::from_millis(2);
/// Unpacking one layer.
const UNPACK: Duration = Duration::from_millis(40);

/// The directory of a container that is gone after a reboot: its bundle.
pub(super) fn run_dir(id: &str) -> String {
    format!("{RUN_ROOT}/overlay-containers/{id}/userdata")
}

/// The directory of a container that stays.
pub(super) fn dir(id: &str) -> String {
    format!("{ROOT}/overlay-containers/{id}/userdata")
}

fn layer_dir(layer: &str) -> String {
    format!("{ROOT}/overlay/{layer}")
}

/// The layer's file system, where it is mounted.
pub(super) fn merged(layer: &str) -> String {
    format!("{ROOT}/overlay/{layer}/merged")
}

fn hop(op: &'static str, source: &'static str, takes: Duration) -> Hop {
    Hop::new(Component::Crio, Component::Crio, Protocol::Function, op).source(source).takes(takes)
}

impl Crio {
    /// Makes a container's layer and directories: `CreatePodSandbox` or `CreateContainer` of the
    /// runtime server. The layer's id is the answer.
    pub(super) async fn storage_create(
        &self,
        ctx: &Ctx,
        op: &'static str,
        id: &Rc<str>,
        name: &str,
        image: &Rc<str>,
    ) -> Result<Rc<str>, SimError> {
        let source = "cri-o@v1.37.0 internal/storage/runtime.go createContainerOrPodSandbox";
        let (shown, name, image) = (id.clone(), name.to_owned(), image.clone());
        let hop = hop(op, source, WRITE).request(move || {
            crate::json::Json::object()
                .str("id", &shown)
                .str("name", &name)
                .str("image", &image)
                .payload()
        });
        let layer = |layer: &Rc<str>| Payload::Text(layer.clone());
        ctx.call_answering(hop, layer, async |ctx| {
            let layer: Rc<str> = ctx.sim().random_hex("crio/layers", 64).into();
            let node = &self.0.node;
            node.make_private_dir(&ctx, &layer_dir(&layer));
            node.make_private_dir(&ctx, &dir(id));
            node.make_private_dir(&ctx, &run_dir(id));
            self.0.layers.borrow_mut().insert(id.clone(), layer.clone());
            Ok(layer)
        })
        .await
    }

    /// Mounts a container's layer on those of its image: `StartContainer` of the runtime server.
    /// The mount point is the answer.
    pub(super) async fn storage_mount(&self, ctx: &Ctx, id: &Rc<str>) -> Result<Rc<str>, SimError> {
        let source = "cri-o@v1.37.0 internal/storage/runtime.go StartContainer";
        let mount_point = |target: &Rc<str>| Payload::Text(target.clone());
        ctx.call_answering(hop("Storage.StartContainer", source, WRITE), mount_point, async |ctx| {
            let layer = self.0.layers.borrow().get(id).cloned();
            let Some(layer) = layer else {
                return Err(SimError::new("Unknown", "container not known"));
            };
            let target: Rc<str> = merged(&layer).into();
            let directory = layer_dir(&layer);
            self.0.node.mount(
                &ctx,
                Mount {
                    target: target.clone(),
                    source: "overlay".into(),
                    fs_type: "overlay".into(),
                    options: format!("upperdir={directory}/diff,workdir={directory}/work").into(),
                },
            );
            Ok(target)
        })
        .await
    }

    /// Unmounts it: `StopContainer` of the runtime server. Once is enough.
    pub(super) fn storage_unmount(&self, ctx: &Ctx, id: &str) {
        if let Some(layer) = self.0.layers.borrow().get(id) {
            self.0.node.unmount(ctx, &merged(layer));
        }
    }

    /// Removes a container's layer and directories; false if there are none.
    pub(super) async fn storage_delete(&self, ctx: &Ctx, id: &Rc<str>) -> Result<bool, SimError> {
        let source = "cri-o@v1.37.0 internal/storage/runtime.go DeleteContainer";
        if !self.0.layers.borrow().contains_key(id) {
            return Ok(false);
        }
        ctx.call::<(), SimError>(hop("Storage.DeleteContainer", source, WRITE), async |ctx| {
            let Some(layer) = self.0.layers.borrow_mut().remove(id) else { return Ok(()) };
            let node = &self.0.node;
            node.unmount(&ctx, &merged(&layer));
            node.remove_dir_all(&ctx, &run_dir(id));
            node.remove_dir_all(&ctx, &dir(id));
            node.remove_dir_all(&ctx, &layer_dir(&layer));
            Ok(())
        })
        .await?;
        Ok(true)
    }

    /// Puts an image into the store without pulling it: it is there from the beginning.
    pub(super) fn preload(&self, ctx: &Ctx, text: &str) {
        let Ok(reference) = Reference::parse(text) else { return };
        let Some(spec) = self.0.registry.resolve(&reference.full()) else { return };
        self.store_image(ctx, &reference, spec);
    }

    fn store_image(&self, ctx: &Ctx, reference: &Reference, spec: ImageSpec) -> Rc<str> {
        let names = names_of(reference, &spec);
        for layer in 0..layer_count(&spec) {
            let digest = layer_digest(&spec, layer);
            self.0.node.make_private_dir(ctx, &layer_dir(digest.trim_start_matches("sha256:")));
        }
        // CRI-O's ids are the digits alone.
        let id: Rc<str> = spec.id.trim_start_matches("sha256:").into();
        let pinned = Reference::parse(&self.0.pause_image)
            .is_ok_and(|pause| pause.full() == reference.full());
        let spec = ImageSpec { id: id.clone(), ..spec };
        let image = Image::new(spec, pinned, Vec::new(), Component::Crio);
        self.0.images.insert(ctx, image, names);
        id
    }

    /// Copies an image from its registry into the store (`copy.Image`). The image's id is the
    /// answer.
    ///
    /// # Errors
    /// A text that is no reference, one that the registry does not have, and injected ones.
    pub(super) async fn pull(&self, ctx: &Ctx, text: &str) -> Result<Rc<str>, SimError> {
        let reference = Reference::parse(text)?;
        let full: Rc<str> = reference.full().into();
        let lock = self.0.images.lock_for(&full);
        let guard = lock.acquire().await;
        let pulled = self.pull_reference(ctx, &reference, &full).await;
        drop(guard);
        pulled
    }

    async fn pull_reference(
        &self,
        ctx: &Ctx,
        reference: &Reference,
        full: &Rc<str>,
    ) -> Result<Rc<str>, SimError> {
        let (host, path) =
            reference.repository.split_once('/').unwrap_or(("", &reference.repository));
        let version = if reference.digest.is_empty() { &reference.tag } else { &reference.digest };
        let spec = self.0.registry.resolve(full);
        let known = spec.as_ref().map_or(Duration::from_secs(1), |spec| spec.pull_time);
        // A tenth of the time goes into asking.
        let small = known / 10 / SMALL_REQUESTS;
        let source = "cri-o@v1.37.0 vendor/go.podman.io/image/v5/docker/docker_image_src.go";
        let remote = Remote { caller: Component::Crio, host, path, source };
        let get = remote.request("GET manifest", "GET", &format!("manifests/{version}"));
        let spec = ctx
            .call_answering(
                get.takes(small),
                |_| ok_response(None),
                async |_| {
                    spec.clone().ok_or_else(|| {
                        let message = format!(
                            "reading manifest {version} in {}: manifest unknown",
                            node::image::familiar(&reference.repository)
                                .trim_end_matches(":latest")
                        );
                        SimError::new("Unknown", message)
                    })
                },
            )
            .await
            .map_err(|error| {
                let message = format!("initializing source docker://{full}: {}", error.message);
                SimError { message, ..error }
            })?;
        let id = spec.id.trim_start_matches("sha256:");
        if !self.0.images.has(id) {
            remote.fetch_blobs(ctx, &spec, small, UNPACK).await?;
            for layer in 0..layer_count(&spec) {
                let digest = layer_digest(&spec, layer);
                let hop = hop(
                    "Storage.PutLayer",
                    "cri-o@v1.37.0 vendor/go.podman.io/image/v5/storage/storage_dest.go",
                    UNPACK,
                )
                .request(move || Payload::Text(digest.into()));
                ctx.call::<(), SimError>(hop, async |_| Ok(())).await?;
            }
        }
        let source = "cri-o@v1.37.0 vendor/go.podman.io/image/v5/storage/storage_dest.go Commit";
        ctx.call_answering(
            hop("Storage.CreateImage", source, WRITE),
            |id: &Rc<str>| Payload::Text(id.clone()),
            async |ctx| Ok(self.store_image(&ctx, reference, spec)),
        )
        .await
    }

    /// Removes an image with all its names. False if there is none.
    pub(super) async fn delete_image(&self, ctx: &Ctx, text: &str) -> Result<bool, SimError> {
        let Some(image) = self.0.images.resolve(text) else { return Ok(false) };
        let source = "cri-o@v1.37.0 internal/storage/image.go DeleteImage";
        ctx.call::<(), SimError>(hop("Storage.DeleteImage", source, WRITE), async |ctx| {
            if !self.0.images.remove(&ctx, &image) {
                return Ok(());
            }
            for layer in (0..layer_count(&image.spec)).rev() {
                let digest = layer_digest(&image.spec, layer);
                let digits = digest.trim_start_matches("sha256:");
                self.0.node.remove_dir_all(&ctx, &layer_dir(digits));
            }
            Ok(())
        })
        .await?;
        Ok(true)
    }
}
