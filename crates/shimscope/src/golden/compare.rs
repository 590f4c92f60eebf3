//! Whether two runs are equal, and where they part.

use super::rows::{Call, Event, Run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A period of the kubelet's relist, with the time that it takes: waits agree to this.
const PERIOD: f64 = 1100.0;
/// Statuses that last no longer may be missing.
const STAGE: f64 = 1200.0;
/// The kubelet multiplies waits by up to 1.5.
const JITTER: f64 = 0.5;

/// Where two runs part.
#[derive(Debug)]
pub(crate) struct Difference {
    rule: u8,
    at: f64,
    text: String,
}

impl Difference {
    /// Later differences, of later rules, are closer to equality.
    pub(crate) fn rank(&self) -> (u8, i64) {
        (self.rule, self.at as i64)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  rule {}, about {:.1} s: {}", self.rule, self.at / 1000.0, self.text)
    }
}

/// The first difference between a recording and our run, by the five rules.
pub(crate) fn first_difference(recorded: &Run, ours: &Run, duration: f64) -> Option<Difference> {
    calls_differ(recorded, ours, duration)
        .or_else(|| requests_differ(recorded, ours))
        .or_else(|| waits_differ(recorded, ours))
        .or_else(|| stages_differ(recorded, ours, duration))
        .or_else(|| events_differ(recorded, ours, duration))
}

fn is_probe(call: &Call) -> bool {
    call.method == "ExecSync" && call.timeout.is_some_and(|timeout| timeout > 0)
}

/// Calls whose place among others is not fixed.
fn floats(call: &Call) -> bool {
    call.method == "RemoveContainer" || is_probe(call)
}

/// A removal of what somebody else has just removed: two are at it, and sometimes both call.
fn is_double(call: &Call) -> bool {
    call.method == "RemoveContainer" && call.container.is_empty()
}

/// The calls in their order, those that happen at the same time sorted.
fn sequence(run: &Run) -> Vec<&Call> {
    let mut calls: Vec<&Call> = run.calls.iter().filter(|call| !floats(call)).collect();
    let mut from = 0;
    while from < calls.len() {
        let mut to = from;
        while to < calls.len() && calls[to].method == "StopContainer" {
            to += 1;
        }
        calls[from..to].sort_by_key(|call| call.key());
        from = to + 1;
    }
    calls
}

/// Whether the calls that one run has more are only cut off in the other by its end.
fn only_cut(rest: &[&Call], before: Option<&Call>, duration: f64) -> bool {
    let from = before.map_or(0.0, |call| call.at);
    rest.iter().all(|call| {
        let wait = call.at - from;
        let slack = if wait > 1000.0 { PERIOD + JITTER * wait } else { PERIOD };
        call.at + slack >= duration
    })
}

fn context(calls: &[&Call], at: usize) -> String {
    let from = at.saturating_sub(2);
    let to = calls.len().min(at + 3);
    let line = |(offset, call): (usize, &&Call)| {
        let mark = if from + offset == at { ">" } else { " " };
        format!("\n      {mark} {:9.3} {}", call.at / 1000.0, call.key())
    };
    let lines: String = calls[from..to].iter().enumerate().map(line).collect();
    if lines.is_empty() { "\n        nothing".to_owned() } else { lines }
}

fn lists_differ(theirs: &[&Call], ours: &[&Call], duration: f64, what: &str) -> Option<Difference> {
    let common = theirs.len().min(ours.len());
    let parted = (0..common).find(|&at| theirs[at].key() != ours[at].key());
    let at = match parted {
        Some(at) => at,
        None if theirs.len() == ours.len() => return None,
        None => {
            let longer = if theirs.len() > ours.len() { theirs } else { ours };
            let before = common.checked_sub(1).map(|last| longer[last]);
            if only_cut(&longer[common..], before, duration) {
                return None;
            }
            common
        }
    };
    let when = theirs.get(at).or(ours.get(at)).map_or(0.0, |call| call.at);
    let text =
        format!("{what}\n    recorded:{}\n    ours:{}", context(theirs, at), context(ours, at));
    Some(Difference { rule: 1, at: when, text })
}

/// Rule 1.
fn calls_differ(recorded: &Run, ours: &Run, duration: f64) -> Option<Difference> {
    let (theirs, mine) = (sequence(recorded), sequence(ours));
    if let Some(difference) = lists_differ(&theirs, &mine, duration, "calls") {
        return Some(difference);
    }
    let all = recorded.calls.iter().chain(&ours.calls);
    let names: BTreeSet<&str> = all.map(|call| call.container.as_str()).collect();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        let of = |run: &'_ Run, removes: bool| -> Vec<Call> {
            let own = run.calls.iter().filter(|call| call.container == name);
            own.filter(|call| (call.method == "RemoveContainer") == removes).cloned().collect()
        };
        for (removes, what) in [(false, "calls of container"), (true, "removals of container")] {
            let (theirs, mine) = (of(recorded, removes), of(ours, removes));
            let theirs: Vec<&Call> = theirs.iter().collect();
            let mine: Vec<&Call> = mine.iter().collect();
            let what = format!("{what} {name}");
            if let Some(difference) = lists_differ(&theirs, &mine, duration, &what) {
                return Some(difference);
            }
        }
    }
    None
}

