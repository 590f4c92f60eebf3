//! What the API server fills in before it stores a Pod.
//!
//! Upstream: `pkg/apis/core/v1/defaults.go`.
//!
//! # What we simplify
//! Admission plug-ins are not here: no service account, its token volume, tolerations or priority is added.
//! Huge pages and the oldest volume kinds get no defaults.

use std::collections::BTreeMap;

use crate::{
    Container, DownwardApiVolumeFile, GrpcAction, HttpGetAction, ObjectFieldSelector, Pod, Probe,
    Quantity, ResourceRequirements, Volume,
};

/// Fills in what was not given, as the API server of Kubernetes `1.minor` does.
///
/// It only ever adds; a second call changes nothing.
pub fn set_defaults(pod: &mut Pod, minor: u16) {
    or(&mut pod.metadata.namespace, "default");
    let spec = &mut pod.spec;
    or(&mut spec.dns_policy, "ClusterFirst");
    or(&mut spec.restart_policy, "Always");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(30);
    if minor >= 6 {
        or(&mut spec.scheduler_name, "default-scheduler");
    }
    if minor >= 13 {
        spec.enable_service_links.get_or_insert(true);
    }
    // Two names for one thing, of which `serviceAccountName` wins.
    if spec.service_account_name.is_empty() {
        spec.service_account_name.clone_from(&spec.service_account);
    }
    spec.service_account.clone_from(&spec.service_account_name);

    for volume in &mut spec.volumes {
        set_volume_defaults(volume, minor);
    }
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        set_container_defaults(container, minor);
        // Only in a Pod, not in a template: what is limited is also requested.
        requests_from_limits(&mut container.resources);
        if spec.host_network {
            for port in &mut container.ports {
                if port.host_port == 0 {
                    port.host_port = port.container_port;
                }
            }
        }
    }
    for ephemeral in &mut spec.ephemeral_containers {
        set_container_defaults(&mut ephemeral.container, minor);
    }
    if minor >= 34 {
        set_pod_resources_defaults(pod);
    }
}

fn or(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}

