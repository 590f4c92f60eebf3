//! Security contexts in Docker's words.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/security_context.go`,
//! `selinux_util.go`, `helpers_linux.go`.

use super::network::NetworkPluginKind;
use super::sandbox::docker_network;
use crate::docker::engine::CreateBody;
use cri::NamespaceMode;

/// What containers and sandboxes have in common.
struct Context<'a> {
    run_as_user: Option<i64>,
    run_as_username: &'a str,
    run_as_group: Option<i64>,
    supplemental_groups: &'a [i64],
    privileged: bool,
    readonly_rootfs: bool,
    selinux: Option<&'a cri::SeLinuxOption>,
}

/// Applies the security context of a sandbox.
pub(super) fn apply_sandbox(
    body: &mut CreateBody,
    context: Option<&cri::LinuxSandboxSecurityContext>,
    plugin: NetworkPluginKind,
) -> Result<(), String> {
    if let Some(context) = context {
        let common = Context {
            run_as_user: context.run_as_user.map(|user| user.value),
            run_as_username: "",
            run_as_group: context.run_as_group.map(|group| group.value),
            supplemental_groups: &context.supplemental_groups,
            privileged: context.privileged,
            readonly_rootfs: context.readonly_rootfs,
            selinux: context.selinux_options.as_ref(),
        };
        apply(body, &common)?;
    }
    let options = context.and_then(|context| context.namespace_options.as_ref());
    let mode =
        |mode: fn(&cri::NamespaceOption) -> NamespaceMode| options.map_or(NamespaceMode::Pod, mode);
    let host = &mut body.host_config;
    if mode(cri::NamespaceOption::pid) == NamespaceMode::Node {
        host.pid_mode = "host".to_owned();
    }
    if mode(cri::NamespaceOption::ipc) == NamespaceMode::Node {
        host.ipc_mode = "host".to_owned();
    }
    let network = match mode(cri::NamespaceOption::network) {
        NamespaceMode::Node => "host",
        _ => docker_network(plugin),
    };
    network.clone_into(&mut host.network_mode);
    Ok(())
}

/// Applies the security context of a container in a sandbox.
pub(super) fn apply_container(
    body: &mut CreateBody,
    context: Option<&cri::LinuxContainerSecurityContext>,
    sandbox: &str,
) -> Result<(), String> {
    if let Some(context) = context {
        let common = Context {
            run_as_user: context.run_as_user.map(|user| user.value),
            run_as_username: &context.run_as_username,
            run_as_group: context.run_as_group.map(|group| group.value),
            supplemental_groups: &context.supplemental_groups,
            privileged: context.privileged,
            readonly_rootfs: context.readonly_rootfs,
            selinux: context.selinux_options.as_ref(),
        };
        apply(body, &common)?;
        let host = &mut body.host_config;
        if let Some(capabilities) = &context.capabilities {
            host.cap_add = slice(&capabilities.add_capabilities);
            host.cap_drop = slice(&capabilities.drop_capabilities);
        }
        if let Some(option) = apparmor(&context.apparmor_profile) {
            host.security_opt.get_or_insert_default().push(option);
        }
        if context.no_new_privs {
            host.security_opt.get_or_insert_default().push("no-new-privileges".to_owned());
        }
        if !context.privileged {
            host.masked_paths = slice(&context.masked_paths);
            host.readonly_paths = slice(&context.readonly_paths);
        }
    }
    let options = context.and_then(|context| context.namespace_options.as_ref());
    let of_sandbox = format!("container:{sandbox}");
    let host = &mut body.host_config;
    host.pid_mode = match options.map_or(NamespaceMode::Pod, cri::NamespaceOption::pid) {
        NamespaceMode::Pod => of_sandbox.clone(),
        NamespaceMode::Node => "host".to_owned(),
        NamespaceMode::Target => {
            format!("container:{}", options.map_or("", |options| &options.target_id))
        }
        NamespaceMode::Container => String::new(),
    };
    host.network_mode.clone_from(&of_sandbox);
    host.ipc_mode = of_sandbox;
    let network = options.map_or(NamespaceMode::Pod, cri::NamespaceOption::network);
    host.uts_mode = if network == NamespaceMode::Node { "host" } else { "" };
    Ok(())
}

fn apply(body: &mut CreateBody, context: &Context<'_>) -> Result<(), String> {
    if let Some(user) = context.run_as_user {
        body.user = user.to_string();
    }
    if !context.run_as_username.is_empty() {
        context.run_as_username.clone_into(&mut body.user);
    }
    if let Some(group) = context.run_as_group {
        if body.user.is_empty() {
            return Err("runAsGroup is specified without a runAsUser".to_owned());
        }
        body.user = format!("{}:{group}", body.user);
    }
    let host = &mut body.host_config;
    if !context.supplemental_groups.is_empty() {
        let groups = context.supplemental_groups.iter().map(i64::to_string);
        host.group_add = Some(groups.collect());
    }
    host.privileged = context.privileged;
    host.readonly_rootfs = context.readonly_rootfs;
    if let Some(selinux) = context.selinux {
        let parts = [
            ("user", &selinux.user),
            ("role", &selinux.role),
            ("type", &selinux.r#type),
            ("level", &selinux.level),
        ];
        for (name, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            let options = host.security_opt.get_or_insert_default();
            options.push(format!("label={name}:{value}"));
        }
    }
    Ok(())
}

/// A list of a message as Go sees it: empty is nil.
fn slice(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}

fn apparmor(profile: &str) -> Option<String> {
    match profile {
        "" | "runtime/default" => None,
        profile => {
            Some(format!("apparmor={}", profile.strip_prefix("localhost/").unwrap_or(profile)))
        }
    }
}

/// Docker's option for a seccomp profile. Nothing said means unconfined, not Docker's default.
///
/// # Errors
/// A profile of an unknown kind, or a file that is not there.
pub(super) fn seccomp(
    profile: &str,
    read: impl FnOnce(&str) -> Option<String>,
) -> Result<Option<String>, String> {
    match profile {
        "" | "unconfined" => Ok(Some("seccomp=unconfined".to_owned())),
        "runtime/default" | "docker/default" => Ok(None),
        profile => {
            let Some(file) = profile.strip_prefix("localhost/") else {
                return Err(format!("unknown seccomp profile option: {profile}"));
            };
            let text = read(file).ok_or_else(|| {
                format!(
                    "cannot load seccomp profile {file:?}: open {file}: no such file or directory"
                )
            })?;
            let compact: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| format!("failed to decode seccomp profile {file:?}: {error}"))?;
            Ok(Some(format!("seccomp={compact}")))
        }
    }
}
