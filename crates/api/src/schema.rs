//! The fields of those parts of the API that are kept but not modelled, so that a misspelt one is still found.
//!
//! Text costs a fraction of what structs would. One line per type: its name, then its fields. A field is
//! `name` for a string, else `name:type`, where a type is one of `bool`, `int32`, `int64`, `quantity`,
//! `port` (a number or a string), `map` (of strings), `quantities` (a map of them), `any`, the name of a
//! struct, or `[]` before any of these; `[]` alone is a list of strings.
//!
//! Upstream: `core/v1`, `apps/v1` and `batch/v1` in `staging/src/k8s.io/api` at Kubernetes 1.36, and
//! `LabelSelector` in `meta/v1`.

const SCHEMA: &str = "\
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:NodeSelector preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector nodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorTerm matchExpressions:[]NodeSelectorRequirement matchFields:[]NodeSelectorRequirement
NodeSelectorRequirement key operator values:[]
PreferredSchedulingTerm weight:int32 preference:NodeSelectorTerm
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm labelSelector:LabelSelector namespaces:[] topologyKey namespaceSelector:LabelSelector matchLabelKeys:[] mismatchLabelKeys:[]
WeightedPodAffinityTerm weight:int32 podAffinityTerm:PodAffinityTerm
LabelSelector matchLabels:map matchExpressions:[]LabelSelectorRequirement
LabelSelectorRequirement key operator values:[]
TopologySpreadConstraint maxSkew:int32 topologyKey whenUnsatisfiable labelSelector:LabelSelector minDomains:int32 nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys:[]
PodResourceClaim name resourceClaimName resourceClaimTemplateName
PodSchedulingGroup podGroupName
WindowsSecurityContextOptions gmsaCredentialSpecName gmsaCredentialSpec runAsUserName hostProcess:bool
LocalObjectReference name
GCEPersistentDiskVolumeSource pdName fsType partition:int32 readOnly:bool
AWSElasticBlockStoreVolumeSource volumeID fsType partition:int32 readOnly:bool
GitRepoVolumeSource repository revision directory
NFSVolumeSource server path readOnly:bool
ISCSIVolumeSource targetPortal iqn lun:int32 iscsiInterface fsType readOnly:bool portals:[] chapAuthDiscovery:bool chapAuthSession:bool secretRef:LocalObjectReference initiatorName
GlusterfsVolumeSource endpoints path readOnly:bool
RBDVolumeSource monitors:[] image fsType pool user keyring secretRef:LocalObjectReference readOnly:bool
FlexVolumeSource driver fsType secretRef:LocalObjectReference readOnly:bool options:map
CinderVolumeSource volumeID fsType readOnly:bool secretRef:LocalObjectReference
CephFSVolumeSource monitors:[] path user secretFile secretRef:LocalObjectReference readOnly:bool
FlockerVolumeSource datasetName datasetUUID
FCVolumeSource targetWWNs:[] lun:int32 fsType readOnly:bool wwids:[]
AzureFileVolumeSource secretName shareName readOnly:bool
VsphereVirtualDiskVolumeSource volumePath fsType storagePolicyName storagePolicyID
QuobyteVolumeSource registry volume readOnly:bool user group tenant
AzureDiskVolumeSource diskName diskURI cachingMode fsType readOnly:bool kind
PhotonPersistentDiskVolumeSource pdID fsType
PortworxVolumeSource volumeID fsType readOnly:bool
ScaleIOVolumeSource gateway system secretRef:LocalObjectReference sslEnabled:bool protectionDomain storagePool storageMode volumeName fsType readOnly:bool
StorageOSVolumeSource volumeName volumeNamespace fsType readOnly:bool secretRef:LocalObjectReference
CSIVolumeSource driver readOnly:bool fsType volumeAttributes:map nodePublishSecretRef:LocalObjectReference
EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate metadata:ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaim metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:any apiVersion kind
PersistentVolumeClaimSpec accessModes:[] selector:LabelSelector resources:VolumeResourceRequirements volumeName storageClassName volumeMode dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference volumeAttributesClassName
VolumeResourceRequirements limits:quantities requests:quantities
TypedLocalObjectReference apiGroup kind name
TypedObjectReference apiGroup kind name namespace
ClusterTrustBundleProjection name signerName labelSelector:LabelSelector optional:bool path
PodCertificateProjection signerName keyType maxExpirationSeconds:int32 credentialBundlePath keyPath certificateChainPath userAnnotations:map
Deployment metadata:ObjectMeta spec:DeploymentSpec status:any apiVersion kind
DeploymentSpec replicas:int32 selector:LabelSelector template:any strategy:DeploymentStrategy minReadySeconds:int32 revisionHistoryLimit:int32 paused:bool progressDeadlineSeconds:int32
DeploymentStrategy type rollingUpdate:RollingUpdate
RollingUpdate maxUnavailable:port maxSurge:port partition:int32
ReplicaSet metadata:ObjectMeta spec:ReplicaSetSpec status:any apiVersion kind
ReplicaSetSpec replicas:int32 minReadySeconds:int32 selector:LabelSelector template:any
ReplicationController metadata:ObjectMeta spec:ReplicationControllerSpec status:any apiVersion kind
ReplicationControllerSpec replicas:int32 minReadySeconds:int32 selector:map template:any
DaemonSet metadata:ObjectMeta spec:DaemonSetSpec status:any apiVersion kind
DaemonSetSpec selector:LabelSelector template:any updateStrategy:DeploymentStrategy minReadySeconds:int32 revisionHistoryLimit:int32
StatefulSet metadata:ObjectMeta spec:StatefulSetSpec status:any apiVersion kind
StatefulSetSpec replicas:int32 selector:LabelSelector template:any volumeClaimTemplates:[]PersistentVolumeClaim serviceName podManagementPolicy updateStrategy:DeploymentStrategy revisionHistoryLimit:int32 minReadySeconds:int32 persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy ordinals:StatefulSetOrdinals
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted whenScaled
StatefulSetOrdinals start:int32
Job metadata:ObjectMeta spec:JobSpec status:any apiVersion kind
JobSpec parallelism:int32 completions:int32 activeDeadlineSeconds:int64 podFailurePolicy:PodFailurePolicy successPolicy:SuccessPolicy backoffLimit:int32 backoffLimitPerIndex:int32 maxFailedIndexes:int32 selector:LabelSelector manualSelector:bool template:any ttlSecondsAfterFinished:int32 completionMode suspend:bool podReplacementPolicy managedBy
PodFailurePolicy rules:[]PodFailurePolicyRule
PodFailurePolicyRule action onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[]PodFailurePolicyOnPodConditionsPattern
PodFailurePolicyOnExitCodesRequirement containerName operator values:[]int32
PodFailurePolicyOnPodConditionsPattern type status
SuccessPolicy rules:[]SuccessPolicyRule
SuccessPolicyRule succeededIndexes succeededCount:int32
CronJob metadata:ObjectMeta spec:CronJobSpec status:any apiVersion kind
CronJobSpec schedule timeZone startingDeadlineSeconds:int64 concurrencyPolicy suspend:bool jobTemplate:JobTemplateSpec successfulJobsHistoryLimit:int32 failedJobsHistoryLimit:int32
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
";

