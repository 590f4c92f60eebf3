//! The Pod as a whole.

use std::collections::BTreeMap;

use super::container::{validate_containers, validate_resources, visit_containers};
use super::names::{dns_label, dns_search, dns_subdomain, label_value, qualified_name};
use super::volume::validate_volumes;
use super::{Bad, Errors, Path, Seen};
use crate::defaults::{container_requests, is_pod_level};
use crate::{
    ObjectMeta, Pod, PodDnsConfig, PodSecurityContext, PodSpec, SeccompProfile, Toleration,
};

/// Checks a Pod after its defaults are set, or a template (which has no name of its own).
///
/// `at` is the path of the Pod or template: empty for a Pod, `spec.template` in a Deployment.
pub(crate) fn validate_pod(pod: &Pod, at: &str, errors: &mut Errors) {
    let is_pod = at.is_empty();
    let root = Path::new(at);
    let (metadata, spec) = (root.child("metadata"), root.child("spec"));
    if is_pod {
        validate_metadata(&pod.metadata, &metadata, errors);
    } else {
        validate_labels(&pod.metadata, &metadata, errors);
    }
    validate_pod_spec(&pod.spec, &spec, is_pod, errors);
    validate_pod_resources(pod, &spec.child("resources"), errors);
    if is_pod {
        visit_containers(&pod.spec, &spec, &mut |container, path| {
            if container.image.len() != container.image.trim().len() {
                let detail = "must not have leading or trailing whitespace";
                errors.invalid(&path.child("image"), &container.image, detail);
            }
        });
    }
}

/// Upstream: `ValidateObjectMeta`.
pub(crate) fn validate_metadata(meta: &ObjectMeta, path: &Path<'_>, errors: &mut Errors) {
    if !meta.generate_name.is_empty() {
        let prefix = match meta.generate_name.strip_suffix('-') {
            Some(prefix) if !prefix.is_empty() => format!("{prefix}a"),
            _ => meta.generate_name.clone(),
        };
        let wrong = dns_subdomain(&prefix);
        errors.invalid_name(&path.child("generateName"), &meta.generate_name, wrong);
    }
    if !meta.name.is_empty() {
        errors.invalid_name(&path.child("name"), &meta.name, dns_subdomain(&meta.name));
    } else if meta.generate_name.is_empty() {
        errors.required(&path.child("name"), "name or generateName is required");
    }
    if !meta.namespace.is_empty() {
        errors.invalid_name(&path.child("namespace"), &meta.namespace, dns_label(&meta.namespace));
    }
    validate_labels(meta, path, errors);
    for finalizer in &meta.finalizers {
        errors.invalid_name(&path.child("finalizers"), finalizer, qualified_name(finalizer));
    }
    let owners = path.child("ownerReferences");
    for (index, owner) in meta.owner_references.iter().enumerate() {
        let path = owners.index(index);
        let fields = [
            ("apiVersion", &owner.api_version),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", &owner.uid),
        ];
        for (field, value) in fields {
            if value.is_empty() {
                errors.required(&path.child(field), "must not be empty");
            }
        }
    }
}

/// Upstream: `ValidateLabels`, `ValidateAnnotations`.
fn validate_labels(meta: &ObjectMeta, path: &Path<'_>, errors: &mut Errors) {
    validate_label_map(&meta.labels, &path.child("labels"), errors);
    let annotations = path.child("annotations");
    let mut size = 0;
    for (key, value) in &meta.annotations {
        let wrong = qualified_name(&key.to_ascii_lowercase());
        errors.invalid_entry(&annotations, key, key, wrong);
        size += key.len() + value.len();
    }
    const SIZE_MAX: usize = 256 * 1024;
    if size > SIZE_MAX {
        errors.too_long(&annotations, SIZE_MAX);
    }
}

