//! CRI's messages by name: what a message of that name contains, and what some bytes say.
//!
//! The typed code of [`crate::v1`] knows one message each; whoever only has a name and bytes, such
//! as an inspector that looks into a recorded call, reads them here.
//!
//! * [`to_json`] and [`from_json`] translate between bytes and protobuf's JSON.
//! * [`annotate`] says what each byte is.
//! * [`message`], [`services`], [`enums`] describe; [`wire_table`] describes everything at once.
//!
//! Names of messages may be written with their package or without: `runtime.v1.VersionRequest`,
//! `VersionRequest`.
//!
//! All of it works from one text of some 15 KB, which the build writes and the first use parses:
//! in a page that is less code than tables of structs, and compresses well.

use std::fmt;
use std::sync::OnceLock;

mod annotate;
mod base64;
mod json;
mod scalar;
mod table;
mod wire;

pub use annotate::{Annotated, annotate};
pub use json::{JsonStyle, from_json, from_json_with, json, to_json, to_json_with};
pub use table::wire_table;
pub use wire::WireType;

/// The package of all names.
pub const PACKAGE: &str = "runtime.v1";

/// Written by `build.rs`, which describes the format.
const SCHEMA: &str = include_str!(concat!(env!("OUT_DIR"), "/schema.txt"));

