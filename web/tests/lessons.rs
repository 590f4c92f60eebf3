//! Every lesson in the reducer, from its first page to its last, without a browser.

use scenario::lesson::{Answer, Lab, Lesson, lessons};
use std::rc::Rc;
use web::fragment::Fragment;
use web::model::study::Move;
use web::state::{Action, State, Tab, Theme};
use web::text::Lang;
use yew::Reducible;

fn open(link: &str) -> Rc<State> {
    Rc::new(State::new(&Fragment::parse(link), Lang::En, Theme::System))
}

fn learn(state: Rc<State>, what: Move) -> Rc<State> {
    state.reduce(Action::Learn(what))
}

/// Opens a lesson as if it had been fetched.
fn begin(state: Rc<State>, id: &str, lesson: &Lesson) -> Rc<State> {
    let state = learn(state, Move::Open(id.into()));
    learn(state, Move::Arrived(id.into(), Ok(Rc::new(lesson.clone()))))
}

fn lesson(id: &str) -> Lesson {
    let all = lessons();
    all.into_iter().find(|(known, _)| *known == id).expect("it is a lesson").1
}

#[test]
fn every_lesson_can_be_walked_to_its_end_with_right_answers() {
    for (id, lesson) in lessons() {
        let mut state = begin(open(""), id, &lesson);
        for (number, page) in lesson.pages.iter().enumerate() {
            state = learn(state, Move::Page(number));
            let study = state.study.as_ref().expect("it is open");
            let place = format!("{id}, page {}", number + 1);
            assert_eq!(study.page, number, "{place}");
            assert!(state.notice.is_none(), "{place}: {:?}", state.notice);
            assert_eq!(state.cursor > 0, page.show.is_some(), "{place}: the moment");
            assert!(
                page.panel.as_deref().is_none_or(|key| Tab::from_key(key).is_some()),
                "{place}"
            );
            if let Some(ask) = &page.ask {
                state = match &ask.answer {
                    Answer::Value(value) => {
                        let lab: Lab = study.lab().expect("its scenario runs");
                        let right = lab.value(value).expect("it has a value");
                        let wrong = learn(state, Move::Answer("nonsense".into()));
                        let given = wrong.study.as_ref().and_then(|study| study.answer.clone());
                        assert_eq!(given.map(|given| given.right), Some(false), "{place}");
                        learn(wrong, Move::Answer(right.into()))
                    }
                    Answer::Step(moment) => {
                        let wrong = learn(state, Move::ThisStep);
                        let study = wrong.study.as_ref().expect("it is open");
                        let given = study.answer.as_ref().map(|given| given.right);
                        assert_eq!(given, Some(false), "{place}: the shown step is not it");
                        let run = wrong.leading().expect("it runs");
                        let lab = study.stage(wrong.scenario(), &wrong.runs).expect("it runs");
                        let step = lab.find(moment, run.trace()).expect("there is such a step");
                        let there = wrong.clone().reduce(Action::Seek(step.index() + 1));
                        learn(there, Move::ThisStep)
                    }
                };
                let given = state.study.as_ref().and_then(|study| study.answer.clone());
                assert_eq!(given.map(|given| given.right), Some(true), "{place}");
            }
            if let Some(change) = &page.change {
                let tries = (0..change.choices.len()).map(|choice| {
                    let after = learn(state.clone(), Move::Try(choice));
                    let achieved = after.study.as_ref().and_then(|study| study.achieved);
                    (achieved.expect("it was tried"), after)
                });
                let (achieved, missed): (Vec<_>, Vec<_>) = tries.partition(|(good, _)| *good);
                assert!(!achieved.is_empty() && !missed.is_empty(), "{place}");
                state = achieved.into_iter().next().expect("one achieves it").1;
            }
        }
        let mark = &state.progress.0[id];
        assert!(mark.is_done(), "{id}: every page was seen");
        let tasks = lesson.pages.iter().filter(|page| page.ask.is_some() || page.change.is_some());
        assert_eq!(mark.solved.len(), tasks.count(), "{id}: every task is solved");
    }
}

#[test]
fn a_link_leads_back_to_the_page_the_change_and_the_moment() {
    let id = "count-it";
    let mut state = begin(open("lang=zh"), id, &lesson(id));
    let change = lesson(id).pages.iter().position(|page| page.change.is_some());
    state = learn(state, Move::Page(change.expect("there is a change")));
    state = learn(state, Move::Try(3));
    state = state.reduce(Action::Seek(25));
    let link = Fragment::of(&state);
    let again = open(&link);
    assert!(again.study.is_none(), "the lesson is not there yet");
    let again = learn(again, Move::Arrived(id.into(), Ok(Rc::new(lesson(id)))));
    assert_eq!(Fragment::of(&again), link);
    assert_eq!(again.cursor, 25);
    assert_eq!(again.stacks, state.stacks);
    assert_eq!(again.study.as_ref().and_then(|study| study.achieved), Some(true));
}

#[test]
fn closing_a_lesson_brings_back_what_was_there_before() {
    let before = open("scenario=crash-loop&stack=containerd&step=40&detail=2");
    let state = begin(before.clone(), "resolv-conf", &lesson("resolv-conf"));
    assert_ne!(state.scenario_id(), before.scenario_id());
    let after = learn(state, Move::Close);
    assert_eq!(after.scenario_id(), before.scenario_id());
    assert_eq!(after.cursor, before.cursor);
    assert!(after.study.is_none());
}

#[test]
fn a_manifest_of_the_readers_own_is_checked_as_well() {
    let id = "before-cri";
    let change = lesson(id).pages.iter().position(|page| page.change.is_some());
    let state = begin(open(""), id, &lesson(id));
    let state = learn(state, Move::Page(change.expect("there is a change")));
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: two}\nspec: {containers: [{name: a, image: 'nginx:1.25'}, {name: b, image: 'nginx:1.25', command: [sleep, infinity]}]}\n";
    let state = state.reduce(Action::Edit(manifest.into())).reduce(Action::RunManifest);
    assert_eq!(state.study.as_ref().and_then(|study| study.achieved), Some(true));
    let undone = state.reduce(Action::Command(web::command::UiCommand::Undo));
    assert_eq!(undone.study.as_ref().and_then(|study| study.achieved), Some(false));
}

#[test]
fn a_lesson_that_cannot_be_fetched_is_named() {
    let state = learn(open(""), Move::Open("timeline".into()));
    let state = learn(state, Move::Arrived("timeline".into(), Err("no answer".into())));
    assert!(state.study.is_none());
    assert!(state.notice.as_ref().is_some_and(|notice| notice.contains("no answer")));
}