/// A request without what no two runs have in common.
fn normalized(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = serde_json::Map::new();
            for (key, value) in map {
                let own = key.starts_with("kubernetes.io/config.") || key == "created_at";
                if !own {
                    out.insert(key.clone(), normalized(value, key));
                }
            }
            Value::Object(out)
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(|value| normalized(value, "")).collect();
            if key == "envs" {
                // Go goes through a map.
                list.sort_by_key(|value| value.to_string());
            }
            Value::Array(list)
        }
        Value::String(text) if key == "host_path" && text.contains("/containers/") => {
            // The file for the last words has a random name.
            let end = text.rfind('/').unwrap_or(text.len());
            Value::from(&text[..end])
        }
        other => other.clone(),
    }
}

fn first_unequal(theirs: &Value, ours: &Value, path: &str) -> String {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                if a != b {
                    return first_unequal(a, b, &format!("{path}.{key}"));
                }
            }
            path.to_owned()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(0);
            match (a.get(at), b.get(at)) {
                (Some(a), Some(b)) => first_unequal(a, b, &format!("{path}[{at}]")),
                _ => path.to_owned(),
            }
        }
        _ => format!("{path}: recorded {theirs}, ours {ours}"),
    }
}

/// Rule 2.
fn requests_differ(recorded: &Run, ours: &Run) -> Option<Difference> {
    let mut mine: BTreeMap<String, Vec<&Call>> = BTreeMap::new();
    for call in ours.calls.iter().rev() {
        mine.entry(call.key()).or_default().push(call);
    }
    for call in recorded.calls.iter().filter(|call| !is_double(call)) {
        let Some(own) = mine.get_mut(&call.key()).and_then(Vec::pop) else { continue };
        if call.request.is_null() {
            continue;
        }
        let (a, b) = (normalized(&call.request, ""), normalized(&own.request, ""));
        if a != b {
            let path = first_unequal(&a, &b, "request");
            let text = format!("{}\n    {path}", call.key());
            return Some(Difference { rule: 2, at: call.at, text });
        }
    }
    None
}

/// How long after the last thing that happened each call came.
fn waits(run: &Run) -> Vec<(f64, &Call)> {
    let calls = sequence(run);
    let mut before = 0.0_f64;
    let mut out = Vec::new();
    for call in calls {
        let others = run.exits.iter().map(|exit| exit.at);
        let marks = run.marks.iter().map(|(at, _)| *at);
        let latest = others.chain(marks).filter(|at| *at <= call.at + 0.001).fold(before, f64::max);
        out.push((call.at - latest, call));
        // A command may run on while others go their way.
        let took = if call.method == "ExecSync" { 0.0 } else { call.took };
        before = before.max(call.at + took);
    }
    out
}

/// Rule 3.
fn waits_differ(recorded: &Run, ours: &Run) -> Option<Difference> {
    for ((theirs, call), (mine, _)) in waits(recorded).into_iter().zip(waits(ours)) {
        let shorter = theirs.min(mine).max(0.0);
        let slack = if shorter > 1000.0 { PERIOD + JITTER * shorter } else { PERIOD };
        if (theirs - mine).abs() > slack {
            let text = format!(
                "wait before {}: recorded {:.3} s, ours {:.3} s",
                call.key(),
                theirs / 1000.0,
                mine / 1000.0
            );
            return Some(Difference { rule: 3, at: call.at, text });
        }
    }
    None
}

/// A status without the texts that nobody compares.
fn essentials(pods: &Value) -> Value {
    match pods {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "message"));
            Value::Object(kept.map(|(key, value)| (key.clone(), essentials(value))).collect())
        }
        Value::Array(list) => list.iter().map(essentials).collect(),
        other => other.clone(),
    }
}

