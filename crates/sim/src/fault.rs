//! Faults: small rules that make a call slow or make it fail.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::time::Duration;
use trace::Component;

/// A rule that is tried on every call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operation, as the trace names it (`RunPodSandbox`, `POST /containers/create`,
    /// `runc create`); a `*` at the end matches any ending.
    pub op: String,
    /// Only calls of this component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// Only calls on behalf of the pod of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Only calls on behalf of the container of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How many matching calls pass before it works.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// How many calls it then works on; all, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How much longer the call takes, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// The error's kind in the words of the call's protocol: a gRPC code (`Unavailable`), an HTTP
    /// status (`500`), an exit status (`1`). None: the call is only slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error's text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether the callee does its work all the same, and only the answer is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The error that a fault gives to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// The error's kind in the words of the call's protocol.
    pub code: String,
    /// The error's text.
    pub message: String,
}

/// What the faults do to one call.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) error: Option<Injected>,
    pub(crate) after: bool,
}

pub(crate) struct Armed {
    fault: Fault,
    seen: Cell<u32>,
}

/// The side of a call that faults look at.
pub(crate) struct Target<'a> {
    pub(crate) op: &'a str,
    pub(crate) to: Component,
    pub(crate) pod: Option<&'a str>,
    pub(crate) container: Option<&'a str>,
}

impl Fault {
    pub(crate) fn arm(self) -> Armed {
        Armed { fault: self, seen: Cell::new(0) }
    }

    fn matches(&self, target: &Target<'_>) -> bool {
        let op = match self.op.strip_suffix('*') {
            Some(prefix) => target.op.starts_with(prefix),
            None => target.op == self.op,
        };
        let name = |wanted: &Option<String>, got: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| got == Some(wanted))
        };
        op && self.component.is_none_or(|component| component == target.to)
            && name(&self.pod, target.pod)
            && name(&self.container, target.container)
    }
}

impl Armed {
    /// What this fault does to a call, if it works on it. Counts the calls that match.
    pub(crate) fn judge(&self, target: &Target<'_>) -> Option<Verdict> {
        if !self.fault.matches(target) {
            return None;
        }
        let seen = self.seen.get();
        self.seen.set(seen.saturating_add(1));
        let first = self.fault.skip;
        let works = seen >= first && self.fault.times.is_none_or(|times| seen - first < times);
        works.then(|| Verdict {
            delay: Duration::from_millis(self.fault.delay_ms.unwrap_or_default()),
            error: self
                .fault
                .code
                .as_ref()
                .map(|code| Injected { code: code.clone(), message: self.fault.message.clone() }),
            after: self.fault.after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_and_times_count_matching_calls_only() {
        let fault = Fault {
            op: "PullImage".into(),
            skip: 1,
            times: Some(2),
            code: Some("Unavailable".into()),
            ..Fault::default()
        };
        let armed = fault.arm();
        let works = |op| {
            let target =
                Target { op, to: Component::Containerd, pod: Some("web"), container: None };
            armed.judge(&target).is_some()
        };
        let seen: Vec<bool> =
            ["PullImage", "ImageStatus", "PullImage", "PullImage", "PullImage"].map(works).into();
        assert_eq!(seen, [false, false, true, true, false]);
    }
}
