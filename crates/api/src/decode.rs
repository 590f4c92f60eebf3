//! From a tree of plain data into API structs, in the words of Go's JSON decoder and the API server's strict one.
//!
//! Upstream: `sigs.k8s.io/json` (a fork of `encoding/json`) and
//! `staging/src/k8s.io/apimachinery/pkg/runtime/serializer/json/json.go`.

use crate::problem::{Problem, Severity};
use crate::value::{Info, Object, Slot, Value};
use crate::yaml::{Kind, Node, Span};
use crate::{IntOrString, Quantity};

/// Reads `node` into `value` and stops at the first thing that is wrong.
///
/// # Errors
/// What is wrong, with its path.
pub(crate) fn strictly(node: &Node, value: &mut dyn Value) -> Result<(), String> {
    let mut decoder = Decoder::default();
    decoder.value(node, value.slot(), Place::default());
    match decoder.problems.into_iter().next() {
        Some(problem) => Err(problem.message),
        None => Ok(()),
    }
}

/// The field that is being read, for messages about it.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The struct that the field belongs to.
    owner: &'static str,
    /// The field's Go type where it does not follow from its slot.
    go_type: &'static str,
}

/// Reads data into structs and collects what is wrong on the way.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The path of the field that is being read, with indices.
    pub(crate) path: String,
    /// What is wrong so far.
    pub(crate) problems: Vec<Problem>,
}

impl Decoder {
    fn value(&mut self, node: &Node, slot: Slot<'_>, place: Place) {
        // As in Go, null leaves everything as it is.
        if node.is_null() {
            return;
        }
        match (&node.kind, slot) {
            (Kind::Bool(value), Slot::Bool(slot)) => *slot = *value,
            (Kind::Int(value), Slot::Int64(slot)) => *slot = *value,
            (Kind::Int(value), Slot::Int32(slot)) => match i32::try_from(*value) {
                Ok(value) => *slot = value,
                Err(_) => self.wrong_type(node, Slot::Int32(slot), place),
            },
            (Kind::Str(value), Slot::Str(slot)) => slot.clone_from(value),
            (Kind::Str(value), Slot::Time(slot)) => slot.0.clone_from(value),
            (Kind::Str(value), Slot::IntOrString(slot)) => {
                *slot = IntOrString::String(value.clone());
            }
            (Kind::Int(value), Slot::IntOrString(slot)) if i32::try_from(*value).is_ok() => {
                *slot = IntOrString::Int(*value as i32);
            }
            (Kind::Str(_) | Kind::Int(_) | Kind::Float(_), Slot::Quantity(slot)) => {
                match Quantity::parse(&text_of(node)) {
                    Ok(quantity) => *slot = quantity,
                    Err(message) => self.error(node.span, message.to_owned()),
                }
            }
            (Kind::List(items), Slot::List(list)) => {
                for (index, item) in items.iter().enumerate() {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{index}]"));
                    let element = Place {
                        go_type: place.go_type.strip_prefix("[]").unwrap_or_default(),
                        ..place
                    };
                    self.value(item, list.push_default().slot(), element);
                    self.path.truncate(length);
                }
            }
            (Kind::Map(entries), Slot::Map(map)) => {
                for entry in entries {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{}]", entry.key));
                    let value = map.insert_default(&entry.key).slot();
                    self.value(&entry.value, value, Place { go_type: "", ..place });
                    self.path.truncate(length);
                }
            }
            (Kind::Map(_), Slot::Object(object)) => self.object(node, object),
            (_, Slot::Raw(raw)) => *raw = crate::Raw::new(node.to_json()),
            (_, slot) => self.wrong_type(node, slot, place),
        }
    }

    /// Reads a mapping into a struct.
    pub(crate) fn object(&mut self, node: &Node, object: &mut dyn Object) {
        let Kind::Map(entries) = &node.kind else {
            return;
        };
        let info: &Info = object.info();
        for entry in entries {
            if info.type_meta.is_some() && (entry.key == "apiVersion" || entry.key == "kind") {
                continue;
            }
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&entry.key);
            match info.fields.iter().position(|field| field.name == entry.key) {
                Some(index) => {
                    let place = Place { owner: info.name, go_type: info.fields[index].go_type };
                    self.value(&entry.value, object.field_mut(index).slot(), place);
                }
                None => {
                    let message = format!("strict decoding error: unknown field \"{}\"", self.path);
                    self.error(entry.key_span, message);
                }
            }
            self.path.truncate(length);
        }
    }

    fn wrong_type(&mut self, node: &Node, slot: Slot<'_>, place: Place) {
        let mut found = node.go_kind().to_owned();
        // Go adds the number when a number would do, but not this one.
        if matches!(node.kind, Kind::Int(_) | Kind::Float(_))
            && matches!(slot, Slot::Int32(_) | Slot::Int64(_))
        {
            found.push(' ');
            found.push_str(&text_of(node));
        }
        let go_type =
            if place.go_type.is_empty() { go_type(slot) } else { place.go_type.to_owned() };
        let message = format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {go_type}",
            place.owner,
            without_indices(&self.path),
        );
        self.error(node.span, message);
    }

    fn error(&mut self, span: Span, message: String) {
        self.problems.push(Problem {
            span,
            path: self.path.clone(),
            message,
            severity: Severity::Error,
        });
    }
}

/// A scalar as text.
fn text_of(node: &Node) -> String {
    match &node.kind {
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        Kind::Str(value) => value.clone(),
        _ => String::new(),
    }
}

/// The Go type of what a slot holds. A list is asked by way of a new element.
fn go_type(slot: Slot<'_>) -> String {
    match slot {
        Slot::Bool(_) => "bool".to_owned(),
        Slot::Int32(_) => "int32".to_owned(),
        Slot::Int64(_) => "int64".to_owned(),
        Slot::Str(_) => "string".to_owned(),
        Slot::Time(_) => "v1.Time".to_owned(),
        Slot::Quantity(_) => "resource.Quantity".to_owned(),
        Slot::IntOrString(_) => "intstr.IntOrString".to_owned(),
        Slot::Map(_) => "map[string]string".to_owned(),
        Slot::Object(object) => format!("v1.{}", object.info().name),
        Slot::List(list) => format!("[]{}", go_type(list.push_default().slot())),
        Slot::Raw(_) => String::new(),
    }
}

/// `spec.containers[0].env[1].value` as Go's decoder names it: `spec.containers.env.value`.
fn without_indices(path: &str) -> String {
    let mut depth = 0_u32;
    path.chars()
        .filter(|c| match c {
            '[' => {
                depth += 1;
                false
            }
            ']' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}
