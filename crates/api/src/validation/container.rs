//! Containers of all three sorts, and what they hold.

use std::collections::BTreeMap;

use super::names::{
    config_key, dns_label, dns_subdomain, env_name, header_name, port_name, qualified_name,
};
use super::pod::validate_seccomp;
use super::volume::{
    has_backsteps, validate_descending_path, validate_field, validate_resource_field,
};
use super::{Errors, Path, Seen};
use crate::{
    Container, ContainerPort, ContainerResizePolicy, ContainerRestartRule, EnvFromSource, EnvVar,
    ExecAction, HttpGetAction, IntOrString, LifecycleHandler, PodSpec, Probe, Quantity,
    ResourceRequirements, SecurityContext, SleepAction, TcpSocketAction, Volume, VolumeDevice,
    VolumeMount,
};

/// The volumes of a Pod by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, &'a Volume>;

/// Calls `see` for each container of a Pod with its path.
pub(super) fn visit_containers(
    spec: &PodSpec,
    path: &Path<'_>,
    see: &mut dyn FnMut(&Container, &Path<'_>),
) {
    let ephemeral = spec.ephemeral_containers.iter().map(|ephemeral| &ephemeral.container);
    let lists: [(&str, Vec<&Container>); 3] = [
        ("containers", spec.containers.iter().collect()),
        ("initContainers", spec.init_containers.iter().collect()),
        ("ephemeralContainers", ephemeral.collect()),
    ];
    for (field, containers) in lists {
        let list = path.child(field);
        for (index, container) in containers.into_iter().enumerate() {
            see(container, &list.index(index));
        }
    }
}

/// Upstream: `validateContainers`, `validateInitContainers`, `validateEphemeralContainers`.
pub(super) fn validate_containers(
    spec: &PodSpec,
    volumes: &Volumes<'_>,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let context = Context { spec, volumes };
    let list = path.child("containers");
    if spec.containers.is_empty() {
        errors.required(&list, "");
    }
    let mut names = Seen::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let path = list.index(index);
        context.validate_common(container, &path, errors);
        if !names.insert(&container.name) {
            errors.duplicate(&path.child("name"), &container.name);
        }
        context.validate_hooks_and_probes(container, &path, errors);
        validate_restart_policy(container, &path, errors);
    }
    check_host_port_conflicts(&spec.containers.iter().collect::<Vec<_>>(), 0, &list, errors);

    let list = path.child("initContainers");
    for (index, container) in spec.init_containers.iter().enumerate() {
        let path = list.index(index);
        context.validate_common(container, &path, errors);
        if !container.name.is_empty() && !names.insert(&container.name) {
            errors.duplicate(&path.child("name"), &container.name);
        }
        // Init containers run one by one, so that each may use the same port.
        check_host_port_conflicts(&[container], index, &list, errors);
        validate_restart_policy(container, &path, errors);
        if container.restart_policy.as_deref() == Some("Always") {
            context.validate_hooks_and_probes(container, &path, errors);
        } else {
            let given = [
                ("lifecycle", container.lifecycle.is_some()),
                ("livenessProbe", container.liveness_probe.is_some()),
                ("readinessProbe", container.readiness_probe.is_some()),
                ("startupProbe", container.startup_probe.is_some()),
            ];
            for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                errors.forbidden(&path.child(field), detail);
            }
        }
    }

    let list = path.child("ephemeralContainers");
    let permanent = names.clone();
    for (index, ephemeral) in spec.ephemeral_containers.iter().enumerate() {
        let path = list.index(index);
        let container = &ephemeral.container;
        context.validate_common(container, &path, errors);
        if !names.insert(&container.name) {
            errors.duplicate(&path.child("name"), &container.name);
        }
        let target = &ephemeral.target_container_name;
        if !target.is_empty() && !permanent.contains(target.as_str()) {
            errors.not_found(&path.child("targetContainerName"), target);
        }
        let given = [
            ("ports", !container.ports.is_empty()),
            ("resources", container.resources != ResourceRequirements::default()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
            ("lifecycle", container.lifecycle.is_some()),
            ("restartPolicy", container.restart_policy.is_some()),
            ("restartPolicyRules", !container.restart_policy_rules.is_empty()),
            ("resizePolicy", !container.resize_policy.is_empty()),
        ];
        for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            errors.forbidden(&path.child(field), "cannot be set for an Ephemeral Container");
        }
    }
}

