//! ListPodSandbox and PodSandboxStatus.
//!
//! Models: containerd v2.3.4 `internal/cri/server/sandbox_list.go`, `sandbox_status.go`.

use super::store::Sandbox;
use super::{CriPlugin, prefixed};
use crate::json::Json;
use cri::{
    PodSandbox, PodSandboxFilter, PodSandboxNetworkStatus, PodSandboxState,
    PodSandboxStatusRequest, PodSandboxStatusResponse, Status,
};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Sandbox {
    fn cri_state(&self) -> PodSandboxState {
        if self.is_ready() {
            PodSandboxState::SandboxReady
        } else {
            PodSandboxState::SandboxNotready
        }
    }
}

impl CriPlugin {
    pub(super) fn list_sandboxes(&self, filter: Option<PodSandboxFilter>) -> Vec<PodSandbox> {
        let filter = filter.unwrap_or_default();
        // One id needs no list.
        let sandboxes = match filter.id.as_str() {
            "" => self.0.sandboxes.candidates(&filter.label_selector),
            id => self.0.sandboxes.get(id).into_iter().collect(),
        };
        sandboxes
            .iter()
            .filter(|sandbox| {
                filter.state.is_none_or(|wanted| wanted.state() == sandbox.cri_state())
            })
            .map(|sandbox| item(sandbox))
            .filter(|item| has_labels(&item.labels, &filter.label_selector))
            .collect()
    }

    pub(super) fn do_pod_sandbox_status(
        &self,
        request: &PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let sandbox = self.0.sandboxes.get(&request.pod_sandbox_id);
        let sandbox = sandbox
            .map_err(|error| prefixed("an error occurred when try to find sandbox", error))?;
        let mut status = sandbox.kept.get();
        status.id = sandbox.id.to_string();
        status.set_state(sandbox.cri_state());
        status.network = Some(PodSandboxNetworkStatus {
            ip: sandbox.ip().to_string(),
            additional_ips: Vec::new(),
        });
        let info = if request.verbose { self.sandbox_info(&sandbox) } else { BTreeMap::new() };
        Ok(PodSandboxStatusResponse { status: Some(status), info, ..Default::default() })
    }

    fn sandbox_info(&self, sandbox: &Rc<Sandbox>) -> BTreeMap<String, String> {
        let network = sandbox.network.as_ref();
        let closed = network.is_some_and(|network| network.namespace.get().is_none());
        let info = Json::object()
            .num("pid", sandbox.pid.get())
            .str("processStatus", if sandbox.is_ready() { "running" } else { "deleted" })
            .bool("netNamespaceClosed", closed)
            .str("image", &self.0.pause_image)
            .str("snapshotKey", &sandbox.id)
            .str("snapshotter", "overlayfs")
            .str("runtimeHandler", "")
            .str("runtimeType", "io.containerd.runc.v2");
        let info = match self.0.client.spec(&sandbox.id) {
            Some(spec) => info.raw("runtimeSpec", &spec.json()),
            None => info,
        };
        BTreeMap::from([("info".to_owned(), info.text())])
    }
}

fn item(sandbox: &Sandbox) -> PodSandbox {
    let kept = sandbox.kept.get();
    PodSandbox {
        id: sandbox.id.to_string(),
        metadata: kept.metadata,
        state: sandbox.cri_state().into(),
        created_at: sandbox.created_at,
        labels: kept.labels,
        annotations: kept.annotations,
        runtime_handler: kept.runtime_handler,
    }
}

/// Whether all of the selector's labels are there, with its values.
pub(super) fn has_labels(
    labels: &BTreeMap<String, String>,
    selector: &BTreeMap<String, String>,
) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}
