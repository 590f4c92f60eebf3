//! Reaching any frame quickly.

use crate::{EventId, Frame, Level, Time, Trace};
use std::rc::Rc;

/// How many events lie between two keyframes. Folding so many takes far less than a frame of
/// animation, and keyframes share what did not change between them.
const KEYFRAME_EVERY: usize = 2048;

/// A trace with keyframes.
#[derive(Clone, Debug)]
pub struct Player {
    trace: Rc<Trace>,
    keyframes: Vec<Frame>,
}

impl Player {
    /// Folds the trace once and keeps a frame each [`KEYFRAME_EVERY`] events.
    #[must_use]
    pub fn new(trace: Rc<Trace>) -> Self {
        let mut frame = Frame::default();
        let mut keyframes = vec![frame.clone()];
        while frame.step(&trace) {
            if frame.cursor % KEYFRAME_EVERY == 0 {
                keyframes.push(frame.clone());
            }
        }
        Self { trace, keyframes }
    }

    /// The trace.
    #[must_use]
    pub fn trace(&self) -> &Rc<Trace> {
        &self.trace
    }

    /// The frame after the first `cursor` events; the last one if there are fewer.
    #[must_use]
    pub fn seek(&self, cursor: usize) -> Frame {
        let cursor = cursor.min(self.trace.len());
        let mut frame = self.keyframes[cursor / KEYFRAME_EVERY].clone();
        while frame.cursor < cursor && frame.step(&self.trace) {}
        frame
    }

    /// The first cursor after `cursor` at which an event of this level or above has happened.
    #[must_use]
    pub fn next(&self, cursor: usize, level: Level) -> Option<usize> {
        (cursor..self.trace.len()).find(|&index| self.shows(index, level)).map(|index| index + 1)
    }

    /// The last cursor before `cursor` at which an event of this level or above has just
    /// happened; 0 is the beginning.
    #[must_use]
    pub fn previous(&self, cursor: usize, level: Level) -> Option<usize> {
        let before = cursor.checked_sub(1)?.min(self.trace.len());
        Some((0..before).rev().find(|&index| self.shows(index, level)).map_or(0, |index| index + 1))
    }

    /// Where the current event's call has returned: stepping over it.
    #[must_use]
    pub fn over(&self, cursor: usize, level: Level) -> Option<usize> {
        let current = EventId(u32::try_from(cursor.checked_sub(1)?).ok()?);
        match self.trace.events.get(current.index())?.as_call() {
            Some(_) => self
                .trace
                .return_of(current)
                .map_or_else(|| self.next(cursor, level), |(id, ..)| Some(id.index() + 1)),
            None => self.next(cursor, level),
        }
    }

    /// Where the call around the current event has returned: stepping out of it.
    #[must_use]
    pub fn out(&self, cursor: usize, level: Level) -> Option<usize> {
        let current = EventId(u32::try_from(cursor.checked_sub(1)?).ok()?);
        let parent = match self.trace.events.get(current.index())?.as_return() {
            Some(answer) => self.trace.event(answer.call).parent,
            None => self.trace.event(current).parent,
        };
        match parent.and_then(|parent| self.trace.return_of(parent)) {
            Some((id, ..)) => Some(id.index() + 1),
            None => self.next(cursor, level),
        }
    }

    /// The cursor after everything that happened up to a moment.
    #[must_use]
    pub fn at(&self, time: Time) -> usize {
        self.trace.events.partition_point(|event| event.at <= time)
    }

    fn shows(&self, index: usize, level: Level) -> bool {
        self.trace.level(EventId(index as u32)) <= level
    }
}
