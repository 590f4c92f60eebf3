//! Every lesson, walked from its first page to its last: each predicate holds for something, each
//! question has one right answer, and what the reader is to achieve can be achieved and missed.
//!
//! The files in `tests/lessons` are for reading: what each page shows, and what is right.
//! `UPDATE_EXPECT=1 cargo test -p scenario --test lessons` writes them anew.

use expect_test::expect_file;
use scenario::lesson::{Answer, Change, Lab, Lesson, Page, Question, Setting, index, lessons};
use scenario::{Scenario, Stack, Text, builtin};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::rc::Rc;
use trace::{EventId, Level, pattern};

/// The keys of the inspector's panels that a page may open.
const PANELS: [&str; 8] = ["sync", "call", "pod", "node", "why", "steps", "debug", "terminal"];
/// The longest text of a page, in English words and in Chinese characters: a lesson is read beside
/// the stage.
const WORDS_MAX: usize = 150;
const CHARS_MAX: usize = 330;

/// One page with what runs on it.
struct Scene<'a> {
    place: String,
    page: &'a Page,
    setting: &'a Setting,
    scenario: Rc<Scenario>,
    lab: Lab,
}

fn scenes<'a>(id: &'a str, lesson: &'a Lesson) -> impl Iterator<Item = Scene<'a>> {
    lesson.pages.iter().enumerate().map(move |(number, page)| {
        let place = format!("{id}, page {}", number + 1);
        let setting = lesson.setting(page);
        let scenario = setting.scenario().unwrap_or_else(|| panic!("{place}: no such scenario"));
        let scenario = Rc::new(scenario);
        let lead = *setting.stacks.first().unwrap_or_else(|| panic!("{place}: no stack"));
        let lab = Lab::new(scenario.clone(), lead, page.show.clone());
        Scene { place, page, setting, scenario, lab }
    })
}

impl Scene<'_> {
    fn trace(&self) -> Rc<trace::Trace> {
        self.lab.trace(None).unwrap_or_else(|| panic!("{}: it cannot be simulated", self.place))
    }

    /// What the page shows.
    fn shown(&self) -> Option<EventId> {
        let shown = self.lab.shown(&self.trace());
        assert!(self.page.show.is_none() || shown.is_some(), "{}: it shows nothing", self.place);
        shown
    }

    fn values(&self) -> BTreeMap<&str, String> {
        let value = |(name, value)| -> (&str, String) {
            let name: &String = name;
            let found = self.lab.value(value);
            (name, found.unwrap_or_else(|| panic!("{}: {name} has no value", self.place)))
        };
        self.page.values.iter().map(value).collect()
    }
}

fn each(mut see: impl FnMut(&Scene<'_>)) {
    for (id, lesson) in lessons() {
        scenes(id, &lesson).for_each(|scene| see(&scene));
    }
}

fn texts_of<'a>(page: &'a Page) -> Vec<&'a Text> {
    let mut texts: Vec<&'a Text> = vec![&page.title, &page.text];
    if let Some(Question { text, hint, because, options, .. }) = &page.ask {
        texts.extend([text, hint, because]);
        texts.extend(options.iter().filter_map(|option| option.text.as_ref()));
    }
    if let Some(Change { text, hint, because, choices, .. }) = &page.change {
        texts.extend([text, hint, because]);
        texts.extend(choices.iter().map(|choice| &choice.text));
    }
    texts
}

#[test]
fn the_index_names_every_lesson_once() {
    let index = index();
    let named: Vec<&str> = index.0.iter().map(|entry| entry.id.as_str()).collect();
    let written: Vec<&str> = lessons().iter().map(|(id, _)| *id).collect();
    assert_eq!(named, written);
}

#[test]
fn every_page_shows_something_that_happens() {
    each(|scene| {
        let known = builtin().iter().any(|builtin| builtin.id == scene.setting.scenario);
        assert!(known, "{}: no scenario {}", scene.place, scene.setting.scenario);
        let shown = scene.shown();
        if let (Some(shown), Some(detail)) = (shown, scene.page.detail) {
            let level = scene.trace().level(shown);
            assert!(level <= detail, "{}: hidden below detail {}", scene.place, detail as u8);
        }
        let panel = scene.page.panel.as_deref();
        assert!(panel.is_none_or(|panel| PANELS.contains(&panel)), "{}: {panel:?}", scene.place);
        scene.values();
    });
}

