//! Events: calls, returns, effects.

use crate::{Component, Effect, Protocol, Time};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::rc::Rc;

/// Text that is usually a literal of the simulator, and owned when a trace was read from a file.
pub type Text = Cow<'static, str>;

/// An event's place in its trace. It is stable: a trace only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u32);

impl EventId {
    /// The place as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A pod of the trace: the n-th [`Effect::PodAdded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodRef(pub u32);

/// A container of a pod: the n-th of its init containers, then containers, in the order of the
/// spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerRef(pub u16);

/// Whom an event is about. Calls made on a pod's behalf inherit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The pod, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodRef>,
    /// The container of that pod, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerRef>,
}

impl Subject {
    /// Whether it is about no pod in particular.
    #[must_use]
    pub const fn is_nobody(&self) -> bool {
        self.pod.is_none() && self.container.is_none()
    }
}

/// How deep one looks. A view at a level shows the events of that level and of those above it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "u8", try_from = "u8")]
pub enum Level {
    /// Pods and the steps of SyncPod.
    #[default]
    Steps = 1,
    /// Calls of the Container Runtime Interface.
    Calls = 2,
    /// Every hop between processes.
    Hops = 3,
    /// Effects on the kernel and on files.
    Effects = 4,
}

impl Level {
    /// All of them, from the top.
    pub const ALL: [Self; 4] = [Self::Steps, Self::Calls, Self::Hops, Self::Effects];
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level as Self
    }
}

impl TryFrom<u8> for Level {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|&level| level as u8 == number)
            .ok_or_else(|| format!("detail level {number} is not one of 1 to 4"))
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Time,
    /// The call during which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EventId>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Subject::is_nobody")]
    pub subject: Subject,
    /// What happened.
    pub what: What,
}

/// The three kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// One component asks another.
    Call(Box<Call>),
    /// The answer.
    Return(Box<Return>),
    /// A change of the world.
    Effect(Box<Effect>),
}

/// One component asking another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Who asks.
    pub from: Component,
    /// Who is asked.
    pub to: Component,
    /// How.
    pub protocol: Protocol,
    /// The operation under its own name: `RunPodSandbox`, `POST /containers/create`, `runc create`.
    pub op: Text,
    /// From which detail level on it is shown.
    pub level: Level,
    /// What was sent.
    #[serde(default, skip_serializing_if = "Payload::is_none")]
    pub request: Payload,
    /// Where upstream does this, as `project@version path Function`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
    /// Set where the step exists only because two components do not speak the same interface:
    /// the key of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glue: Option<Text>,
    /// The earlier event that woke the caller up, where that is not its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EventId>,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// Which call.
    pub call: EventId,
    /// How it went.
    pub outcome: Outcome,
    /// What was sent back, also with some errors (an HTTP error has a body).
    #[serde(default, skip_serializing_if = "Payload::is_none")]
    pub response: Payload,
}

/// How a call went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It worked.
    Ok,
    /// It did not.
    Error {
        /// The error's kind in the words of its protocol: `NotFound`, `409`, `exit status 1`.
        code: Text,
        /// The error's text.
        message: String,
    },
}

impl Outcome {
    /// Whether it worked.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }
}

/// What travels with a call or a return.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Nothing worth showing.
    #[default]
    None,
    /// A protobuf message as it stands on the wire.
    Proto {
        /// The message's full name: `runtime.v1.RunPodSandboxRequest`.
        message: Text,
        /// The encoded message.
        #[serde(with = "base64_bytes")]
        bytes: Rc<[u8]>,
    },
    /// An HTTP request.
    Http {
        /// `GET`, `POST`, …
        method: Text,
        /// The path, without the API version.
        path: String,
        /// The query's parameters, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        query: Vec<(Text, String)>,
        /// The body, as JSON text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Rc<str>>,
    },
    /// An HTTP response.
    HttpResponse {
        /// The status code.
        status: u16,
        /// The body, as JSON text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Rc<str>>,
    },
    /// A program's arguments, environment and standard input.
    Exec {
        /// The arguments, the program's path first.
        argv: Vec<String>,
        /// The environment that matters, as `NAME=value`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<String>,
        /// The standard input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stdin: Option<Rc<str>>,
    },
    /// Another request or response, summed up as JSON text.
    Json(Rc<str>),
    /// Plain text, such as a program's standard output.
    Text(Rc<str>),
}

impl Payload {
    /// Whether there is nothing to show.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Sums a value up as JSON.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Self {
        Self::Json(value.to_string().into())
    }
}

impl Event {
    /// From which detail level on it is shown. A return has its call's level.
    #[must_use]
    pub fn level(&self, events: &[Self]) -> Level {
        match &self.what {
            What::Call(call) => call.level,
            What::Return(answer) => {
                events[answer.call.index()].as_call().map_or(Level::Steps, |call| call.level)
            }
            What::Effect(effect) => effect.level(),
        }
    }

    /// The call, if it is one.
    #[must_use]
    pub fn as_call(&self) -> Option<&Call> {
        match &self.what {
            What::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The return, if it is one.
    #[must_use]
    pub fn as_return(&self) -> Option<&Return> {
        match &self.what {
            What::Return(answer) => Some(answer),
            _ => None,
        }
    }

    /// The effect, if it is one.
    #[must_use]
    pub fn as_effect(&self) -> Option<&Effect> {
        match &self.what {
            What::Effect(effect) => Some(effect),
            _ => None,
        }
    }
}

mod base64_bytes {
    //! Bytes as base64 text.

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::rc::Rc;

    pub(super) fn serialize<S: Serializer>(bytes: &Rc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Rc<[u8]>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Rc::from).map_err(D::Error::custom)
    }
}
