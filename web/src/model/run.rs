//! One stack's simulation, ready to be stepped through.

use super::timeline::Timeline;
use scenario::{Scenario, Stack};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::listing::describe;
use trace::{
    Component, Effect, Event, EventId, Frame, Level, Payload, Player, PodRef, Protocol, Trace, What,
};

/// A trace with what is computed from it once.
#[derive(Debug)]
pub struct Run {
    /// Which stack.
    pub stack: Stack,
    /// The trace and its keyframes.
    pub player: Player,
    /// Its lanes.
    pub timeline: Timeline,
    /// For each level, the cursors at which one of its events has just happened.
    steps: [Vec<u32>; 4],
    /// From which level on there are calls between two components.
    calls: BTreeMap<(Component, Component), Level>,
    /// The pods, in the order of their references.
    pods: Vec<Rc<api::Pod>>,
    /// The frame that was asked for last: several views ask for the same one.
    frame: RefCell<Rc<Frame>>,
}

/// A run is equal to itself only: views ask whether they have to be drawn again.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Run {
    /// Simulates.
    ///
    /// # Errors
    /// What is wrong with the scenario, for people.
    pub fn new(scenario: &Scenario, stack: Stack) -> Result<Self, String> {
        scenario::simulate(scenario, stack).map(|trace| Self::of(stack, trace)).map_err(
            |problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        )
    }

    /// Makes a trace ready.
    #[must_use]
    pub fn of(stack: Stack, trace: Trace) -> Self {
        let trace = Rc::new(trace);
        let timeline = Timeline::of(&trace);
        let mut steps: [Vec<u32>; 4] = Default::default();
        let mut pods = Vec::new();
        for (id, event) in trace.iter() {
            let level = event.level(&trace.events);
            for at in Level::ALL.into_iter().filter(|&at| level <= at) {
                steps[at as usize - 1].push(id.0 + 1);
            }
            if let Some(Effect::PodAdded(pod)) = event.as_effect() {
                pods.push(pod.clone());
            }
        }
        let mut calls: BTreeMap<(Component, Component), Level> = BTreeMap::new();
        for (_, _, call) in trace.calls() {
            let level = calls.entry((call.from, call.to)).or_insert(call.level);
            *level = call.level.min(*level);
        }
        let frame = RefCell::default();
        Self { stack, player: Player::new(trace), timeline, steps, calls, pods, frame }
    }

    /// The world at a cursor.
    #[must_use]
    pub fn frame(&self, cursor: usize) -> Rc<Frame> {
        let mut frame = self.frame.borrow_mut();
        if frame.cursor != cursor.min(self.trace().len()) {
            *frame = self.player.seek(cursor).into();
        }
        frame.clone()
    }

    /// The pods, in the order of their references.
    #[must_use]
    pub fn pods(&self) -> &[Rc<api::Pod>] {
        &self.pods
    }

    /// A pod's name.
    #[must_use]
    pub fn pod_name(&self, pod: PodRef) -> &str {
        self.pods.get(pod.0 as usize).map_or("", |pod| &pod.metadata.name)
    }

    /// The name of the pod with a UID.
    #[must_use]
    pub fn pod_of_uid(&self, uid: &str) -> Option<&str> {
        let pod = self.pods.iter().find(|pod| *pod.metadata.uid == *uid)?;
        Some(&pod.metadata.name)
    }

    /// The first cursor after this one, or the last before it, at which an event that fits has just
    /// happened.
    #[must_use]
    pub fn find(
        &self,
        cursor: usize,
        forwards: bool,
        fits: impl Fn(EventId, &Event) -> bool,
    ) -> Option<usize> {
        let mut events = self.trace().iter();
        let found = if forwards {
            events.skip(cursor).find(|(id, event)| fits(*id, event))
        } else {
            let before = cursor.saturating_sub(1);
            events.rfind(|(id, event)| id.index() < before && fits(*id, event))
        };
        found.map(|(id, _)| id.index() + 1)
    }

    /// From which level on the line between two components is drawn: from the level of the calls
    /// that go along it.
    #[must_use]
    pub fn edge_level(&self, from: Component, to: Component, protocol: Protocol) -> Level {
        self.calls.get(&(from, to)).copied().unwrap_or(match protocol {
            Protocol::Function => Level::Steps,
            Protocol::Cri => Level::Calls,
            Protocol::Syscall => Level::Effects,
            _ => Level::Hops,
        })
    }

    /// From which level on a component has anything to do.
    #[must_use]
    pub fn wakes_at(&self, component: Component) -> Level {
        let own =
            self.calls.iter().filter(|((from, to), _)| *from == component || *to == component);
        own.map(|(_, level)| *level).min().unwrap_or(Level::Effects)
    }

    /// Whether a component has anything to do in the trace.
    #[must_use]
    pub fn takes_part(&self, component: Component) -> bool {
        self.calls.keys().any(|(from, to)| *from == component || *to == component)
    }

    /// Whether a text, in lower case, is found in an event: in its description or in what travels
    /// with it.
    #[must_use]
    pub fn says(&self, id: EventId, text: &str) -> bool {
        let event = self.trace().event(id);
        let payload = match &event.what {
            What::Call(call) => &call.request,
            What::Return(answer) => &answer.response,
            What::Effect(_) => &Payload::None,
        };
        let found = match payload {
            Payload::None => false,
            Payload::Proto { bytes, .. } => holds(bytes, text),
            Payload::Http { body, .. } | Payload::HttpResponse { body, .. } => {
                body.as_ref().is_some_and(|body| holds(body.as_bytes(), text))
            }
            Payload::Exec { argv, stdin, .. } => {
                argv.iter().any(|word| holds(word.as_bytes(), text))
                    || stdin.as_ref().is_some_and(|stdin| holds(stdin.as_bytes(), text))
            }
            Payload::Json(body) | Payload::Text(body) => holds(body.as_bytes(), text),
        };
        found || holds(describe(self.trace(), event).as_bytes(), text)
    }

    /// The cursors at which a text is found, in order.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<u32> {
        let text = text.to_lowercase();
        let ids = self.trace().iter().map(|(id, _)| id);
        ids.filter(|id| self.says(*id, &text)).map(|id| id.0 + 1).collect()
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> &Rc<Trace> {
        self.player.trace()
    }

    /// The cursors of the steps at a level.
    #[must_use]
    pub fn steps(&self, level: Level) -> &[u32] {
        &self.steps[level as usize - 1]
    }

    /// How many steps of a level have happened.
    #[must_use]
    pub fn position(&self, cursor: usize, level: Level) -> usize {
        self.steps(level).partition_point(|&step| step as usize <= cursor)
    }

    /// The step that one looks at: the latest of the level that has happened.
    #[must_use]
    pub fn current(&self, cursor: usize, level: Level) -> Option<EventId> {
        let position = self.position(cursor, level).checked_sub(1)?;
        Some(EventId(self.steps(level)[position] - 1))
    }

    /// The nearest cursor at or before this one that is a step of the level.
    #[must_use]
    pub fn snap(&self, cursor: usize, level: Level) -> usize {
        self.current(cursor, level).map_or(0, |id| id.index() + 1)
    }
}

/// Whether a text in lower case is in bytes, whatever their case.
fn holds(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let Some(first) = text.first() else { return true };
    let starts =
        |window: &&[u8]| window[0].eq_ignore_ascii_case(first) && window.eq_ignore_ascii_case(text);
    bytes.windows(text.len()).any(|window| starts(&window))
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_text_is_found_whatever_its_case() {
        assert!(holds(b"POST /containers/create", "/containers/c"));
        assert!(holds("RunPodSandbox".as_bytes(), "podsand"));
        assert!(holds("镜像 nginx".as_bytes(), "镜像"));
        assert!(!holds(b"ab", "abc"));
        assert!(holds(b"", ""));
    }
}
