//! Names, labels and times: what every object carries.
//!
//! Upstream: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go`.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use crate::Raw;
use crate::value::objects;

/// A moment, as RFC 3339 text (`2026-03-01T12:00:00Z`); empty where none is known.
///
/// `metav1.Time` and `metav1.MicroTime` upstream. The simulator's clock writes it; nothing here reads a clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub String);

/// A port or a percentage: a number or a string.
///
/// Upstream: `staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrString {
    Int(i32),
    String(String),
}

impl Default for IntOrString {
    fn default() -> IntOrString {
        IntOrString::Int(0)
    }
}

objects! {
    /// What identifies and describes an object.
    ObjectMeta "ObjectMeta" {
        name: String = "name";
        generate_name: String = "generateName";
        namespace: String = "namespace";
        self_link: String = "selfLink";
        uid: String = "uid" as "types.UID";
        resource_version: String = "resourceVersion";
        generation: i64 = "generation";
        creation_timestamp: Time = "creationTimestamp";
        deletion_timestamp: Option<Time> = "deletionTimestamp";
        deletion_grace_period_seconds: Option<i64> = "deletionGracePeriodSeconds";
        labels: BTreeMap<String, String> = "labels";
        annotations: BTreeMap<String, String> = "annotations";
        owner_references: Vec<OwnerReference> = "ownerReferences";
        finalizers: Vec<String> = "finalizers";
        managed_fields: Raw = "managedFields" as "[]v1.ManagedFieldsEntry";
    }

    /// The object that an object belongs to.
    OwnerReference "OwnerReference" {
        api_version: String = "apiVersion", always;
        kind: String = "kind", always;
        name: String = "name", always;
        uid: String = "uid" as "types.UID", always;
        controller: Option<bool> = "controller";
        block_owner_deletion: Option<bool> = "blockOwnerDeletion";
    }

    /// The object that an event is about.
    ObjectReference "ObjectReference" {
        kind: String = "kind";
        namespace: String = "namespace";
        name: String = "name";
        uid: String = "uid" as "types.UID";
        api_version: String = "apiVersion";
        resource_version: String = "resourceVersion";
        field_path: String = "fieldPath";
    }

    /// An object in the same namespace.
    LocalObjectReference "LocalObjectReference" {
        name: String = "name";
    }
}
