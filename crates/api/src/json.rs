//! A tree of plain data, for the parts of the API that are kept but not modelled.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without a fraction that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Str(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Map(BTreeMap<String, Json>),
}

/// A part of the API that is kept as it was given: checked, printed, not modelled.
#[derive(Clone, Default)]
pub struct Raw(pub(crate) Option<Box<Json>>);

impl Raw {
    /// Keeps `json` as it is; null counts as nothing.
    pub fn new(json: Json) -> Raw {
        Raw(if json == Json::Null { None } else { Some(Box::new(json)) })
    }

    /// What was given, if anything was.
    pub fn json(&self) -> Option<&Json> {
        self.0.as_deref()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Int(value) => serializer.serialize_i64(*value),
            Json::Float(value) => serializer.serialize_f64(*value),
            Json::Str(value) => serializer.serialize_str(value),
            Json::List(items) => serializer.collect_seq(items),
            Json::Map(entries) => serializer.collect_map(entries),
        }
    }
}
