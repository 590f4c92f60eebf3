//! What the API server finds wrong with a Pod, in its words.
//!
//! The functions keep upstream's names and order, so that both can be laid side by side.
//!
//! Upstream: `pkg/apis/core/validation/validation.go` at Kubernetes 1.36.
//!
//! # What we simplify
//! Nothing is checked inside the parts that are kept raw (affinity, device claims, storage drivers), for
//! Windows, or in annotations that configure AppArmor and seccomp the old way.

mod container;
mod names;
mod pod;
mod volume;

#[cfg(test)]
mod tests;

pub(crate) use pod::{validate_metadata, validate_pod};

use crate::print::quoted;

/// One complaint about one field.
pub(crate) struct FieldError {
    /// The field: `spec.containers[0].name`.
    pub(crate) path: String,
    /// Field and complaint: `spec.containers[0].name: Required value`.
    pub(crate) message: String,
    /// Which entry of the field, when the field is a map and upstream's path stops there.
    pub(crate) key: Option<String>,
}

/// All complaints so far.
#[derive(Default)]
pub(crate) struct Errors(pub(crate) Vec<FieldError>);

/// The path of a field, as a chain up to the root.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// A path that starts with `field`, which may have dots.
    pub(crate) fn new(field: &'a str) -> Path<'a> {
        Path { parent: None, part: Part::Field(field) }
    }

    /// A field of the struct at this path.
    pub(crate) fn child<'b>(&'b self, field: &'b str) -> Path<'b> {
        Path { parent: Some(self), part: Part::Field(field) }
    }

    /// An item of the list at this path.
    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), part: Part::Index(index) }
    }

    /// A value of the map at this path.
    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path { parent: Some(self), part: Part::Key(key) }
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.part {
            Part::Field(field) => {
                if !out.is_empty() && !field.is_empty() {
                    out.push('.');
                }
                out.push_str(field);
            }
            Part::Index(index) => out.push_str(&format!("[{index}]")),
            Part::Key(key) => out.push_str(&format!("[{key}]")),
        }
    }
}

/// The value that a complaint quotes.
pub(crate) enum Bad<'a> {
    Str(&'a str),
    Int(i64),
    Bool(bool),
    /// Already as JSON.
    Json(String),
}

impl<'a> From<&'a str> for Bad<'a> {
    fn from(value: &'a str) -> Bad<'a> {
        Bad::Str(value)
    }
}

impl<'a> From<&'a String> for Bad<'a> {
    fn from(value: &'a String) -> Bad<'a> {
        Bad::Str(value)
    }
}

impl From<i64> for Bad<'_> {
    fn from(value: i64) -> Self {
        Bad::Int(value)
    }
}

impl From<i32> for Bad<'_> {
    fn from(value: i32) -> Self {
        Bad::Int(value.into())
    }
}

impl From<bool> for Bad<'_> {
    fn from(value: bool) -> Self {
        Bad::Bool(value)
    }
}

/// How many complaints are kept at most: nobody reads more.
const ERRORS_MAX: usize = 100;

/// The names that a list has had so far. `insert` says whether a name is new.
type Seen<'a> = std::collections::BTreeSet<&'a str>;

impl Errors {
    /// Upstream: `field.Error.Error()`.
    fn add(&mut self, path: &Path<'_>, kind: &str, bad: Option<Bad<'_>>, detail: &str) {
        if self.0.len() >= ERRORS_MAX {
            return;
        }
        let mut message = String::new();
        path.write(&mut message);
        let path = message.clone();
        message.push_str(": ");
        message.push_str(kind);
        if let Some(bad) = bad {
            message.push_str(": ");
            match bad {
                Bad::Str(value) => quoted(value, &mut message),
                Bad::Int(value) => message.push_str(&value.to_string()),
                Bad::Bool(value) => message.push_str(if value { "true" } else { "false" }),
                Bad::Json(value) => message.push_str(&value),
            }
        }
        if !detail.is_empty() {
            message.push_str(": ");
            message.push_str(detail);
        }
        self.0.push(FieldError { path, message, key: None });
    }

