//! What is wrong with a text, and where.

use std::fmt;

use crate::simulated::Unsimulated;
use crate::yaml::Span;

/// How much a [`Problem`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Taken, but probably not what was meant.
    Warning,
    /// The API server would refuse it.
    Error,
}

impl Severity {
    /// `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// Something that is wrong, or remarkable, at a place of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands. An empty span (both ends equal) marks a point.
    pub span: Span,
    /// The field, as Kubernetes writes it (`spec.containers[0].image`); empty where the text is no data at all.
    pub path: String,
    /// What is wrong, in the API server's words where it has some. It repeats the path where they do.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
}

impl Problem {
    /// Whether the API server would refuse the text for it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A field that is valid, and that the simulator does not model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldNote {
    /// Where the field's name stands.
    pub span: Span,
    /// The field, as Kubernetes writes it.
    pub path: String,
    /// Why it has no effect.
    pub reason: Unsimulated,
}

/// `3:3 spec.affinity: scheduling is not simulated: there is one node, and the Pod is on it`
impl fmt::Display for FieldNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.span.start;
        write!(f, "{}:{} {}: {}", start.line, start.column, self.path, self.reason)
    }
}

/// `3:9 error spec.containers[0].image: Required value`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.span.start;
        write!(f, "{}:{} {} {}", start.line, start.column, self.severity.as_str(), self.message)
    }
}
