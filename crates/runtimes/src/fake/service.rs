//! The two services of the CRI.

use super::{Container, Inner, Sandbox, image_id, number};
use async_trait::async_trait;
use cri::{
    Code, ContainerEventResponse, ContainerState, ContainerStateValue, ContainerStatus,
    ContainerStatusRequest, ContainerStatusResponse, CreateContainerRequest,
    CreateContainerResponse, EventStream, ExecSyncRequest, ExecSyncResponse, FilesystemUsage,
    GetEventsRequest, Image, ImageFsInfoRequest, ImageFsInfoResponse, ImageService, ImageSpec,
    ImageStatusRequest, ImageStatusResponse, LinuxPodSandboxStatus, ListContainersRequest,
    ListContainersResponse, ListImagesRequest, ListImagesResponse, ListPodSandboxRequest,
    ListPodSandboxResponse, Namespace, NamespaceMode, PodSandbox, PodSandboxNetworkStatus,
    PodSandboxState, PodSandboxStateValue, PodSandboxStatus, PodSandboxStatusRequest,
    PodSandboxStatusResponse, PullImageRequest, PullImageResponse, RemoveContainerRequest,
    RemoveContainerResponse, RemoveImageRequest, RemoveImageResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, RuntimeCondition,
    RuntimeService, RuntimeStatus, StartContainerRequest, StartContainerResponse, Status,
    StatusRequest, StatusResponse, StopContainerRequest, StopContainerResponse,
    StopPodSandboxRequest, StopPodSandboxResponse, UInt64Value, UpdateContainerResourcesRequest,
    UpdateContainerResourcesResponse, VersionRequest, VersionResponse,
};
use sim::{Ctx, Signal};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::{Effect, Text, Time};

/// All images are of one size.
pub(super) const IMAGE_SIZE: u64 = 1_000_000;

const POD_UID: &str = "io.kubernetes.pod.uid";

type Labels = BTreeMap<String, String>;

fn sandbox_not_found(id: &str) -> Status {
    Status::not_found(format!("sandbox {id:?} not found"))
}

fn container_not_found(id: &str) -> Status {
    Status::not_found(format!("container {id:?} not found"))
}

