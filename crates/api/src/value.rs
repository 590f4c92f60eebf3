//! One way to look into every API object, so that reading, printing, comparing and checking are each written once.
//!
//! Deriving serde, `PartialEq` and `Debug` on some ninety structs would put several copies of every field
//! into the page's wasm. Instead, [`objects!`] gives each struct a table of its fields and two accessors
//! that reach a field by its number; everything else walks [`View`]s and [`Slot`]s.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{IntOrString, Json, Quantity, Raw, Time};

/// Anything that can stand in a field of an API object.
pub trait Value {
    /// The value, to read.
    fn view(&self) -> View<'_>;

    /// The place of the value, to write into.
    fn slot(&mut self) -> Slot<'_>;

    /// Whether this is a part of the API that is kept as it was given.
    fn is_raw(&self) -> bool {
        false
    }

    /// Whether Go's `omitempty` leaves the value out of what is printed. Never true for a struct.
    fn is_empty(&self) -> bool {
        false
    }
}

/// A value, to read.
pub enum View<'a> {
    /// Nothing is there.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A string, or what is written as one (times, quantities).
    Str(&'a str),
    /// A sequence.
    List(&'a dyn List),
    /// A map with string keys.
    Map(&'a dyn Map),
    /// A struct.
    Object(&'a dyn Object),
    /// Something that is kept as it was given.
    Json(&'a Json),
}

/// The place of a value, to write into.
pub enum Slot<'a> {
    /// Go's `bool`.
    Bool(&'a mut bool),
    /// Go's `int32`.
    Int32(&'a mut i32),
    /// Go's `int64`.
    Int64(&'a mut i64),
    /// Go's `string` and all types based on it.
    Str(&'a mut String),
    /// `metav1.Time` and `metav1.MicroTime`.
    Time(&'a mut Time),
    /// `resource.Quantity`.
    Quantity(&'a mut Quantity),
    /// `intstr.IntOrString`.
    IntOrString(&'a mut IntOrString),
    /// A slice.
    List(&'a mut dyn List),
    /// A map with string keys.
    Map(&'a mut dyn Map),
    /// A struct.
    Object(&'a mut dyn Object),
    /// A part of the API that is kept as it was given.
    Raw(&'a mut Raw),
}

/// A sequence of values of one type.
pub trait List {
    /// How many there are.
    fn count(&self) -> usize;
    /// The one at `index`, which is less than `len`.
    fn at(&self, index: usize) -> &dyn Value;
    /// Appends a zero value and gives its place.
    fn push_default(&mut self) -> &mut dyn Value;
}

/// A map from strings to values of one type.
pub trait Map {
    /// Calls `see` for each entry in the order of the keys.
    fn each<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a dyn Value));
    /// Puts a zero value under `key` and gives its place.
    fn insert_default(&mut self, key: &str) -> &mut dyn Value;
}

/// A struct of the API.
pub trait Object {
    /// What the struct is called and what its fields are.
    fn info(&self) -> &'static Info;
    /// The field with this number, which is less than `info().fields.len()`.
    fn field(&self, index: usize) -> &dyn Value;
    /// The place of the field with this number.
    fn field_mut(&mut self, index: usize) -> &mut dyn Value;
}

/// What an API struct is called and what its fields are.
pub struct Info {
    /// The name of the Go struct, without its package: `PodSpec`.
    pub name: &'static str,
    /// For top-level objects `apiVersion` and `kind`, which are printed but not stored.
    pub type_meta: Option<(&'static str, &'static str)>,
    /// The fields, in upstream's order.
    pub fields: &'static [Field],
}

/// One field of an API struct.
#[derive(Clone, Copy)]
pub struct Field {
    /// The name in JSON: `imagePullPolicy`.
    pub name: &'static str,
    /// The Go type where it does not follow from the Rust type: `v1.PullPolicy`.
    pub go_type: &'static str,
    /// Whether the field is printed even when it is empty, because its Go tag lacks `omitempty`.
    pub always: bool,
}

/// Calls `see` with name and value of each field that is printed, in the order of names.
///
/// That is the order of `kubectl get -o yaml`, which prints through a map.
pub fn each_printed<'a>(object: &'a dyn Object, see: &mut dyn FnMut(&'a str, &'a dyn Value)) {
    let info = object.info();
    let mut shown: Vec<(&str, &dyn Value)> = Vec::with_capacity(info.fields.len());
    if let Some((version, kind)) = &info.type_meta {
        shown.push(("apiVersion", version));
        shown.push(("kind", kind));
    }
    for (index, field) in info.fields.iter().enumerate() {
        let value = object.field(index);
        if field.always || !value.is_empty() {
            shown.push((field.name, value));
        }
    }
    shown.sort_by_key(|(name, _)| *name);
    for (name, value) in shown {
        see(name, value);
    }
}

/// Whether two values are printed alike.
pub fn equal(a: &dyn Value, b: &dyn Value) -> bool {
    match (a.view(), b.view()) {
        (View::Null, View::Null) => true,
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Int(a), View::Int(b)) => a == b,
        (View::Str(a), View::Str(b)) => a == b,
        (View::Json(a), View::Json(b)) => a == b,
        (View::List(a), View::List(b)) => {
            a.count() == b.count() && (0..a.count()).all(|index| equal(a.at(index), b.at(index)))
        }
        (View::Map(a), View::Map(b)) => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            a.each(&mut |key, value| left.push((key, value)));
            b.each(&mut |key, value| right.push((key, value)));
            left.len() == right.len()
                && left.iter().zip(&right).all(|(a, b)| a.0 == b.0 && equal(a.1, b.1))
        }
        (View::Object(a), View::Object(b)) => {
            // The same type on both sides: fields hold one type each.
            (0..a.info().fields.len()).all(|index| equal(a.field(index), b.field(index)))
        }
        _ => false,
    }
}

/// A value that serde prints like `kubectl -o json`: empty fields left out, names in alphabetical order.
pub struct Printed<'a>(pub &'a dyn Value);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.view() {
            View::Null => serializer.serialize_unit(),
            View::Bool(value) => serializer.serialize_bool(value),
            View::Int(value) => serializer.serialize_i64(value),
            View::Str(value) => serializer.serialize_str(value),
            View::Json(value) => value.serialize(serializer),
            View::List(list) => {
                serializer.collect_seq((0..list.count()).map(|index| Printed(list.at(index))))
            }
            View::Map(map) => {
                let mut entries = Vec::new();
                map.each(&mut |key, value| entries.push((key, Printed(value))));
                serializer.collect_map(entries)
            }
            View::Object(object) => {
                let mut entries = Vec::new();
                each_printed(object, &mut |key, value| entries.push((key, Printed(value))));
                serializer.collect_map(entries)
            }
        }
    }
}

/// Reads a `T` from any self-describing serde format, strictly: an unknown field is an error.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Value + Default,
    D: Deserializer<'de>,
{
    let node = crate::yaml::Node::deserialize(deserializer)?;
    let mut value = T::default();
    crate::decode::strictly(&node, &mut value).map_err(serde::de::Error::custom)?;
    Ok(value)
}

macro_rules! scalar {
    ($($ty:ty, $this:ident: $view:expr, $slot:ident, $empty:expr;)*) => {$(
        impl Value for $ty {
            fn view(&self) -> View<'_> {
                let $this = self;
                $view
            }
            fn slot(&mut self) -> Slot<'_> {
                Slot::$slot(self)
            }
            fn is_empty(&self) -> bool {
                let $this = self;
                $empty
            }
        }
    )*};
}

scalar! {
    bool, this: View::Bool(*this), Bool, !*this;
    i32, this: View::Int(i64::from(*this)), Int32, *this == 0;
    i64, this: View::Int(*this), Int64, *this == 0;
    String, this: View::Str(this), Str, this.is_empty();
    Time, this: if this.0.is_empty() { View::Null } else { View::Str(&this.0) }, Time, this.0.is_empty();
    Quantity, this: View::Str(this.as_str()), Quantity, { let _ = this; false };
    IntOrString, this: match this {
        IntOrString::Int(value) => View::Int(i64::from(*value)),
        IntOrString::String(value) => View::Str(value),
    }, IntOrString, { let _ = this; false };
}

impl Value for Raw {
    fn view(&self) -> View<'_> {
        self.json().map_or(View::Null, View::Json)
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::Raw(self)
    }
    fn is_empty(&self) -> bool {
        self.json().is_none()
    }
    fn is_raw(&self) -> bool {
        true
    }
}

/// Only for `apiVersion` and `kind`, which are constants.
impl Value for &'static str {
    fn view(&self) -> View<'_> {
        View::Str(self)
    }
    fn slot(&mut self) -> Slot<'_> {
        unreachable!("apiVersion and kind are not fields")
    }
}

