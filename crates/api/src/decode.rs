//! From a tree of plain data into API structs, in the words of Go's JSON decoder and the API server's strict one.
//!
//! Upstream: `sigs.k8s.io/json` (a fork of `encoding/json`) and
//! `staging/src/k8s.io/apimachinery/pkg/runtime/serializer/json/json.go`.

use std::collections::BTreeMap;

use crate::problem::{FieldNote, Problem, Severity};
use crate::schema;
use crate::simulated::{Unsimulated, unsimulated};
use crate::value::{Info, Object, Slot, Value};
use crate::yaml::{Entry, Kind, Node, Span};
use crate::{IntOrString, ObjectMeta, Quantity};

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

/// How many problems are listed at most: nobody reads more, and each holds text.
const PROBLEMS_MAX: usize = 100;

/// Reads data into structs and collects what is wrong on the way.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The path of the field that is being read, with indices.
    pub(crate) path: String,
    /// What is wrong so far.
    pub(crate) problems: Vec<Problem>,
    /// Which fields have no effect.
    pub(crate) notes: Vec<FieldNote>,
    /// Whether the field that is being read lies within one that has been noted already.
    is_noted: bool,
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
            (_, Slot::Raw(raw)) => {
                self.shape(node, place.go_type, place.owner);
                *raw = crate::Raw::new(node.to_json());
            }
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
            let length = self.enter(&entry.key);
            let was_noted = self.note(info.name, entry);
            match info.fields.iter().position(|field| field.name == entry.key) {
                Some(index) => {
                    let place = Place { owner: info.name, go_type: info.fields[index].go_type };
                    self.value(&entry.value, object.field_mut(index).slot(), place);
                }
                None if unsimulated(info.name, &entry.key) == Some(Unsimulated::Newer) => {}
                None => self.unknown(entry.key_span),
            }
            self.is_noted = was_noted;
            self.path.truncate(length);
        }
    }

    /// Reads a struct that is a field of another, whose Go name is `owner`.
    pub(crate) fn part(&mut self, node: &Node, object: &mut dyn Object, owner: &'static str) {
        self.value(node, Slot::Object(object), Place { owner, go_type: "" });
    }

    /// Checks a part that is kept as it was given. `kind` is a type of the schema or its Go name.
    pub(crate) fn shape(&mut self, node: &Node, kind: &'static str, owner: &'static str) {
        if node.is_null() {
            return;
        }
        if let (Some(element), Kind::List(items)) = (kind.strip_prefix("[]"), &node.kind) {
            for (index, item) in items.iter().enumerate() {
                let length = self.path.len();
                self.path.push_str(&format!("[{index}]"));
                self.shape(item, element, owner);
                self.path.truncate(length);
            }
            return;
        }
        let kind = kind.strip_prefix("v1.").unwrap_or(kind);
        let place = Place { owner, go_type: "" };
        match kind {
            "any" => {}
            "" | "string" => self.value(node, Slot::Str(&mut String::new()), place),
            "bool" => self.value(node, Slot::Bool(&mut false), place),
            "int32" => self.value(node, Slot::Int32(&mut 0), place),
            "int64" => self.value(node, Slot::Int64(&mut 0), place),
            "quantity" => self.value(node, Slot::Quantity(&mut Quantity::default()), place),
            "port" => self.value(node, Slot::IntOrString(&mut IntOrString::default()), place),
            "map" => self.value(node, Slot::Map(&mut BTreeMap::<String, String>::new()), place),
            "quantities" => {
                let place = Place { owner, go_type: "v1.ResourceList" };
                self.value(node, Slot::Map(&mut BTreeMap::<String, Quantity>::new()), place);
            }
            "ObjectMeta" => self.value(node, Slot::Object(&mut ObjectMeta::default()), place),
            _ => match (&node.kind, schema::fields(kind)) {
                (Kind::Map(entries), Some(_)) => {
                    for entry in entries {
                        let length = self.enter(&entry.key);
                        let was_noted = self.note(kind, entry);
                        let mut known = schema::fields(kind).into_iter().flatten();
                        match known.find(|(name, _)| *name == entry.key) {
                            Some((_, field)) => self.shape(&entry.value, field, kind),
                            None => self.unknown(entry.key_span),
                        }
                        self.is_noted = was_noted;
                        self.path.truncate(length);
                    }
                }
                (_, Some(_)) => self.wrong(node, owner, &format!("v1.{kind}")),
                _ if kind.starts_with("[]") => {
                    let element = kind.trim_start_matches("[]").trim_start_matches("v1.");
                    let element = match element {
                        "" => "string".to_owned(),
                        "int32" => "int32".to_owned(),
                        name => format!("v1.{name}"),
                    };
                    self.wrong(node, owner, &format!("[]{element}"));
                }
                // Nothing is known of it, for instance of a status.
                _ => {}
            },
        }
    }

    /// Adds a field to the path and gives the length to cut it back to.
    pub(crate) fn enter(&mut self, field: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(field);
        length
    }

    /// Notes a field that has no effect, once for all that is in it. Gives what `is_noted` was before.
    fn note(&mut self, owner: &str, entry: &Entry) -> bool {
        let was_noted = self.is_noted;
        if !was_noted
            && !entry.value.is_null()
            && let Some(reason) = unsimulated(owner, &entry.key)
        {
            self.is_noted = true;
            let path = self.path.clone();
            self.notes.push(FieldNote { span: entry.key_span, path, reason });
        }
        was_noted
    }

    fn unknown(&mut self, key_span: Span) {
        let message = format!("strict decoding error: unknown field \"{}\"", self.path);
        self.error(key_span, message);
    }

    fn wrong_type(&mut self, node: &Node, slot: Slot<'_>, place: Place) {
        let is_number = matches!(slot, Slot::Int32(_) | Slot::Int64(_));
        let go_type =
            if place.go_type.is_empty() { go_type(slot) } else { place.go_type.to_owned() };
        // Go adds the number when a number would do, but not this one.
        if is_number && matches!(node.kind, Kind::Int(_) | Kind::Float(_)) {
            let found = format!("number {}", text_of(node));
            self.cannot(node.span, &found, place.owner, &go_type);
        } else {
            self.wrong(node, place.owner, &go_type);
        }
    }

    fn wrong(&mut self, node: &Node, owner: &str, go_type: &str) {
        self.cannot(node.span, node.go_kind(), owner, go_type);
    }

    fn cannot(&mut self, span: Span, found: &str, owner: &str, go_type: &str) {
        let message = format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{} of type {go_type}",
            without_indices(&self.path),
        );
        self.error(span, message);
    }

    fn error(&mut self, span: Span, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            let path = self.path.clone();
            self.problems.push(Problem { span, path, message, severity: Severity::Error });
        }
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