/// The fields of a struct: none for a type that is not described here.
pub(crate) fn fields(
    type_name: &str,
) -> Option<impl Iterator<Item = (&'static str, &'static str)>> {
    let line = SCHEMA
        .lines()
        .find(|line| line.strip_prefix(type_name).is_some_and(|rest| rest.starts_with(' ')))?;
    Some(line.split(' ').skip(1).map(|field| field.split_once(':').unwrap_or((field, "string"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Object;
    use crate::{PodSecurityContext, PodSpec, SecurityContext, Volume, VolumeProjection};

    /// Every type that is named is described, both in the schema and by the structs that keep parts raw.
    #[test]
    fn no_type_is_missing() {
        const BASIC: &[&str] = &[
            "",
            "string",
            "bool",
            "int32",
            "int64",
            "quantity",
            "port",
            "map",
            "quantities",
            "any",
            "ObjectMeta",
        ];
        for line in SCHEMA.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            for (field, kind) in fields(name).expect("every line is found under its name") {
                let kind = kind.strip_prefix("[]").unwrap_or(kind);
                assert!(BASIC.contains(&kind) || fields(kind).is_some(), "{name}.{field}: {kind}");
            }
        }
        let structs: [&dyn Object; 5] = [
            &PodSpec::default(),
            &Volume::default(),
            &VolumeProjection::default(),
            &PodSecurityContext::default(),
            &SecurityContext::default(),
        ];
        for object in structs {
            let info = object.info();
            for (index, field) in info.fields.iter().enumerate() {
                if object.field(index).is_raw() {
                    let kind = field.go_type.trim_start_matches("[]").trim_start_matches("v1.");
                    assert!(fields(kind).is_some(), "{}.{}: {kind}", info.name, field.name);
                }
            }
        }
    }
}