impl<T: Value + Default> Value for Option<T> {
    fn view(&self) -> View<'_> {
        self.as_ref().map_or(View::Null, Value::view)
    }
    fn slot(&mut self) -> Slot<'_> {
        self.get_or_insert_default().slot()
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: Value> Value for Box<T> {
    fn view(&self) -> View<'_> {
        (**self).view()
    }
    fn slot(&mut self) -> Slot<'_> {
        (**self).slot()
    }
}

impl<T: Value + Default> Value for Vec<T> {
    fn view(&self) -> View<'_> {
        if self.is_empty() { View::Null } else { View::List(self) }
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::List(self)
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Value + Default> List for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
    fn at(&self, index: usize) -> &dyn Value {
        &self[index]
    }
    fn push_default(&mut self) -> &mut dyn Value {
        self.push(T::default());
        self.last_mut().expect("one was just pushed")
    }
}

impl<T: Value + Default> Value for BTreeMap<String, T> {
    fn view(&self) -> View<'_> {
        if self.is_empty() { View::Null } else { View::Map(self) }
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::Map(self)
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Value + Default> Map for BTreeMap<String, T> {
    fn each<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a dyn Value)) {
        for (key, value) in self {
            see(key, value);
        }
    }
    fn insert_default(&mut self, key: &str) -> &mut dyn Value {
        self.entry(key.to_owned()).or_default()
    }
}

