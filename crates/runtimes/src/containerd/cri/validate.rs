//! What containerd refuses in requests.
//!
//! Models: containerd v2.3.4 `internal/cri/server/helpers.go` `parseUsernsIDs`, `sameUsernsConfig`;
//! `internal/cri/opts/spec_linux_opts.go` `WithMounts`; `internal/cri/util/util.go`
//! `GenerateUserString`; `internal/cri/server/container_image_mount.go` `mutateImageMount`.

use crate::server::images::ImageStore;
use cri::{
    IdMapping, LinuxContainerSecurityContext, Mount, MountPropagation, NamespaceMode, Status,
    UserNamespace,
};
use node::Node;

/// Whether a user namespace is asked for.
///
/// # Errors
/// Mappings that do not fit the mode, and modes that a user namespace cannot have.
pub(super) fn user_namespace(asked: Option<&UserNamespace>) -> Result<bool, Status> {
    let Some(asked) = asked else { return Ok(false) };
    let check = |what, ids: &[IdMapping]| match ids {
        [] => Ok(()),
        [one] if one.length < 1 => {
            Err(Status::unknown(format!("{what} mapping: invalid mapping length: {}", one.length)))
        }
        [_] => Ok(()),
        more => Err(Status::unknown(format!(
            "{what} mapping: only one mapping line supported, got {} mapping lines",
            more.len()
        ))),
    };
    check("UID", &asked.uids)?;
    check("GID", &asked.gids)?;
    let (uids, gids) = (asked.uids.len(), asked.gids.len());
    match asked.mode() {
        NamespaceMode::Node if uids + gids > 0 => Err(Status::unknown(format!(
            "can't use user namespace mode \"NODE\" with mappings. Got {uids} UID mappings and \
             {gids} GID mappings"
        ))),
        NamespaceMode::Node => Ok(false),
        NamespaceMode::Pod if uids == 0 || gids == 0 => Err(Status::unknown(
            "can't use user namespace mode \"POD\" without UID and GID mappings",
        )),
        NamespaceMode::Pod => Ok(true),
        mode => Err(Status::unknown(format!(
            "unsupported user namespace mode: {:?}",
            mode.as_str_name()
        ))),
    }
}

/// # Errors
/// Mappings of a user namespace in which there is no root, for whom the root file system is
/// prepared.
///
/// Models: containerd v2.3.4 `internal/userns/idmap.go` `RootPair`.
pub(super) fn maps_root(asked: Option<&UserNamespace>) -> Result<(), Status> {
    let maps = |ids: &[IdMapping]| ids.is_empty() || ids.iter().any(|ids| ids.container_id == 0);
    match asked {
        Some(asked) if !maps(&asked.uids) || !maps(&asked.gids) => {
            Err(Status::unknown("container ID 0 cannot be mapped to a host ID"))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// Another user namespace than the sandbox's.
pub(super) fn same_user_namespace(
    sandbox: Option<&UserNamespace>,
    container: Option<&UserNamespace>,
) -> Result<(), Status> {
    if sandbox == container {
        return Ok(());
    }
    let shown = |options: Option<&UserNamespace>| match options {
        Some(options) => format!("mode:{}", options.mode().as_str_name()),
        None => "<nil>".to_owned(),
    };
    Err(Status::unknown(format!(
        "user namespace config for sandbox is different from container. Sandbox userns config: {} \
         - Container userns config: {}",
        shown(sandbox),
        shown(container)
    )))
}

/// # Errors
/// A group without a user.
pub(super) fn user(context: Option<&LinuxContainerSecurityContext>) -> Result<(), Status> {
    let Some(context) = context else { return Ok(()) };
    match &context.run_as_group {
        Some(group) if context.run_as_user.is_none() && context.run_as_username.is_empty() => {
            Err(Status::unknown(format!(
                "failed to generate user string: user group \"{}\" is specified without user",
                group.value
            )))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// Recursively read-only mounts that are writable or propagate.
pub(super) fn mounts(mounts: &[Mount]) -> Result<(), Status> {
    for mount in mounts.iter().filter(|mount| mount.recursive_read_only) {
        let path = &mount.host_path;
        if !mount.readonly {
            return Err(Status::unknown(format!(
                "recursive read-only mount conflicts with RW mount (hostPath={path:?})"
            )));
        }
        let propagation = mount.propagation();
        if propagation != MountPropagation::PropagationPrivate {
            return Err(Status::unknown(format!(
                "recursive read-only mount needs private propagation, got {:?} (hostPath={path:?})",
                propagation.as_str_name()
            )));
        }
    }
    Ok(())
}

fn has_sub_path(mount: &Mount, images: &ImageStore, node: &Node) -> bool {
    let found = mount.image.as_ref().and_then(|image| images.resolve(&image.image));
    let name = found.and_then(|image| image.references.borrow().first().cloned());
    let path = format!("/{}", mount.image_sub_path.trim_matches('/'));
    node.userland().is_none_or(|userland| userland.image_has(&name.unwrap_or_default(), &path))
}

/// # Errors
/// Images as mounts that are writable, not there, or beside a path of the host.
pub(super) fn image_mounts(
    mounts: &[Mount],
    images: &ImageStore,
    node: &Node,
) -> Result<(), Status> {
    for mount in mounts {
        let Some(image) = &mount.image else { continue };
        let problem = if !mount.host_path.is_empty() {
            format!("hostpath must be empty while mount image: {}", mount.container_path)
        } else if !mount.readonly {
            format!("readonly must be true while mount image: {}", mount.container_path)
        } else if image.image.is_empty() {
            format!("image not specified in: {}", mount.container_path)
        } else if images.resolve(&image.image).is_none() {
            let message = format!("failed to resolve image {:?}: not found", image.image);
            return Err(Status::not_found(format!("ImageVolumeMountFailed: {message}")));
        } else if !has_sub_path(mount, images, node) {
            format!(
                "failed to find sub path {:?} in image {:?}: no such file or directory",
                mount.image_sub_path, image.image
            )
        } else {
            continue;
        };
        return Err(Status::unknown(format!("ImageVolumeMountFailed: {problem}")));
    }
    Ok(())
}
