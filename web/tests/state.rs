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
    assert_eq!((state.stacks, state.level, state.lang), (Stacks::BOTH, Level::Effects, Lang::Zh));
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

/// The operation of the call that has just been made.
fn op(state: &State) -> String {
    let event = &state.leading().expect("it runs").trace().events[state.cursor - 1];
    event.as_call().map(|call| call.op.to_string()).unwrap_or_default()
}

const STEADY: &str = "scenario=single-container&stack=dockershim&detail=2&lang=en";

#[test]
fn into_goes_deeper_and_out_comes_back() {
    let state = open(&format!("{STEADY}&break=op:RunPodSandbox"));
    let state = after(state, &[command(UiCommand::NextStop)]);
    assert_eq!(op(&state), "RunPodSandbox");
    let call = state.cursor;
    let inside = after(state, &[command(UiCommand::Into)]);
    assert_eq!(inside.cursor, call + 1);
    assert!(inside.level > Level::Calls, "what happens inside lies deeper");
    let out = after(inside, &[command(UiCommand::Out)]);
    let event = &out.leading().expect("it runs").trace().events[out.cursor - 1];
    assert_eq!(event.as_return().map(|answer| answer.call.index() + 1), Some(call));
}

#[test]
fn runs_go_forwards_and_back_between_the_same_places() {
    for (next, previous) in [
        (UiCommand::NextSync, UiCommand::PreviousSync),
        (UiCommand::NextCri, UiCommand::PreviousCri),
        (UiCommand::NextError, UiCommand::PreviousError),
        (UiCommand::NextStop, UiCommand::PreviousStop),
    ] {
        let start = open(&format!("{STEADY}&break=component:runc&break=pod:web"));
        let first = after(start, &[command(next)]);
        let second = after(first.clone(), &[command(next)]);
        assert!(0 < first.cursor && first.cursor < second.cursor, "{next:?}");
        let back = after(second, &[command(previous)]);
        assert_eq!(back.cursor, first.cursor, "{previous:?}");
        let none = after(back, &[command(previous)]);
        assert_eq!(none.cursor, first.cursor);
        assert!(none.notice.is_some(), "there is none before the first");
    }
}

#[test]
fn playing_stops_at_breakpoints_and_at_changes_of_what_is_watched() {
    let mut state = open(&format!("{STEADY}&break=op:runc create&break=container:web/nginx"));
    let mut stops = Vec::new();
    while stops.len() < 4 {
        state = after(state, &[command(UiCommand::PlayPause)]);
        let mut ticks = 0;
        while state.playing && ticks < 5000 {
            state = after(state, &[Action::Tick]);
            ticks += 1;
        }
        stops.push(state.cursor);
    }
    assert!(stops.is_sorted(), "{stops:?}");
    let run = state.leading().expect("it runs");
    for stop in stops {
        let id = trace::EventId(stop as u32 - 1);
        assert!(state.points.iter().any(|point| point.hits(run, id)), "{stop}");
    }
}

#[test]
fn a_breakpoint_on_the_current_operation_is_set_and_removed() {
    let state = after(open(STEADY), &[command(UiCommand::NextCri), command(UiCommand::BreakHere)]);
    let set = state.points.clone();
    assert_eq!(set.len(), 1);
    assert_eq!(set[0].parts(), ("op", op(&state).as_str()));
    assert!(Fragment::of(&state).contains("&break=op:"));
    assert!(after(state, &[command(UiCommand::BreakHere)]).points.is_empty());
}

#[test]
fn what_is_found_is_found_again_on_the_way_back() {
    let state = after(open(STEADY), &[Action::Search("resolv.CONF".into()), Action::Found(true)]);
    let first = state.cursor;
    assert!(first > 0);
    let state = after(state, &[Action::Found(true)]);
    assert!(state.cursor > first);
    assert_eq!(after(state, &[Action::Found(false)]).cursor, first);
    let nothing =
        after(open(STEADY), &[Action::Search("nowhere to be found".into()), Action::Found(true)]);
    assert_eq!(nothing.cursor, 0);
    assert!(nothing.notice.is_some());
}

#[test]
fn a_fault_shows_what_it_changes_and_is_undone_and_redone() {
    let start = after(open(STEADY), &[command(UiCommand::NextCri)]);
    let fault = scenario::Fault {
        op: "RunPodSandbox".into(),
        times: Some(1),
        code: Some("Unavailable".into()),
        ..scenario::Fault::default()
    };
    let changed = after(start.clone(), &[Action::Change(scenario::Edit::Fault(fault))]);
    let difference = changed.difference.clone().expect("something differs");
    assert_eq!(changed.cursor, difference.cursor);
    assert_ne!(difference.now, difference.before);
    let link = Fragment::of(&changed);
    let again = open(&link);
    assert_eq!((again.cursor, &again.edits), (changed.cursor, &changed.edits), "{link}");

    let undone = after(changed.clone(), &[command(UiCommand::Undo)]);
    assert!(undone.edits.is_empty() && !undone.can_undo() && undone.can_redo());
    assert_eq!(undone.cursor, start.cursor);
    let redone = after(undone, &[command(UiCommand::Redo)]);
    assert_eq!((redone.edits.len(), redone.cursor), (1, changed.cursor));
    assert!(after(redone, &[Action::Unchange(0)]).edits.is_empty());
}