#[test]
fn every_text_is_in_both_languages_and_names_only_values_that_there_are() {
    let names = |text: &str| -> BTreeSet<String> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.map(|(name, _)| name.to_owned()).filter(|name| name != "id").collect()
    };
    let check = |place: &str, text: &Text, known: &BTreeMap<&str, String>| {
        assert!(!text.en.trim().is_empty() && !text.zh.trim().is_empty(), "{place}: no text");
        for lang in [&text.en, &text.zh] {
            assert_eq!(lang.matches('`').count() % 2, 0, "{place}: code without an end: {lang}");
            assert_eq!(lang.matches("**").count() % 2, 0, "{place}: strong without an end: {lang}");
            for name in names(lang) {
                assert!(known.contains_key(name.as_str()), "{place}: no value {name}");
            }
        }
        let (en, zh) = (names(&text.en), names(&text.zh));
        assert_eq!(en, zh, "{place}: other values in the other language");
    };
    for entry in &index().0 {
        check(&entry.id, &entry.title, &BTreeMap::new());
        check(&entry.id, &entry.summary, &BTreeMap::new());
    }
    for (id, lesson) in lessons() {
        check(id, &lesson.goal, &BTreeMap::new());
        for scene in scenes(id, &lesson) {
            let values = scene.values();
            let texts = texts_of(scene.page);
            texts.iter().for_each(|text| check(&scene.place, text, &values));
            let all = |of: fn(&Text) -> &str| texts.iter().map(|text| of(text)).collect::<String>();
            let (en, zh) = (all(|text| &text.en), all(|text| &text.zh));
            for (name, value) in &values {
                assert!(en.contains(&format!("{{{name}}}")), "{}: {name} is unused", scene.place);
                assert!(zh.contains(&format!("{{{name}}}")), "{}: {name} is unused", scene.place);
                assert!(!value.is_empty(), "{}: {name} is empty", scene.place);
            }
        }
    }
}

#[test]
fn chinese_is_set_as_chinese() {
    let han = |char: char| ('\u{4e00}'..='\u{9fff}').contains(&char);
    let check = |place: &str, text: &Text| {
        let chars: Vec<char> = text.zh.chars().collect();
        assert!(chars.iter().any(|&char| han(char)), "{place}: no Chinese: {}", text.zh);
        for three in chars.windows(3) {
            let halfwidth = matches!(three[1], ',' | ';' | ':' | '?' | '!' | '(' | ')');
            let around = han(three[0]) || han(three[2]);
            assert!(!(halfwidth && around), "{place}: {three:?} in {}", text.zh);
            let latin = |char: char| char.is_ascii_alphanumeric() || "`{}".contains(char);
            let glued = (han(three[0]) && latin(three[1])) || (latin(three[0]) && han(three[1]));
            assert!(!glued, "{place}: no space in {three:?}: {}", text.zh);
        }
    };
    for (id, lesson) in lessons() {
        check(id, &lesson.goal);
        for scene in scenes(id, &lesson) {
            check(&scene.place, &scene.page.text);
            if let Some(ask) = &scene.page.ask {
                for text in [&ask.text, &ask.hint, &ask.because] {
                    check(&scene.place, text);
                }
            }
            if let Some(change) = &scene.page.change {
                for text in [&change.text, &change.hint, &change.because] {
                    check(&scene.place, text);
                }
            }
        }
    }
}

#[test]
fn pages_are_short() {
    each(|scene| {
        let words = scene.page.text.en.split_whitespace().count();
        assert!(words <= WORDS_MAX, "{}: {words} words", scene.place);
        let chars = scene.page.text.zh.chars().filter(|char| !char.is_ascii()).count();
        assert!(chars <= CHARS_MAX, "{}: {chars} characters", scene.place);
    });
}

#[test]
fn every_question_has_one_right_answer_and_at_least_one_wrong_one() {
    each(|scene| {
        let Some(ask) = &scene.page.ask else { return };
        let place = &scene.place;
        match &ask.answer {
            Answer::Value(value) => {
                let right = scene.lab.value(value);
                let right = right.unwrap_or_else(|| panic!("{place}: the answer has no value"));
                assert!(scene.lab.accepts(&ask.answer, &right), "{place}: {right} is refused");
                assert!(!scene.lab.accepts(&ask.answer, "something else"), "{place}");
                if !ask.options.is_empty() {
                    let accepted = |value: &str| scene.lab.accepts(&ask.answer, value);
                    let fit = ask.options.iter().filter(|offer| accepted(&offer.value)).count();
                    assert_eq!(fit, 1, "{place}: {right} among {:?}", ask.options);
                    assert!(ask.options.len() > 1, "{place}: nothing to choose");
                }
            }
            Answer::Step(moment) => {
                let trace = scene.trace();
                let found = scene.lab.all(moment, &trace).next();
                let found = found.unwrap_or_else(|| panic!("{place}: there is no such step"));
                assert!(scene.lab.accepts_step(&ask.answer, &trace, found), "{place}");
                let shown = scene.shown();
                let solved = |id| scene.lab.accepts_step(&ask.answer, &trace, id);
                assert!(shown.is_none_or(|id| !solved(id)), "{place}: it is shown already");
                let level = scene.page.detail.unwrap_or(Level::Calls);
                assert!(trace.level(found) <= level, "{place}: the step cannot be seen");
                assert!(ask.options.is_empty(), "{place}: a step is not chosen from a list");
            }
        }
    });
}

