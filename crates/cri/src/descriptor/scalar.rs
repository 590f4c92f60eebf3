//! Values that are not messages.

use std::borrow::Cow;

use super::wire::{Raw, malformed, put_len, put_varint};
use super::{DescriptorError, Enum, Kind, WireType};

/// A value of one of the scalar types or of an enum.
pub(super) enum Scalar<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Double(f64),
    Enum(&'static Enum, i32),
    Text(&'a str),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Scalar<'a> {
    /// What is meant where a singular field is not on the wire. `None` for messages.
    pub(super) fn default_of(kind: Kind) -> Option<Scalar<'a>> {
        match kind {
            Kind::String => Some(Scalar::Text("")),
            Kind::Bytes => Some(Scalar::Bytes(Cow::Borrowed(&[]))),
            _ => Scalar::of_bits(kind, 0),
        }
    }

    /// A number as its bits on the wire. `None` for what is not a number.
    ///
    /// Bits that are too many for the type are cut off, as by every implementation of protobuf.
    pub(super) fn of_bits(kind: Kind, bits: u64) -> Option<Scalar<'a>> {
        Some(match kind {
            Kind::Bool => Scalar::Bool(bits != 0),
            Kind::Double => Scalar::Double(f64::from_bits(bits)),
            Kind::Int32 => Scalar::Signed(i64::from(bits as i32)),
            Kind::Int64 => Scalar::Signed(bits as i64),
            Kind::Uint32 => Scalar::Unsigned(u64::from(bits as u32)),
            Kind::Uint64 => Scalar::Unsigned(bits),
            Kind::Enum(_) => Scalar::Enum(kind.enumeration()?, bits as i32),
            Kind::Bytes | Kind::String | Kind::Message(_) => return None,
        })
    }

    /// The one value of a field. The wire type must be that of `kind`, which is no message.
    pub(super) fn of_field(
        kind: Kind,
        bytes: &'a [u8],
        raw: &Raw,
    ) -> Result<Scalar<'a>, DescriptorError> {
        let payload = &bytes[raw.payload.clone()];
        match Scalar::of_bits(kind, raw.bits) {
            Some(number) => Ok(number),
            None if kind == Kind::Bytes => Ok(Scalar::Bytes(payload.into())),
            None => match std::str::from_utf8(payload) {
                Ok(text) => Ok(Scalar::Text(text)),
                Err(error) => Err(malformed(
                    raw.payload.start + error.valid_up_to(),
                    "a string that is not UTF-8",
                )),
            },
        }
    }

    /// Whether a singular field with this value is left out on the wire.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Scalar::Bool(value) => !value,
            Scalar::Signed(value) => *value == 0,
            Scalar::Unsigned(value) => *value == 0,
            // Minus zero, too: as prost does it, unlike others.
            Scalar::Double(value) => *value == 0.0,
            Scalar::Enum(_, number) => *number == 0,
            Scalar::Text(text) => text.is_empty(),
            Scalar::Bytes(bytes) => bytes.is_empty(),
        }
    }

    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Scalar::Double(_) => WireType::Fixed64,
            Scalar::Text(_) | Scalar::Bytes(_) => WireType::Len,
            _ => WireType::Varint,
        }
    }

    /// Writes the value without a key.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Bool(value) => put_varint(out, u64::from(*value)),
            Scalar::Signed(value) => put_varint(out, *value as u64),
            Scalar::Unsigned(value) => put_varint(out, *value),
            // A negative enum value has ten bytes, like a negative int32.
            Scalar::Enum(_, number) => put_varint(out, i64::from(*number) as u64),
            Scalar::Double(value) => out.extend_from_slice(&value.to_bits().to_le_bytes()),
            Scalar::Text(text) => put_len(out, text.as_bytes()),
            Scalar::Bytes(bytes) => put_len(out, bytes),
        }
    }
}
