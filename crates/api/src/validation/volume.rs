//! Volumes and the paths inside them.

use super::container::Volumes;
use super::names::{dns_label, qualified_name};
use super::{Errors, Path, Seen};
use crate::value::Object;
use crate::{
    DownwardApiVolumeFile, KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, Quantity,
    ResourceFieldSelector, Volume,
};

/// Upstream: `ValidateVolumes`. Gives the volumes that containers may mount.
pub(super) fn validate_volumes<'a>(
    volumes: &'a [Volume],
    path: &Path<'_>,
    errors: &mut Errors,
) -> Volumes<'a> {
    let mut names = Volumes::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let before = errors.0.len();
        validate_source(volume, &path, errors);
        if volume.name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_name(&path.child("name"), &volume.name, dns_label(&volume.name));
        }
        if names.contains_key(volume.name.as_str()) {
            errors.duplicate(&path.child("name"), &volume.name);
        }
        // Unlike upstream, a volume with a mistake still counts: its mounts would only repeat it.
        if !volume.name.is_empty() || errors.0.len() == before {
            names.entry(&volume.name).or_insert(volume);
        }
    }
    names
}

/// Upstream: `validateVolumeSource`.
fn validate_source(volume: &Volume, path: &Path<'_>, errors: &mut Errors) {
    let kinds = Volume::INFO.fields.iter().enumerate().skip(1);
    let given: Vec<&str> = kinds
        .filter(|(index, _)| !volume.field(*index).is_empty())
        .map(|(_, field)| field.name)
        .collect();
    for kind in given.iter().skip(1) {
        errors.forbidden(&path.child(kind), "may not specify more than 1 volume type");
    }
    if let Some(empty_dir) = &volume.empty_dir
        && empty_dir.size_limit.as_ref().is_some_and(|limit| limit.nanos() < 0)
    {
        let detail = "SizeLimit field must be a valid resource quantity";
        errors.forbidden(&path.child("emptyDir").child("sizeLimit"), detail);
    }
    if let Some(host_path) = &volume.host_path {
        let path = path.child("hostPath");
        if host_path.path.is_empty() {
            errors.required(&path.child("path"), "");
        } else {
            validate_no_backsteps(&host_path.path, &path.child("path"), errors);
            errors.one_of(
                &path.child("type"),
                host_path.type_.as_deref(),
                &[
                    "",
                    "BlockDevice",
                    "CharDevice",
                    "Directory",
                    "DirectoryOrCreate",
                    "File",
                    "FileOrCreate",
                    "Socket",
                ],
            );
        }
    }
    if let Some(secret) = &volume.secret {
        let path = path.child("secret");
        required(&secret.secret_name, &path.child("secretName"), errors);
        validate_mode(secret.default_mode, &path.child("defaultMode"), errors);
        validate_items(&secret.items, &path.child("items"), errors);
    }
    if let Some(config_map) = &volume.config_map {
        let path = path.child("configMap");
        required(&config_map.name, &path.child("name"), errors);
        validate_mode(config_map.default_mode, &path.child("defaultMode"), errors);
        validate_items(&config_map.items, &path.child("items"), errors);
    }
    if let Some(downward_api) = &volume.downward_api {
        let path = path.child("downwardAPI");
        validate_mode(downward_api.default_mode, &path.child("defaultMode"), errors);
        validate_files(&downward_api.items, &path.child("items"), errors);
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        required(
            &claim.claim_name,
            &path.child("persistentVolumeClaim").child("claimName"),
            errors,
        );
    }
    if let Some(projected) = &volume.projected {
        validate_projected(projected, &path.child("projected"), errors);
    }
    if let Some(image) = &volume.image {
        let path = path.child("image");
        required(&image.reference, &path.child("reference"), errors);
        errors.one_of(
            &path.child("pullPolicy"),
            Some(&image.pull_policy),
            &["Always", "IfNotPresent", "Never"],
        );
    }
}

