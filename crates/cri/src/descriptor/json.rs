//! Messages as JSON: <https://protobuf.dev/programming-guides/json/>, with the field names of
//! `api.proto`.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Number, Value};

use super::base64;
use super::scalar::Scalar;
use super::wire::{Raw, Reader, malformed, put_key, put_len};
use super::{DescriptorError, Field, Kind, Label, Message, WireType, message};
use crate::Named;

/// Where programs differ in how they write the same message. All of it is understood when reading,
/// except that [`JsonStyle::env_text`] must be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonStyle {
    /// `"pid": 1` instead of `"pid": "CONTAINER"`.
    pub enum_numbers: bool,
    /// `logDirectory` instead of `log_directory`.
    pub lower_camel: bool,
    /// 64-bit integers as strings, for the sake of JavaScript: `"createdAt": "1795436977000000000"`.
    pub long_strings: bool,
    /// Fields that are not on the wire are written, too, as zero or empty. Unset messages are not:
    /// they mean something else than empty ones.
    pub defaults: bool,
    /// `KeyValue.value`, the value of an environment variable, as plain text instead of base64. Its
    /// type was `string` before it was `bytes`: the same bytes on the wire, other JSON.
    pub env_text: bool,
}

impl JsonStyle {
    /// For people: names of enum values, numbers as numbers, only what is on the wire.
    pub const PEOPLE: JsonStyle = JsonStyle {
        enum_numbers: false,
        lower_camel: false,
        long_strings: false,
        defaults: false,
        env_text: false,
    };
    /// Go's `encoding/json` on the generated structs, which is how recordings of calls are made.
    pub const RECORDED: JsonStyle = JsonStyle { enum_numbers: true, ..JsonStyle::PEOPLE };
    /// A recording that was made while environment variables were strings.
    pub const RECORDED_ENV_TEXT: JsonStyle = JsonStyle { env_text: true, ..JsonStyle::RECORDED };
    /// Go's `protojson` with default values, which is how crictl prints a message.
    ///
    /// Upstream: `protobufObjectToJSON` in cri-tools' `cmd/crictl/util.go`.
    pub const CRICTL: JsonStyle =
        JsonStyle { lower_camel: true, long_strings: true, defaults: true, ..JsonStyle::PEOPLE };
}

/// A message as JSON for people.
pub fn json<M: Named>(message: &M) -> Value {
    let bytes = message.encode_to_vec();
    to_json(M::FULL_NAME, &bytes).expect("what prost wrote is a message of its own type")
}

/// The message of that name that is in the bytes, as JSON for people.
///
/// A field that the descriptors do not know stands as `"?17": [..]` with its number and with a
/// number or base64 for each time that it occurs.
///
/// ```
/// use cri::descriptor::to_json;
///
/// let json = to_json("runtime.v1.PortMapping", b"\x08\x01\x18\x90\x3f")?;
/// assert_eq!(json, serde_json::json!({ "protocol": "UDP", "host_port": 8080 }));
/// # Ok::<(), cri::descriptor::DescriptorError>(())
/// ```
///
/// # Errors
/// [`DescriptorError::UnknownMessage`] or [`DescriptorError::Malformed`]
pub fn to_json(message: &str, bytes: &[u8]) -> Result<Value, DescriptorError> {
    to_json_with(message, bytes, JsonStyle::PEOPLE)
}

/// As [`to_json`], in a style of your choice.
///
/// # Errors
/// [`DescriptorError::UnknownMessage`] or [`DescriptorError::Malformed`]
pub fn to_json_with(name: &str, bytes: &[u8], style: JsonStyle) -> Result<Value, DescriptorError> {
    let message = message(name)?;
    let mut object = Map::new();
    Printer { bytes, style }.merge(&message.fields, 0..bytes.len(), &mut object)?;
    Ok(Value::Object(object))
}

struct Printer<'a> {
    bytes: &'a [u8],
    style: JsonStyle,
}

