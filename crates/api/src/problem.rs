//! What is wrong with a text, and where.

use std::fmt;

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

/// `3:9 error spec.containers[0].image: Required value`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.span.start;
        write!(f, "{}:{} {} {}", start.line, start.column, self.severity.as_str(), self.message)
    }
}
