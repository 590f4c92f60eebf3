//! The reducer: what each action makes of the page, without a browser.

use std::rc::Rc;
use trace::Level;
use web::command::UiCommand;
use web::fragment::Fragment;
use web::state::{Action, Stacks, State, Theme};
use web::text::Lang;
use yew::Reducible;

fn open(link: &str) -> Rc<State> {
    Rc::new(State::new(&Fragment::parse(link), Lang::En, Theme::System))
}

fn after(state: Rc<State>, actions: &[Action]) -> Rc<State> {
    actions.iter().cloned().fold(state, Reducible::reduce)
}

fn command(command: UiCommand) -> Action {
    Action::Command(command)
}

#[test]
fn steps_forwards_and_back_lead_to_where_they_began() {
    let start = open("scenario=single-container&stack=containerd&detail=3");
    let end = after(start.clone(), &[command(UiCommand::Last)]);
    let mut state = start;
    for _ in 0..40 {
        state = after(state, &[command(UiCommand::Step)]);
    }
    assert!(state.cursor > 0 && state.cursor < end.cursor);
    for _ in 0..40 {
        state = after(state, &[command(UiCommand::Back)]);
    }
    assert_eq!(state.cursor, 0);
    let further = after(end.clone(), &[command(UiCommand::Step)]);
    assert_eq!(further.cursor, end.cursor, "there is nothing after the end");
}

#[test]
fn over_goes_to_the_return_and_back_over_to_before_the_call() {
    let mut state = open("scenario=single-container&stack=dockershim&detail=2");
    let is_run_pod_sandbox = |state: &State| {
        let run = state.leading().expect("it runs");
        let id = run.current(state.cursor, state.level);
        id.and_then(|id| run.trace().event(id).as_call().cloned())
            .is_some_and(|call| call.op == "RunPodSandbox")
    };
    while !is_run_pod_sandbox(&state) {
        let before = state.cursor;
        state = after(state, &[command(UiCommand::Step)]);
        assert!(state.cursor > before, "the call is in the trace");
    }
    let call = state.cursor;
    let state = after(state, &[command(UiCommand::Over)]);
    let run = state.leading().expect("it runs");
    let event = &run.trace().events[state.cursor - 1];
    assert_eq!(event.as_return().map(|answer| answer.call.index() + 1), Some(call));
    let state = after(state.clone(), &[command(UiCommand::OverBack)]);
    assert!(state.cursor < call);
}

#[test]
fn a_bad_manifest_leaves_what_runs() {
    let state = open("scenario=crash-loop&stack=containerd&step=30");
    let bad = after(state.clone(), &[Action::Edit("kind: [".into()), Action::RunManifest]);
    assert!(bad.editor.errors().next().is_some());
    assert_eq!(bad.cursor, state.cursor);
    assert!(Rc::ptr_eq(&bad.runs[0], &state.runs[0]));
}

#[test]
fn a_link_brings_back_its_moment() {
    let state = open("scenario=init-containers&stack=both&step=77&detail=4&lang=zh");
    assert_eq!((state.stacks, state.level, state.lang), (Stacks::Both, Level::Effects, Lang::Zh));
    assert_eq!(
        Fragment::of(&state),
        "scenario=init-containers&stack=both&step=77&detail=4&lang=zh"
    );
    assert_eq!(state.runs.len(), 2);
    assert!(state.cursor_of(1) > 0, "the other stack is where the same has been achieved");
}

#[test]
fn playing_ends_at_the_end_and_a_step_pauses_it() {
    let state = open("scenario=host-network&stack=containerd&detail=1");
    let mut state = after(state, &[command(UiCommand::PlayPause)]);
    assert!(state.playing);
    let paused = after(state.clone(), &[command(UiCommand::Step)]);
    assert!(!paused.playing);
    for _ in 0..2000 {
        state = after(state, &[Action::Tick]);
    }
    assert!(!state.playing);
}