impl Printer<'_> {
    /// Adds a message to an object. A message may come in several parts, which are merged.
    ///
    /// The recursion is as deep as the types, since CRI has no type that contains itself.
    fn merge(
        &self,
        fields: &[Field],
        range: Range<usize>,
        object: &mut Map<String, Value>,
    ) -> Result<(), DescriptorError> {
        let mut reader = Reader::new(self.bytes, range);
        while let Some(raw) = reader.field()? {
            match fields.iter().find(|field| field.number == raw.number) {
                Some(field) => self.add(field, &raw, object)?,
                None => {
                    let value = match raw.wire_type {
                        WireType::Len => base64::encode(&self.bytes[raw.payload.clone()]).into(),
                        _ => raw.bits.into(),
                    };
                    push(object, format!("?{}", raw.number), value);
                }
            }
        }
        if self.style.defaults {
            for field in fields {
                let default = match field.label {
                    Label::Singular if field.kind.message().is_some() => continue,
                    Label::Singular => self.default_of(field),
                    Label::Repeated => Value::Array(Vec::new()),
                    Label::Map => Value::Object(Map::new()),
                };
                object.entry(self.name(field)).or_insert(default);
            }
        }
        Ok(())
    }

    fn add(
        &self,
        field: &Field,
        raw: &Raw,
        object: &mut Map<String, Value>,
    ) -> Result<(), DescriptorError> {
        let name = self.name(field);
        match field.label {
            Label::Map => {
                check_wire_type(WireType::Len, raw)?;
                let key_and_value = field.entry();
                let mut entry = Map::new();
                let plain = Printer { style: JsonStyle { defaults: false, ..self.style }, ..*self };
                plain.merge(&key_and_value, raw.payload.clone(), &mut entry)?;
                let key = match entry.get_mut("key").map(Value::take) {
                    Some(Value::String(key)) => key,
                    _ => String::new(),
                };
                let value = entry.get_mut("value").map(Value::take);
                let value = value.unwrap_or_else(|| match field.kind {
                    Kind::Message(_) => Value::Object(Map::new()),
                    _ => self.default_of(field),
                });
                let entries = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if let Some(entries) = entries.as_object_mut() {
                    entries.insert(key, value);
                }
            }
            Label::Repeated if field.is_packed_in(raw) => {
                let mut reader = Reader::new(self.bytes, raw.payload.clone());
                while let Some(bits) = reader.packed(field.kind)? {
                    if let Some(number) = Scalar::of_bits(field.kind, bits) {
                        push(object, name.clone(), self.print(field, &number));
                    }
                }
            }
            Label::Repeated => {
                let value = self.value(field, raw, Value::Null)?;
                push(object, name, value);
            }
            Label::Singular => {
                let slot = object.entry(name).or_insert(Value::Null);
                *slot = self.value(field, raw, slot.take())?;
            }
        }
        Ok(())
    }

    fn value(&self, field: &Field, raw: &Raw, so_far: Value) -> Result<Value, DescriptorError> {
        check_wire_type(field.kind.wire_type(), raw)?;
        match field.kind.message() {
            Some(message) => {
                let mut object = match so_far {
                    Value::Object(object) => object,
                    _ => Map::new(),
                };
                self.merge(&message.fields, raw.payload.clone(), &mut object)?;
                Ok(Value::Object(object))
            }
            None => Ok(self.print(field, &Scalar::of_field(field.kind, self.bytes, raw)?)),
        }
    }

    fn default_of(&self, field: &Field) -> Value {
        Scalar::default_of(field.kind).map_or(Value::Null, |scalar| self.print(field, &scalar))
    }

    fn print(&self, field: &Field, scalar: &Scalar<'_>) -> Value {
        let long = self.style.long_strings && matches!(field.kind, Kind::Int64 | Kind::Uint64);
        match scalar {
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Signed(value) if long => value.to_string().into(),
            Scalar::Signed(value) => (*value).into(),
            Scalar::Unsigned(value) if long => value.to_string().into(),
            Scalar::Unsigned(value) => (*value).into(),
            Scalar::Double(value) => print_double(*value),
            Scalar::Enum(enumeration, number) => {
                let name = enumeration.name_of(*number).filter(|_| !self.style.enum_numbers);
                name.map_or_else(|| (*number).into(), Value::from)
            }
            Scalar::Text(text) => (*text).into(),
            Scalar::Bytes(bytes) if self.style.env_text && field.is_env() => {
                String::from_utf8_lossy(bytes).into()
            }
            Scalar::Bytes(bytes) => base64::encode(bytes).into(),
        }
    }

    fn name(&self, field: &Field) -> String {
        if self.style.lower_camel { lower_camel(field.name) } else { field.name.to_owned() }
    }
}