/// What checking a container needs to know of its Pod.
struct Context<'a> {
    spec: &'a PodSpec,
    volumes: &'a Volumes<'a>,
}

impl Context<'_> {
    /// Upstream: `validateContainerCommon`.
    fn validate_common(&self, container: &Container, path: &Path<'_>, errors: &mut Errors) {
        if container.name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_name(&path.child("name"), &container.name, dns_label(&container.name));
        }
        if container.image.is_empty() {
            errors.required(&path.child("image"), "");
        }
        errors.one_of(
            &path.child("terminationMessagePolicy"),
            Some(&container.termination_message_policy),
            &["File", "FallbackToLogsOnError"],
        );
        validate_ports(&container.ports, &path.child("ports"), errors);
        self.validate_env(&container.env, &path.child("env"), errors);
        validate_env_from(&container.env_from, &path.child("envFrom"), errors);
        self.validate_volume_mounts(container, &path.child("volumeMounts"), errors);
        self.validate_volume_devices(container, &path.child("volumeDevices"), errors);
        errors.one_of(
            &path.child("imagePullPolicy"),
            Some(&container.image_pull_policy),
            &["Always", "IfNotPresent", "Never"],
        );
        validate_resources(&container.resources, false, &path.child("resources"), errors);
        self.validate_resize_policy(&container.resize_policy, &path.child("resizePolicy"), errors);
        if let Some(context) = &container.security_context {
            validate_security_context(context, &path.child("securityContext"), errors);
        }
    }

    /// What app containers and sidecars have, and init containers do not.
    fn validate_hooks_and_probes(
        &self,
        container: &Container,
        path: &Path<'_>,
        errors: &mut Errors,
    ) {
        if let Some(lifecycle) = &container.lifecycle {
            let path = path.child("lifecycle");
            for (field, hook) in
                [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)]
            {
                if let Some(hook) = hook {
                    self.validate_hook(hook, &path.child(field), errors);
                }
            }
            if let Some(signal) = &lifecycle.stop_signal {
                validate_stop_signal(signal, self.spec, &path.child("stopSignal"), errors);
            }
        }
        let probes = [
            ("livenessProbe", &container.liveness_probe),
            ("readinessProbe", &container.readiness_probe),
            ("startupProbe", &container.startup_probe),
        ];
        for (field, probe) in probes {
            let Some(probe) = probe else { continue };
            let path = path.child(field);
            validate_probe(probe, &path, errors);
            if field == "readinessProbe" {
                if let Some(seconds) = probe.termination_grace_period_seconds {
                    let detail = "must not be set for readinessProbes";
                    errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, detail);
                }
            } else if probe.success_threshold != 1 {
                errors.invalid(
                    &path.child("successThreshold"),
                    probe.success_threshold,
                    "must be 1",
                );
            }
        }
    }

    fn validate_hook(&self, hook: &LifecycleHandler, path: &Path<'_>, errors: &mut Errors) {
        let mut handlers = Handlers { path, errors, count: 0 };
        handlers.exec(hook.exec.as_ref());
        handlers.http_get(hook.http_get.as_deref());
        handlers.tcp_socket(hook.tcp_socket.as_ref());
        if let Some(SleepAction { seconds }) = hook.sleep
            && handlers.is_first("sleep")
            && let Some(grace) = self.spec.termination_grace_period_seconds
            && !(0..=grace).contains(&seconds)
        {
            let detail = format!(
                "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            );
            handlers.errors.invalid(&path.child("sleep"), seconds, &detail);
        }
        handlers.finish();
    }

    /// Upstream: `ValidateEnv`, `validateEnvVarValueFrom`.
    fn validate_env(&self, vars: &[EnvVar], path: &Path<'_>, errors: &mut Errors) {
        for (index, var) in vars.iter().enumerate() {
            let path = path.index(index);
            if var.name.is_empty() {
                errors.required(&path.child("name"), "");
            } else {
                errors.invalid_name(&path.child("name"), &var.name, env_name(&var.name));
            }
            let Some(source) = &var.value_from else { continue };
            let path = path.child("valueFrom");
            let mut count = 0;
            if let Some(field) = &source.field_ref {
                count += 1;
                const FIELDS: &[&str] = &[
                    "metadata.name",
                    "metadata.namespace",
                    "metadata.uid",
                    "spec.nodeName",
                    "spec.serviceAccountName",
                    "status.hostIP",
                    "status.hostIPs",
                    "status.podIP",
                    "status.podIPs",
                ];
                validate_field(field, FIELDS, &path.child("fieldRef"), errors);
            }
            if let Some(field) = &source.resource_field_ref {
                count += 1;
                validate_resource_field(field, false, &path.child("resourceFieldRef"), errors);
            }
            let keys = [
                ("configMapKeyRef", source.config_map_key_ref.as_ref().map(|r| (&r.name, &r.key))),
                ("secretKeyRef", source.secret_key_ref.as_ref().map(|r| (&r.name, &r.key))),
            ];
            for (field, key) in keys {
                let Some((name, key)) = key else { continue };
                count += 1;
                let path = path.child(field);
                errors.invalid_name(&path.child("name"), name, dns_subdomain(name));
                validate_key(key, &path.child("key"), errors);
            }
            if let Some(file) = &source.file_key_ref {
                count += 1;
                let path = path.child("fileKeyRef");
                if file.volume_name.is_empty() {
                    errors.required(&path.child("volumeName"), "");
                } else {
                    let wrong = dns_label(&file.volume_name);
                    errors.invalid_name(&path.child("volumeName"), &file.volume_name, wrong);
                }
                if file.path.is_empty() {
                    errors.required(&path.child("path"), "");
                } else {
                    super::volume::validate_local_path(&file.path, &path.child("path"), errors);
                }
                if file.key.is_empty() {
                    errors.required(&path.child("key"), "");
                } else {
                    errors.invalid_name(&path.child("key"), &file.key, env_name(&file.key));
                }
            }
            let detail = match count {
                0 => {
                    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or \
                     `fileKeyRef`"
                }
                _ if !var.value.is_empty() => "may not be specified when `value` is not empty",
                1 => continue,
                _ => "may not have more than one field specified at a time",
            };
            errors.invalid(&path, "", detail);
        }
    }

    /// Upstream: `ValidateVolumeMounts`.
    fn validate_volume_mounts(&self, container: &Container, path: &Path<'_>, errors: &mut Errors) {
        let mut mount_paths = Seen::new();
        let devices = &container.volume_devices;
        let device_names: Seen<'_> = devices.iter().map(|device| device.name.as_str()).collect();
        let device_paths: Seen<'_> =
            devices.iter().map(|device| device.device_path.as_str()).collect();
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let path = path.index(index);
            let (name_path, mount_path) = (path.child("name"), path.child("mountPath"));
            if mount.name.is_empty() {
                errors.required(&name_path, "");
            }
            let volume = self.volumes.get(mount.name.as_str());
            if volume.is_none() {
                errors.not_found(&name_path, &mount.name);
            }
            if mount.mount_path.is_empty() {
                errors.required(&mount_path, "");
            }
            if !mount_paths.insert(&mount.mount_path) {
                errors.invalid(&mount_path, &mount.mount_path, "must be unique");
            }
            if device_names.contains(mount.name.as_str()) {
                errors.invalid(&name_path, &mount.name, "must not already exist in volumeDevices");
            }
            if device_paths.contains(mount.mount_path.as_str()) {
                let detail = "must not already exist as a path in volumeDevices";
                errors.invalid(&mount_path, &mount.mount_path, detail);
            }
            if !mount.sub_path.is_empty() {
                validate_descending_path(&mount.sub_path, &path.child("subPath"), errors);
            }
            if !mount.sub_path_expr.is_empty() {
                let path = path.child("subPathExpr");
                if !mount.sub_path.is_empty() {
                    let detail = "subPathExpr and subPath are mutually exclusive";
                    errors.invalid(&path, &mount.sub_path_expr, detail);
                }
                validate_descending_path(&mount.sub_path_expr, &path, errors);
            }
            validate_mount_modes(mount, container, &path, errors);
        }
    }

    /// Upstream: `ValidateVolumeDevices`.
    fn validate_volume_devices(&self, container: &Container, path: &Path<'_>, errors: &mut Errors) {
        let (mut names, mut paths) = (Seen::new(), Seen::new());
        for (index, VolumeDevice { name, device_path }) in
            container.volume_devices.iter().enumerate()
        {
            let path = path.index(index);
            let (name_at, path_at) = (path.child("name"), path.child("devicePath"));
            if name.is_empty() {
                errors.required(&name_at, "");
            }
            if !names.insert(name) {
                errors.invalid(&name_at, name, "must be unique");
            }
            match self.volumes.get(name.as_str()) {
                None => errors.not_found(&name_at, name),
                Some(volume)
                    if volume.persistent_volume_claim.is_none()
                        && volume.ephemeral.json().is_none() =>
                {
                    let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    errors.invalid(&name_at, name, detail);
                }
                Some(_) => {}
            }
            if device_path.is_empty() {
                errors.required(&path_at, "");
            }
            if !paths.insert(device_path) {
                errors.invalid(&path_at, device_path, "must be unique");
            }
            if has_backsteps(device_path) {
                errors.invalid(&path_at, device_path, "can not contain backsteps ('..')");
            }
        }
    }

    /// Upstream: `validateResizePolicy`.
    fn validate_resize_policy(
        &self,
        policies: &[ContainerResizePolicy],
        path: &Path<'_>,
        errors: &mut Errors,
    ) {
        let mut names = Seen::new();
        for (index, policy) in policies.iter().enumerate() {
            let name = &policy.resource_name;
            if !names.insert(name) {
                errors.duplicate(&path.index(index), name);
            }
            for (value, supported) in [
                (name, ["cpu", "memory"]),
                (&policy.restart_policy, ["NotRequired", "RestartContainer"]),
            ] {
                if value.is_empty() {
                    errors.required(path, "");
                } else {
                    errors.one_of(path, Some(value), &supported);
                }
            }
            if self.spec.restart_policy == "Never" && policy.restart_policy != "NotRequired" {
                let detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
                errors.invalid(path, &policy.restart_policy, detail);
            }
        }
    }
}