fn required(text: &str, path: &Path<'_>, errors: &mut Errors) {
    if text.is_empty() {
        errors.required(path, "");
    }
}

/// Upstream: `validateProjectedVolumeSource`, `validateProjectionSources`.
fn validate_projected(projected: &ProjectedVolumeSource, path: &Path<'_>, errors: &mut Errors) {
    validate_mode(projected.default_mode, &path.child("defaultMode"), errors);
    let list = path.child("sources");
    let mut paths = Seen::new();
    for (index, source) in projected.sources.iter().enumerate() {
        let source_path = list.index(index);
        let mut kinds = 0;
        let keyed = [
            ("secret", source.secret.as_ref().map(|secret| (&secret.name, &secret.items))),
            ("configMap", source.config_map.as_ref().map(|map| (&map.name, &map.items))),
        ];
        for (field, given) in keyed {
            let Some((name, items)) = given else { continue };
            kinds += 1;
            let at = source_path.child(field);
            required(name, &at.child("name"), errors);
            validate_items(items, &at.child("items"), errors);
            for item in items.iter().filter(|item| !item.path.is_empty()) {
                if !paths.insert(&item.path) {
                    errors.invalid(path, name, "conflicting duplicate paths");
                }
            }
        }
        if let Some(downward_api) = &source.downward_api {
            kinds += 1;
            let at = source_path.child("downwardAPI");
            validate_files(&downward_api.items, &at.child("items"), errors);
            for file in downward_api.items.iter().filter(|file| !file.path.is_empty()) {
                if !paths.insert(&file.path) {
                    errors.invalid(path, &file.path, "conflicting duplicate paths");
                }
            }
        }
        if let Some(token) = &source.service_account_token {
            kinds += 1;
            let at = source_path.child("serviceAccountToken");
            let seconds = token.expiration_seconds.unwrap_or(60 * 60);
            if seconds < 10 * 60 {
                let detail = "may not specify a duration less than 10 minutes";
                errors.invalid(&at.child("expirationSeconds"), seconds, detail);
            }
            if seconds > 1 << 32 {
                let detail = "may not specify a duration larger than 2^32 seconds";
                errors.invalid(&at.child("expirationSeconds"), seconds, detail);
            }
            required(&token.path, &at.child("path"), errors);
            validate_local_path(&token.path, &at.child("path"), errors);
        }
        let raw = [&source.cluster_trust_bundle, &source.pod_certificate];
        kinds += raw.into_iter().filter(|raw| raw.json().is_some()).count();
        if kinds > 1 {
            errors.forbidden(&source_path, "may not specify more than 1 volume type per source");
        }
    }
}

/// Upstream: `validateKeyToPath`.
fn validate_items(items: &[KeyToPath], path: &Path<'_>, errors: &mut Errors) {
    for (index, item) in items.iter().enumerate() {
        let path = path.index(index);
        required(&item.key, &path.child("key"), errors);
        required(&item.path, &path.child("path"), errors);
        validate_local_path(&item.path, &path.child("path"), errors);
        validate_mode(item.mode, &path.child("mode"), errors);
    }
}

/// Upstream: `validateDownwardAPIVolumeFile`.
fn validate_files(files: &[DownwardApiVolumeFile], path: &Path<'_>, errors: &mut Errors) {
    for (index, file) in files.iter().enumerate() {
        let path = path.index(index);
        required(&file.path, &path.child("path"), errors);
        validate_local_path(&file.path, &path.child("path"), errors);
        match (&file.field_ref, &file.resource_field_ref) {
            (Some(field), other) => {
                const FIELDS: &[&str] = &[
                    "metadata.annotations",
                    "metadata.labels",
                    "metadata.name",
                    "metadata.namespace",
                    "metadata.uid",
                ];
                validate_field(field, FIELDS, &path.child("fieldRef"), errors);
                if other.is_some() {
                    let detail =
                        "fieldRef and resourceFieldRef can not be specified simultaneously";
                    errors.invalid(&path, "resource", detail);
                }
            }
            (None, Some(field)) => {
                validate_resource_field(field, true, &path.child("resourceFieldRef"), errors);
            }
            (None, None) => {
                errors.required(&path, "one of fieldRef and resourceFieldRef is required")
            }
        }
        validate_mode(file.mode, &path.child("mode"), errors);
    }
}