/// Declares API structs: Rust name, Go name, and for each field its type and JSON name.
///
/// `= "name", always` marks a field that is printed even when empty; `as "v1.Type"` gives its Go type where the
/// Rust type does not tell. `top "v1" "Pod"` after the Go name marks a top-level object.
macro_rules! objects {
    ($(
        $(#[$meta:meta])*
        $name:ident $go:literal $(top $version:literal $kind:literal)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $ty:ty = $json:literal $(as $go_type:literal)? $(, $always:ident)?;
            )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                pub $field: $ty,
            )*
        }

        impl $name {
            /// What the struct is called upstream and what its fields are.
            pub const INFO: &'static $crate::value::Info = &$crate::value::Info {
                name: $go,
                type_meta: $crate::value::type_meta!($($version $kind)?),
                fields: &[$($crate::value::Field {
                    name: $json,
                    go_type: concat!($($go_type)?),
                    always: $crate::value::always!($($always)?),
                }),*],
            };
        }

        const _: () = {
        #[allow(non_camel_case_types)]
        enum Number { $($field),* }

        impl $crate::value::Object for $name {
            fn info(&self) -> &'static $crate::value::Info {
                Self::INFO
            }
            fn field(&self, index: usize) -> &dyn $crate::value::Value {
                match index {
                    $(index if index == Number::$field as usize => &self.$field,)*
                    _ => unreachable!("a field number comes from the table"),
                }
            }
            fn field_mut(&mut self, index: usize) -> &mut dyn $crate::value::Value {
                match index {
                    $(index if index == Number::$field as usize => &mut self.$field,)*
                    _ => unreachable!("a field number comes from the table"),
                }
            }
        }

        };

        $crate::value::whole!($name);
    )*};
}

macro_rules! type_meta {
    () => {
        None
    };
    ($version:literal $kind:literal) => {
        Some(($version, $kind))
    };
}

macro_rules! always {
    () => {
        false
    };
    (always) => {
        true
    };
}

/// What every [`Object`] can do beyond showing its fields.
macro_rules! whole {
    ($name:ident) => {
        impl $crate::value::Value for $name {
            fn view(&self) -> $crate::value::View<'_> {
                $crate::value::View::Object(self)
            }
            fn slot(&mut self) -> $crate::value::Slot<'_> {
                $crate::value::Slot::Object(self)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                $crate::value::equal(self, other)
            }
        }

        impl Eq for $name {}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::print::to_json(self))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::value::Printed(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::value::deserialize(deserializer)
            }
        }
    };
}

pub(crate) use {always, objects, type_meta, whole};
