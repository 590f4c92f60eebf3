//! The lanes of the timeline: what went on when, in virtual time.
//!
//! Places are between 0 and 1. Time runs evenly while something happens to a pod; a stretch in
//! which nothing does is shortened to a break. Steps at one moment lie a hair apart, so that each
//! has a place of its own.

use crate::text::duration_text;
use std::collections::BTreeMap;
use trace::{
    Component, ContainerState, Effect, Event, EventId, Level, PodRef, Protocol, Trace, What,
};

/// A stretch without events for a pod is shortened from this length on, in milliseconds.
const IDLE_MILLIS: f64 = 600.0;
/// How long a shortened stretch looks, in milliseconds.
const BREAK_MILLIS: f64 = 150.0;
/// How far steps at one moment lie apart, in milliseconds.
const HAIR_MILLIS: f64 = 0.4;

/// What a lane is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// The kubelet's runs of SyncPod.
    Sync,
    /// The calls of the Container Runtime Interface.
    Cri,
    /// A pod's phase.
    Pod(PodRef),
    /// A container's state.
    Container,
}

/// One lane.
#[derive(Clone, Debug)]
pub struct Lane {
    /// What of.
    pub kind: LaneKind,
    /// Its name.
    pub name: String,
    /// What went on.
    pub segments: Vec<Segment>,
}

/// A stretch of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The cursor at which it begins.
    pub from: usize,
    /// The cursor at which it ends.
    pub to: usize,
    /// What it looks like: the name of a style.
    pub class: &'static str,
    /// What it says.
    pub label: String,
}

/// A stretch that is shortened.
#[derive(Clone, Debug)]
pub struct Break {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How long it really is.
    pub length: String,
}

/// The timeline of a trace.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The lanes, from top to bottom.
    pub lanes: Vec<Lane>,
    /// The runs of SyncPod: where each begins and ends.
    pub chapters: Vec<(usize, usize)>,
    /// What is shortened.
    pub breaks: Vec<Break>,
    /// The cursors at which a call of a pod has failed.
    pub errors: Vec<usize>,
    /// The place of each cursor.
    places: Vec<f32>,
}

