//! Status.
//!
//! Models: containerd v2.3.4 `internal/cri/server/status.go`.

use super::CriPlugin;
use cri::{
    RuntimeCondition, RuntimeFeatures, RuntimeHandler, RuntimeHandlerFeatures, RuntimeStatus,
    StatusResponse,
};
use std::collections::BTreeMap;

impl CriPlugin {
    pub(super) fn do_status(&self, verbose: bool) -> StatusResponse {
        let condition = |kind: &str| RuntimeCondition {
            r#type: kind.to_owned(),
            status: true,
            ..RuntimeCondition::default()
        };
        let mut network = condition("NetworkReady");
        if let Err(error) = self.0.cni.ready() {
            network.status = false;
            network.reason = "NetworkPluginNotReady".to_owned();
            network.message = format!("Network plugin returns error: {}", error.message);
        }
        let features =
            RuntimeHandlerFeatures { recursive_read_only_mounts: true, user_namespaces: true };
        let handler =
            |name: &str| RuntimeHandler { name: name.to_owned(), features: Some(features) };
        let info = if verbose {
            let pod_cidr = self.0.pod_cidr.borrow();
            BTreeMap::from([("podCIDR".to_owned(), format!("{pod_cidr:?}"))])
        } else {
            BTreeMap::new()
        };
        StatusResponse {
            status: Some(RuntimeStatus {
                conditions: vec![
                    condition("RuntimeReady"),
                    network,
                    condition("ContainerdHasNoDeprecationWarnings"),
                ],
            }),
            info,
            runtime_handlers: vec![handler(""), handler("runc")],
            features: Some(RuntimeFeatures {
                supplemental_groups_policy: true,
                ..RuntimeFeatures::default()
            }),
        }
    }
}