/// The statuses with the time for which each lasted, equal neighbours as one.
fn stages(run: &Run, duration: f64) -> Vec<(f64, f64, Value)> {
    let mut stages: Vec<(f64, f64, Value)> = Vec::new();
    for (at, pods) in run.statuses.iter().filter(|(at, _)| *at <= duration) {
        let status = essentials(pods);
        if let Some(last) = stages.last_mut() {
            last.1 = at - last.0;
            if last.2 == status {
                continue;
            }
        }
        stages.push((*at, 0.0, status));
    }
    let starts: Vec<f64> = stages.iter().map(|stage| stage.0).collect();
    for (index, stage) in stages.iter_mut().enumerate() {
        stage.1 = starts.get(index + 1).copied().unwrap_or(duration) - stage.0;
    }
    stages
}

type Stage = (f64, f64, Value);

/// The first of the lasting stages of one run that the other does not have, in its order.
fn missing<'a>(lasting: &'a [Stage], all: &[Stage], longer: f64) -> Option<&'a Stage> {
    let mut rest = all.iter();
    lasting
        .iter()
        .filter(|stage| stage.1 > longer)
        .find(|stage| !rest.any(|other| other.2 == stage.2))
}

/// Rule 4.
fn stages_differ(recorded: &Run, ours: &Run, duration: f64) -> Option<Difference> {
    let (theirs, mine) = (stages(recorded, duration), stages(ours, duration));
    let near = |stages: &[Stage], at: f64, status: &Value| {
        let close = stages.iter().min_by(|a, b| {
            let score = |stage: &Stage| (stage.0 - at).abs();
            score(a).total_cmp(&score(b))
        });
        close.map_or_else(String::new, |stage| first_unequal(status, &stage.2, "status"))
    };
    if let Some((at, lasts, status)) = missing(&theirs, &mine, STAGE) {
        let text = format!(
            "a recorded status of {:.1} s is not ours\n    {}\n    nearest: {}",
            lasts / 1000.0,
            status,
            near(&mine, *at, status)
        );
        return Some(Difference { rule: 4, at: *at, text });
    }
    // The recording looked each 100 ms, and relists of two runs fall differently.
    if let Some((at, lasts, status)) = missing(&mine, &theirs, STAGE + PERIOD) {
        let text =
            format!("a status of ours of {:.1} s is not recorded\n    {status}", lasts / 1000.0);
        return Some(Difference { rule: 4, at: *at, text });
    }
    let last = |stages: &[Stage]| stages.last().map(|stage| stage.2.clone()).unwrap_or_default();
    let (a, b) = (last(&theirs), last(&mine));
    let cut = |stages: &[Stage]| stages.last().is_some_and(|stage| stage.1 < STAGE);
    if a != b && !cut(&theirs) && !cut(&mine) {
        let text = format!("the last status\n    {}", first_unequal(&a, &b, "status"));
        return Some(Difference { rule: 4, at: duration, text });
    }
    None
}

/// A message without durations, which no two runs have in common.
fn without_durations(message: &str) -> String {
    let mut words = Vec::new();
    for word in message.split(' ') {
        let bare = word.trim_start_matches('(').trim_end_matches([')', '.', ',']);
        let numeric = bare.starts_with(|c: char| c.is_ascii_digit());
        let unit = bare.trim_start_matches(|c: char| c.is_ascii_digit() || "hms.µn".contains(c));
        let duration = numeric && unit.is_empty() && bare.ends_with('s');
        // How long a back-off lasts is a number that must agree.
        words.push(if duration && message.starts_with("Successfully") {
            word.replace(bare, "…")
        } else {
            word.to_owned()
        });
    }
    words.join(" ")
}

/// The events of one part of a pod. How often a wait is reported depends on the kubelet's jitter, so
/// reports of one wait count as one.
fn events_of(run: &Run, field: &str) -> Vec<Event> {
    let waits = |event: &Event| {
        event.reason == "BackOff" || event.message.starts_with("Error: ImagePullBackOff")
    };
    let mut events: Vec<Event> = Vec::new();
    for event in run.events.iter().filter(|event| event.field == field) {
        let same = |other: &&Event| other.reason == event.reason && other.message == event.message;
        let since = events.iter().rev().take_while(|other| waits(other));
        if !(waits(event) && since.clone().any(|other| same(&other))) {
            events.push(event.clone());
        }
    }
    events
}