fn validate_label_map(labels: &BTreeMap<String, String>, path: &Path<'_>, errors: &mut Errors) {
    for (key, value) in labels {
        errors.invalid_entry(path, key, key, qualified_name(key));
        errors.invalid_entry(path, key, value, label_value(value));
    }
}

/// Upstream: `ValidatePodSpec`.
fn validate_pod_spec(spec: &PodSpec, path: &Path<'_>, is_pod: bool, errors: &mut Errors) {
    if let Some(seconds) = spec.termination_grace_period_seconds {
        errors.not_negative(&path.child("terminationGracePeriodSeconds"), seconds);
    }
    let volumes = validate_volumes(&spec.volumes, &path.child("volumes"), errors);
    validate_containers(spec, &volumes, path, errors);
    if spec.host_network {
        validate_host_ports(spec, &path.child("containers"), is_pod, errors);
    }
    errors.one_of(
        &path.child("restartPolicy"),
        Some(&spec.restart_policy),
        &["Always", "OnFailure", "Never"],
    );
    errors.one_of(
        &path.child("dnsPolicy"),
        Some(&spec.dns_policy),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    validate_label_map(&spec.node_selector, &path.child("nodeSelector"), errors);
    if let Some(context) = &spec.security_context {
        validate_security_context(context, &path.child("securityContext"), errors);
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), true, detail);
    }
    validate_dns_config(spec, &path.child("dnsConfig"), errors);
    for (index, gate) in spec.readiness_gates.iter().enumerate() {
        let gates = path.child("readinessGates");
        let name = &gate.condition_type;
        errors.invalid_name(&gates.index(index).child("conditionType"), name, qualified_name(name));
    }
    if spec.host_users == Some(false) {
        let shared = [
            ("hostNetwork", spec.host_network),
            ("HostPID", spec.host_pid),
            ("HostIPC", spec.host_ipc),
        ];
        for (field, _) in shared.into_iter().filter(|(_, is_shared)| *is_shared) {
            errors.forbidden(&path.child(field), "when `pod.Spec.HostUsers` is false");
        }
    }
    let subdomains = [
        ("serviceAccountName", Some(&spec.service_account_name)),
        ("nodeName", Some(&spec.node_name)),
        ("priorityClassName", Some(&spec.priority_class_name)),
        ("runtimeClassName", spec.runtime_class_name.as_ref()),
    ];
    for (field, name) in subdomains {
        if let Some(name) = name.filter(|name| !name.is_empty() || field == "runtimeClassName") {
            errors.invalid_name(&path.child(field), name, dns_subdomain(name));
        }
    }
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if !name.is_empty() {
            errors.invalid_name(&path.child(field), name, dns_label(name));
        }
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        errors.in_range(&path.child("activeDeadlineSeconds"), seconds, 1, i64::from(i32::MAX));
    }
    validate_tolerations(&spec.tolerations, &path.child("tolerations"), errors);
    for (index, alias) in spec.host_aliases.iter().enumerate() {
        let aliases = path.child("hostAliases");
        let alias_path = aliases.index(index);
        errors.ip(&alias_path.child("ip"), &alias.ip);
        let hostnames = alias_path.child("hostnames");
        for (index, hostname) in alias.hostnames.iter().enumerate() {
            errors.invalid_name(&hostnames.index(index), hostname, dns_subdomain(hostname));
        }
    }
    errors.one_of(
        &path.child("preemptionPolicy"),
        spec.preemption_policy.as_deref(),
        &["PreemptLowerPriority", "Never"],
    );
    if let Some(os) = &spec.os {
        if os.name.is_empty() {
            errors.required(&path.child("os").child("name"), "");
        } else {
            errors.one_of(&path.child("os").child("name"), Some(&os.name), &["linux", "windows"]);
        }
    }
}

