//! The image service.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/docker_image.go`, `docker_image_linux.go`,
//! `convert.go`, `helpers.go`.

use super::client::DockerError;
use super::glue::{at, glue, step};
use super::{Dockershim, Flavor, failed};
use crate::docker::engine::{AuthConfig, ImageInspect};
use crate::json::Json;
use cri::Status;
use sim::Ctx;
use std::collections::BTreeMap;

fn docker(error: DockerError) -> Status {
    failed(error.to_string())
}

impl Dockershim {
    /// `ListImages`.
    pub(super) async fn images(
        &self,
        ctx: &Ctx,
        filter: Option<cri::ImageFilter>,
    ) -> Result<Vec<cri::Image>, Status> {
        let reference = filter.and_then(|filter| filter.image).unwrap_or_default().image;
        let list = step(at!("docker_image.go ListImages"));
        let images = self.docker.list_images(ctx, list, &reference, false).await.map_err(docker)?;
        Ok(images.iter().map(|image| self.image_of(image, false)).collect())
    }

    /// `ImageStatus`: by tag or digest, then by id.
    pub(super) async fn image_status(
        &self,
        ctx: &Ctx,
        reference: &str,
    ) -> Result<Option<cri::Image>, Status> {
        let look = step(at!("docker_image.go ImageStatus"));
        let mut found = self.docker.inspect_image_by_ref(ctx, look, reference).await;
        if found.as_ref().is_err_and(DockerError::is_image_not_found) {
            found = self.docker.inspect_image_by_id(ctx, look, reference).await;
        }
        match found {
            Ok(image) => Ok(Some(self.image_of(&image, true))),
            Err(error) if error.is_image_not_found() => Ok(None),
            Err(error) => Err(docker(error)),
        }
    }

    /// The successor says which image must not be collected as garbage.
    fn image_of(&self, image: &ImageInspect, with_user: bool) -> cri::Image {
        let pinned = self.options.flavor == Flavor::CriDockerd
            && image.repo_tags.contains(&self.sandbox_image());
        cri::Image { pinned, ..image_of(image, with_user) }
    }

    /// `PullImage`: the first digest of what was pulled, or its id.
    pub(super) async fn pull(
        &self,
        ctx: &Ctx,
        request: cri::PullImageRequest,
    ) -> Result<String, Status> {
        let reference = request.image.unwrap_or_default().image;
        let auth = request.auth.unwrap_or_default();
        let auth = AuthConfig {
            username: auth.username,
            password: auth.password,
            auth: String::new(),
            server_address: auth.server_address,
            identity_token: auth.identity_token,
            registry_token: auth.registry_token,
        };
        let pull = step(at!("docker_image.go PullImage"));
        if let Err(error) = self.docker.pull_image(ctx, pull, &reference, auth).await {
            return Err(self.filter_http_error(error));
        }
        let look = glue("image-id", at!("docker_image.go getImageRef"));
        let image = self.docker.inspect_image_by_ref(ctx, look, &reference).await;
        let image = image.map_err(docker)?;
        let digest = image.repo_digests.first();
        Ok(digest.map_or_else(|| (*image.id).to_owned(), String::clone))
    }

    /// Marks an error of the registry's own servers, so that the kubelet can tell.
    fn filter_http_error(&self, error: DockerError) -> Status {
        match &error {
            DockerError::Stream { code: Some(502..=504), .. } => {
                failed(format!("RegistryUnavailable: {error}"))
            }
            DockerError::Canceled if self.options.flavor == Flavor::CriDockerd => {
                Status::canceled(error.to_string())
            }
            _ => docker(error),
        }
    }

    /// What the successor adds to `ImageStatus` when it is asked to be verbose.
    pub(super) async fn image_info(
        &self,
        ctx: &Ctx,
        image: &cri::Image,
        reference: &str,
    ) -> Result<BTreeMap<String, String>, Status> {
        if self.options.flavor != Flavor::CriDockerd {
            return Ok(BTreeMap::new());
        }
        let look = step("cri-dockerd@v0.4.3 core/image_status.go ImageStatus");
        self.docker.image_history(ctx, look, reference).await.map_err(docker)?;
        let layers = Json::object().str("type", "layers").strs("diff_ids", [&*image.id]);
        let spec = Json::object()
            .str("architecture", "amd64")
            .str("os", "linux")
            .object_in("rootfs", layers);
        let info = Json::object().object_in("imageSpec", spec);
        Ok(BTreeMap::from([("info".to_owned(), info.text())]))
    }

    /// `RemoveImage`, by id: all tags, all digests, and the id itself. What is no id is taken for
    /// absent.
    pub(super) async fn remove_image_of(&self, ctx: &Ctx, id: &str) -> Result<(), Status> {
        let look = step(at!("docker_image.go RemoveImage"));
        let image = match self.docker.inspect_image_by_id(ctx, look, id).await {
            Ok(image) => image,
            Err(error) if error.is_image_not_found() => return Ok(()),
            Err(error) => return Err(docker(error)),
        };
        let names = image.repo_tags.iter().chain(&image.repo_digests).map(String::as_str);
        for name in names.chain([id]) {
            match self.docker.remove_image(ctx, look, name).await {
                Err(error) if !error.is_image_not_found() => return Err(docker(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// `ImageFsInfo`: dockershim sums up the files of Docker's `image` directory, in which there
    /// are the images' descriptions only; its successor asks Docker.
    pub(super) async fn image_fs(&self, ctx: &Ctx) -> Result<cri::FilesystemUsage, Status> {
        let root = self.docker_root_dir.borrow().clone();
        let (bytes, inodes) = match self.options.flavor {
            Flavor::Dockershim => {
                let directory = format!("{root}/image");
                let files = self.node.list_below(&directory);
                let size = |path: &str| self.node.read_file(path).map_or(0, |text| text.len());
                let bytes: usize = files.iter().map(|path| size(path)).sum();
                (bytes as u64, files.len() as u64 + 1)
            }
            Flavor::CriDockerd => {
                let list = step("cri-dockerd@v0.4.3 core/image_linux.go ImageFsInfo");
                let images = self.docker.list_images(ctx, list, "", true).await.map_err(docker)?;
                let inodes = self.node.list_below(&root).len() as u64 + 1;
                (images.iter().map(|image| image.size).sum(), inodes)
            }
        };
        let value = |value| Some(cri::UInt64Value { value });
        Ok(cri::FilesystemUsage {
            // dockershim says seconds, although the interface says nanoseconds.
            timestamp: match self.options.flavor {
                Flavor::Dockershim => ctx.now().unix_nanos() / 1_000_000_000,
                Flavor::CriDockerd => ctx.now().unix_nanos(),
            },
            fs_id: Some(cri::FilesystemIdentifier { mountpoint: root }),
            used_bytes: value(bytes),
            inodes_used: value(inodes),
        })
    }
}

/// Models: kubernetes@v1.22.6 `convert.go` `imageToRuntimeAPIImage`,
/// `imageInspectToRuntimeAPIImage`.
fn image_of(image: &ImageInspect, with_user: bool) -> cri::Image {
    let user = image.user.split(':').next().unwrap_or_default();
    let uid = user.parse().ok().filter(|_| with_user).map(|value| cri::Int64Value { value });
    let username = if with_user && uid.is_none() { user } else { "" };
    cri::Image {
        id: (*image.id).to_owned(),
        repo_tags: image.repo_tags.clone(),
        repo_digests: image.repo_digests.clone(),
        size: image.size,
        uid,
        username: username.to_owned(),
        ..cri::Image::default()
    }
}
