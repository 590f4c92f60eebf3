//! The CRI plugin inside containerd: what answers the kubelet.
//!
//! One file for each group of operations; the names are those of upstream's files below
//! `internal/cri/server`.

mod container_create;
mod container_events;
mod container_exec;
mod container_list;
mod container_start;
mod container_stop;
mod image;
mod sandbox_list;
mod sandbox_run;
mod sandbox_stop;
mod status;
mod streaming;
mod validate;

use super::Flavor;
use super::core::Client;
use crate::cni::Cni;
use crate::oci::{TaskEvent, TaskEventKind};
use crate::server::events::Events;
use crate::server::store::{Container, Names, Sandbox, Store};
use crate::server::{failed, images, list, metrics, prefixed, status as status_of, store};
use async_trait::async_trait;
use cri::*;
use node::{Node, Programs};
use sim::{Changes, Ctx};
use std::cell::RefCell;
use std::rc::Rc;
use trace::Effect;

/// Where the plugin keeps what survives a reboot, and what does not.
const ROOT: &str = "/var/lib/containerd/io.containerd.grpc.v1.cri";
const STATE: &str = "/run/containerd/io.containerd.grpc.v1.cri";

/// The plugin. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct CriPlugin(Rc<Inner>);

struct Inner {
    client: Client,
    node: Node,
    cni: Cni,
    programs: Rc<Programs>,
    pause_image: Rc<str>,
    flavor: Flavor,
    changes: Changes,
    sandboxes: Store<Sandbox>,
    containers: Store<Container>,
    sandbox_names: Names,
    container_names: Names,
    events: Events,
    pod_cidr: RefCell<String>,
}

impl CriPlugin {
    pub(super) fn new(
        client: Client,
        cni: Cni,
        programs: Rc<Programs>,
        pause_image: Rc<str>,
        flavor: Flavor,
    ) -> Self {
        let plugin = Self(Rc::new(Inner {
            node: client.containerd().node().clone(),
            client: client.clone(),
            cni,
            programs,
            pause_image,
            flavor,
            changes: Changes::default(),
            sandboxes: Store::default(),
            containers: Store::default(),
            sandbox_names: Names::default(),
            container_names: Names::default(),
            events: Events::default(),
            pod_cidr: RefCell::default(),
        }));
        let weak = Rc::downgrade(&plugin.0);
        client.subscribe(move |ctx, event| {
            if let Some(inner) = weak.upgrade() {
                Self(inner).handle_event(ctx, event);
            }
        });
        plugin
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.0.changes
    }

    /// Models: `internal/cri/server/events.go` `criEventHandler.HandleEvent`.
    fn handle_event(&self, ctx: &Ctx, event: &TaskEvent) {
        let TaskEventKind::Exit { id, exit, at, .. } = &event.kind else { return };
        // Additional processes are waited for by whoever started them.
        if *id != event.container_id {
            return;
        }
        let (ctx, id) = (ctx.detached(), &event.container_id);
        if let Ok(container) = self.0.containers.get(id) {
            self.container_exited(&ctx, &container, *exit, *at);
        } else if let Ok(sandbox) = self.0.sandboxes.get(id) {
            self.sandbox_exited(&ctx, &sandbox);
        }
    }

    fn sandbox_changed(&self, ctx: &Ctx, sandbox: &Sandbox) {
        ctx.effect(Effect::Sandbox(sandbox.view()));
        self.0.changes.mark();
    }

    fn container_changed(&self, ctx: &Ctx, container: &Container) {
        ctx.effect(Effect::Container(container.view()));
        self.0.changes.mark();
    }

    /// A new id: 64 hexadecimal digits.
    fn generate_id(ctx: &Ctx) -> Rc<str> {
        ctx.sim().random_hex("containerd/ids", 64).into()
    }

    /// Does the work of a call in a task of its own, so that it comes to its end even if the
    /// client has gone away.
    fn to_the_end<'r, T: 'static, F>(
        &self,
        ctx: &Ctx,
        work: impl FnOnce(Self, Ctx) -> F,
    ) -> Reply<'r, T>
    where
        F: Future<Output = Result<T, Status>> + 'static,
    {
        Box::pin(ctx.spawn(work(self.clone(), ctx.clone())).join())
    }
}

