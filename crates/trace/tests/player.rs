//! Seeking reaches the same frame however one gets there, and stepping is its own inverse.

use std::rc::Rc;
use trace::{
    Call, Component, Effect, Event, EventId, FileContent, Level, Outcome, Payload, Player,
    Protocol, Return, Subject, Time, Trace, What,
};

fn event(at: u64, parent: Option<u32>, what: What) -> Event {
    Event { at: Time(at), parent: parent.map(EventId), subject: Subject::default(), what }
}

fn call(level: Level) -> What {
    What::Call(Box::new(Call {
        from: Component::Kubelet,
        to: Component::Runc,
        protocol: Protocol::Exec,
        op: "runc create".into(),
        level,
        request: Payload::None,
        source: None,
        glue: None,
        cause: None,
    }))
}

fn answer(call: u32) -> What {
    let call = EventId(call);
    What::Return(Box::new(Return { call, outcome: Outcome::Ok, response: Payload::None }))
}

fn write(path: &str, text: &str) -> What {
    let content = FileContent::Text(text.into());
    What::Effect(Box::new(Effect::FileWritten { path: path.into(), content }))
}

/// Many rounds of: a call at level 2, in it a call at level 3 that writes a file, both return.
fn player(rounds: u32) -> Player {
    let mut events = Vec::new();
    for round in 0..rounds {
        let (at, id) = (u64::from(round), round * 5);
        events.push(event(at, None, call(Level::Calls)));
        events.push(event(at, Some(id), call(Level::Hops)));
        events.push(event(at, Some(id + 1), write(&format!("/{}", round % 7), &round.to_string())));
        events.push(event(at, Some(id), answer(id + 1)));
        events.push(event(at, None, answer(id)));
    }
    Player::new(Rc::new(Trace { events, ..Trace::default() }))
}

#[test]
fn a_frame_does_not_depend_on_the_way_to_it() {
    let player = player(2000);
    let mut folded = trace::Frame::default();
    for cursor in 1..=player.trace().len() {
        folded.step(player.trace());
        if cursor % 997 == 0 || cursor == player.trace().len() {
            let sought = player.seek(cursor);
            assert_eq!(sought.cursor, folded.cursor);
            assert_eq!(sought.files, folded.files);
            assert_eq!(sought.open_calls, folded.open_calls);
        }
    }
    assert_eq!(player.seek(usize::MAX).cursor, player.trace().len());
}

#[test]
fn steps_at_a_level_skip_what_is_deeper() {
    let player = player(2);
    let forwards = |level| {
        let mut cursors = Vec::new();
        let mut cursor = 0;
        while let Some(next) = player.next(cursor, level) {
            cursors.push(next);
            cursor = next;
        }
        cursors
    };
    assert!(forwards(Level::Steps).is_empty());
    assert_eq!(forwards(Level::Calls), [1, 5, 6, 10]);
    assert_eq!(forwards(Level::Hops), [1, 2, 4, 5, 6, 7, 9, 10]);
    assert_eq!(forwards(Level::Effects), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

    let mut backwards = vec![10];
    while let Some(previous) = player.previous(backwards[backwards.len() - 1], Level::Hops) {
        backwards.push(previous);
    }
    assert_eq!(backwards, [10, 9, 7, 6, 5, 4, 2, 1, 0]);
}

#[test]
fn stepping_over_and_out_follow_the_calls() {
    let player = player(2);
    assert_eq!(player.over(1, Level::Effects), Some(5), "over the outer call");
    assert_eq!(player.over(2, Level::Effects), Some(4), "over the inner call");
    assert_eq!(player.out(3, Level::Effects), Some(4), "out of the inner call");
    assert_eq!(player.out(2, Level::Effects), Some(5), "out of the outer call");
    assert_eq!(player.at(Time(0)), 5);
}
