//! Traces in the formats of other programs: whole, well-nested, and free of what would end a statement.

use scenario::{Stack, simulate};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use trace::{Level, Trace, export};

fn trace(name: &str, stack: Stack) -> Trace {
    let scenario = scenario::find(name).expect("it is built in").scenario();
    simulate(&scenario, stack).expect("it is tested")
}

fn calls(trace: &Trace, level: Level) -> usize {
    trace.calls().filter(|(.., call)| call.level <= level).count()
}

fn returns(trace: &Trace, level: Level) -> usize {
    let answers = trace.iter().filter_map(|(_, event)| event.as_return());
    answers
        .filter(|answer| trace.event(answer.call).as_call().expect("a call").level <= level)
        .count()
}

#[test]
fn diagrams_have_every_call_and_every_return() {
    let trace = trace("cni-fails", Stack::Dockershim);
    for level in Level::ALL {
        let expected = calls(&trace, level) + returns(&trace, level);
        let mermaid = export::mermaid(&trace, level);
        assert_eq!(
            mermaid.lines().filter(|line| line.contains(">>") || line.contains("--x")).count(),
            expected
        );
        let plantuml = export::plantuml(&trace, level);
        assert_eq!(plantuml.lines().filter(|line| line.contains(" : ")).count(), expected);
    }
    let mermaid = export::mermaid(&trace, Level::Hops);
    assert!(mermaid.starts_with("sequenceDiagram\n  participant "));
    assert!(mermaid.contains("cri_client->>dockershim: RunPodSandbox"), "{mermaid}");
    assert!(mermaid.contains("dockershim--xcri_client: error "), "the failure is marked");
    let participants: BTreeSet<&str> = mermaid
        .lines()
        .filter_map(|line| line.trim().strip_prefix("participant ")?.split(' ').next())
        .collect();
    for line in mermaid.lines().filter(|line| line.contains(": ")) {
        let (ends, text) = line.trim().split_once(": ").expect("a message");
        let ends = ends.replace("-->>", "->>").replace("--x", "->>");
        let (from, to) = ends.split_once("->>").expect("an arrow");
        assert!(participants.contains(from) && participants.contains(to), "{line}");
        let bare = text.replace("#35;", "").replace("#59;", "");
        assert!(!bare.contains(['#', ';']), "{line}");
    }
}

#[test]
fn spans_of_one_thread_nest() {
    let trace = trace("both-stacks", Stack::Containerd);
    let json = export::chrome_trace(&trace, Level::Hops);
    let events = json["traceEvents"].as_array().expect("events");
    let spans: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(spans.len(), calls(&trace, Level::Hops));
    let mut open: BTreeMap<(u64, u64), Vec<f64>> = BTreeMap::new();
    for span in spans {
        let thread =
            (span["pid"].as_u64().expect("a number"), span["tid"].as_u64().expect("a number"));
        let start = span["ts"].as_f64().expect("a number");
        let end = start + span["dur"].as_f64().expect("a number");
        let open = open.entry(thread).or_default();
        while open.last().is_some_and(|&outer| outer <= start + 1e-6) {
            open.pop();
        }
        assert!(open.last().is_none_or(|&outer| end <= outer + 1e-6), "{span}");
        open.push(end);
    }
}

#[test]
fn spans_of_a_distributed_trace_are_inside_their_parents() {
    let trace = trace("crash-loop", Stack::Containerd);
    let json = export::otlp(&trace, Level::Hops);
    let mut spans = BTreeMap::new();
    for resource in json["resourceSpans"].as_array().expect("resources") {
        for span in resource["scopeSpans"][0]["spans"].as_array().expect("spans") {
            let id = span["spanId"].as_str().expect("an id");
            assert_eq!((id.len(), span["traceId"].as_str().expect("an id").len()), (16, 32));
            assert!(spans.insert(id, span).is_none(), "{id} is there twice");
        }
    }
    assert_eq!(spans.len(), calls(&trace, Level::Hops));
    let nanos = |span: &Value, key: &str| {
        span[key].as_str().expect("text").parse::<u64>().expect("a number")
    };
    let mut children = 0;
    for span in spans.values() {
        let Some(parent) = span["parentSpanId"].as_str() else { continue };
        let parent = spans[parent];
        assert_eq!(span["traceId"], parent["traceId"]);
        assert!(nanos(parent, "startTimeUnixNano") <= nanos(span, "startTimeUnixNano"));
        children += 1;
    }
    assert!(children > 50, "{children}");
}

#[test]
fn a_markdown_table_has_a_row_for_each_call() {
    let trace = trace("single-container", Stack::Dockershim);
    let table = export::markdown(&trace, Level::Calls);
    assert_eq!(table.lines().count(), calls(&trace, Level::Calls) + 2);
    for row in table.lines() {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "{row}");
    }
}
