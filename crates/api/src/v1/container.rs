//! Containers: what runs, with which environment, ports, mounts, probes and hooks.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use super::{Lifecycle, ObjectFieldSelector, Probe, ResourceFieldSelector, SecurityContext};
use crate::Quantity;
use crate::value::{Field, Info, Object, Value, objects, whole};

objects! {
    /// One container of a Pod: an init container, a sidecar (an init container with `restartPolicy: Always`)
    /// or an app container.
    Container "Container" {
        name: String = "name", always;
        image: String = "image";
        command: Vec<String> = "command";
        args: Vec<String> = "args";
        working_dir: String = "workingDir";
        ports: Vec<ContainerPort> = "ports";
        env_from: Vec<EnvFromSource> = "envFrom";
        env: Vec<EnvVar> = "env";
        resources: ResourceRequirements = "resources";
        resize_policy: Vec<ContainerResizePolicy> = "resizePolicy";
        restart_policy: Option<String> = "restartPolicy" as "v1.ContainerRestartPolicy";
        restart_policy_rules: Vec<ContainerRestartRule> = "restartPolicyRules";
        volume_mounts: Vec<VolumeMount> = "volumeMounts";
        volume_devices: Vec<VolumeDevice> = "volumeDevices";
        liveness_probe: Option<Box<Probe>> = "livenessProbe";
        readiness_probe: Option<Box<Probe>> = "readinessProbe";
        startup_probe: Option<Box<Probe>> = "startupProbe";
        lifecycle: Option<Box<Lifecycle>> = "lifecycle";
        termination_message_path: String = "terminationMessagePath";
        termination_message_policy: String = "terminationMessagePolicy" as "v1.TerminationMessagePolicy";
        image_pull_policy: String = "imagePullPolicy" as "v1.PullPolicy";
        security_context: Option<Box<SecurityContext>> = "securityContext";
        stdin: bool = "stdin";
        stdin_once: bool = "stdinOnce";
        tty: bool = "tty";
    }

    /// A port that the container listens on.
    ContainerPort "ContainerPort" {
        name: String = "name";
        host_port: i32 = "hostPort";
        container_port: i32 = "containerPort", always;
        protocol: String = "protocol" as "v1.Protocol";
        host_ip: String = "hostIP";
    }

    /// A ConfigMap or Secret all of whose keys become environment variables.
    EnvFromSource "EnvFromSource" {
        prefix: String = "prefix";
        config_map_ref: Option<ConfigMapEnvSource> = "configMapRef";
        secret_ref: Option<SecretEnvSource> = "secretRef";
    }

    /// The ConfigMap of an [`EnvFromSource`].
    ConfigMapEnvSource "ConfigMapEnvSource" {
        name: String = "name";
        optional: Option<bool> = "optional";
    }

    /// The Secret of an [`EnvFromSource`].
    SecretEnvSource "SecretEnvSource" {
        name: String = "name";
        optional: Option<bool> = "optional";
    }

    /// One environment variable.
    EnvVar "EnvVar" {
        name: String = "name", always;
        value: String = "value";
        value_from: Option<Box<EnvVarSource>> = "valueFrom";
    }

    /// Where the value of an [`EnvVar`] comes from: exactly one of the fields is set.
    EnvVarSource "EnvVarSource" {
        field_ref: Option<ObjectFieldSelector> = "fieldRef";
        resource_field_ref: Option<ResourceFieldSelector> = "resourceFieldRef";
        config_map_key_ref: Option<ConfigMapKeySelector> = "configMapKeyRef";
        secret_key_ref: Option<SecretKeySelector> = "secretKeyRef";
        file_key_ref: Option<FileKeySelector> = "fileKeyRef";
    }

    /// A key of a ConfigMap.
    ConfigMapKeySelector "ConfigMapKeySelector" {
        name: String = "name";
        key: String = "key", always;
        optional: Option<bool> = "optional";
    }

    /// A key of a Secret.
    SecretKeySelector "SecretKeySelector" {
        name: String = "name";
        key: String = "key", always;
        optional: Option<bool> = "optional";
    }

    /// A variable in an env file on a volume.
    FileKeySelector "FileKeySelector" {
        volume_name: String = "volumeName", always;
        path: String = "path", always;
        key: String = "key", always;
        optional: Option<bool> = "optional";
    }

    /// What a container, or a whole Pod, may use at most and wants at least.
    ResourceRequirements "ResourceRequirements" {
        limits: BTreeMap<String, Quantity> = "limits" as "v1.ResourceList";
        requests: BTreeMap<String, Quantity> = "requests" as "v1.ResourceList";
        claims: Vec<ResourceClaim> = "claims";
    }

    /// A resource claim of the Pod that the container uses.
    ResourceClaim "ResourceClaim" {
        name: String = "name", always;
        request: String = "request";
    }

    /// What resizing a resource in place does to the container.
    ContainerResizePolicy "ContainerResizePolicy" {
        resource_name: String = "resourceName" as "v1.ResourceName", always;
        restart_policy: String = "restartPolicy" as "v1.ResourceResizeRestartPolicy", always;
    }

    /// What the kubelet does when the container exits in a certain way.
    ContainerRestartRule "ContainerRestartRule" {
        action: String = "action" as "v1.ContainerRestartRuleAction";
        exit_codes: Option<ContainerRestartRuleOnExitCodes> = "exitCodes";
    }

    /// The exit codes that a [`ContainerRestartRule`] is about.
    ContainerRestartRuleOnExitCodes "ContainerRestartRuleOnExitCodes" {
        operator: String = "operator" as "v1.ContainerRestartRuleOnExitCodesOperator";
        values: Vec<i32> = "values";
    }

    /// Where a volume of the Pod appears in the container.
    VolumeMount "VolumeMount" {
        name: String = "name", always;
        read_only: bool = "readOnly";
        recursive_read_only: Option<String> = "recursiveReadOnly" as "v1.RecursiveReadOnlyMode";
        mount_path: String = "mountPath", always;
        sub_path: String = "subPath";
        mount_propagation: Option<String> = "mountPropagation" as "v1.MountPropagationMode";
        sub_path_expr: String = "subPathExpr";
    }

    /// Where a raw block volume of the Pod appears in the container.
    VolumeDevice "VolumeDevice" {
        name: String = "name", always;
        device_path: String = "devicePath", always;
    }
}

/// A container that is added to a running Pod, to debug it.
///
/// In JSON the container's fields and `targetContainerName` stand side by side.
#[derive(Clone, Default)]
pub struct EphemeralContainer {
    pub container: Container,
    /// The container whose namespaces it joins; empty for none.
    pub target_container_name: String,
}

const OWN: usize = Container::INFO.fields.len();

static EPHEMERAL_FIELDS: [Field; OWN + 1] = {
    let mut fields = [Field { name: "targetContainerName", go_type: "", always: false }; OWN + 1];
    let mut index = 0;
    while index < OWN {
        fields[index] = Container::INFO.fields[index];
        index += 1;
    }
    fields
};

static EPHEMERAL: Info =
    Info { name: "EphemeralContainer", type_meta: None, fields: &EPHEMERAL_FIELDS };

impl Object for EphemeralContainer {
    fn info(&self) -> &'static Info {
        &EPHEMERAL
    }
    fn field(&self, index: usize) -> &dyn Value {
        if index < OWN { self.container.field(index) } else { &self.target_container_name }
    }
    fn field_mut(&mut self, index: usize) -> &mut dyn Value {
        if index < OWN { self.container.field_mut(index) } else { &mut self.target_container_name }
    }
}

whole!(EphemeralContainer);
