//! Protobuf's wire format: a message is a row of fields, each a number, a wire type and a value.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use std::ops::Range;

use super::{DescriptorError, Kind};

/// How the length of a value on the wire is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// 0: seven bits a byte, least significant first, until a byte is below 128.
    Varint,
    /// 1: eight bytes, little-endian.
    Fixed64,
    /// 2: a varint that says how many bytes follow: strings, bytes, messages, packed numbers.
    Len,
    /// 5: four bytes, little-endian.
    Fixed32,
}

impl WireType {
    /// The number that stands in the low three bits of a key.
    pub fn number(self) -> u8 {
        match self {
            WireType::Varint => 0,
            WireType::Fixed64 => 1,
            WireType::Len => 2,
            WireType::Fixed32 => 5,
        }
    }

    /// As protobuf's own documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            WireType::Varint => "VARINT",
            WireType::Fixed64 => "I64",
            WireType::Len => "LEN",
            WireType::Fixed32 => "I32",
        }
    }
}

impl Kind {
    /// How one value of this type is written.
    pub fn wire_type(self) -> WireType {
        match self {
            Kind::Double => WireType::Fixed64,
            Kind::String | Kind::Bytes | Kind::Message(_) => WireType::Len,
            Kind::Bool
            | Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Enum(_) => WireType::Varint,
        }
    }
}

/// A field as it stands in the bytes. All ranges count from the start of the whole message.
pub(super) struct Raw {
    pub(super) number: u32,
    pub(super) wire_type: WireType,
    /// Key, length if there is one, and value.
    pub(super) range: Range<usize>,
    /// The value alone.
    pub(super) payload: Range<usize>,
    /// The value, unless the wire type is [`WireType::Len`].
    pub(super) bits: u64,
}

/// Reads a part of `bytes`: the whole, or one nested message.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// `range` must lie within `bytes`.
    pub(super) fn new(bytes: &'a [u8], range: Range<usize>) -> Reader<'a> {
        Reader { bytes, at: range.start, end: range.end }
    }

    /// The next field, or `None` at the end.
    pub(super) fn field(&mut self) -> Result<Option<Raw>, DescriptorError> {
        if self.at == self.end {
            return Ok(None);
        }
        let start = self.at;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or_else(|| malformed(start, "no field has such a number"))?;
        let mut payload_start = self.at;
        let (wire_type, bits) = match key & 7 {
            0 => (WireType::Varint, self.varint()?),
            1 => (WireType::Fixed64, self.fixed(8)?),
            2 => {
                let length = self.varint()?;
                payload_start = self.at;
                let left = self.end - self.at;
                match usize::try_from(length).ok().filter(|length| *length <= left) {
                    Some(length) => self.at += length,
                    None => {
                        let problem = format!("{length} bytes announced, {left} there");
                        return Err(malformed(start, problem));
                    }
                }
                (WireType::Len, 0)
            }
            5 => (WireType::Fixed32, self.fixed(4)?),
            other => return Err(malformed(start, format!("wire type {other} is not in use"))),
        };
        let (range, payload) = (start..self.at, payload_start..self.at);
        Ok(Some(Raw { number, wire_type, range, payload, bits }))
    }

    /// The next of the packed numbers of one field, or `None` at the end.
    pub(super) fn packed(&mut self, kind: Kind) -> Result<Option<u64>, DescriptorError> {
        if self.at == self.end {
            return Ok(None);
        }
        match kind.wire_type() {
            WireType::Fixed64 => self.fixed(8).map(Some),
            _ => self.varint().map(Some),
        }
    }

    fn varint(&mut self) -> Result<u64, DescriptorError> {
        let start = self.at;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte().ok_or_else(|| malformed(start, "a number breaks off"))?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed(start, "a number of more than 64 bits"))
    }

    fn fixed(&mut self, width: usize) -> Result<u64, DescriptorError> {
        let start = self.at;
        let mut value = 0;
        for index in 0..width {
            let byte = self.byte().ok_or_else(|| malformed(start, "a number breaks off"))?;
            value |= u64::from(byte) << (8 * index);
        }
        Ok(value)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes[..self.end].get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

pub(super) fn malformed(offset: usize, problem: impl Into<String>) -> DescriptorError {
    DescriptorError::Malformed { offset, problem: problem.into() }
}

/// Writes the key of a field.
pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type.number()));
}

/// Writes a number, seven bits a byte.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a length and the bytes.
pub(super) fn put_len(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