fn selected(labels: &Labels, selector: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

impl Sandbox {
    const fn state(&self) -> i32 {
        if self.ready {
            PodSandboxState::SandboxReady as i32
        } else {
            PodSandboxState::SandboxNotready as i32
        }
    }

    fn host_network(config: &cri::PodSandboxConfig) -> bool {
        let linux = config.linux.as_ref();
        let context = linux.and_then(|linux| linux.security_context.as_ref());
        let options = context.and_then(|context| context.namespace_options.as_ref());
        options.is_some_and(|options| options.network() == NamespaceMode::Node)
    }

    fn item(&self) -> PodSandbox {
        PodSandbox {
            id: self.id.to_string(),
            metadata: self.config.metadata.clone(),
            state: self.state(),
            created_at: self.created_at.unix_nanos(),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            ..PodSandbox::default()
        }
    }

    pub(super) fn status(&self) -> PodSandboxStatus {
        let linux = self.config.linux.as_ref();
        let context = linux.and_then(|linux| linux.security_context.as_ref());
        let options = context.and_then(|context| context.namespace_options.clone());
        PodSandboxStatus {
            id: self.id.to_string(),
            metadata: self.config.metadata.clone(),
            state: self.state(),
            created_at: self.created_at.unix_nanos(),
            network: Some(PodSandboxNetworkStatus {
                ip: if self.ready { self.ip.to_string() } else { String::new() },
                ..PodSandboxNetworkStatus::default()
            }),
            linux: Some(LinuxPodSandboxStatus { namespaces: Some(Namespace { options }) }),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            ..PodSandboxStatus::default()
        }
    }
}

impl Container {
    fn item(&self) -> cri::Container {
        cri::Container {
            id: self.id.to_string(),
            pod_sandbox_id: self.sandbox_id.to_string(),
            metadata: self.config.metadata.clone(),
            image: self.config.image.clone(),
            image_ref: self.image_id.to_string(),
            state: self.state as i32,
            created_at: self.created_at.unix_nanos(),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            image_id: self.image_id.to_string(),
        }
    }

    pub(super) fn status(&self) -> ContainerStatus {
        let nanos = |at: Time| if at == Time::ZERO { 0 } else { at.unix_nanos() };
        ContainerStatus {
            id: self.id.to_string(),
            metadata: self.config.metadata.clone(),
            state: self.state as i32,
            created_at: self.created_at.unix_nanos(),
            started_at: nanos(self.started_at),
            finished_at: nanos(self.finished_at),
            exit_code: self.exit_code,
            image: self.config.image.clone(),
            image_ref: self.image_id.to_string(),
            image_id: self.image_id.to_string(),
            reason: self.reason.to_string(),
            labels: self.config.labels.clone(),
            annotations: self.config.annotations.clone(),
            mounts: self.config.mounts.clone(),
            log_path: self.log_path.clone(),
            ..ContainerStatus::default()
        }
    }
}

impl Inner {
    /// The name of a container, for faults.
    fn name_of(&self, id: &str) -> Rc<str> {
        let state = self.state.borrow();
        let container = number(id, "ctr-").and_then(|number| state.containers.get(&number));
        container.map_or_else(|| id.into(), |container| container.name.clone())
    }

    fn sandbox_numbers(&self, selector: Option<&Labels>) -> Vec<u32> {
        let state = self.state.borrow();
        match selector.and_then(|selector| selector.get(POD_UID)) {
            Some(uid) => state.of_pod.get(uid.as_str()).map(|it| it.0.clone()).unwrap_or_default(),
            None => state.sandboxes.keys().copied().collect(),
        }
    }

    fn container_numbers(&self, selector: Option<&Labels>) -> Vec<u32> {
        let state = self.state.borrow();
        match selector.and_then(|selector| selector.get(POD_UID)) {
            Some(uid) => state.of_pod.get(uid.as_str()).map(|it| it.1.clone()).unwrap_or_default(),
            None => state.containers.keys().copied().collect(),
        }
    }

    fn find_image(&self, name: &str) -> Option<Image> {
        let state = self.state.borrow();
        let (name, id) = state
            .images
            .get_key_value(name)
            .or_else(|| state.images.iter().find(|(_, id)| ***id == *name))?;
        Some(image_of(name, id))
    }
}

fn image_of(name: &str, id: &str) -> Image {
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    Image {
        id: id.to_owned(),
        repo_tags: vec![name.to_owned()],
        repo_digests: vec![format!("{repository}@{id}")],
        size: IMAGE_SIZE,
        spec: Some(ImageSpec { image: id.to_owned(), ..ImageSpec::default() }),
        ..Image::default()
    }
}

/// The runtime, with a handle that tasks can keep.
pub(super) struct Service(pub(super) Rc<Inner>);

impl std::ops::Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

#[async_trait(?Send)]
impl RuntimeService<Ctx> for Service {
    async fn version(&self, ctx: &Ctx, _: VersionRequest) -> Result<VersionResponse, Status> {
        self.enter(ctx, "Version", "").await?;
        Ok(VersionResponse {
            version: "0.1.0".into(),
            runtime_name: "fake".into(),
            runtime_version: "1.0.0".into(),
            runtime_api_version: "v1".into(),
        })
    }

    async fn status(&self, ctx: &Ctx, _: StatusRequest) -> Result<StatusResponse, Status> {
        self.enter(ctx, "Status", "").await?;
        let condition = |name: &str| RuntimeCondition {
            r#type: name.into(),
            status: true,
            ..RuntimeCondition::default()
        };
        let conditions = vec![condition("RuntimeReady"), condition("NetworkReady")];
        let status = Some(RuntimeStatus { conditions });
        Ok(StatusResponse { status, ..StatusResponse::default() })
    }

    async fn run_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        let config = request.config.unwrap_or_default();
        let metadata = config.metadata.clone().unwrap_or_default();
        self.enter(ctx, "RunPodSandbox", &metadata.name).await?;
        let number = {
            let mut state = self.state.borrow_mut();
            state.sandbox_count += 1;
            let number = state.sandbox_count;
            let uid: Rc<str> = metadata.uid.as_str().into();
            let host = Sandbox::host_network(&config);
            let address = number + 1;
            let ip = if host {
                String::new()
            } else {
                format!("10.{}.{}.{}", 88 + (address >> 16), (address >> 8) & 255, address & 255)
            };
            let sandbox = Sandbox {
                id: format!("sb-{number}").into(),
                uid: uid.clone(),
                config,
                ready: true,
                created_at: self.sim.now(),
                ip: ip.into(),
            };
            state.sandboxes.insert(number, sandbox);
            state.of_pod.entry(uid).or_default().0.push(number);
            number
        };
        self.show_sandbox(ctx, number);
        Ok(RunPodSandboxResponse { pod_sandbox_id: format!("sb-{number}") })
    }

    async fn stop_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: StopPodSandboxRequest,
    ) -> Result<StopPodSandboxResponse, Status> {
        self.enter(ctx, "StopPodSandbox", &request.pod_sandbox_id).await?;
        if let Some(number) = number(&request.pod_sandbox_id, "sb-") {
            self.stop_sandbox_now(ctx, number);
        }
        Ok(StopPodSandboxResponse {})
    }

    async fn remove_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: RemovePodSandboxRequest,
    ) -> Result<RemovePodSandboxResponse, Status> {
        self.enter(ctx, "RemovePodSandbox", &request.pod_sandbox_id).await?;
        if let Some(number) = number(&request.pod_sandbox_id, "sb-") {
            for container in self.containers_of(number) {
                self.remove_log_of(container);
            }
            self.remove_sandbox_now(ctx, number);
        }
        Ok(RemovePodSandboxResponse {})
    }

    async fn pod_sandbox_status(
        &self,
        ctx: &Ctx,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let id = &request.pod_sandbox_id;
        self.enter(ctx, "PodSandboxStatus", id).await?;
        let state = self.state.borrow();
        let sandbox = number(id, "sb-").and_then(|number| state.sandboxes.get(&number));
        let status = sandbox.ok_or_else(|| sandbox_not_found(id))?.status();
        Ok(PodSandboxStatusResponse { status: Some(status), ..PodSandboxStatusResponse::default() })
    }

    async fn list_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        self.enter(ctx, "ListPodSandbox", "").await?;
        let filter = request.filter.unwrap_or_default();
        let wanted = filter.state.as_ref().map(PodSandboxStateValue::state);
        let numbers = self.sandbox_numbers(Some(&filter.label_selector));
        let state = self.state.borrow();
        let items = numbers
            .iter()
            .filter_map(|number| state.sandboxes.get(number))
            .filter(|it| filter.id.is_empty() || *it.id == *filter.id)
            .filter(|it| wanted.is_none_or(|wanted| wanted as i32 == it.state()))
            .filter(|it| selected(&it.config.labels, &filter.label_selector))
            .map(Sandbox::item);
        Ok(ListPodSandboxResponse { items: items.collect() })
    }

    async fn create_container(
        &self,
        ctx: &Ctx,
        request: CreateContainerRequest,
    ) -> Result<CreateContainerResponse, Status> {
        let config = request.config.unwrap_or_default();
        let metadata = config.metadata.clone().unwrap_or_default();
        self.enter(ctx, "CreateContainer", &metadata.name).await?;
        let image = config.image.clone().unwrap_or_default();
        let image_ref = match self.find_image(&image.image) {
            Some(image) => image.id,
            None => {
                let text = format!("image {:?} not found", image.image);
                return Err(Status::not_found(text));
            }
        };
        let sandbox = number(&request.pod_sandbox_id, "sb-")
            .ok_or_else(|| sandbox_not_found(&request.pod_sandbox_id))?;
        let created = {
            let mut state = self.state.borrow_mut();
            let Some(inside) = state.sandboxes.get(&sandbox) else {
                return Err(sandbox_not_found(&request.pod_sandbox_id));
            };
            let (uid, sandbox_id) = (inside.uid.clone(), inside.id.clone());
            let log_path = format!("{}/{}", inside.config.log_directory, config.log_path);
            state.container_count += 1;
            let created = state.container_count;
            let container = Container {
                id: format!("ctr-{created}").into(),
                uid: uid.clone(),
                name: metadata.name.as_str().into(),
                sandbox,
                sandbox_id,
                config,
                image_id: image_ref.into(),
                log_path,
                state: ContainerState::ContainerCreated,
                created_at: self.sim.now(),
                started_at: Time::ZERO,
                finished_at: Time::ZERO,
                exit_code: 0,
                reason: Text::Borrowed(""),
                ended: Signal::default(),
                timer: None,
            };
            state.containers.insert(created, container);
            state.of_pod.entry(uid).or_default().1.push(created);
            created
        };
        self.show_container(ctx, created);
        Ok(CreateContainerResponse { container_id: format!("ctr-{created}") })
    }

    async fn start_container(
        &self,
        ctx: &Ctx,
        request: StartContainerRequest,
    ) -> Result<StartContainerResponse, Status> {
        let id = &request.container_id;
        self.enter(ctx, "StartContainer", &self.name_of(id)).await?;
        let number = number(id, "ctr-").ok_or_else(|| container_not_found(id))?;
        let run = {
            let mut state = self.state.borrow_mut();
            let Some(container) = state.containers.get_mut(&number) else {
                return Err(container_not_found(id));
            };
            if container.state != ContainerState::ContainerCreated {
                let text = format!("container {id:?} is not in the state created");
                return Err(Status::failed_precondition(text));
            }
            container.state = ContainerState::ContainerRunning;
            container.started_at = self.sim.now();
            let name = container.name.clone();
            let log = container.log_path.clone();
            let line = format!("{} stdout F hello from {name}\n", self.sim.now().rfc3339_nanos());
            state.logs.insert(log, line.into());
            let starts = state.starts.entry(name.clone()).or_default();
            let index = *starts;
            *starts += 1;
            let script = self.script.container(&name);
            let mut execs = self.execs.borrow_mut();
            for (index, _) in script.exec.iter().enumerate().filter(|(_, exec)| exec.per_run) {
                execs.remove(&(name.to_string(), index));
            }
            script.run(index)
        };
        self.show_container(ctx, number);
        if run.exit_after_ms > 0 {
            let this = self.0.clone();
            let ctx = ctx.detached();
            let timer = self.sim.spawn(async move {
                this.sim.sleep(Duration::from_millis(run.exit_after_ms)).await;
                this.end(&ctx, number, run.exit_code, run.reason.as_deref());
            });
            if let Some(container) = self.state.borrow_mut().containers.get_mut(&number) {
                container.timer = Some(timer);
            }
        }
        self.0.set_events_off();
        Ok(StartContainerResponse {})
    }

    async fn stop_container(
        &self,
        ctx: &Ctx,
        request: StopContainerRequest,
    ) -> Result<StopContainerResponse, Status> {
        let id = &request.container_id;
        self.enter(ctx, "StopContainer", &self.name_of(id)).await?;
        let number = number(id, "ctr-").ok_or_else(|| container_not_found(id))?;
        let (name, running, ended) = {
            let state = self.state.borrow();
            let Some(container) = state.containers.get(&number) else {
                return Err(container_not_found(id));
            };
            let running = container.state == ContainerState::ContainerRunning;
            (container.name.clone(), running, container.ended.clone())
        };
        if !running {
            return Ok(StopContainerResponse {});
        }
        let script = self.script.container(&name);
        let grace = request.timeout.max(0).unsigned_abs().saturating_mul(1000);
        let obeys = script.term_delay_ms <= grace;
        let wait = Duration::from_millis(script.term_delay_ms.min(grace));
        let sleep = std::pin::pin!(self.sim.sleep(wait));
        let by_itself = std::pin::pin!(ended.wait());
        if let futures_util::future::Either::Left(_) =
            futures_util::future::select(sleep, by_itself).await
        {
            let code = if obeys { script.term_exit_code } else { 137 };
            self.end(ctx, number, code, None);
        }
        Ok(StopContainerResponse {})
    }

    async fn remove_container(
        &self,
        ctx: &Ctx,
        request: RemoveContainerRequest,
    ) -> Result<RemoveContainerResponse, Status> {
        let id = &request.container_id;
        self.enter(ctx, "RemoveContainer", &self.name_of(id)).await?;
        if let Some(number) = number(id, "ctr-") {
            // A container that is removed takes its log with it; one that vanishes does not.
            self.remove_log_of(number);
            self.remove_container_now(ctx, number);
        }
        Ok(RemoveContainerResponse {})
    }

    async fn list_containers(
        &self,
        ctx: &Ctx,
        request: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        self.enter(ctx, "ListContainers", "").await?;
        let filter = request.filter.unwrap_or_default();
        let wanted = filter.state.as_ref().map(ContainerStateValue::state);
        let numbers = self.container_numbers(Some(&filter.label_selector));
        let state = self.state.borrow();
        let containers = numbers
            .iter()
            .filter_map(|number| state.containers.get(number))
            .filter(|it| filter.id.is_empty() || *it.id == *filter.id)
            .filter(|it| wanted.is_none_or(|wanted| wanted == it.state))
            .filter(|it| {
                filter.pod_sandbox_id.is_empty() || *it.sandbox_id == *filter.pod_sandbox_id
            })
            .filter(|it| selected(&it.config.labels, &filter.label_selector))
            .map(Container::item);
        Ok(ListContainersResponse { containers: containers.collect() })
    }

    async fn container_status(
        &self,
        ctx: &Ctx,
        request: ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        let id = &request.container_id;
        self.enter(ctx, "ContainerStatus", "").await?;
        let state = self.state.borrow();
        let container = number(id, "ctr-").and_then(|number| state.containers.get(&number));
        let status = container.ok_or_else(|| container_not_found(id))?.status();
        Ok(ContainerStatusResponse { status: Some(status), ..ContainerStatusResponse::default() })
    }

    async fn update_container_resources(
        &self,
        ctx: &Ctx,
        request: UpdateContainerResourcesRequest,
    ) -> Result<UpdateContainerResourcesResponse, Status> {
        let id = &request.container_id;
        self.enter(ctx, "UpdateContainerResources", &self.name_of(id)).await?;
        Ok(UpdateContainerResourcesResponse {})
    }

    async fn get_container_events(
        &self,
        ctx: &Ctx,
        _: GetEventsRequest,
    ) -> Result<EventStream<ContainerEventResponse>, Status> {
        self.enter(ctx, "GetContainerEvents", "").await?;
        let (sender, stream) = futures_channel::mpsc::unbounded();
        self.followers.borrow_mut().push(sender);
        Ok(stream)
    }

    async fn exec_sync(
        &self,
        ctx: &Ctx,
        request: ExecSyncRequest,
    ) -> Result<ExecSyncResponse, Status> {
        let id = &request.container_id;
        let name = self.name_of(id);
        self.enter(ctx, "ExecSync", &name).await?;
        let command = request.cmd.join(" ");
        let script = self.script.container(&name);
        let found = script.exec.iter().enumerate().find(|(_, exec)| command.contains(&exec.cmd));
        let result = match found {
            Some((index, exec)) => {
                let mut execs = self.execs.borrow_mut();
                let count = execs.entry((name.to_string(), index)).or_default();
                let result = exec.result(*count);
                *count += 1;
                result
            }
            None => super::ExecResult::default(),
        };
        let takes = Duration::from_millis(result.delay_ms);
        let limit = Duration::from_secs(request.timeout.max(0).unsigned_abs());
        if request.timeout > 0 && takes > limit {
            ctx.sleep(limit).await;
            let text = format!("command {command:?} timed out after {}s", request.timeout);
            return Err(Status::deadline_exceeded(text));
        }
        ctx.sleep(takes).await;
        if let Some(error) = result.error {
            let code = Code::from_name(&error).unwrap_or(Code::Unknown);
            return Err(Status::new(code, error));
        }
        Ok(ExecSyncResponse {
            stdout: result.stdout.into_bytes(),
            stderr: result.stderr.into_bytes(),
            exit_code: result.exit_code,
        })
    }
}