impl Timeline {
    /// Computes it.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let mut timeline = Self::default();
        timeline.scale(trace);
        timeline.chapters(trace);
        timeline.pods(trace);
        timeline
    }

    /// Where a cursor is.
    #[must_use]
    pub fn place(&self, cursor: usize) -> f64 {
        f64::from(self.places.get(cursor).or(self.places.last()).copied().unwrap_or_default())
    }

    /// The last cursor that is at a place or before it.
    #[must_use]
    pub fn cursor(&self, place: f64) -> usize {
        self.places.partition_point(|&at| f64::from(at) <= place).saturating_sub(1)
    }

    /// The run of SyncPod that a cursor is in, or else the last one before it.
    #[must_use]
    pub fn chapter(&self, cursor: usize) -> Option<(usize, usize)> {
        let begun = self.chapters.iter().filter(|chapter| chapter.0 <= cursor);
        begun.max_by_key(|chapter| chapter.0).or(self.chapters.first()).copied()
    }

    fn scale(&mut self, trace: &Trace) {
        let mut at = 0.0_f64;
        let mut places = vec![0.0_f64];
        let mut breaks = Vec::new();
        // Where the last event for a pod was: its cursor, its time.
        let (mut last, mut last_time) = (0_usize, trace.events.first().map_or(0, |e| e.at.0));
        let mut polls: Vec<bool> = Vec::with_capacity(trace.len());
        for (index, event) in trace.events.iter().enumerate() {
            let poll = is_poll(event) || event.parent.is_some_and(|parent| polls[parent.index()]);
            polls.push(poll);
            let counts = (!poll && concerns_a_pod(event)) || index + 1 == trace.len();
            if !counts {
                places.push(f64::NAN);
                continue;
            }
            let millis = event.at.0.saturating_sub(last_time) as f64 / 1e6;
            let from = at;
            if millis > IDLE_MILLIS {
                at += BREAK_MILLIS;
                let length = duration_text(std::time::Duration::from_nanos(event.at.0 - last_time));
                breaks.push(Break { from, to: at, length });
            } else {
                at += millis + HAIR_MILLIS;
            }
            places.push(at);
            // What happened in between lies in between, as its time says.
            let span = (event.at.0 - last_time).max(1) as f64;
            let skipped = trace.events[last..index].iter().zip(&mut places[last + 1..=index]);
            for (event, place) in skipped {
                let share = (event.at.0 - last_time) as f64 / span;
                *place = (at - from).mul_add(share.clamp(0.0, 1.0), from);
            }
            (last, last_time) = (index + 1, event.at.0);
        }
        let total = if at > 0.0 { at } else { 1.0 };
        self.places = places.iter().map(|place| (place / total) as f32).collect();
        self.breaks = breaks
            .into_iter()
            .map(|b| Break { from: b.from / total, to: b.to / total, length: b.length })
            .collect();
    }

    fn chapters(&mut self, trace: &Trace) {
        let mut syncs = Vec::new();
        let mut calls = Vec::new();
        let mut open: BTreeMap<PodRef, usize> = BTreeMap::new();
        let mut open_calls: BTreeMap<EventId, usize> = BTreeMap::new();
        for (id, event) in trace.iter() {
            let cursor = id.index() + 1;
            match &event.what {
                What::Effect(effect) => {
                    if let Effect::SyncStep { pod, step } = &**effect {
                        if *step > 0 {
                            open.entry(*pod).or_insert(cursor);
                        } else if let Some(from) = open.remove(pod) {
                            syncs.push((from, cursor));
                        }
                    }
                }
                What::Call(call)
                    if call.protocol == Protocol::Cri && event.subject.pod.is_some() =>
                {
                    open_calls.insert(id, calls.len());
                    calls.push(Segment {
                        from: cursor,
                        to: trace.len(),
                        class: "call",
                        label: call.op.to_string(),
                    });
                }
                What::Return(answer) => {
                    let failed = !answer.outcome.is_ok();
                    if let Some(index) = open_calls.remove(&answer.call) {
                        calls[index].to = cursor;
                        if failed {
                            calls[index].class = "call-error";
                        }
                    }
                    if failed
                        && event.subject.pod.is_some()
                        && event.level(&trace.events) <= Level::Hops
                    {
                        self.errors.push(cursor);
                    }
                }
                What::Call(_) => {}
            }
        }
        syncs.extend(open.values().map(|&from| (from, trace.len())));
        syncs.sort_unstable();
        let segments = syncs
            .iter()
            .map(|&(from, to)| Segment { from, to, class: "sync", label: "SyncPod".to_owned() })
            .collect();
        self.chapters = syncs;
        self.lanes.push(Lane { kind: LaneKind::Sync, name: String::new(), segments });
        self.lanes.push(Lane { kind: LaneKind::Cri, name: String::new(), segments: calls });
    }

    fn pods(&mut self, trace: &Trace) {
        let mut lane_of: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut uids = Vec::new();
        for (id, event) in trace.iter() {
            let Some(effect) = event.as_effect() else { continue };
            let cursor = id.index() + 1;
            match effect {
                Effect::PodAdded(pod) => {
                    let uid = pod.metadata.uid.to_string();
                    let reference = PodRef(uids.len() as u32);
                    lane_of.insert((uid.clone(), String::new()), self.lanes.len());
                    let name = pod.metadata.name.to_string();
                    self.lane(LaneKind::Pod(reference), name);
                    for container in pod.spec.init_containers.iter().chain(&pod.spec.containers) {
                        let key = (uid.clone(), container.name.to_string());
                        lane_of.insert(key, self.lanes.len());
                        self.lane(LaneKind::Container, container.name.to_string());
                    }
                    uids.push(uid);
                }
                Effect::PodStatus { pod, status } => {
                    let Some(uid) = uids.get(pod.0 as usize) else { continue };
                    let phase = status.phase.to_string();
                    let class = match phase.as_str() {
                        "Running" => "running",
                        "Succeeded" => "done",
                        "Failed" => "failed",
                        _ => "pending",
                    };
                    let lane = lane_of.get(&(uid.clone(), String::new()));
                    self.change(lane, cursor, class, phase);
                }
                Effect::PodRemoved { pod } => {
                    let Some(uid) = uids.get(pod.0 as usize) else { continue };
                    let lane = lane_of.get(&(uid.clone(), String::new()));
                    self.change(lane, cursor, "gone", String::new());
                }
                Effect::Container(view) => {
                    let (class, label) = match view.state {
                        ContainerState::Created => ("created", "created".to_owned()),
                        ContainerState::Running => {
                            ("running", format!("running · {}", view.attempt))
                        }
                        ContainerState::Exited => {
                            let code = view.exit_code.unwrap_or_default();
                            (if code == 0 { "done" } else { "failed" }, format!("exit {code}"))
                        }
                        ContainerState::Unknown => ("pending", "unknown".to_owned()),
                    };
                    let lane = lane_of.get(&(view.pod_uid.to_string(), view.name.to_string()));
                    self.change(lane, cursor, class, label);
                }
                _ => {}
            }
        }
        for lane in &mut self.lanes[2..] {
            if let Some(last) = lane.segments.last_mut() {
                last.to = trace.len();
            }
            lane.segments.retain(|segment| segment.class != "gone");
        }
    }

    fn lane(&mut self, kind: LaneKind, name: String) {
        self.lanes.push(Lane { kind, name, segments: Vec::new() });
    }

    fn change(&mut self, lane: Option<&usize>, cursor: usize, class: &'static str, label: String) {
        let Some(lane) = lane.and_then(|&lane| self.lanes.get_mut(lane)) else { return };
        if let Some(last) = lane.segments.last_mut() {
            if last.class == class && last.label == label {
                return;
            }
            last.to = cursor;
        }
        lane.segments.push(Segment { from: cursor, to: cursor, class, label });
    }
}

