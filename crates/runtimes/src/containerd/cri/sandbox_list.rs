//! PodSandboxStatus.
//!
//! Models: containerd v2.3.4 `internal/cri/server/sandbox_status.go`.

use super::store::Sandbox;
use super::{CriPlugin, prefixed};
use crate::json::Json;
use cri::{PodSandboxStatusRequest, PodSandboxStatusResponse, Status};
use std::collections::BTreeMap;
use std::rc::Rc;

impl CriPlugin {
    pub(super) fn do_pod_sandbox_status(
        &self,
        request: &PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let sandbox = self.0.sandboxes.get(&request.pod_sandbox_id);
        let sandbox = sandbox
            .map_err(|error| prefixed("an error occurred when try to find sandbox", error))?;
        let info = if request.verbose { self.sandbox_info(&sandbox) } else { BTreeMap::new() };
        Ok(PodSandboxStatusResponse {
            status: Some(sandbox.cri_status()),
            info,
            ..Default::default()
        })
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