#[async_trait(?Send)]
impl RuntimeService<Ctx> for CriPlugin {
    async fn version(&self, _: &Ctx, _: VersionRequest) -> Result<VersionResponse, Status> {
        Ok(VersionResponse {
            version: "0.1.0".to_owned(),
            runtime_name: match self.0.flavor {
                Flavor::Plugin => "containerd".to_owned(),
                Flavor::Daemon => "cri-containerd".to_owned(),
            },
            runtime_version: match self.0.flavor {
                Flavor::Plugin => super::VERSION.to_owned(),
                Flavor::Daemon => "v1.0.0-alpha.0".to_owned(),
            },
            runtime_api_version: "v1".to_owned(),
        })
    }

    fn run_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RunPodSandboxRequest,
    ) -> Reply<'r, RunPodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        let request = Box::new(request);
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_run_pod_sandbox(&ctx, &request).await
        })
    }

    fn stop_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StopPodSandboxRequest,
    ) -> Reply<'r, StopPodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_stop_pod_sandbox(&ctx, &request.pod_sandbox_id).await
        })
    }

    fn remove_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RemovePodSandboxRequest,
    ) -> Reply<'r, RemovePodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_remove_pod_sandbox(&ctx, &request.pod_sandbox_id).await
        })
    }

    async fn pod_sandbox_status(
        &self,
        _: &Ctx,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        self.do_pod_sandbox_status(&request)
    }

    async fn list_pod_sandbox(
        &self,
        _: &Ctx,
        request: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        Ok(ListPodSandboxResponse { items: list::sandboxes(&self.0.sandboxes, request.filter) })
    }

    fn create_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: CreateContainerRequest,
    ) -> Reply<'r, CreateContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        let request = Box::new(request);
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_create_container(&ctx, &request).await
        })
    }

    fn start_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StartContainerRequest,
    ) -> Reply<'r, StartContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_start_container(&ctx, &request.container_id).await
        })
    }

    fn stop_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StopContainerRequest,
    ) -> Reply<'r, StopContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(
            ctx,
            |plugin, ctx| async move { plugin.do_stop_container(&ctx, &request).await },
        )
    }

    fn remove_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RemoveContainerRequest,
    ) -> Reply<'r, RemoveContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |plugin, ctx| async move {
            plugin.do_remove_container(&ctx, &request.container_id).await
        })
    }

    async fn list_containers(
        &self,
        _: &Ctx,
        request: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let containers = list::containers(sandboxes, containers, request.filter);
        Ok(ListContainersResponse { containers })
    }

    async fn container_status(
        &self,
        _: &Ctx,
        request: ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        self.do_container_status(&request)
    }

    async fn update_container_resources(
        &self,
        ctx: &Ctx,
        request: UpdateContainerResourcesRequest,
    ) -> Result<UpdateContainerResourcesResponse, Status> {
        self.do_update_container_resources(ctx, request).await
    }

    async fn reopen_container_log(
        &self,
        ctx: &Ctx,
        request: ReopenContainerLogRequest,
    ) -> Result<ReopenContainerLogResponse, Status> {
        self.do_reopen_container_log(ctx, &request.container_id)
    }

    fn exec_sync<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: ExecSyncRequest,
    ) -> Reply<'r, ExecSyncResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |plugin, ctx| async move { plugin.do_exec_sync(&ctx, request).await })
    }

    async fn update_runtime_config(
        &self,
        _: &Ctx,
        request: UpdateRuntimeConfigRequest,
    ) -> Result<UpdateRuntimeConfigResponse, Status> {
        let network = request.runtime_config.and_then(|config| config.network_config);
        // Without a template for the CNI configuration, the plugin only takes note.
        *self.0.pod_cidr.borrow_mut() = network.unwrap_or_default().pod_cidr;
        Ok(UpdateRuntimeConfigResponse {})
    }

    async fn status(&self, _: &Ctx, request: StatusRequest) -> Result<StatusResponse, Status> {
        Ok(self.do_status(request.verbose))
    }

    async fn runtime_config(
        &self,
        _: &Ctx,
        _: RuntimeConfigRequest,
    ) -> Result<RuntimeConfigResponse, Status> {
        let linux = LinuxRuntimeConfiguration { cgroup_driver: CgroupDriver::Systemd.into() };
        Ok(RuntimeConfigResponse { linux: Some(linux) })
    }

    async fn container_stats(
        &self,
        ctx: &Ctx,
        request: ContainerStatsRequest,
    ) -> Result<ContainerStatsResponse, Status> {
        self.do_container_stats(ctx, &request.container_id)
    }

    async fn list_container_stats(
        &self,
        ctx: &Ctx,
        request: ListContainerStatsRequest,
    ) -> Result<ListContainerStatsResponse, Status> {
        Ok(self.do_list_container_stats(ctx, request.filter))
    }

    async fn exec(&self, ctx: &Ctx, request: ExecRequest) -> Result<ExecResponse, Status> {
        self.do_exec(ctx, request)
    }

    async fn attach(&self, ctx: &Ctx, request: AttachRequest) -> Result<AttachResponse, Status> {
        self.do_attach(ctx, request)
    }

    async fn port_forward(
        &self,
        ctx: &Ctx,
        request: PortForwardRequest,
    ) -> Result<PortForwardResponse, Status> {
        self.do_port_forward(ctx, &request)
    }

    async fn pod_sandbox_stats(
        &self,
        ctx: &Ctx,
        request: PodSandboxStatsRequest,
    ) -> Result<PodSandboxStatsResponse, Status> {
        self.do_pod_sandbox_stats(ctx, &request.pod_sandbox_id)
    }

    async fn list_pod_sandbox_stats(
        &self,
        ctx: &Ctx,
        request: ListPodSandboxStatsRequest,
    ) -> Result<ListPodSandboxStatsResponse, Status> {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let (now, root) = (ctx.now(), image::IMAGE_FS);
        let stats = list::all_sandbox_stats(sandboxes, containers, request.filter, now, root);
        Ok(ListPodSandboxStatsResponse { stats })
    }

    async fn list_metric_descriptors(
        &self,
        _: &Ctx,
        _: ListMetricDescriptorsRequest,
    ) -> Result<ListMetricDescriptorsResponse, Status> {
        Ok(ListMetricDescriptorsResponse { descriptors: metrics::descriptors() })
    }

    async fn list_pod_sandbox_metrics(
        &self,
        ctx: &Ctx,
        _: ListPodSandboxMetricsRequest,
    ) -> Result<ListPodSandboxMetricsResponse, Status> {
        Ok(self.do_list_pod_sandbox_metrics(ctx))
    }

    async fn get_container_events(
        &self,
        _: &Ctx,
        _: GetEventsRequest,
    ) -> Result<EventStream<ContainerEventResponse>, Status> {
        Ok(self.0.events.subscribe())
    }

    async fn update_pod_sandbox_resources(
        &self,
        ctx: &Ctx,
        request: UpdatePodSandboxResourcesRequest,
    ) -> Result<UpdatePodSandboxResourcesResponse, Status> {
        self.do_update_pod_sandbox_resources(ctx, &request).await
    }

    async fn checkpoint_container(
        &self,
        _: &Ctx,
        request: CheckpointContainerRequest,
    ) -> Result<CheckpointContainerResponse, Status> {
        Err(self.do_checkpoint_container(&request.container_id))
    }
}