/// Whether time runs for an event: the kubelet's polls are about nobody.
fn concerns_a_pod(event: &Event) -> bool {
    event.subject.pod.is_some()
        || matches!(event.as_effect(), Some(effect) if effect.level() == Level::Steps)
}

/// Whether the kubelet only looks around: its watchers ask at regular times, also about pods.
fn is_poll(event: &Event) -> bool {
    event.as_call().is_some_and(|call| {
        let watchers = [Component::Pleg, Component::GarbageCollector];
        watchers.contains(&call.to) || watchers.contains(&call.from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace::{Header, Subject, Time};

    fn trace(events: &[(u64, bool)]) -> Trace {
        let events = events
            .iter()
            .map(|&(millis, pod)| Event {
                at: Time::from_millis(millis),
                parent: None,
                subject: Subject { pod: pod.then_some(PodRef(0)), container: None },
                what: What::Effect(Box::new(Effect::CgroupCreated { path: "/a".into() })),
            })
            .collect();
        Trace { header: Header::default(), events }
    }

    #[test]
    fn idle_stretches_are_shortened() {
        let timeline =
            Timeline::of(&trace(&[(0, true), (100, true), (60_000, true), (60_100, true)]));
        assert_eq!(timeline.breaks.len(), 1);
        assert_eq!(timeline.breaks[0].length, "59.90 s");
        assert!(timeline.breaks[0].to - timeline.breaks[0].from < 0.5);
    }

    #[test]
    fn places_never_go_back_and_lead_to_their_cursor() {
        let timeline = Timeline::of(&trace(&[
            (0, true),
            (5, false),
            (5, true),
            (5, true),
            (3000, false),
            (9000, true),
        ]));
        let places: Vec<f64> = (0..=6).map(|cursor| timeline.place(cursor)).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!((places[6] - 1.0).abs() < 1e-6);
        assert_eq!(timeline.cursor(timeline.place(4)), 4);
        assert_eq!(timeline.cursor(2.0), 6);
    }

    #[test]
    fn a_pod_has_a_lane_for_itself_and_one_for_each_container() {
        let timeline = Timeline::of(&trace(&[]));
        assert_eq!(timeline.lanes.len(), 2);
        assert_eq!(timeline.cursor(0.5), 0);
    }
}
