//! Which fields of a Pod the simulator does not model. Whoever teaches it one more takes a line out here.
//!
//! Every field of the API is known (the structs of this crate and `schema.rs` list them); all that are not named
//! here are simulated. A manifest's use of an unsimulated field is reported, never silently dropped.

use std::fmt;

/// Why a field has no effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsimulated {
    /// There is one node, and the Pod is on it.
    Scheduling,
    /// No storage driver, claim or device plug-in is modelled.
    Storage,
    /// The node runs Linux.
    Windows,
    /// The API server sets it, or takes no value for it when an object is created.
    ServerSide,
    /// The field is younger than Kubernetes 1.36.
    Newer,
}

impl Unsimulated {
    /// A word for it, for catalogues of messages: `scheduling`.
    pub fn as_str(self) -> &'static str {
        match self {
            Unsimulated::Scheduling => "scheduling",
            Unsimulated::Storage => "storage",
            Unsimulated::Windows => "windows",
            Unsimulated::ServerSide => "server-side",
            Unsimulated::Newer => "newer",
        }
    }
}

/// In a sentence, in English.
impl fmt::Display for Unsimulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsimulated::Scheduling => {
                "scheduling is not simulated: there is one node, and the Pod is on it"
            }
            Unsimulated::Storage => "this kind of storage is not simulated",
            Unsimulated::Windows => "the simulated node runs Linux",
            Unsimulated::ServerSide => "the API server decides this itself",
            Unsimulated::Newer => {
                "this field is younger than the Kubernetes versions that are simulated"
            }
        })
    }
}

/// The table: for each reason the fields, as `Struct.field`.
const UNSIMULATED: &[(Unsimulated, &str)] = &[
    (
        Unsimulated::Scheduling,
        "PodSpec.nodeSelector PodSpec.affinity PodSpec.schedulerName PodSpec.tolerations \
         PodSpec.priorityClassName PodSpec.priority PodSpec.preemptionPolicy \
         PodSpec.topologySpreadConstraints PodSpec.schedulingGates PodSpec.resourceClaims \
         PodSpec.schedulingGroup ResourceRequirements.claims",
    ),
    (
        Unsimulated::Storage,
        "Volume.gcePersistentDisk Volume.awsElasticBlockStore Volume.gitRepo Volume.nfs Volume.iscsi \
         Volume.glusterfs Volume.persistentVolumeClaim Volume.rbd Volume.flexVolume Volume.cinder \
         Volume.cephfs Volume.flocker Volume.fc Volume.azureFile Volume.vsphereVolume Volume.quobyte \
         Volume.azureDisk Volume.photonPersistentDisk Volume.portworxVolume Volume.scaleIO Volume.storageos \
         Volume.csi Volume.ephemeral VolumeProjection.clusterTrustBundle VolumeProjection.podCertificate \
         Container.volumeDevices EphemeralContainer.volumeDevices \
         StatefulSetSpec.volumeClaimTemplates",
    ),
    (Unsimulated::Windows, "PodSecurityContext.windowsOptions SecurityContext.windowsOptions"),
    (
        Unsimulated::ServerSide,
        "ObjectMeta.selfLink ObjectMeta.resourceVersion ObjectMeta.generation ObjectMeta.uid \
         ObjectMeta.creationTimestamp ObjectMeta.deletionTimestamp ObjectMeta.deletionGracePeriodSeconds \
         ObjectMeta.managedFields Pod.status",
    ),
    // These are not fields of our structs: what is given for them is dropped after the report.
    (
        Unsimulated::Newer,
        "PodSpec.evictionResponders EmptyDirVolumeSource.mode SecretVolumeSource.defaultUser \
         ConfigMapVolumeSource.defaultUser DownwardAPIVolumeSource.defaultUser \
         ProjectedVolumeSource.defaultUser KeyToPath.user DownwardAPIVolumeFile.user \
         ServiceAccountTokenProjection.user VolumeMount.bindMountOptions HTTPGetAction.protocol \
         GRPCAction.mode",
    ),
];

/// Why the simulator ignores a field of a Go struct, if it does.
pub(crate) fn unsimulated(owner: &str, field: &str) -> Option<Unsimulated> {
    UNSIMULATED.iter().find_map(|(reason, fields)| {
        fields
            .split(' ')
            .any(|entry| {
                entry.strip_prefix(owner).and_then(|rest| rest.strip_prefix('.')) == Some(field)
            })
            .then_some(*reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Info;
    use crate::*;

    /// A misspelt line would never match: each names a field, or, for the newest, a struct.
    #[test]
    fn the_table_names_real_fields() {
        let structs: &[&Info] = &[
            Pod::INFO,
            PodSpec::INFO,
            ObjectMeta::INFO,
            Container::INFO,
            Volume::INFO,
            VolumeProjection::INFO,
            PodSecurityContext::INFO,
            SecurityContext::INFO,
            ResourceRequirements::INFO,
            EmptyDirVolumeSource::INFO,
            SecretVolumeSource::INFO,
            ConfigMapVolumeSource::INFO,
            DownwardApiVolumeSource::INFO,
            ProjectedVolumeSource::INFO,
            KeyToPath::INFO,
            DownwardApiVolumeFile::INFO,
            ServiceAccountTokenProjection::INFO,
            VolumeMount::INFO,
            HttpGetAction::INFO,
            GrpcAction::INFO,
        ];
        for (reason, fields) in UNSIMULATED {
            for entry in fields.split(' ') {
                let (owner, field) = entry.split_once('.').expect("Struct.field");
                let owner = if owner == "EphemeralContainer" { "Container" } else { owner };
                if let Some(mut known) = crate::schema::fields(owner) {
                    assert!(known.any(|(name, _)| name == field), "{entry}");
                    continue;
                }
                let info = structs.iter().find(|info| info.name == owner);
                let info = info.unwrap_or_else(|| panic!("{entry}: no such struct in this test"));
                let exists = info.fields.iter().any(|known| known.name == field);
                assert_eq!(exists, *reason != Unsimulated::Newer, "{entry}");
            }
        }
    }
}