#[async_trait(?Send)]
impl ImageService<Ctx> for Service {
    async fn list_images(
        &self,
        ctx: &Ctx,
        _: ListImagesRequest,
    ) -> Result<ListImagesResponse, Status> {
        self.enter(ctx, "ListImages", "").await?;
        let state = self.state.borrow();
        let images = state.images.iter().map(|(name, id)| image_of(name, id)).collect();
        Ok(ListImagesResponse { images })
    }

    async fn image_status(
        &self,
        ctx: &Ctx,
        request: ImageStatusRequest,
    ) -> Result<ImageStatusResponse, Status> {
        let image = request.image.unwrap_or_default().image;
        self.enter(ctx, "ImageStatus", &image).await?;
        let image = self.find_image(&image);
        Ok(ImageStatusResponse { image, ..ImageStatusResponse::default() })
    }

    async fn pull_image(
        &self,
        ctx: &Ctx,
        request: PullImageRequest,
    ) -> Result<PullImageResponse, Status> {
        let image = request.image.unwrap_or_default().image;
        self.enter(ctx, "PullImage", &image).await?;
        self.add_image(ctx, &image);
        Ok(PullImageResponse { image_ref: image_id(&image).to_string() })
    }

    async fn remove_image(
        &self,
        ctx: &Ctx,
        request: RemoveImageRequest,
    ) -> Result<RemoveImageResponse, Status> {
        let image = request.image.unwrap_or_default().image;
        self.enter(ctx, "RemoveImage", &image).await?;
        let mut removed = Vec::new();
        self.state.borrow_mut().images.retain(|name, id| {
            let stays = **name != *image && **id != *image;
            if !stays {
                removed.push(id.clone());
            }
            stays
        });
        for id in removed {
            self.changes.mark();
            ctx.effect(Effect::ImageRemoved { id });
        }
        Ok(RemoveImageResponse {})
    }

    async fn image_fs_info(
        &self,
        ctx: &Ctx,
        _: ImageFsInfoRequest,
    ) -> Result<ImageFsInfoResponse, Status> {
        self.enter(ctx, "ImageFsInfo", "").await?;
        let used = self.state.borrow().images.len() as u64 * IMAGE_SIZE;
        let usage = FilesystemUsage {
            timestamp: self.sim.now().unix_nanos(),
            used_bytes: Some(UInt64Value { value: used }),
            ..FilesystemUsage::default()
        };
        Ok(ImageFsInfoResponse { image_filesystems: vec![usage], ..ImageFsInfoResponse::default() })
    }
}