#[async_trait(?Send)]
impl ImageService<Ctx> for CriPlugin {
    async fn list_images(
        &self,
        _: &Ctx,
        request: ListImagesRequest,
    ) -> Result<ListImagesResponse, Status> {
        Ok(images::list_images(self.0.client.images(), request.filter))
    }

    async fn image_status(
        &self,
        _: &Ctx,
        request: ImageStatusRequest,
    ) -> Result<ImageStatusResponse, Status> {
        Ok(self.do_image_status(&request))
    }

    async fn pull_image(
        &self,
        ctx: &Ctx,
        request: PullImageRequest,
    ) -> Result<PullImageResponse, Status> {
        self.do_pull_image(ctx, &request.image.unwrap_or_default().image).await
    }

    async fn remove_image(
        &self,
        ctx: &Ctx,
        request: RemoveImageRequest,
    ) -> Result<RemoveImageResponse, Status> {
        self.do_remove_image(ctx, &request.image.unwrap_or_default().image).await
    }

    async fn image_fs_info(
        &self,
        ctx: &Ctx,
        _: ImageFsInfoRequest,
    ) -> Result<ImageFsInfoResponse, Status> {
        Ok(images::image_fs_info(self.0.client.images(), ctx.now(), image::IMAGE_FS))
    }
}