fn validate_mode(mode: Option<i32>, path: &Path<'_>, errors: &mut Errors) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

/// Upstream: `validateObjectFieldSelector`.
pub(super) fn validate_field(
    field: &ObjectFieldSelector,
    supported: &[&str],
    path: &Path<'_>,
    errors: &mut Errors,
) {
    let text = field.field_path.as_str();
    let at = path.child("fieldPath");
    if text.is_empty() {
        return errors.required(&at, "");
    }
    if let Some((map, rest)) = text.split_once("['")
        && let Some(key) = rest.strip_suffix("']")
    {
        match map {
            "metadata.annotations" => {
                errors.invalid_name(path, key, qualified_name(&key.to_ascii_lowercase()));
            }
            "metadata.labels" => errors.invalid_name(path, key, qualified_name(key)),
            _ => errors.invalid(path, map, "does not support subscript"),
        }
        return;
    }
    /// What `ConvertDownwardAPIFieldLabel` knows. A name that it does not know fails in other words.
    const KNOWN: &[&str] = &[
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "spec.schedulerName",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    // `spec.host` is an old name of `spec.nodeName`.
    let converted = if text == "spec.host" { "spec.nodeName" } else { text };
    if !KNOWN.contains(&converted) {
        errors.invalid(
            &at,
            text,
            &format!("error converting fieldPath: field label not supported: {text}"),
        );
    } else if !supported.contains(&converted) {
        errors.not_supported(&at, text, supported);
    }
}

/// Upstream: `validateContainerResourceFieldSelector`.
pub(super) fn validate_resource_field(
    field: &ResourceFieldSelector,
    in_volume: bool,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    const RESOURCES: &[&str] = &[
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let resource = field.resource.as_str();
    let name = resource.split_once('.').map_or("", |(_, name)| name);
    if in_volume && field.container_name.is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !name.starts_with("hugepages-") {
        errors.one_of(&path.child("resource"), Some(resource), RESOURCES);
    }
    let Some(divisor) =
        field.divisor.as_ref().map(Quantity::as_str).filter(|divisor| *divisor != "0")
    else {
        return;
    };
    let sizes = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let (allowed, kind) = match name {
        "cpu" => (&["1m", "1"][..], "cpu"),
        "memory" => (&sizes[..], "memory"),
        "ephemeral-storage" => (&sizes[..], "local ephemeral storage"),
        _ if name.starts_with("hugepages-") => (&sizes[..], "hugepages"),
        _ => return,
    };
    if !allowed.contains(&divisor) {
        let values = if kind == "cpu" { "1m and 1".to_owned() } else { sizes.join(", ") };
        let detail =
            format!("only divisor's values {values} are supported with the {kind} resource");
        errors.invalid(&path.child("divisor"), resource, &detail);
    }
}

pub(super) fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// Upstream: `validatePathNoBacksteps`.
fn validate_no_backsteps(text: &str, path: &Path<'_>, errors: &mut Errors) {
    if has_backsteps(text) {
        errors.invalid(path, text, "must not contain '..'");
    }
}

/// Upstream: `validateLocalDescendingPath`.
pub(super) fn validate_descending_path(text: &str, path: &Path<'_>, errors: &mut Errors) {
    if text.starts_with('/') {
        errors.invalid(path, text, "must be a relative path");
    }
    validate_no_backsteps(text, path, errors);
}

/// Upstream: `ValidateLocalNonReservedPath`.
pub(super) fn validate_local_path(text: &str, path: &Path<'_>, errors: &mut Errors) {
    validate_descending_path(text, path, errors);
    if text.starts_with("..") && !has_backsteps(text) {
        errors.invalid(path, text, "must not start with '..'");
    }
}
