//! Volumes: where a Pod's files come from.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use crate::value::objects;
use crate::{Quantity, Raw};

objects! {
    /// A named volume. At most one source is set; none means an `emptyDir`.
    Volume "Volume" {
        name: String = "name", always;
        host_path: Option<Box<HostPathVolumeSource>> = "hostPath";
        empty_dir: Option<Box<EmptyDirVolumeSource>> = "emptyDir";
        gce_persistent_disk: Raw = "gcePersistentDisk" as "v1.GCEPersistentDiskVolumeSource";
        aws_elastic_block_store: Raw = "awsElasticBlockStore" as "v1.AWSElasticBlockStoreVolumeSource";
        git_repo: Raw = "gitRepo" as "v1.GitRepoVolumeSource";
        secret: Option<Box<SecretVolumeSource>> = "secret";
        nfs: Raw = "nfs" as "v1.NFSVolumeSource";
        iscsi: Raw = "iscsi" as "v1.ISCSIVolumeSource";
        glusterfs: Raw = "glusterfs" as "v1.GlusterfsVolumeSource";
        persistent_volume_claim: Option<Box<PersistentVolumeClaimVolumeSource>> = "persistentVolumeClaim";
        rbd: Raw = "rbd" as "v1.RBDVolumeSource";
        flex_volume: Raw = "flexVolume" as "v1.FlexVolumeSource";
        cinder: Raw = "cinder" as "v1.CinderVolumeSource";
        cephfs: Raw = "cephfs" as "v1.CephFSVolumeSource";
        flocker: Raw = "flocker" as "v1.FlockerVolumeSource";
        downward_api: Option<Box<DownwardApiVolumeSource>> = "downwardAPI";
        fc: Raw = "fc" as "v1.FCVolumeSource";
        azure_file: Raw = "azureFile" as "v1.AzureFileVolumeSource";
        config_map: Option<Box<ConfigMapVolumeSource>> = "configMap";
        vsphere_volume: Raw = "vsphereVolume" as "v1.VsphereVirtualDiskVolumeSource";
        quobyte: Raw = "quobyte" as "v1.QuobyteVolumeSource";
        azure_disk: Raw = "azureDisk" as "v1.AzureDiskVolumeSource";
        photon_persistent_disk: Raw = "photonPersistentDisk" as "v1.PhotonPersistentDiskVolumeSource";
        projected: Option<Box<ProjectedVolumeSource>> = "projected";
        portworx_volume: Raw = "portworxVolume" as "v1.PortworxVolumeSource";
        scale_io: Raw = "scaleIO" as "v1.ScaleIOVolumeSource";
        storageos: Raw = "storageos" as "v1.StorageOSVolumeSource";
        csi: Raw = "csi" as "v1.CSIVolumeSource";
        ephemeral: Raw = "ephemeral" as "v1.EphemeralVolumeSource";
        image: Option<Box<ImageVolumeSource>> = "image";
    }

    /// A file or directory of the node.
    HostPathVolumeSource "HostPathVolumeSource" {
        path: String = "path", always;
        type_: Option<String> = "type" as "v1.HostPathType";
    }

    /// A directory that is born empty with the Pod and dies with it.
    EmptyDirVolumeSource "EmptyDirVolumeSource" {
        medium: String = "medium" as "v1.StorageMedium";
        size_limit: Option<Quantity> = "sizeLimit";
    }

    /// The keys of a Secret as files.
    SecretVolumeSource "SecretVolumeSource" {
        secret_name: String = "secretName";
        items: Vec<KeyToPath> = "items";
        default_mode: Option<i32> = "defaultMode";
        optional: Option<bool> = "optional";
    }

    /// The keys of a ConfigMap as files.
    ConfigMapVolumeSource "ConfigMapVolumeSource" {
        name: String = "name";
        items: Vec<KeyToPath> = "items";
        default_mode: Option<i32> = "defaultMode";
        optional: Option<bool> = "optional";
    }

    /// One key and the file that it becomes.
    KeyToPath "KeyToPath" {
        key: String = "key", always;
        path: String = "path", always;
        mode: Option<i32> = "mode";
    }

    /// A claim of the Pod's namespace.
    PersistentVolumeClaimVolumeSource "PersistentVolumeClaimVolumeSource" {
        claim_name: String = "claimName", always;
        read_only: bool = "readOnly";
    }

    /// Facts about the Pod as files.
    DownwardApiVolumeSource "DownwardAPIVolumeSource" {
        items: Vec<DownwardApiVolumeFile> = "items";
        default_mode: Option<i32> = "defaultMode";
    }

    /// One fact about the Pod and the file that it becomes.
    DownwardApiVolumeFile "DownwardAPIVolumeFile" {
        path: String = "path", always;
        field_ref: Option<ObjectFieldSelector> = "fieldRef";
        resource_field_ref: Option<ResourceFieldSelector> = "resourceFieldRef";
        mode: Option<i32> = "mode";
    }

    /// A field of the Pod.
    ObjectFieldSelector "ObjectFieldSelector" {
        api_version: String = "apiVersion";
        field_path: String = "fieldPath", always;
    }

    /// A limit or request of a container.
    ResourceFieldSelector "ResourceFieldSelector" {
        container_name: String = "containerName";
        resource: String = "resource", always;
        divisor: Option<Quantity> = "divisor";
    }

    /// Several sources in one directory.
    ProjectedVolumeSource "ProjectedVolumeSource" {
        sources: Vec<VolumeProjection> = "sources", always;
        default_mode: Option<i32> = "defaultMode";
    }

    /// One source of a [`ProjectedVolumeSource`].
    VolumeProjection "VolumeProjection" {
        secret: Option<Box<SecretProjection>> = "secret";
        downward_api: Option<Box<DownwardApiProjection>> = "downwardAPI";
        config_map: Option<Box<ConfigMapProjection>> = "configMap";
        service_account_token: Option<Box<ServiceAccountTokenProjection>> = "serviceAccountToken";
        cluster_trust_bundle: Raw = "clusterTrustBundle" as "v1.ClusterTrustBundleProjection";
        pod_certificate: Raw = "podCertificate" as "v1.PodCertificateProjection";
    }

    /// A Secret in a projected volume.
    SecretProjection "SecretProjection" {
        name: String = "name";
        items: Vec<KeyToPath> = "items";
        optional: Option<bool> = "optional";
    }

    /// A ConfigMap in a projected volume.
    ConfigMapProjection "ConfigMapProjection" {
        name: String = "name";
        items: Vec<KeyToPath> = "items";
        optional: Option<bool> = "optional";
    }

    /// Facts about the Pod in a projected volume.
    DownwardApiProjection "DownwardAPIProjection" {
        items: Vec<DownwardApiVolumeFile> = "items";
    }

    /// A token of the Pod's service account, which the kubelet asks for and renews.
    ServiceAccountTokenProjection "ServiceAccountTokenProjection" {
        audience: String = "audience";
        expiration_seconds: Option<i64> = "expirationSeconds";
        path: String = "path", always;
    }

    /// The file system of an image, read-only.
    ImageVolumeSource "ImageVolumeSource" {
        reference: String = "reference";
        pull_policy: String = "pullPolicy" as "v1.PullPolicy";
    }
}