/// What can be wrong with a name, with bytes, or with JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// CRI has no message of that name.
    #[error("CRI has no message {0}")]
    UnknownMessage(String),
    /// The bytes are not a message of that type.
    #[error("byte {offset}: {problem}")]
    Malformed {
        /// Where the part begins that cannot be read, from the start of the whole message.
        offset: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The JSON is not a message of that type.
    #[error("{path}: {problem}")]
    Json {
        /// Which part: `config.linux.resources.cpu_shares`, `config.mounts[2].readonly`.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A service and its methods.
#[derive(Debug)]
pub struct Service {
    /// Without the package: `RuntimeService`.
    pub name: &'static str,
    /// In the order of definition.
    pub methods: Vec<Method>,
}

/// A method of a service.
#[derive(Debug)]
pub struct Method {
    /// `RunPodSandbox`.
    pub name: &'static str,
    /// The name of the request message, without the package.
    pub request: &'static str,
    /// The name of the response message, without the package.
    pub response: &'static str,
    /// Whether the answer is a stream of responses.
    pub server_streaming: bool,
}

/// An enum and its values.
#[derive(Debug)]
pub struct Enum {
    /// Without the package: `NamespaceMode`, `SecurityProfile.ProfileType`.
    pub name: &'static str,
    /// Names and numbers, in the order of definition.
    pub values: Vec<(&'static str, i32)>,
}

impl Enum {
    /// The name of a value.
    pub fn name_of(&self, number: i32) -> Option<&'static str> {
        self.values.iter().find(|value| value.1 == number).map(|value| value.0)
    }

    /// The number of a value.
    pub fn number_of(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|value| value.0 == name).map(|value| value.1)
    }
}

/// A message and its fields.
#[derive(Debug)]
pub struct Message {
    /// Without the package: `PodSandboxConfig`.
    pub name: &'static str,
    /// In the order of definition, which is not always that of the numbers.
    pub fields: Vec<Field>,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub struct Field {
    /// As in `api.proto`, mostly snake_case: `log_directory`, `CDI_devices`.
    pub name: &'static str,
    /// The number that stands for the name on the wire.
    pub number: u32,
    /// How many values.
    pub label: Label,
    /// The type of one value; of a map, that of what the keys lead to.
    pub kind: Kind,
}

impl Field {
    /// The type as it is written in `api.proto`: `string`, `repeated Mount`,
    /// `map<string, string>`.
    pub fn type_name(&self) -> String {
        match self.label {
            Label::Singular => self.kind.name().to_owned(),
            Label::Repeated => format!("repeated {}", self.kind.name()),
            Label::Map => format!("map<string, {}>", self.kind.name()),
        }
    }

    /// The two fields of an entry, if this is a map: on the wire, an entry is a message.
    fn entry(&self) -> [Field; 2] {
        let field = |name, number, kind| Field { name, number, label: Label::Singular, kind };
        [field("key", 1, Kind::String), field("value", 2, self.kind)]
    }
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// One. A scalar that is not on the wire is zero or empty, a message that is not is unset.
    Singular,
    /// Any number, in order.
    Repeated,
    /// Any number, each under a string of its own. (CRI has no maps with other keys.)
    Map,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`
    Bool,
    /// `bytes`
    Bytes,
    /// `double`
    Double,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `string`
    String,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// The enum at this place of [`enums`]; see [`Kind::enumeration`].
    Enum(u16),
    /// The message at this place of [`messages`]; see [`Kind::message`].
    Message(u16),
}

impl Kind {
    const SCALARS: [(&'static str, Kind); 8] = [
        ("bool", Kind::Bool),
        ("bytes", Kind::Bytes),
        ("double", Kind::Double),
        ("int32", Kind::Int32),
        ("int64", Kind::Int64),
        ("string", Kind::String),
        ("uint32", Kind::Uint32),
        ("uint64", Kind::Uint64),
    ];

    /// `string`, `NamespaceMode`, `PodSandboxConfig`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Enum(index) => enums()[usize::from(index)].name,
            Kind::Message(index) => messages()[usize::from(index)].name,
            scalar => Kind::SCALARS.iter().find(|known| known.1 == scalar).map_or("", |k| k.0),
        }
    }

    /// The enum, if it is one.
    pub fn enumeration(self) -> Option<&'static Enum> {
        match self {
            Kind::Enum(index) => enums().get(usize::from(index)),
            _ => None,
        }
    }

    /// The message, if it is one.
    pub fn message(self) -> Option<&'static Message> {
        match self {
            Kind::Message(index) => messages().get(usize::from(index)),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The services, in the order of definition.
pub fn services() -> &'static [Service] {
    &pool().services
}

/// The enums: first those of the package, then those inside messages, in the order of definition.
pub fn enums() -> &'static [Enum] {
    &pool().enums
}

/// The messages, in the order of definition.
pub fn messages() -> &'static [Message] {
    &pool().messages
}

/// The message of that name, with its package or without.
///
/// # Errors
/// [`DescriptorError::UnknownMessage`]
pub fn message(name: &str) -> Result<&'static Message, DescriptorError> {
    let local = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
    let found = messages().iter().find(|message| message.name == local);
    found.ok_or_else(|| DescriptorError::UnknownMessage(name.to_owned()))
}

/// The service and the method of that name: `RunPodSandbox`. No two services share one.
pub fn method(name: &str) -> Option<(&'static Service, &'static Method)> {
    services().iter().find_map(|service| {
        let found = service.methods.iter().find(|method| method.name == name);
        found.map(|method| (service, method))
    })
}

#[derive(Default)]
struct Pool {
    services: Vec<Service>,
    enums: Vec<Enum>,
    messages: Vec<Message>,
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| parse(SCHEMA).expect("build.rs writes what this module reads"))
}

/// Reads what `schema` in `build.rs` writes.
fn parse(schema: &'static str) -> Option<Pool> {
    // A field may have a type that is defined further down, so the names come first.
    let names = |mark| schema.lines().filter_map(move |line| line.strip_prefix(mark));
    let (messages, enums): (Vec<_>, Vec<_>) = (names('@').collect(), names('#').collect());
    let place = |names: &[&str], name: &str| {
        names.iter().position(|known| *known == name).and_then(|place| u16::try_from(place).ok())
    };
    let kind = |name: &str| {
        let scalar = Kind::SCALARS.iter().find(|known| known.0 == name).map(|known| known.1);
        scalar
            .or_else(|| place(&messages, name).map(Kind::Message))
            .or_else(|| place(&enums, name).map(Kind::Enum))
    };

    let mut pool = Pool::default();
    let mut section = '\0';
    for line in schema.lines() {
        if let Some(name) = line.strip_prefix(['!', '#', '@']) {
            section = line.chars().next()?;
            match section {
                '!' => pool.services.push(Service { name, methods: Vec::new() }),
                '#' => pool.enums.push(Enum { name, values: Vec::new() }),
                _ => pool.messages.push(Message { name, fields: Vec::new() }),
            }
            continue;
        }
        let mut words = line.split(' ');
        let (name, second) = (words.next()?, words.next()?);
        match section {
            '!' => {
                let response = words.next()?;
                pool.services.last_mut()?.methods.push(Method {
                    name,
                    request: second,
                    response: response.trim_start_matches('>'),
                    server_streaming: response.starts_with('>'),
                });
            }
            '#' => pool.enums.last_mut()?.values.push((name, second.parse().ok()?)),
            _ => {
                let marked = words.next()?;
                let (label, unmarked) = match marked.as_bytes().first()? {
                    b'*' => (Label::Repeated, &marked[1..]),
                    b'%' => (Label::Map, &marked[1..]),
                    _ => (Label::Singular, marked),
                };
                let (number, kind) = (second.parse().ok()?, kind(unmarked)?);
                pool.messages.last_mut()?.fields.push(Field { name, number, label, kind });
            }
        }
    }
    Some(pool)
}
