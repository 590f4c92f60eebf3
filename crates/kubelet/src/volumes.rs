//! Volumes: what must be there before a pod's sandbox is made.
//!
//! Upstream: `pkg/kubelet/volumemanager/volume_manager.go`, `pkg/volume`.

use crate::KubeletConfig;
use crate::events::Warning;
use crate::kubelet::{Inner, Work};
use crate::sync_pod::SyncError;
use api::{Pod, Volume};
use sim::Ctx;
use std::time::Duration;

/// How long a sync waits for its volumes.
const MOUNT_TIMEOUT: Duration = Duration::from_secs(2 * 60 + 3);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(2 * 60 + 2);

/// Where a volume is on the node.
pub(crate) fn volume_path(config: &KubeletConfig, pod: &Pod, volume: &Volume) -> String {
    if let Some(host_path) = &volume.host_path {
        return host_path.path.clone();
    }
    let root = &config.root_directory;
    let uid = &pod.metadata.uid;
    let name = &volume.name;
    let (plugin, suffix) = if volume.config_map.is_some() {
        ("configmap", "")
    } else if volume.secret.is_some() {
        ("secret", "")
    } else if volume.projected.is_some() {
        ("projected", "")
    } else if volume.downward_api.is_some() {
        ("downward-api", "")
    } else if volume.nfs.json().is_some() {
        ("nfs", "")
    } else if volume.persistent_volume_claim.is_some()
        || volume.csi.json().is_some()
        || volume.ephemeral.json().is_some()
    {
        ("csi", "/mount")
    } else {
        ("empty-dir", "")
    };
    format!("{root}/pods/{uid}/volumes/kubernetes.io~{plugin}/{name}{suffix}")
}

impl Inner {
    /// Waits until all volumes of a pod can be mounted, and mounts them.
    pub(crate) async fn wait_for_attach_and_mount(
        &self,
        ctx: &Ctx,
        work: &Work,
    ) -> Result<(), SyncError> {
        let pod = &work.pod;
        if pod.spec.volumes.is_empty() {
            return Ok(());
        }
        let deadline = self.sim.now() + MOUNT_TIMEOUT;
        let mut retry = FIRST_RETRY;
        loop {
            let missing: Vec<(&str, String)> = pod
                .spec
                .volumes
                .iter()
                .filter_map(|volume| Some((volume.name.as_str(), self.set_up(pod, volume).err()?)))
                .collect();
            if missing.is_empty() || self.is_termination_requested(&work.uid) {
                return Ok(());
            }
            for (name, error) in &missing {
                let text = format!("MountVolume.SetUp failed for volume {name:?} : {error}");
                self.pod_event(ctx, work, Warning, "FailedMount", &text);
            }
            let now = self.sim.now();
            if now + retry > deadline {
                self.sim.sleep_until(deadline).await;
                let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
                let text = format!(
                    "unmounted volumes=[{}], unattached volumes=[], failed to process volumes=[]: \
                     timed out waiting for the condition",
                    names.join(" ")
                );
                let event = format!("Unable to attach or mount volumes: {text}");
                self.pod_event(ctx, work, Warning, "FailedMount", &event);
                return Err(SyncError::text(text));
            }
            self.sim.sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    /// Makes one volume, or says what it lacks.
    fn set_up(&self, pod: &Pod, volume: &Volume) -> Result<(), String> {
        let namespace = &pod.metadata.namespace;
        let path = volume_path(&self.config, pod, volume);
        let keyed = |data: Option<crate::Data>,
                     kind: &str,
                     name: &str,
                     items: &[api::KeyToPath],
                     optional: Option<bool>| {
            let optional = optional == Some(true);
            let Some(data) = data else {
                return if optional { Ok(()) } else { Err(format!("{kind} {name:?} not found")) };
            };
            for item in items {
                if !data.contains_key(&item.key) && !optional {
                    return Err(format!("{kind} references non-existent {kind} key: {}", item.key));
                }
            }
            self.host.create_directory(&path);
            for (key, text) in &data {
                let item = items.iter().find(|item| item.key == *key);
                match item {
                    Some(item) => self.host.write(&format!("{path}/{}", item.path), text),
                    None if items.is_empty() => self.host.write(&format!("{path}/{key}"), text),
                    None => {}
                }
            }
            Ok(())
        };
        if let Some(map) = &volume.config_map {
            let data = self.host.config_map(namespace, &map.name);
            return keyed(data, "configmap", &map.name, &map.items, map.optional);
        }
        if let Some(secret) = &volume.secret {
            let name = &secret.secret_name;
            let data = self.host.secret(namespace, name);
            return keyed(data, "secret", name, &secret.items, secret.optional);
        }
        if let Some(projected) = &volume.projected {
            for source in &projected.sources {
                if let Some(map) = &source.config_map {
                    let data = self.host.config_map(namespace, &map.name);
                    keyed(data, "configmap", &map.name, &map.items, map.optional)?;
                }
                if let Some(secret) = &source.secret {
                    let data = self.host.secret(namespace, &secret.name);
                    keyed(data, "secret", &secret.name, &secret.items, secret.optional)?;
                }
            }
        }
        if volume.host_path.is_none() {
            self.host.create_directory(&path);
        }
        Ok(())
    }
}
