//! The Pod and its specification.
//!
//! Upstream: `staging/src/k8s.io/api/core/v1/types.go` at Kubernetes 1.36, which declares everything in this folder.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use super::{
    Container, EphemeralContainer, PodSecurityContext, PodStatus, ResourceRequirements, Volume,
};
use super::{LocalObjectReference, ObjectMeta};
use crate::value::objects;
use crate::{Quantity, Raw};

objects! {
    /// One or more containers that are scheduled together and share a sandbox.
    Pod "Pod" top "v1" "Pod" {
        metadata: ObjectMeta = "metadata" as "v1.ObjectMeta";
        spec: PodSpec = "spec";
        status: PodStatus = "status";
    }

    /// What workloads make Pods of.
    PodTemplateSpec "PodTemplateSpec" {
        metadata: ObjectMeta = "metadata" as "v1.ObjectMeta";
        spec: PodSpec = "spec";
    }

    /// What is wanted of a Pod.
    PodSpec "PodSpec" {
        volumes: Vec<Volume> = "volumes";
        init_containers: Vec<Container> = "initContainers";
        containers: Vec<Container> = "containers", always;
        ephemeral_containers: Vec<EphemeralContainer> = "ephemeralContainers";
        restart_policy: String = "restartPolicy" as "v1.RestartPolicy";
        termination_grace_period_seconds: Option<i64> = "terminationGracePeriodSeconds";
        active_deadline_seconds: Option<i64> = "activeDeadlineSeconds";
        dns_policy: String = "dnsPolicy" as "v1.DNSPolicy";
        node_selector: BTreeMap<String, String> = "nodeSelector";
        service_account_name: String = "serviceAccountName";
        /// The old name of `service_account_name`, which the API server keeps equal to it.
        service_account: String = "serviceAccount";
        automount_service_account_token: Option<bool> = "automountServiceAccountToken";
        node_name: String = "nodeName";
        host_network: bool = "hostNetwork";
        host_pid: bool = "hostPID";
        host_ipc: bool = "hostIPC";
        share_process_namespace: Option<bool> = "shareProcessNamespace";
        security_context: Option<Box<PodSecurityContext>> = "securityContext";
        image_pull_secrets: Vec<LocalObjectReference> = "imagePullSecrets";
        hostname: String = "hostname";
        subdomain: String = "subdomain";
        affinity: Raw = "affinity" as "v1.Affinity";
        scheduler_name: String = "schedulerName";
        tolerations: Vec<Toleration> = "tolerations";
        host_aliases: Vec<HostAlias> = "hostAliases";
        priority_class_name: String = "priorityClassName";
        priority: Option<i32> = "priority";
        dns_config: Option<Box<PodDnsConfig>> = "dnsConfig";
        readiness_gates: Vec<PodReadinessGate> = "readinessGates";
        runtime_class_name: Option<String> = "runtimeClassName";
        enable_service_links: Option<bool> = "enableServiceLinks";
        preemption_policy: Option<String> = "preemptionPolicy" as "v1.PreemptionPolicy";
        overhead: BTreeMap<String, Quantity> = "overhead" as "v1.ResourceList";
        topology_spread_constraints: Raw = "topologySpreadConstraints" as "[]v1.TopologySpreadConstraint";
        set_hostname_as_fqdn: Option<bool> = "setHostnameAsFQDN";
        os: Option<PodOs> = "os";
        host_users: Option<bool> = "hostUsers";
        scheduling_gates: Vec<PodSchedulingGate> = "schedulingGates";
        resource_claims: Raw = "resourceClaims" as "[]v1.PodResourceClaim";
        resources: Option<Box<ResourceRequirements>> = "resources";
        hostname_override: Option<String> = "hostnameOverride";
        scheduling_group: Raw = "schedulingGroup" as "v1.PodSchedulingGroup";
    }

    /// A taint that the Pod bears.
    Toleration "Toleration" {
        key: String = "key";
        operator: String = "operator" as "v1.TolerationOperator";
        value: String = "value";
        effect: String = "effect" as "v1.TaintEffect";
        toleration_seconds: Option<i64> = "tolerationSeconds";
    }

    /// A line of the Pod's hosts file.
    HostAlias "HostAlias" {
        ip: String = "ip", always;
        hostnames: Vec<String> = "hostnames";
    }

    /// What goes into the Pod's resolv.conf besides, or instead of, what `dnsPolicy` puts there.
    PodDnsConfig "PodDNSConfig" {
        nameservers: Vec<String> = "nameservers";
        searches: Vec<String> = "searches";
        options: Vec<PodDnsConfigOption> = "options";
    }

    /// One `options` entry of resolv.conf.
    PodDnsConfigOption "PodDNSConfigOption" {
        name: String = "name";
        value: Option<String> = "value";
    }

    /// A condition that must be true before the Pod is ready.
    PodReadinessGate "PodReadinessGate" {
        condition_type: String = "conditionType" as "v1.PodConditionType", always;
    }

    /// The operating system that the Pod needs.
    PodOs "PodOS" {
        name: String = "name" as "v1.OSName", always;
    }

    /// A reason why the scheduler must wait.
    PodSchedulingGate "PodSchedulingGate" {
        name: String = "name", always;
    }
}