/// Upstream: `validateMountPropagation`, `validateMountRecursiveReadOnly`.
fn validate_mount_modes(
    mount: &VolumeMount,
    container: &Container,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let propagation = mount.mount_propagation.as_deref();
    let at = path.child("mountPropagation");
    errors.one_of(&at, propagation, &["Bidirectional", "HostToContainer", "None"]);
    let is_privileged =
        container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true));
    if propagation == Some("Bidirectional") && !is_privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.forbidden(&at, detail);
    }
    let recursive = mount.recursive_read_only.as_deref();
    let at = path.child("recursiveReadOnly");
    errors.one_of(&at, recursive, &["Disabled", "Enabled", "IfPossible"]);
    if matches!(recursive, Some("Enabled" | "IfPossible")) {
        if !mount.read_only {
            errors.forbidden(&at, "may only be specified when readOnly is true");
        }
        if !matches!(propagation, None | Some("None")) {
            errors.forbidden(
                &at,
                "may only be specified when mountPropagation is None or not specified",
            );
        }
    }
}

/// Upstream: `validateContainerRestartPolicy`, of Kubernetes 1.34 and later.
fn validate_restart_policy(container: &Container, path: &Path<'_>, errors: &mut Errors) {
    let policy_path = path.child("restartPolicy");
    let rules = &container.restart_policy_rules;
    match container.restart_policy.as_deref() {
        None if rules.is_empty() => return,
        None => {
            return errors
                .required(&policy_path, "must specify restartPolicy when restart rules are used");
        }
        policy => errors.one_of(&policy_path, policy, &["Always", "Never", "OnFailure"]),
    }
    let rules_path = path.child("restartPolicyRules");
    if rules.len() > 20 {
        errors.too_many(&rules_path, rules.len(), 20);
    }
    for (index, ContainerRestartRule { action, exit_codes }) in rules.iter().enumerate() {
        let path = rules_path.index(index);
        errors.one_of(&path.child("action"), Some(action), &["Restart", "RestartAllContainers"]);
        let codes_path = path.child("exitCodes");
        let Some(codes) = exit_codes else {
            errors.required(&codes_path, "must be specified");
            continue;
        };
        errors.one_of(&codes_path.child("operator"), Some(&codes.operator), &["In", "NotIn"]);
        if codes.values.len() > 255 {
            errors.too_many(&codes_path.child("values"), codes.values.len(), 255);
        }
    }
}