/// Upstream: `validatePodHostNetworkDeps`.
fn validate_host_ports(spec: &PodSpec, path: &Path<'_>, is_pod: bool, errors: &mut Errors) {
    for (index, container) in spec.containers.iter().enumerate() {
        let container_path = path.index(index);
        let ports = container_path.child("ports");
        for (index, port) in container.ports.iter().enumerate() {
            if (is_pod || port.host_port != 0) && port.host_port != port.container_port {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&ports.index(index).child("hostPort"), port.host_port, detail);
            }
        }
    }
}

/// Upstream: `validatePodSpecSecurityContext`.
fn validate_security_context(context: &PodSecurityContext, path: &Path<'_>, errors: &mut Errors) {
    const ID_MAX: i64 = i32::MAX as i64;
    let ids = [
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ];
    for (field, id) in ids {
        if let Some(id) = id {
            errors.in_range(&path.child(field), id, 0, ID_MAX);
        }
    }
    let groups = path.child("supplementalGroups");
    for (index, group) in context.supplemental_groups.iter().enumerate() {
        errors.in_range(&groups.index(index), *group, 0, ID_MAX);
    }
    let sysctls = path.child("sysctls");
    let mut names = Seen::new();
    for (index, sysctl) in context.sysctls.iter().enumerate() {
        let name_path = sysctls.index(index);
        let name_path = name_path.child("name");
        if sysctl.name.is_empty() {
            errors.required(&name_path, "");
        } else if !is_sysctl(&sysctl.name) {
            let detail = "must have at most 253 characters and match regex \
                          ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.invalid(&name_path, &sysctl.name, detail);
        }
        if !names.insert(&sysctl.name) {
            errors.duplicate(&name_path, &sysctl.name);
        }
    }
    errors.one_of(
        &path.child("fsGroupChangePolicy"),
        context.fs_group_change_policy.as_deref(),
        &["Always", "OnRootMismatch"],
    );
    errors.one_of(
        &path.child("supplementalGroupsPolicy"),
        context.supplemental_groups_policy.as_deref(),
        &["Merge", "Strict"],
    );
    if let Some(profile) = &context.seccomp_profile {
        validate_seccomp(profile, &path.child("seccompProfile"), errors);
    }
}

fn is_sysctl(name: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            part.starts_with(is_edge)
                && part.ends_with(is_edge)
                && part.chars().all(|c| is_edge(c) || c == '-' || c == '_')
        })
}

/// Upstream: `validateSeccompProfileField`.
pub(super) fn validate_seccomp(profile: &SeccompProfile, path: &Path<'_>, errors: &mut Errors) {
    let file = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => errors.required(&file, "must be set when seccomp type is Localhost"),
        ("Localhost", Some(name)) => super::volume::validate_local_path(name, &file, errors),
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            errors.invalid(&file, name, "can only be set when seccomp type is Localhost");
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => {
            errors.required(&path.child("type"), "type is required when seccompProfile is set")
        }
        (other, _) => errors.not_supported(
            &path.child("type"),
            other,
            &["Localhost", "RuntimeDefault", "Unconfined"],
        ),
    }
}

/// Upstream: `validatePodDNSConfig`.
fn validate_dns_config(spec: &PodSpec, path: &Path<'_>, errors: &mut Errors) {
    let config = spec.dns_config.as_deref();
    let nameservers = path.child("nameservers");
    if spec.dns_policy == "None" {
        match config {
            None => {
                return errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
            }
            Some(PodDnsConfig { nameservers: given, .. }) if given.is_empty() => {
                let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
                return errors.required(&nameservers, detail);
            }
            Some(_) => {}
        }
    }
    let Some(config) = config else {
        return;
    };
    let list = |items: &[String]| Bad::Json(crate::print::strings(items));
    if config.nameservers.len() > 3 {
        errors.invalid(
            &nameservers,
            list(&config.nameservers),
            "must not have more than 3 nameservers",
        );
    }
    for (index, nameserver) in config.nameservers.iter().enumerate() {
        errors.ip(&nameservers.index(index), nameserver);
    }
    let searches = path.child("searches");
    if config.searches.len() > 32 {
        errors.invalid(
            &searches,
            list(&config.searches),
            "must not have more than 32 search paths",
        );
    }
    if config.searches.join(" ").len() > 2048 {
        let detail =
            "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(&searches, list(&config.searches), detail);
    }
    for (index, search) in config.searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let name = search.strip_suffix('.').unwrap_or(search);
        errors.invalid_name(&searches.index(index), name, dns_search(name));
    }
    let options = path.child("options");
    for (index, option) in config.options.iter().enumerate() {
        if option.name.is_empty() {
            errors.required(&options.index(index), "must not be empty");
        }
    }
}

