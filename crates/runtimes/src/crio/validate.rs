//! What CRI-O refuses in requests.
//!
//! Models: cri-o@v1.37.0 `server/container_create.go` `setupContainerUser`,
//! `server/container_create_linux.go` `addOCIBindMounts`, `server/sandbox_run_linux.go`
//! `configureUsernsFromCRI`.

use crate::server::images::ImageStore;
use cri::{
    IdMapping, LinuxContainerSecurityContext, Mount, MountPropagation, NamespaceMode, Status,
    UserNamespace,
};
use node::Node;

/// # Errors
/// A group without a user.
pub(super) fn user(context: Option<&LinuxContainerSecurityContext>) -> Result<(), Status> {
    match context {
        Some(context)
            if context.run_as_group.is_some()
                && context.run_as_user.is_none()
                && context.run_as_username.is_empty() =>
        {
            Err(Status::unknown("user group is specified without user or username"))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// Modes and mappings of which no user namespace can be made.
pub(super) fn user_namespace(asked: Option<&UserNamespace>) -> Result<(), Status> {
    let Some(asked) = asked else { return Ok(()) };
    let one = |ids: &[IdMapping]| ids.len() == 1 && ids[0].length > 0;
    let maps_root = |ids: &[IdMapping]| ids.iter().any(|ids| ids.container_id == 0);
    let problem = match asked.mode() {
        NamespaceMode::Node => return Ok(()),
        NamespaceMode::Pod if !one(&asked.uids) || !one(&asked.gids) => {
            "exactly one UID and one GID mapping are needed".to_owned()
        }
        NamespaceMode::Pod if !maps_root(&asked.uids) || !maps_root(&asked.gids) => {
            "container ID 0 is not mapped".to_owned()
        }
        NamespaceMode::Pod => return Ok(()),
        mode => format!("unsupported mode {}", mode.as_str_name()),
    };
    Err(Status::unknown(format!("configuring user namespace: {problem}")))
}

/// # Errors
/// Recursively read-only mounts that are writable or propagate; images that are writable, not
/// there, or do not have what is asked for.
pub(super) fn mounts(mounts: &[Mount], images: &ImageStore, node: &Node) -> Result<(), Status> {
    for mount in mounts {
        let path = &mount.host_path;
        if mount.recursive_read_only && !mount.readonly {
            return Err(Status::unknown(format!(
                "recursive read-only mount conflicts with RW mount (hostPath={path:?})"
            )));
        }
        let propagates = mount.propagation() != MountPropagation::PropagationPrivate;
        if mount.recursive_read_only && propagates {
            return Err(Status::unknown(format!(
                "recursive read-only mount requires private propagation (hostPath={path:?})"
            )));
        }
        if let Some(image) = &mount.image {
            let found = images.resolve(&image.image);
            let name = found.as_ref().and_then(|image| image.references.borrow().first().cloned());
            let inside = format!("/{}", mount.image_sub_path.trim_matches('/'));
            let has = |name: &str| {
                node.userland().is_none_or(|userland| userland.image_has(name, &inside))
            };
            let problem = if !mount.readonly {
                "the mount has to be read-only".to_owned()
            } else if found.is_none() {
                format!("image {:?} not found", image.image)
            } else if !has(&name.unwrap_or_default()) {
                format!("sub path {:?} does not exist in the image", mount.image_sub_path)
            } else {
                continue;
            };
            return Err(Status::unknown(format!("ImageVolumeMountFailed: {problem}")));
        }
    }
    Ok(())
}
