//! One stack's simulation, ready to be stepped through.

use super::timeline::Timeline;
use scenario::{Scenario, Stack};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Component, EventId, Level, Player, Protocol, Trace};

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
    /// The cursors at which a call has just failed.
    errors: Vec<u32>,
    /// From which level on there are calls between two components.
    calls: BTreeMap<(Component, Component), Level>,
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
        let mut errors = Vec::new();
        for (id, event) in trace.iter() {
            let level = event.level(&trace.events);
            for at in Level::ALL.into_iter().filter(|&at| level <= at) {
                steps[at as usize - 1].push(id.0 + 1);
            }
            if event.as_return().is_some_and(|answer| !answer.outcome.is_ok()) {
                errors.push(id.0 + 1);
            }
        }
        let mut calls: BTreeMap<(Component, Component), Level> = BTreeMap::new();
        for (_, _, call) in trace.calls() {
            let level = calls.entry((call.from, call.to)).or_insert(call.level);
            *level = call.level.min(*level);
        }
        Self { stack, player: Player::new(trace), timeline, steps, errors, calls }
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

    /// The next call that fails, on whatever level.
    #[must_use]
    pub fn next_error(&self, cursor: usize) -> Option<usize> {
        let next = self.errors.partition_point(|&error| error as usize <= cursor);
        self.errors.get(next).map(|&error| error as usize)
    }
}