/// Rule 5.
fn events_differ(recorded: &Run, ours: &Run, duration: f64) -> Option<Difference> {
    let all = recorded.events.iter().chain(&ours.events);
    let fields: BTreeSet<&str> = all.map(|event| event.field.as_str()).collect();
    for field in fields {
        let (theirs, mine) = (events_of(recorded, field), events_of(ours, field));
        let same = |a: &Event, b: &Event| {
            a.kind == b.kind
                && a.reason == b.reason
                && without_durations(&a.message) == without_durations(&b.message)
        };
        let common = theirs.len().min(mine.len());
        let parted = (0..common).find(|&at| !same(&theirs[at], &mine[at]));
        let at = match parted {
            Some(at) => at,
            None if theirs.len() == mine.len() => continue,
            None => {
                let longer = if theirs.len() > mine.len() { &theirs } else { &mine };
                let from = common.checked_sub(1).map_or(0.0, |last| longer[last].at);
                let cut = longer[common..].iter().all(|event| {
                    let wait = event.at - from;
                    event.at + PERIOD + JITTER * wait >= duration
                });
                if cut {
                    continue;
                }
                common
            }
        };
        let show = |event: Option<&Event>| {
            event.map_or("nothing".to_owned(), |event| {
                let at = event.at / 1000.0;
                format!("{at:.3} {} {} {}", event.kind, event.reason, event.message)
            })
        };
        let text = format!(
            "events of {field:?}\n    recorded: {}\n    ours:     {}",
            show(theirs.get(at)),
            show(mine.get(at))
        );
        let when = theirs.get(at).or(mine.get(at)).map_or(0.0, |event| event.at);
        return Some(Difference { rule: 5, at: when, text });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Folder, replay};
    use std::path::PathBuf;

    fn folder(name: &str) -> Folder {
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
        Folder::read(&data.join(name)).expect("a recording")
    }

    /// Changes a recording and gives the rule that notices, or none.
    fn noticed(name: &str, change: impl FnOnce(&mut Run)) -> Option<u8> {
        let mut folder = folder(name);
        let ours = replay::replay(&folder, 0);
        let duration = folder.duration_millis();
        assert!(first_difference(&folder.recorded, &ours, duration).is_none(), "{name}");
        change(&mut folder.recorded);
        first_difference(&folder.recorded, &ours, duration).map(|difference| difference.rule)
    }

    fn first<'a>(run: &'a mut Run, method: &str) -> &'a mut Call {
        run.calls.iter_mut().find(|call| call.method == method).expect("a call")
    }

    /// A checker that finds nothing proves nothing: each rule notices what it is there for.
    #[test]
    fn every_rule_notices_what_breaks_it() {
        let name = "two-ctr-never-mixed";
        assert_eq!(noticed(name, |run| first(run, "RunPodSandbox").attempt = Some(1)), Some(1));
        assert_eq!(
            noticed(name, |run| first(run, "StartContainer").error = "Unknown".into()),
            Some(1)
        );
        assert_eq!(noticed(name, |run| first(run, "ImageStatus").image = "other".into()), Some(1));
        assert_eq!(
            noticed("delete-gc", |run| first(run, "StopContainer").timeout = Some(6)),
            Some(1)
        );
        let without_removal =
            |run: &mut Run| run.calls.retain(|call| call.method != "RemoveContainer");
        assert_eq!(noticed("delete-gc", without_removal), Some(1));
        let swapped = |run: &mut Run| {
            let starts: Vec<usize> = (0..run.calls.len())
                .filter(|&at| run.calls[at].method == "StartContainer")
                .collect();
            run.calls.swap(starts[0], starts[1]);
        };
        assert_eq!(noticed(name, swapped), Some(1));
        let grace = |run: &mut Run| {
            let annotations = "/config/annotations/io.kubernetes.pod.terminationGracePeriod";
            let request = &mut first(run, "CreateContainer").request;
            *request.pointer_mut(annotations).expect("an annotation") = "31".into();
        };
        assert_eq!(noticed(name, grace), Some(2));
        let later = |run: &mut Run| {
            let from = run.calls.iter().position(|call| call.method == "StopContainer");
            run.calls.iter_mut().skip(from.expect("a stop")).for_each(|call| call.at += 2000.0);
        };
        assert_eq!(noticed("sidecar-job", later), Some(3));
        let phase = |run: &mut Run| {
            let last = run.statuses.last_mut().expect("a status");
            *last.1.pointer_mut("/p-oracle/phase").expect("a phase") = "Running".into();
        };
        assert_eq!(noticed(name, phase), Some(4));
        let restarts = |run: &mut Run| {
            let last = run.statuses.last_mut().expect("a status");
            let count = last.1.pointer_mut("/p-oracle/containers/0/restartCount");
            *count.expect("a count") = 7.into();
        };
        assert_eq!(noticed(name, restarts), Some(4));
        assert_eq!(noticed(name, |run| run.events[0].message.push('!')), Some(5));
        assert_eq!(noticed(name, |run| run.events[0].kind = "Warning".into()), Some(5));
        assert_eq!(noticed(name, |run| drop(run.events.remove(1))), Some(5));
        // What nobody compares.
        assert_eq!(
            noticed("single", |run| run.calls.iter_mut().for_each(|it| it.at += 300.0)),
            None
        );
    }
}