    pub(crate) fn required(&mut self, path: &Path<'_>, detail: &str) {
        self.add(path, "Required value", None, detail);
    }

    pub(crate) fn duplicate(&mut self, path: &Path<'_>, value: &str) {
        self.add(path, "Duplicate value", Some(value.into()), "");
    }

    pub(crate) fn not_found(&mut self, path: &Path<'_>, value: &str) {
        self.add(path, "Not found", Some(value.into()), "");
    }

    pub(crate) fn forbidden(&mut self, path: &Path<'_>, detail: &str) {
        self.add(path, "Forbidden", None, detail);
    }

    pub(crate) fn invalid<'a>(&mut self, path: &Path<'_>, bad: impl Into<Bad<'a>>, detail: &str) {
        self.add(path, "Invalid value", Some(bad.into()), detail);
    }

    pub(crate) fn too_many(&mut self, path: &Path<'_>, count: usize, max: usize) {
        self.add(
            path,
            "Too many",
            Some((count as i64).into()),
            &format!("must have at most {max} items"),
        );
    }

    pub(crate) fn too_long(&mut self, path: &Path<'_>, max: usize) {
        self.add(path, "Too long", None, &format!("may not be more than {max} bytes"));
    }

    /// One complaint for each thing that is wrong with a name.
    pub(crate) fn invalid_name(&mut self, path: &Path<'_>, name: &str, complaints: Vec<String>) {
        for complaint in complaints {
            self.invalid(path, name, &complaint);
        }
    }

    /// The same for a key or value of a map.
    pub(crate) fn invalid_entry(
        &mut self,
        path: &Path<'_>,
        key: &str,
        text: &str,
        complaints: Vec<String>,
    ) {
        let before = self.0.len();
        self.invalid_name(path, text, complaints);
        for error in &mut self.0[before..] {
            error.key = Some(key.to_owned());
        }
    }

    pub(crate) fn not_supported(&mut self, path: &Path<'_>, value: &str, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|value| format!("\"{value}\"")).collect();
        let detail = format!("supported values: {}", supported.join(", "));
        self.add(path, "Unsupported value", Some(value.into()), &detail);
    }

    /// A value of an enumeration, as far as it is given.
    pub(crate) fn one_of(&mut self, path: &Path<'_>, value: Option<&str>, supported: &[&str]) {
        if let Some(value) = value
            && !supported.contains(&value)
        {
            self.not_supported(path, value, supported);
        }
    }

    pub(crate) fn not_negative(&mut self, path: &Path<'_>, value: i64) {
        if value < 0 {
            self.invalid(path, value, "must be greater than or equal to 0");
        }
    }

    /// Upstream: `IsInRange`, `IsValidPortNum`, `IsValidUserID`.
    pub(crate) fn in_range(&mut self, path: &Path<'_>, value: i64, low: i64, high: i64) {
        if value < low || value > high {
            self.invalid(path, value, &format!("must be between {low} and {high}, inclusive"));
        }
    }

    /// Upstream: `IsValidIP`.
    pub(crate) fn ip(&mut self, path: &Path<'_>, text: &str) {
        use std::net::IpAddr;
        let has_leading_zero = || {
            let parts: Vec<&str> = text.split('.').collect();
            parts.len() == 4
                && parts
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
                && parts.iter().all(|part| part.parse::<u32>().is_ok_and(|part| part < 256))
        };
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
                self.invalid(path, text, "must not be an IPv4-mapped IPv6 address");
            }
            Ok(ip) if ip.to_string() != text => {
                self.invalid(path, text, &format!("must be in canonical form (\"{ip}\")"));
            }
            Ok(_) => {}
            Err(_) if has_leading_zero() => self.invalid(path, text, "must not have leading 0s"),
            Err(_) => {
                self.invalid(
                    path,
                    text,
                    "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                );
            }
        }
    }
}