/// Upstream: `validateStopSignal`.
fn validate_stop_signal(signal: &str, spec: &PodSpec, path: &Path<'_>, errors: &mut Errors) {
    match spec.os.as_ref().map(|os| os.name.as_str()) {
        None => errors.forbidden(path, "may not be set for containers with empty `spec.os.name`"),
        Some("windows") => {
            errors.one_of(path, Some(signal), &["SIGKILL", "SIGTERM"]);
        }
        Some(_) => {
            let is_signal = signal.strip_prefix("SIG").is_some_and(|name| {
                SIGNALS.split(' ').any(|known| known == name)
                    || ["RTMIN+", "RTMAX-"].iter().any(|base| {
                        name.strip_prefix(base)
                            .is_some_and(|n| n.parse::<u8>().is_ok_and(|n| n <= 15))
                    })
            });
            if !is_signal {
                let supported: Vec<String> =
                    SIGNALS.split(' ').map(|name| format!("SIG{name}")).collect();
                let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
                errors.not_supported(path, signal, &supported);
            }
        }
    }
}

const SIGNALS: &str = "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT RTMAX \
                       RTMIN SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ";

/// Upstream: `validateContainerPorts`.
fn validate_ports(ports: &[ContainerPort], path: &Path<'_>, errors: &mut Errors) {
    let mut names = Seen::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        if !port.name.is_empty() {
            let wrong = port_name(&port.name);
            if wrong.is_empty() && !names.insert(&port.name) {
                errors.duplicate(&path.child("name"), &port.name);
            }
            errors.invalid_name(&path.child("name"), &port.name, wrong);
        }
        if port.container_port == 0 {
            errors.required(&path.child("containerPort"), "");
        } else {
            errors.in_range(&path.child("containerPort"), port.container_port.into(), 1, 65535);
        }
        if port.host_port != 0 {
            errors.in_range(&path.child("hostPort"), port.host_port.into(), 1, 65535);
        }
        errors.one_of(&path.child("protocol"), Some(&port.protocol), &["SCTP", "TCP", "UDP"]);
        if !port.host_ip.is_empty() {
            errors.ip(&path.child("hostIP"), &port.host_ip);
        }
    }
}