#[test]
fn what_happens_at_a_moment_leaves_the_past_alone() {
    let state = after(open(STEADY), &[command(UiCommand::Last), command(UiCommand::PreviousCri)]);
    let (before, at) = (state.leading().expect("it runs").clone(), state.cursor);
    let delete = scenario::Action::DeletePod { name: "web".into(), grace_period_seconds: None };
    let state = after(state, &[Action::Happen(delete)]);
    let run = state.leading().expect("it runs");
    assert_eq!(run.trace().events[..at], before.trace().events[..at]);
    assert!(state.cursor >= at && state.difference.is_some());
    let end = run.frame(run.trace().len());
    assert!(end.pods.iter().all(|pod| pod.removed), "there is time enough for it to go");
}

fn typed(line: &str) -> [Action; 2] {
    [Action::Type(line.into()), Action::Enter]
}

#[test]
fn the_terminal_answers_at_the_cursor_and_acts_by_changing_the_scenario() {
    let state = after(open(STEADY), &[command(UiCommand::Last)]);
    let end = state.cursor;
    let state = after(state, &typed("kubectl get pods"));
    assert!(state.terminal.entries[0].text.contains("Running"), "{:?}", state.terminal.entries);
    assert_eq!((state.edits.len(), state.cursor), (0, end));
    let state = after(state, &typed("kubectl delete pod web"));
    assert_eq!(state.edits.len(), 1);
    assert!(state.leading().expect("it runs").trace().len() > end, "the trace grows");
    let state = after(state, &[command(UiCommand::Last)]);
    let state = after(state, &typed("kubectl get pods"));
    assert_eq!(state.terminal.entries[2].text, "No resources found in default namespace.\n");
    let state = after(state, &typed("kubectl run again --image=nginx:1.25"));
    let state = after(state, &[command(UiCommand::Last)]);
    let state = after(state, &typed("kubectl get pod again"));
    assert!(state.terminal.entries[4].text.contains("Running"), "{:?}", state.terminal.entries);
}

#[test]
fn the_terminal_completes_and_recalls() {
    let state = after(open(STEADY), &[command(UiCommand::Last)]);
    let line = |state: &State| state.terminal.line.to_string();
    let state = after(state, &[Action::Type("kubectl de".into()), Action::Complete]);
    assert_eq!((line(&state), state.terminal.choices.len()), ("kubectl de".to_owned(), 2));
    let state = after(state, &[Action::Type("kubectl des".into()), Action::Complete]);
    assert_eq!(line(&state), "kubectl describe ");
    let state = after(state, &[Action::Complete, Action::Complete]);
    assert_eq!(line(&state), "kubectl describe pod web ");
    let state = after(state, &[Action::Enter]);
    let state = after(state, &typed("ps -ef"));
    let state = after(state, &[Action::Recall(true), Action::Recall(true), Action::Recall(true)]);
    assert_eq!(line(&state), "kubectl describe pod web ");
    let state = after(state, &[Action::Recall(false)]);
    assert_eq!(line(&state), "ps -ef");
    let state = after(state, &[Action::Recall(false)]);
    assert_eq!(line(&state), "");
    assert!(after(state, &typed("clear")).terminal.entries.is_empty());
}

#[test]
fn a_trace_from_a_file_is_shown_and_a_bad_one_leaves_everything() {
    let state =
        after(open("scenario=crash-loop&stack=containerd&lang=en"), &[command(UiCommand::Last)]);
    let trace = state.leading().expect("it runs").trace().clone();
    let json = serde_json::to_string(&*trace).expect("printable");
    let other = open(STEADY);
    let shown = after(other.clone(), &[Action::Import(json.as_str().into())]);
    assert!(shown.imported);
    assert_eq!(shown.leading().expect("it runs").trace().events, trace.events);
    let delete =
        scenario::Action::DeletePod { name: "crashing".into(), grace_period_seconds: None };
    let refused = after(shown, &[Action::Happen(delete)]);
    assert!(refused.notice.is_some() && refused.edits.is_empty());

    let broken = json.replacen("\"call\":", "\"call\":4000000", 1).replace("400000040", "40");
    let kept = after(other.clone(), &[Action::Import(broken.as_str().into())]);
    assert!(kept.notice.is_some() && !kept.imported);
    assert!(Rc::ptr_eq(kept.leading().expect("it runs"), other.leading().expect("it runs")));
}

#[test]
fn a_scenario_from_a_file_runs_with_all_that_it_says() {
    let text = scenario::find("crash-loop").expect("it is built in").yaml;
    let state = after(open(STEADY), &[Action::Import(text.into()), Action::RunManifest]);
    assert!(state.editor.errors().next().is_none(), "{:?}", state.editor.problems);
    let end = after(state, &[command(UiCommand::Last)]).frame();
    assert!(end.containers.values().any(|view| view.attempt > 1), "it crashes again and again");
    let wrong = after(
        open(STEADY),
        &[Action::Import("manifest: x\nuntil: soon\n".into()), Action::RunManifest],
    );
    assert!(wrong.editor.errors().next().is_some());
    assert!(wrong.own.is_none());
}