#[test]
fn every_change_can_be_achieved_and_missed() {
    each(|scene| {
        let Some(change) = &scene.page.change else { return };
        let place = &scene.place;
        let holds = |lab: &Lab| change.check.iter().all(|condition| lab.holds(condition));
        assert!(!change.check.is_empty(), "{place}: nothing is checked");
        assert!(!holds(&scene.lab), "{place}: it holds without any change");
        let outcomes: Vec<bool> = change
            .choices
            .iter()
            .map(|choice| {
                let scenario = Rc::new((*scene.scenario).clone().with(&choice.edit));
                let lead = *choice.stacks.first().unwrap_or(&scene.setting.stacks[0]);
                let lab = Lab::new(scenario, lead, scene.page.show.clone());
                assert!(lab.trace(None).is_some(), "{place}: a choice cannot be simulated");
                holds(&lab)
            })
            .collect();
        assert!(outcomes.contains(&true), "{place}: no choice achieves it");
        assert!(outcomes.contains(&false), "{place}: every choice achieves it");
    });
}

#[test]
fn a_lesson_asks_three_questions_and_lets_the_reader_change_something() {
    for (id, lesson) in lessons() {
        let asked = lesson.pages.iter().filter(|page| page.ask.is_some()).count();
        assert!(asked >= 3, "{id} asks {asked} questions");
        assert!(lesson.pages.iter().any(|page| page.change.is_some()), "{id} changes nothing");
        let both = |page: &Page| page.ask.is_some() && page.change.is_some();
        assert!(!lesson.pages.iter().any(both), "{id}: one thing on a page is enough");
        assert!(lesson.pages.len() <= 12, "{id} is long");
    }
}

#[test]
fn what_is_shown_and_what_is_right_is_as_it_was_read_last() {
    for (id, lesson) in lessons() {
        let mut text = String::new();
        for (number, scene) in scenes(id, &lesson).enumerate() {
            let trace = scene.trace();
            let stacks: Vec<&str> =
                scene.setting.stacks.iter().map(|stack| Stack::key(*stack)).collect();
            let _ = writeln!(text, "{}. {}", number + 1, scene.page.title.en);
            let key = |id| pattern::key_of(&trace, trace.event(id));
            let shown = scene.shown().map_or("the beginning".to_owned(), key);
            let _ =
                writeln!(text, "   {} on {}: {shown}", scene.setting.scenario, stacks.join(", "));
            for (name, value) in scene.values() {
                let _ = writeln!(text, "   {name} = {value}");
            }
            match scene.page.ask.as_ref().map(|ask| &ask.answer) {
                Some(Answer::Value(value)) => {
                    let _ =
                        writeln!(text, "   right: {}", scene.lab.value(value).unwrap_or_default());
                }
                Some(Answer::Step(moment)) => {
                    let first = scene.lab.all(moment, &trace).next();
                    let count = scene.lab.all(moment, &trace).count();
                    let first = first.map(key).unwrap_or_default();
                    let _ = writeln!(text, "   right: one of {count} steps such as {first}");
                }
                None => {}
            }
            for choice in scene.page.change.iter().flat_map(|change| &change.choices) {
                let scenario = Rc::new((*scene.scenario).clone().with(&choice.edit));
                let lead = *choice.stacks.first().unwrap_or(&scene.setting.stacks[0]);
                let lab = Lab::new(scenario, lead, scene.page.show.clone());
                let check = &scene.page.change.as_ref().expect("it has choices").check;
                let mark =
                    if check.iter().all(|condition| lab.holds(condition)) { "+" } else { "-" };
                let _ = writeln!(text, "   {mark} {}", choice.text.en);
            }
        }
        // Ids differ from seed to seed, and are too long to read.
        expect_file![format!("lessons/{id}.txt")].assert_eq(&shorten(&text));
    }
}

/// Cuts what looks like an id.
fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for char in text.chars().chain(['\n']) {
        if char.is_ascii_hexdigit() || (char == '-' && run.len() >= 8) {
            run.push(char);
        } else {
            if run.len() >= 32 {
                out.push('…')
            } else {
                out.push_str(&run)
            }
            run.clear();
            out.push(char);
        }
    }
    out.pop();
    out
}