/// Upstream: `ValidateTolerations`.
fn validate_tolerations(tolerations: &[Toleration], path: &Path<'_>, errors: &mut Errors) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let path = path.index(index);
        let operator = path.child("operator");
        if !toleration.key.is_empty() {
            errors.invalid_name(
                &path.child("key"),
                &toleration.key,
                qualified_name(&toleration.key),
            );
        } else if toleration.operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&operator, &toleration.operator, detail);
        }
        if toleration.toleration_seconds.is_some() && toleration.effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.child("effect"), &toleration.effect, detail);
        }
        match toleration.operator.as_str() {
            "" | "Equal" => {
                let wrong = label_value(&toleration.value).join(";");
                if !wrong.is_empty() {
                    errors.invalid(&operator, &toleration.value, &wrong);
                }
            }
            "Exists" if !toleration.value.is_empty() => {
                errors.invalid(
                    &operator,
                    &toleration.value,
                    "value must be empty when `operator` is 'Exists'",
                );
            }
            "Exists" => {}
            // Comparisons with numbers came with Kubernetes 1.35.
            "Lt" | "Gt" => {
                if toleration.value.parse::<i64>().is_err() {
                    errors.invalid(
                        &operator,
                        &toleration.value,
                        "value must be a valid integer for comparison operators",
                    );
                }
            }
            other => errors.not_supported(&operator, other, &["Equal", "Exists", "Lt", "Gt"]),
        }
        if !toleration.effect.is_empty() {
            errors.one_of(
                &path.child("effect"),
                Some(&toleration.effect),
                &["NoSchedule", "PreferNoSchedule", "NoExecute"],
            );
        }
    }
}

/// Upstream: `validatePodResources`, `validatePodResourceConsistency`.
fn validate_pod_resources(pod: &Pod, path: &Path<'_>, errors: &mut Errors) {
    let Some(resources) = pod.spec.resources.as_deref() else {
        return;
    };
    if !resources.claims.is_empty() {
        errors.forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level");
    }
    for (list, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        // `pids` came with Kubernetes 1.37.
        for name in amounts.keys().filter(|name| !is_pod_level(name) && *name != "pids") {
            errors.not_supported(
                &path.child(list).key(name),
                name,
                &["cpu", "hugepages-", "memory"],
            );
        }
    }
    validate_resources(resources, true, path, errors);
    let requests = path.child("requests");
    for (name, sum) in container_requests(pod).iter().filter(|(name, _)| is_pod_level(name)) {
        let requested = resources.requests.get(name);
        if requested.map_or(0, crate::Quantity::nanos) < sum.nanos() {
            let requested = requested.map_or("0", crate::Quantity::as_str);
            let detail = format!(
                "must be greater than or equal to aggregate container requests of {}",
                sum.as_str()
            );
            errors.invalid(&requests.key(name), requested, &detail);
        }
    }
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let containers = path.child("containers");
        for (name, limit) in &container.resources.limits {
            let Some(pod_limit) = resources.limits.get(name) else { continue };
            if limit.nanos() > pod_limit.nanos() {
                let detail =
                    format!("must be less than or equal to pod limits of {}", pod_limit.as_str());
                errors.invalid(
                    &containers.index(index).key(name).child("limits"),
                    limit.as_str(),
                    &detail,
                );
            }
        }
    }
}
