//! ImageService.
//!
//! Models: containerd v2.3.4 `internal/cri/server/images`.

use super::{CriPlugin, Inner, failed, status_of};
use crate::json::Json;
use cri::{
    ImageStatusRequest, ImageStatusResponse, PullImageResponse, RemoveImageResponse, Status,
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
        let id = self.0.client.pull(ctx, reference, false).await.map_err(status_of)?;
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
            let spec = Json::object().object_in("config", image.config_json());
            let info = Json::object().str("chainID", &image.id).object_in("imageSpec", spec);
            BTreeMap::from([("info".to_owned(), info.text())])
        } else {
            BTreeMap::new()
        };
        ImageStatusResponse { image: Some(image.cri_image()), info }
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
}
