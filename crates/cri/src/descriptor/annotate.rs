//! What each byte of a message is.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use super::json::{check_wire_type, print_double};
use super::scalar::Scalar;
use super::wire::{Raw, Reader};
use super::{DescriptorError, Field, Label, WireType, message};

/// One field of a message, as it stands in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotated {
    /// All bytes of the field: key, length if there is one, value.
    pub range: Range<usize>,
    /// The bytes of the value alone, at the end of `range`.
    pub payload: Range<usize>,
    /// 0 for a field of the message itself, 1 for a field of a message in it, and so on.
    pub depth: usize,
    /// The number that stands for the name on the wire.
    pub number: u32,
    /// The name, unless the descriptors do not know the field.
    pub name: Option<&'static str>,
    /// How the end of the value is found.
    pub wire_type: WireType,
    /// `string`, `repeated Mount`, `map<string, string>`; `unknown` where the name is unknown.
    pub type_name: Cow<'static, str>,
    /// The value for people: `"nginx"`, `CONTAINER (1)`, `[3000, 4000]`. Empty for a message, whose
    /// fields follow one level deeper, and for an entry of a map, whose `key` and `value` follow.
    pub value: String,
}

/// The fields of a message in the order of the bytes, each message before its own fields.
///
/// The ranges of one depth lie side by side and, together, cover the payload of the field around
/// them (at depth 0: all the bytes).
///
/// ```
/// let rows = cri::descriptor::annotate("StopContainerRequest", b"\x0a\x02c1\x10\x1e")?;
/// assert_eq!((rows[0].name, rows[0].range.clone()), (Some("container_id"), 0..4));
/// assert_eq!((rows[1].name, rows[1].value.as_str()), (Some("timeout"), "30"));
/// # Ok::<(), cri::descriptor::DescriptorError>(())
/// ```
///
/// # Errors
/// [`DescriptorError::UnknownMessage`] or [`DescriptorError::Malformed`]
pub fn annotate(name: &str, bytes: &[u8]) -> Result<Vec<Annotated>, DescriptorError> {
    let mut rows = Vec::new();
    annotate_fields(&message(name)?.fields, bytes, 0..bytes.len(), 0, &mut rows)?;
    Ok(rows)
}

fn annotate_fields(
    fields: &[Field],
    bytes: &[u8],
    range: Range<usize>,
    depth: usize,
    rows: &mut Vec<Annotated>,
) -> Result<(), DescriptorError> {
    let mut reader = Reader::new(bytes, range);
    while let Some(raw) = reader.field()? {
        let field = fields.iter().find(|field| field.number == raw.number);
        let value = match field {
            Some(field) => value_of(field, bytes, &raw)?,
            None if raw.wire_type == WireType::Len => printable(&bytes[raw.payload.clone()]),
            None => raw.bits.to_string(),
        };
        rows.push(Annotated {
            range: raw.range,
            payload: raw.payload.clone(),
            depth,
            number: raw.number,
            name: field.map(|field| field.name),
            wire_type: raw.wire_type,
            type_name: field.map_or("unknown".into(), |field| field.type_name().into()),
            value,
        });
        if let Some(field) = field {
            if field.label == Label::Map {
                annotate_fields(&field.entry(), bytes, raw.payload, depth + 1, rows)?;
            } else if let Some(message) = field.kind.message() {
                annotate_fields(&message.fields, bytes, raw.payload, depth + 1, rows)?;
            }
        }
    }
    Ok(())
}

fn value_of(field: &Field, bytes: &[u8], raw: &Raw) -> Result<String, DescriptorError> {
    if field.is_packed_in(raw) {
        let mut reader = Reader::new(bytes, raw.payload.clone());
        let mut numbers = Vec::new();
        while let Some(bits) = reader.packed(field.kind)? {
            numbers.extend(Scalar::of_bits(field.kind, bits).map(|number| print(&number)));
        }
        return Ok(format!("[{}]", numbers.join(", ")));
    }
    if field.label == Label::Map {
        check_wire_type(WireType::Len, raw)?;
        return Ok(String::new());
    }
    check_wire_type(field.kind.wire_type(), raw)?;
    if field.kind.message().is_some() {
        return Ok(String::new());
    }
    Scalar::of_field(field.kind, bytes, raw).map(|scalar| print(&scalar))
}

fn print(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Signed(value) => value.to_string(),
        Scalar::Unsigned(value) => value.to_string(),
        Scalar::Double(value) => print_double(*value).to_string(),
        Scalar::Enum(enumeration, number) => match enumeration.name_of(*number) {
            Some(name) => format!("{name} ({number})"),
            None => number.to_string(),
        },
        Scalar::Text(text) => format!("{text:?}"),
        Scalar::Bytes(bytes) => printable(bytes),
    }
}

/// Text in quotes if it is text, else hexadecimal digits, of which a screen shows the first.
fn printable(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    let is_text = |text: &&str| !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c));
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(is_text) {
        return format!("{text:?}");
    }
    let mut hex = String::new();
    for byte in bytes.iter().take(SHOWN) {
        write!(hex, "{byte:02x} ").expect("writing to a String does not fail");
    }
    if bytes.len() > SHOWN {
        hex.push('…');
    }
    hex.trim_end().to_owned()
}