/// A number, or a string for what is not a number.
pub(super) fn print_double(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

fn push(object: &mut Map<String, Value>, name: String, value: Value) {
    let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

pub(super) fn check_wire_type(expected: WireType, raw: &Raw) -> Result<(), DescriptorError> {
    if raw.wire_type == expected {
        return Ok(());
    }
    let (expected, found) = (expected.as_str(), raw.wire_type.as_str());
    let problem = format!("field {} is {found} and should be {expected}", raw.number);
    Err(malformed(raw.range.start, problem))
}

impl Field {
    /// Whether these are several numbers in one piece.
    pub(super) fn is_packed_in(&self, raw: &Raw) -> bool {
        self.label == Label::Repeated
            && raw.wire_type == WireType::Len
            && self.kind.wire_type() != WireType::Len
    }

    /// `KeyValue.value`: no other field of that type has that name.
    fn is_env(&self) -> bool {
        self.kind == Kind::Bytes && self.name == "value"
    }
}

/// `log_directory` as `logDirectory`.
fn lower_camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut rest = word.chars();
        camel.extend(rest.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(rest.as_str());
    }
    camel
}

/// The bytes of the message of that name that is written as JSON, in any [`JsonStyle`] with
/// environment variables in base64. The bytes are those that prost would write.
///
/// # Errors
/// [`DescriptorError::UnknownMessage`] or [`DescriptorError::Json`], the latter also for a name that
/// the message does not have.
pub fn from_json(message: &str, json: &Value) -> Result<Vec<u8>, DescriptorError> {
    from_json_with(message, json, JsonStyle::PEOPLE)
}

/// As [`from_json`]; of the style, only [`JsonStyle::env_text`] matters.
///
/// # Errors
/// [`DescriptorError::UnknownMessage`] or [`DescriptorError::Json`]
pub fn from_json_with(
    name: &str,
    json: &Value,
    style: JsonStyle,
) -> Result<Vec<u8>, DescriptorError> {
    let message = message(name)?;
    read_message(message, json, style).map_err(|error| error.inside(message.name))
}

fn read_message(
    message: &Message,
    json: &Value,
    style: JsonStyle,
) -> Result<Vec<u8>, DescriptorError> {
    let object = json.as_object().ok_or_else(|| wrong("an object is expected"))?;
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    for (name, value) in object {
        let known = |field: &&Field| field.name == *name || lower_camel(field.name) == *name;
        let field = message
            .fields
            .iter()
            .find(known)
            .ok_or_else(|| wrong(format!("{} has no such field", message.name)).inside(name))?;
        let mut bytes = Vec::new();
        read_field(field, value, style, &mut bytes).map_err(|error| error.inside(name))?;
        // In the order of the numbers, as prost writes.
        let place = fields.partition_point(|before| before.0 <= field.number);
        fields.insert(place, (field.number, bytes));
    }
    Ok(fields.into_iter().flat_map(|(_, bytes)| bytes).collect())
}

fn read_field(
    field: &Field,
    json: &Value,
    style: JsonStyle,
    out: &mut Vec<u8>,
) -> Result<(), DescriptorError> {
    if json.is_null() {
        return Ok(());
    }
    match field.label {
        Label::Singular => read_singular(field, json, style, out),
        Label::Repeated => {
            let list = json.as_array().ok_or_else(|| wrong("a list is expected"))?;
            let mut packed = Vec::new();
            for (index, value) in list.iter().enumerate() {
                let item = match field.kind.message() {
                    Some(message) => read_message(message, value, style)
                        .map(|bytes| put_message(field.number, &bytes, out)),
                    None => read_scalar(field, value, style).map(|scalar| {
                        if scalar.wire_type() == WireType::Len {
                            put_key(out, field.number, WireType::Len);
                            scalar.put(out);
                        } else {
                            scalar.put(&mut packed);
                        }
                    }),
                };
                item.map_err(|error| error.inside(&format!("[{index}]")))?;
            }
            if !packed.is_empty() {
                put_message(field.number, &packed, out);
            }
            Ok(())
        }
        Label::Map => {
            let object = json.as_object().ok_or_else(|| wrong("an object is expected"))?;
            let [key_field, value_field] = field.entry();
            for (key, value) in object {
                let mut entry = Vec::new();
                read_singular(&key_field, &Value::from(key.as_str()), style, &mut entry)?;
                read_singular(&value_field, value, style, &mut entry)
                    .map_err(|error| error.inside(key))?;
                put_message(field.number, &entry, out);
            }
            Ok(())
        }
    }
}

fn read_singular(
    field: &Field,
    json: &Value,
    style: JsonStyle,
    out: &mut Vec<u8>,
) -> Result<(), DescriptorError> {
    match field.kind.message() {
        Some(message) => put_message(field.number, &read_message(message, json, style)?, out),
        None => {
            let scalar = read_scalar(field, json, style)?;
            if !scalar.is_default() {
                put_key(out, field.number, scalar.wire_type());
                scalar.put(out);
            }
        }
    }
    Ok(())
}

fn put_message(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(out, number, WireType::Len);
    put_len(out, bytes);
}

fn read_scalar<'a>(
    field: &Field,
    json: &'a Value,
    style: JsonStyle,
) -> Result<Scalar<'a>, DescriptorError> {
    let scalar = match field.kind {
        Kind::Bool => json.as_bool().map(Scalar::Bool),
        Kind::Int32 => signed(json).filter(|n| i32::try_from(*n).is_ok()).map(Scalar::Signed),
        Kind::Int64 => signed(json).map(Scalar::Signed),
        Kind::Uint32 => unsigned(json).filter(|n| u32::try_from(*n).is_ok()).map(Scalar::Unsigned),
        Kind::Uint64 => unsigned(json).map(Scalar::Unsigned),
        Kind::Double => double(json).map(Scalar::Double),
        Kind::String => json.as_str().map(Scalar::Text),
        Kind::Bytes => {
            let text = json.as_str();
            if style.env_text && field.is_env() {
                text.map(|text| Scalar::Bytes(Cow::Borrowed(text.as_bytes())))
            } else {
                text.and_then(base64::decode).map(|bytes| Scalar::Bytes(Cow::Owned(bytes)))
            }
        }
        Kind::Enum(_) => field.kind.enumeration().and_then(|enumeration| {
            let number = match json.as_str() {
                Some(name) => enumeration.number_of(name),
                None => json.as_i64().and_then(|number| i32::try_from(number).ok()),
            };
            number.map(|number| Scalar::Enum(enumeration, number))
        }),
        Kind::Message(_) => None,
    };
    scalar.ok_or_else(|| {
        let base64 = if field.kind == Kind::Bytes { " in base64" } else { "" };
        wrong(format!("{json} is not of type {}{base64}", field.kind))
    })
}

fn signed(json: &Value) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.parse().ok())
}

fn unsigned(json: &Value) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

fn double(json: &Value) -> Option<f64> {
    json.as_f64().or_else(|| match json.as_str()? {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    })
}

fn wrong(problem: impl Into<String>) -> DescriptorError {
    DescriptorError::Json { path: String::new(), problem: problem.into() }
}

impl DescriptorError {
    /// The same error, one step further out.
    fn inside(self, outer: &str) -> DescriptorError {
        match self {
            DescriptorError::Json { path, problem } => {
                let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                DescriptorError::Json { path: format!("{outer}{dot}{path}"), problem }
            }
            other => other,
        }
    }
}
