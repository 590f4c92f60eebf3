//! Statuses, resources and images, in CRI-O's words.
//!
//! Models: cri-o@v1.37.0 `server/runtime_status.go`, `sandbox_status.go`, `container_status.go`,
//! `container_update_resources.go`, `image_status.go`, `image_remove.go`.

use super::{Crio, Inner};
use crate::json::Json;
use crate::server::config::merge;
use crate::server::failed;
use crate::server::store::{Kept, Sandbox};
use cri::{
    Code, ContainerResources, ContainerState, ContainerStatusRequest, ContainerStatusResponse,
    ImageStatusRequest, ImageStatusResponse, LinuxContainerResources, PodSandboxNetworkStatus,
    PodSandboxStatusRequest, PodSandboxStatusResponse, RemoveImageResponse, RuntimeCondition,
    RuntimeFeatures, RuntimeHandler, RuntimeHandlerFeatures, RuntimeStatus, Status, StatusResponse,
    UpdateContainerResourcesRequest, UpdateContainerResourcesResponse,
};
use sim::Ctx;
use std::collections::BTreeMap;

impl Crio {
    pub(super) fn do_status(&self, verbose: bool) -> StatusResponse {
        let condition = |kind: &str| RuntimeCondition {
            r#type: kind.to_owned(),
            status: true,
            ..RuntimeCondition::default()
        };
        let mut network = condition("NetworkReady");
        if self.0.cni.ready().is_err() {
            network.status = false;
            network.reason = "NetworkPluginNotReady".to_owned();
            network.message = "Network plugin returns error: No CNI configuration file in \
                               /etc/cni/net.d/. Has your network provider started?"
                .to_owned();
        }
        let features =
            RuntimeHandlerFeatures { recursive_read_only_mounts: true, user_namespaces: true };
        let handler =
            |name: &str| RuntimeHandler { name: name.to_owned(), features: Some(features) };
        let runtime = self.0.runtime.program.name();
        let info = if verbose {
            let config = Json::object()
                .str("sandboxImage", &self.0.pause_image)
                .object_in("crio", Json::object().str("default_runtime", runtime));
            BTreeMap::from([("config".to_owned(), config.text())])
        } else {
            BTreeMap::new()
        };
        StatusResponse {
            status: Some(RuntimeStatus { conditions: vec![condition("RuntimeReady"), network] }),
            info,
            runtime_handlers: vec![handler(runtime), handler("")],
            features: Some(RuntimeFeatures {
                supplemental_groups_policy: true,
                ..RuntimeFeatures::default()
            }),
        }
    }

    pub(super) fn do_pod_sandbox_status(
        &self,
        request: &PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let id = &request.pod_sandbox_id;
        let sandbox = self.0.sandboxes.get(id).map_err(|error| {
            let reason = match (id.as_str(), error.code) {
                ("", _) => "PodSandboxId should not be empty".to_owned(),
                (_, Code::NotFound) => {
                    format!("PodSandbox with ID starting with {id} not found: ID does not exist")
                }
                _ => error.message,
            };
            Status::not_found(format!("could not find pod {id:?}: {reason}"))
        })?;
        let mut status = sandbox.cri_status();
        // Once known, an address stays in the status.
        let ip = sandbox.network.as_ref().map(|network| network.ip.borrow().to_string());
        status.network = Some(PodSandboxNetworkStatus {
            ip: ip.unwrap_or_default(),
            additional_ips: Vec::new(),
        });
        let info = if request.verbose { self.sandbox_info(&sandbox) } else { BTreeMap::new() };
        Ok(PodSandboxStatusResponse { status: Some(status), info, ..Default::default() })
    }

    fn sandbox_info(&self, sandbox: &Sandbox) -> BTreeMap<String, String> {
        let info = Json::object().str("image", &self.0.pause_image).num("pid", sandbox.pid.get());
        let info = match self.0.monitored.borrow().get(&sandbox.id) {
            Some(held) => info.raw("runtimeSpec", &held.spec.json()),
            None => info,
        };
        BTreeMap::from([("info".to_owned(), info.text())])
    }

    pub(super) fn do_container_status(
        &self,
        request: &ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        let container = self.find_container(&request.container_id)?;
        let image = self.0.images.resolve(&container.image_id);
        let status = container.cri_status(image.as_deref());
        let info = if request.verbose {
            let info = Json::object()
                .str("sandboxID", &container.sandbox.id)
                .num("pid", container.status.borrow().pid);
            let info = match self.0.monitored.borrow().get(&container.id) {
                Some(held) => info.raw("runtimeSpec", &held.spec.json()),
                None => info,
            };
            BTreeMap::from([("info".to_owned(), info.bool("privileged", false).text())])
        } else {
            BTreeMap::new()
        };
        Ok(ContainerStatusResponse { status: Some(status), info })
    }

    pub(super) async fn do_update_container_resources(
        &self,
        ctx: &Ctx,
        request: UpdateContainerResourcesRequest,
    ) -> Result<UpdateContainerResourcesResponse, Status> {
        let container = self.find_container(&request.container_id)?;
        let id = &container.id;
        let state = container.state();
        if !matches!(state, ContainerState::ContainerCreated | ContainerState::ContainerRunning) {
            let state = super::container::state_name(state);
            return Err(Status::unknown(format!(
                "container {id} is not running or created state: {state}"
            )));
        }
        let Some(asked) = request.linux else {
            return Ok(UpdateContainerResourcesResponse {});
        };
        self.0.runtime.update(ctx, self.pid(), id).await.map_err(|error| {
            failed(format_args!("updating resources for container {id:?} failed"), error)
        })?;
        let mut status = container.kept.borrow().get();
        let resources = status.resources.get_or_insert_with(ContainerResources::default);
        merge(resources.linux.get_or_insert_with(LinuxContainerResources::default), asked);
        *container.kept.borrow_mut() = Kept::new(&status);
        self.0.changes.mark();
        Ok(UpdateContainerResourcesResponse {})
    }

    /// An image that is not there is no error: the answer has none.
    pub(super) fn do_image_status(
        &self,
        request: &ImageStatusRequest,
    ) -> Result<ImageStatusResponse, Status> {
        let reference = request.image.as_ref().map_or("", |image| image.image.as_str());
        if reference.is_empty() {
            return Err(Status::unknown("no image specified"));
        }
        let Some(image) = self.0.images.resolve(reference) else {
            return Ok(ImageStatusResponse::default());
        };
        let info = if request.verbose {
            let config = image.config_json();
            let spec = Json::object().object_in("config", config);
            let info = Json::object().object_in("imageSpec", spec);
            BTreeMap::from([("info".to_owned(), info.text())])
        } else {
            BTreeMap::new()
        };
        Ok(ImageStatusResponse { image: Some(image.cri_image()), info })
    }

    /// An image that is not there is no error; one that a container uses is kept.
    pub(super) async fn do_remove_image(
        &self,
        ctx: &Ctx,
        reference: &str,
    ) -> Result<RemoveImageResponse, Status> {
        if reference.is_empty() {
            return Err(Status::unknown("no image specified"));
        }
        let Inner { images, containers, changes, .. } = &*self.0;
        if let Some(image) = images.resolve(reference)
            && let Some(user) = containers
                .candidates(&BTreeMap::new())
                .into_iter()
                .find(|container| container.image_id == image.id)
        {
            return Err(Status::unknown(format!("the image is in use by {}", user.id)));
        }
        let removed = self.delete_image(ctx, reference).await;
        if removed.map_err(|error| failed("delete image", error))? {
            changes.mark();
        }
        Ok(RemoveImageResponse {})
    }
}
