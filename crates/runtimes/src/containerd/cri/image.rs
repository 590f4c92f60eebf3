//! ImageService.
//!
//! Models: containerd v2.3.4 `internal/cri/server/images`.

use super::{CriPlugin, Inner, failed, status};
use crate::containerd::images::Image;
use crate::json::Json;
use cri::{
    FilesystemIdentifier, FilesystemUsage, ImageFilter, ImageFsInfoResponse, ImageStatusRequest,
    ImageStatusResponse, ListImagesResponse, PullImageResponse, RemoveImageResponse, Status,
    UInt64Value,
};
use sim::Ctx;
use std::collections::BTreeMap;

/// Where images are.
pub(super) const IMAGE_FS: &str = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs";

impl CriPlugin {
    pub(super) async fn do_pull_image(
        &self,
        ctx: &Ctx,
        reference: &str,
    ) -> Result<PullImageResponse, Status> {
        let id = self.0.client.pull(ctx, reference, false).await.map_err(status)?;
        self.0.changes.mark();
        Ok(PullImageResponse { image_ref: id.to_string() })
    }

    /// An image that is not there is no error: the answer has none.
    pub(super) fn do_image_status(&self, request: &ImageStatusRequest) -> ImageStatusResponse {
        let Inner { client, .. } = &*self.0;
        let reference = request.image.as_ref().map_or("", |image| image.image.as_str());
        let Some(image) = client.images().resolve(reference) else {
            return ImageStatusResponse::default();
        };
        let info = if request.verbose {
            let spec =
                Json::object().object_in("config", Json::object().strs("Cmd", &image.spec.command));
            let info = Json::object().str("chainID", &image.id).object_in("imageSpec", spec);
            BTreeMap::from([("info".to_owned(), info.text())])
        } else {
            BTreeMap::new()
        };
        ImageStatusResponse { image: Some(cri_image(&image)), info }
    }

    pub(super) fn do_list_images(&self, filter: Option<ImageFilter>) -> ListImagesResponse {
        let images = self.0.client.images();
        let wanted = filter.and_then(|filter| filter.image).unwrap_or_default().image;
        let found = match wanted.as_str() {
            "" => images.list(),
            reference => images.resolve(reference).into_iter().collect(),
        };
        ListImagesResponse { images: found.iter().map(|image| cri_image(image)).collect() }
    }

    /// An image that is not there is no error.
    pub(super) async fn do_remove_image(
        &self,
        ctx: &Ctx,
        reference: &str,
    ) -> Result<RemoveImageResponse, Status> {
        let removed = self.0.client.remove_image(ctx, reference).await;
        let doing = format_args!("failed to delete image reference {reference:?}");
        if removed.map_err(|error| failed(doing, error))? {
            self.0.changes.mark();
        }
        Ok(RemoveImageResponse {})
    }

    pub(super) fn do_image_fs_info(&self, ctx: &Ctx) -> ImageFsInfoResponse {
        let images = self.0.client.images().list();
        let used = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.spec.size));
        let usage = FilesystemUsage {
            timestamp: ctx.now().unix_nanos(),
            fs_id: Some(FilesystemIdentifier { mountpoint: IMAGE_FS.to_owned() }),
            used_bytes: Some(UInt64Value { value: used }),
            inodes_used: Some(UInt64Value { value: images.len() as u64 * 1000 }),
        };
        ImageFsInfoResponse {
            image_filesystems: vec![usage.clone()],
            container_filesystems: vec![usage],
        }
    }
}

fn cri_image(image: &Image) -> cri::Image {
    let (repo_tags, repo_digests) = tags_and_digests(image);
    cri::Image {
        id: image.id.to_string(),
        repo_tags,
        repo_digests,
        size: image.spec.size,
        pinned: image.pinned,
        ..cri::Image::default()
    }
}

/// The references with a tag, and those with a digest.
pub(super) fn tags_and_digests(image: &Image) -> (Vec<String>, Vec<String>) {
    let references = image.references.borrow();
    let (digests, tags): (Vec<_>, Vec<_>) = references
        .iter()
        .map(|reference| reference.to_string())
        .partition(|name| name.contains('@'));
    (tags, digests)
}
