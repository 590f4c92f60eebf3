//! Images, their content and their snapshots: what is pulled, and what becomes of it.

use super::core::{Client, DATABASE, not_found, wrapped};
use crate::json::Json;
use crate::server::images::{
    Image, Reference, Remote, SMALL_REQUESTS, layer_count, layer_digest, names_of, ok_response,
};
use node::ImageSpec;
use sim::{Ctx, SimError};
use std::rc::Rc;
use std::time::Duration;
use trace::Component;

/// Unpacking one layer into a snapshot.
const UNPACK: Duration = Duration::from_millis(40);

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
        let store = Component::Containerd;
        self.images().insert(ctx, Image::new(spec, pinned, snapshots, store), names);
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
        let manifest = format!("manifests/{version}");
        let spec = self.containerd().registry().resolve(full);
        let known = spec.as_ref().map_or(Duration::from_secs(1), |spec| spec.pull_time);
        // A tenth of the time goes into asking.
        let small = known / 10 / SMALL_REQUESTS;

        let source = "containerd@v2.3.4 core/remotes/docker/resolver.go Resolve";
        let remote = Remote { caller: Component::Containerd, host, path, source };
        let head = remote.request("HEAD manifest", "HEAD", &manifest).takes(small);
        let resolved = ctx
            .call_answering(
                head,
                |_| ok_response(None),
                async |_| spec.clone().ok_or_else(|| not_found(format!("{full}: not found"))),
            )
            .await;
        let spec = resolved
            .map_err(|error| wrapped(&format!("failed to resolve reference {full:?}"), error))?;
        let present = self.images().has(&spec.id);
        if !present {
            let source = "containerd@v2.3.4 core/remotes/docker/fetcher.go Fetch";
            let remote = Remote { caller: Component::Containerd, host, path, source };
            remote.fetch(ctx, &spec, small, UNPACK).await?;
            self.unpack(ctx, &spec).await?;
        }
        let hop = self
            .hop("Images.Create", "containerd@v2.3.4 plugins/services/images/local.go Create")
            .takes(DATABASE);
        let id = spec.id.clone();
        ctx.call::<(), SimError>(hop, async |ctx| {
            self.store_image(&ctx, reference, spec, pinned);
            Ok(())
        })
        .await?;
        Ok(id)
    }

    /// Turns layers into snapshots, one on top of the other.
    async fn unpack(&self, ctx: &Ctx, spec: &ImageSpec) -> Result<(), SimError> {
        for layer in 0..layer_count(spec) {
            let digest = layer_digest(spec, layer);
            let hop = self
                .hop("Snapshots.Commit", "containerd@v2.3.4 core/unpack/unpacker.go unpack")
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
        let hop = self
            .hop("Images.Delete", "containerd@v2.3.4 plugins/services/images/local.go Delete")
            .takes(DATABASE);
        ctx.call::<(), SimError>(hop, async |ctx| {
            let store = self.images();
            // Two may remove it at the same time; the second finds nothing left.
            if !store.remove(&ctx, &image) {
                return Ok(());
            }
            for snapshot in image.snapshots.iter().rev() {
                self.remove_snapshot_directory(&ctx, *snapshot);
            }
            Ok(())
        })
        .await?;
        Ok(true)
    }
}