/// Upstream: `AccumulateUniqueHostPorts`. `first` is the index of the first container in its list.
fn check_host_port_conflicts(
    containers: &[&Container],
    first: usize,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let mut taken = std::collections::BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let container_path = path.index(first + index);
        let ports = container_path.child("ports");
        for (index, port) in
            container.ports.iter().enumerate().filter(|(_, port)| port.host_port != 0)
        {
            let address = format!("{}/{}/{}", port.protocol, port.host_ip, port.host_port);
            if taken.contains(&address) {
                errors.duplicate(&ports.index(index).child("hostPort"), &address);
            }
            taken.insert(address);
        }
    }
}

fn validate_key(key: &str, path: &Path<'_>, errors: &mut Errors) {
    if key.is_empty() {
        errors.required(path, "");
    } else {
        errors.invalid_name(path, key, config_key(key));
    }
}

/// Upstream: `ValidateEnvFrom`.
fn validate_env_from(sources: &[EnvFromSource], path: &Path<'_>, errors: &mut Errors) {
    for (index, source) in sources.iter().enumerate() {
        let item = path.index(index);
        if !source.prefix.is_empty() {
            errors.invalid_name(&item.child("prefix"), &source.prefix, env_name(&source.prefix));
        }
        let mut count = 0;
        let objects = [
            ("configMapRef", source.config_map_ref.as_ref().map(|object| &object.name)),
            ("secretRef", source.secret_ref.as_ref().map(|object| &object.name)),
        ];
        for (field, name) in objects {
            let Some(name) = name else { continue };
            count += 1;
            let path = item.child(field);
            if name.is_empty() {
                errors.required(&path.child("name"), "");
            } else {
                errors.invalid_name(&path.child("name"), name, dns_subdomain(name));
            }
        }
        match count {
            0 => errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => errors.invalid(path, "", "may not have more than one field specified at a time"),
        }
    }
}