/// Upstream: `SetDefaults_Container` and the defaults of what a container holds.
fn set_container_defaults(container: &mut Container, minor: u16) {
    or(&mut container.image_pull_policy, pull_policy(&container.image));
    or(&mut container.termination_message_path, "/dev/termination-log");
    if minor >= 6 {
        or(&mut container.termination_message_policy, "File");
    }
    for port in &mut container.ports {
        or(&mut port.protocol, "TCP");
    }
    for source in container.env.iter_mut().filter_map(|env| env.value_from.as_mut()) {
        set_field_defaults(source.field_ref.as_mut());
        if let Some(field) = &mut source.resource_field_ref {
            field.divisor.get_or_insert_default();
        }
        if let Some(file) = &mut source.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    for probe in probes.into_iter().flatten() {
        set_probe_defaults(probe);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        for handler in [&mut lifecycle.post_start, &mut lifecycle.pre_stop].into_iter().flatten() {
            set_http_defaults(handler.http_get.as_deref_mut());
        }
    }
}

/// Upstream: `SetDefaults_Probe`, `SetDefaults_HTTPGetAction`.
fn set_probe_defaults(probe: &mut Probe) {
    let numbers = [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ];
    for (number, default) in numbers {
        if *number == 0 {
            *number = default;
        }
    }
    set_http_defaults(probe.http_get.as_deref_mut());
    if let Some(GrpcAction { service, .. }) = &mut probe.grpc {
        service.get_or_insert_default();
    }
}

fn set_http_defaults(http: Option<&mut HttpGetAction>) {
    if let Some(http) = http {
        or(&mut http.path, "/");
        or(&mut http.scheme, "HTTP");
    }
}

fn set_field_defaults(field: Option<&mut ObjectFieldSelector>) {
    if let Some(field) = field {
        or(&mut field.api_version, "v1");
    }
}

/// `Always` for the tag `latest`, given or implied; `IfNotPresent` for any other, and for a digest.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) =
        image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = match name.rsplit_once(':') {
        // A colon before a slash belongs to a port of the registry.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_reference =
        !last.is_empty() && !last.contains(|c: char| c.is_ascii_uppercase() || c.is_whitespace());
    if is_reference && (tag == Some("latest") || (tag.is_none() && digest.is_none())) {
        "Always"
    } else {
        "IfNotPresent"
    }
}

/// Upstream: `SetDefaults_Volume` and the defaults of its kinds.
fn set_volume_defaults(volume: &mut Volume, minor: u16) {
    use crate::value::Object;
    let is_empty = |index: usize| volume.field(index).is_empty();
    if (1..Volume::INFO.fields.len()).all(is_empty) {
        volume.empty_dir = Some(Box::default());
    }
    const MODE: i32 = 0o644;
    if let Some(secret) = &mut volume.secret {
        secret.default_mode.get_or_insert(MODE);
    }
    if let Some(config_map) = &mut volume.config_map {
        config_map.default_mode.get_or_insert(MODE);
    }
    if let Some(downward_api) = &mut volume.downward_api {
        downward_api.default_mode.get_or_insert(MODE);
        set_files_defaults(&mut downward_api.items);
    }
    if let Some(projected) = &mut volume.projected {
        projected.default_mode.get_or_insert(MODE);
        for source in &mut projected.sources {
            if let Some(token) = &mut source.service_account_token {
                token.expiration_seconds.get_or_insert(60 * 60);
            }
            if let Some(downward_api) = &mut source.downward_api {
                set_files_defaults(&mut downward_api.items);
            }
        }
    }
    if minor >= 8
        && let Some(host_path) = &mut volume.host_path
    {
        host_path.type_.get_or_insert_default();
    }
    if let Some(image) = &mut volume.image {
        or(&mut image.pull_policy, pull_policy(&image.reference));
    }
}

fn set_files_defaults(files: &mut [DownwardApiVolumeFile]) {
    for file in files {
        set_field_defaults(file.field_ref.as_mut());
        if let Some(field) = &mut file.resource_field_ref {
            field.divisor.get_or_insert_default();
        }
    }
}

fn requests_from_limits(resources: &mut ResourceRequirements) {
    for (name, limit) in &resources.limits {
        if !resources.requests.contains_key(name) {
            resources.requests.insert(name.clone(), limit.clone());
        }
    }
}

/// Upstream: `defaultPodRequests`: a Pod with limits of its own requests what its containers do, or its limits.
fn set_pod_resources_defaults(pod: &mut Pod) {
    let containers = container_requests(pod);
    let Some(resources) = &mut pod.spec.resources else {
        return;
    };
    if resources.limits.is_empty() {
        return;
    }
    for (name, amount) in containers {
        if is_pod_level(&name) && !resources.requests.contains_key(&name) {
            resources.requests.insert(name, amount);
        }
    }
    for (name, limit) in &resources.limits {
        if is_pod_level(name) && !resources.requests.contains_key(name) {
            resources.requests.insert(name.clone(), limit.clone());
        }
    }
}

/// The resources that can be set for a whole Pod.
pub(crate) fn is_pod_level(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// What a Pod's containers request at the same time, at most: init containers run one by one before the
/// others, but those that are restarted always stay.
///
/// Upstream: `AggregateContainerRequests` in `component-helpers/resource/helpers.go`.
pub(crate) fn container_requests(pod: &Pod) -> BTreeMap<String, Quantity> {
    type Amounts = BTreeMap<String, Quantity>;
    fn add(sum: &mut Amounts, more: &Amounts) {
        for (name, amount) in more {
            let total = sum.get(name).map_or_else(|| amount.clone(), |sum| sum.plus(amount));
            sum.insert(name.clone(), total);
        }
    }
    fn raise(sum: &mut Amounts, other: &Amounts) {
        for (name, amount) in other {
            if sum.get(name).is_none_or(|sum| sum.nanos() < amount.nanos()) {
                sum.insert(name.clone(), amount.clone());
            }
        }
    }
    let mut total = Amounts::new();
    for container in &pod.spec.containers {
        add(&mut total, &container.resources.requests);
    }
    let mut staying = Amounts::new();
    let mut peak = Amounts::new();
    for init in &pod.spec.init_containers {
        if init.restart_policy.as_deref() == Some("Always") {
            add(&mut total, &init.resources.requests);
            add(&mut staying, &init.resources.requests);
            raise(&mut peak, &staying);
        } else {
            let mut now = staying.clone();
            add(&mut now, &init.resources.requests);
            raise(&mut peak, &now);
        }
    }
    raise(&mut total, &peak);
    total
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::manifest::parse;

    /// The Pod after its defaults, as `kubectl get -o json` prints it. A second time changes nothing.
    fn check(spec: &str, minor: u16, expected: Expect) {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n");
        let manifest = parse(&text);
        assert_eq!(manifest.problems, []);
        let mut pod = manifest.pods.into_iter().next().expect("one Pod");
        set_defaults(&mut pod, minor);
        expected.assert_eq(&crate::print::to_json(&pod));
        let once = pod.clone();
        set_defaults(&mut pod, minor);
        assert_eq!(pod, once);
    }

    #[test]
    fn a_container() {
        check(
            "{containers: [{name: c, image: nginx}]}",
            36,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"image":"nginx","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30},"status":{}}"#
            ]],
        );
        check(
            "{containers: [{name: c, image: nginx}]}",
            4,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"image":"nginx","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","securityContext":{},"terminationGracePeriodSeconds":30},"status":{}}"#
            ]],
        );
    }

    #[test]
    fn pull_policies() {
        let cases = [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.25", "IfNotPresent"),
            ("localhost:5000/nginx", "Always"),
            ("localhost:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:0123", "IfNotPresent"),
            ("nginx:latest@sha256:0123", "Always"),
            ("NGINX", "IfNotPresent"),
            ("", "IfNotPresent"),
        ];
        for (image, policy) in cases {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn probes_hooks_ports_and_sources() {
        check(
            "{hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 80}], \
             env: [{name: a, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], \
             livenessProbe: {httpGet: {port: 80}}, startupProbe: {grpc: {port: 1}}, \
             lifecycle: {preStop: {httpGet: {port: 80}}}}]}",
            36,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"env":[{"name":"a","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],"image":"i","imagePullPolicy":"Always","lifecycle":{"preStop":{"httpGet":{"path":"/","port":80,"scheme":"HTTP"}}},"livenessProbe":{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"name":"c","ports":[{"containerPort":80,"hostPort":80,"protocol":"TCP"}],"resources":{},"startupProbe":{"failureThreshold":3,"grpc":{"port":1,"service":""},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"hostNetwork":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30},"status":{}}"#
            ]],
        );
    }

    #[test]
    fn volumes() {
        check(
            "{serviceAccount: s, containers: [{name: c, image: i}], volumes: [{name: a}, {name: b, secret: {secretName: s}}, \
             {name: c, configMap: {name: m}}, {name: d, hostPath: {path: /x}}, {name: e, image: {reference: i}}, \
             {name: f, downwardAPI: {items: [{path: p, fieldRef: {fieldPath: metadata.name}}]}}, \
             {name: g, projected: {sources: [{serviceAccountToken: {path: t}}]}}]}",
            36,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"image":"i","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"serviceAccount":"s","serviceAccountName":"s","terminationGracePeriodSeconds":30,"volumes":[{"emptyDir":{},"name":"a"},{"name":"b","secret":{"defaultMode":420,"secretName":"s"}},{"configMap":{"defaultMode":420,"name":"m"},"name":"c"},{"hostPath":{"path":"/x","type":""},"name":"d"},{"image":{"pullPolicy":"Always","reference":"i"},"name":"e"},{"downwardAPI":{"defaultMode":420,"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"},"path":"p"}]},"name":"f"},{"name":"g","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3600,"path":"t"}}]}}]},"status":{}}"#
            ]],
        );
    }

    #[test]
    fn requests_come_from_limits() {
        check(
            "{containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5}}}]}",
            36,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"image":"i","imagePullPolicy":"Always","name":"c","resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m","memory":"1Gi"}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30},"status":{}}"#
            ]],
        );
        check(
            "{resources: {limits: {cpu: 2, memory: 1Gi}}, containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}], \
             initContainers: [{name: s, image: i, restartPolicy: Always, resources: {requests: {cpu: 100m}}}, \
             {name: x, image: i, resources: {requests: {cpu: 1500m}}}]}",
            36,
            expect![[
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"image":"i","imagePullPolicy":"Always","name":"c","resources":{"requests":{"cpu":"1"}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"initContainers":[{"image":"i","imagePullPolicy":"Always","name":"s","resources":{"requests":{"cpu":"100m"}},"restartPolicy":"Always","terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"},{"image":"i","imagePullPolicy":"Always","name":"x","resources":{"requests":{"cpu":"1500m"}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"resources":{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"1600m","memory":"1Gi"}},"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30},"status":{}}"#
            ]],
        );
    }
}