/// Upstream: `validateHandler`: one handler, and only one.
struct Handlers<'a> {
    path: &'a Path<'a>,
    errors: &'a mut Errors,
    count: usize,
}

impl Handlers<'_> {
    /// Counts a handler; only the first one is looked at.
    fn is_first(&mut self, field: &str) -> bool {
        self.count += 1;
        if self.count > 1 {
            self.errors
                .forbidden(&self.path.child(field), "may not specify more than 1 handler type");
        }
        self.count == 1
    }

    fn exec(&mut self, exec: Option<&ExecAction>) {
        if let Some(exec) = exec
            && self.is_first("exec")
            && exec.command.is_empty()
        {
            self.errors.required(&self.path.child("exec").child("command"), "");
        }
    }

    fn http_get(&mut self, http: Option<&HttpGetAction>) {
        let Some(http) = http else { return };
        if !self.is_first("httpGet") {
            return;
        }
        let path = self.path.child("httpGet");
        validate_port(&http.port, &path.child("port"), self.errors);
        self.errors.one_of(&path.child("scheme"), Some(&http.scheme), &["HTTP", "HTTPS"]);
        for header in &http.http_headers {
            let wrong = header_name(&header.name);
            self.errors.invalid_name(&path.child("httpHeaders"), &header.name, wrong);
        }
    }

    fn tcp_socket(&mut self, tcp: Option<&TcpSocketAction>) {
        if let Some(tcp) = tcp
            && self.is_first("tcpSocket")
        {
            validate_port(&tcp.port, &self.path.child("tcpSocket").child("port"), self.errors);
        }
    }

    fn finish(self) {
        if self.count == 0 {
            self.errors.required(self.path, "must specify a handler type");
        }
    }
}

/// Upstream: `ValidatePortNumOrName`.
fn validate_port(port: &IntOrString, path: &Path<'_>, errors: &mut Errors) {
    match port {
        IntOrString::Int(number) => errors.in_range(path, (*number).into(), 1, 65535),
        IntOrString::String(name) => errors.invalid_name(path, name, port_name(name)),
    }
}

/// Upstream: `validateProbe`.
fn validate_probe(probe: &Probe, path: &Path<'_>, errors: &mut Errors) {
    let mut handlers = Handlers { path, errors, count: 0 };
    handlers.exec(probe.exec.as_ref());
    handlers.http_get(probe.http_get.as_deref());
    handlers.tcp_socket(probe.tcp_socket.as_ref());
    if let Some(grpc) = &probe.grpc
        && handlers.is_first("grpc")
    {
        handlers.errors.in_range(&path.child("grpc").child("port"), grpc.port.into(), 1, 65535);
    }
    handlers.finish();
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (field, number) in numbers {
        errors.not_negative(&path.child(field), number.into());
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|seconds| *seconds <= 0) {
        errors.invalid(
            &path.child("terminationGracePeriodSeconds"),
            seconds,
            "must be greater than 0",
        );
    }
}

/// Upstream: `ValidateContainerResourceRequirements`.
pub(super) fn validate_resources(
    resources: &ResourceRequirements,
    of_pod: bool,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let (limits, requests) = (path.child("limits"), path.child("requests"));
    for (name, amount) in &resources.limits {
        validate_amount(name, amount, of_pod, &limits.key(name), errors);
    }
    for (name, amount) in &resources.requests {
        // What was filled in from the limit has been checked there.
        if resources.limits.get(name) != Some(amount) {
            validate_amount(name, amount, of_pod, &requests.key(name), errors);
        }
        let may_overcommit = !name.contains('/') && !name.starts_with("hugepages-");
        match resources.limits.get(name) {
            Some(limit) if !may_overcommit && amount.nanos() != limit.nanos() => {
                let detail = format!("must be equal to {name} limit of {}", limit.as_str());
                errors.invalid(&requests, amount.as_str(), &detail);
            }
            Some(limit) if amount.nanos() > limit.nanos() => {
                let detail =
                    format!("must be less than or equal to {name} limit of {}", limit.as_str());
                errors.invalid(&requests, amount.as_str(), &detail);
            }
            None if !may_overcommit => {
                errors.required(&limits, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
    }
}

/// Upstream: `validateContainerResourceName`, `ValidateResourceQuantityValue`.
fn validate_amount(
    name: &str,
    amount: &Quantity,
    of_pod: bool,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    errors.invalid_name(path, name, qualified_name(name));
    if !name.contains('/') && !of_pod {
        let is_standard = matches!(name, "cpu" | "memory" | "ephemeral-storage")
            || name.starts_with("hugepages-");
        if !is_standard {
            errors.invalid(path, name, "must be a standard resource type or fully qualified");
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    }
    if amount.nanos() < 0 {
        errors.invalid(path, amount.as_str(), "must be greater than or equal to 0");
    }
    let is_counted = name.contains('/') && !name.contains("kubernetes.io/");
    if is_counted && amount.nanos() % 1_000_000_000 != 0 {
        errors.invalid(path, amount.as_str(), "must be an integer");
    }
}

/// Upstream: `ValidateSecurityContext`.
fn validate_security_context(context: &SecurityContext, path: &Path<'_>, errors: &mut Errors) {
    for (field, id) in [("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)] {
        if let Some(id) = id {
            errors.in_range(&path.child(field), id, 0, i64::from(i32::MAX));
        }
    }
    errors.one_of(
        &path.child("procMount"),
        context.proc_mount.as_deref(),
        &["Default", "Unmasked"],
    );
    if let Some(profile) = &context.seccomp_profile {
        validate_seccomp(profile, &path.child("seccompProfile"), errors);
    }
    if context.allow_privilege_escalation == Some(false) {
        let bad = || super::Bad::Json(crate::print::to_json(context));
        if context.privileged == Some(true) {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid(path, bad(), detail);
        }
        let added = context.capabilities.iter().flat_map(|capabilities| &capabilities.add);
        if added.into_iter().any(|added| added == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid(path, bad(), detail);
        }
    }
}
