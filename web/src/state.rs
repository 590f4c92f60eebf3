//! What the page is about at the moment, and everything that can change it.
//!
//! One reducer; what is on the screen is a function of [`State`] and nothing else. Views send an
//! [`Action`] and hold nothing of their own.

use crate::command::UiCommand;
use crate::fragment::Fragment;
use crate::model::point::Point;
use crate::model::run::Run;
use crate::model::study::{Bookmark, Move, Progress, Study};
use crate::text::{Lang, M, caption, fill};
use api::manifest::{FieldNote, Problem, Severity};
use api::yaml::{Position, Span};
use scenario::{Action as Happening, Builtin, Edit, Scenario, ScenarioDuration, Stack, Step};
use std::rc::Rc;
use std::time::Duration;
use tools::{Act, Machine};
use trace::{Effect, EventId, Frame, Level, Protocol, Time, Trace, milestone};
use yew::Reducible;

mod lesson;

/// Which stacks are on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacks {
    /// This one.
    One(Stack),
    /// These two, side by side.
    Two(Stack, Stack),
}

impl Stacks {
    /// The two that the question is about that everybody asks.
    pub const BOTH: Self = Self::Two(Stack::Dockershim, Stack::Containerd);

    /// The stacks, from left to right.
    #[must_use]
    pub fn list(self) -> Vec<Stack> {
        match self {
            Self::One(stack) => vec![stack],
            Self::Two(left, right) => vec![left, right],
        }
    }

    /// The stack on the left, and the one beside it.
    #[must_use]
    pub const fn parts(self) -> (Stack, Option<Stack>) {
        match self {
            Self::One(stack) => (stack, None),
            Self::Two(left, right) => (left, Some(right)),
        }
    }

    /// A stack with another beside it, if it is another.
    #[must_use]
    pub fn of(left: Stack, right: Option<Stack>) -> Self {
        match right.filter(|right| *right != left) {
            Some(right) => Self::Two(left, right),
            None => Self::One(left),
        }
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The key in the document and in the browser's storage; empty for the system's.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        match key {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// A panel of the inspector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// The SyncPod panel, where there is no room for it beside the others.
    Sync,
    /// The call.
    #[default]
    Call,
    /// The pod.
    Pod,
    /// The node.
    Node,
    /// What led here, and where upstream does it.
    Why,
    /// The list of steps.
    Steps,
    /// Call stack, breakpoints, watches.
    Debug,
    /// The tools of the field against the simulated node.
    Terminal,
}

impl Tab {
    /// Every panel, in order.
    pub const ALL: [Self; 8] = [
        Self::Sync,
        Self::Call,
        Self::Pod,
        Self::Node,
        Self::Why,
        Self::Steps,
        Self::Debug,
        Self::Terminal,
    ];

    /// The panel of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.key() == key)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> M {
        match self {
            Self::Sync => M::SyncPod,
            Self::Call => M::TabCall,
            Self::Pod => M::TabPod,
            Self::Node => M::TabNode,
            Self::Why => M::TabWhy,
            Self::Steps => M::TabSteps,
            Self::Debug => M::TabDebug,
            Self::Terminal => M::Terminal,
        }
    }

    /// Its key in the document.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Call => "call",
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Why => "why",
            Self::Steps => "steps",
            Self::Debug => "debug",
            Self::Terminal => "terminal",
        }
    }
}

/// What lies over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// The choice of scenarios.
    Scenarios,
    /// The choice of lessons.
    Lessons,
    /// The manifest editor.
    Manifest,
    /// What is changed, what fails.
    WhatIf,
    /// Keys and legend.
    Help,
}

/// How the last change of the cursor came about, which decides what moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// A jump: nothing moves.
    #[default]
    None,
    /// A step forwards.
    Forwards,
    /// A step backwards.
    Backwards,
}

/// How fast it plays, as the index of [`SPEEDS`].
pub const SPEEDS: [(&str, u32); 5] =
    [("0.5×", 2400), ("1×", 1200), ("2×", 600), ("4×", 300), ("10×", 120)];

/// The text of the manifest editor and what is to be said about it.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    /// The text.
    pub text: Rc<str>,
    /// What is wrong or remarkable; empty until it is checked.
    pub problems: Rc<[Problem]>,
    /// The fields that have no effect here; empty until it is checked.
    pub unsimulated: Rc<[FieldNote]>,
    /// Set where a file was refused.
    pub refused: bool,
}

impl Editor {
    /// What is wrong.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }

    /// What is probably not what was meant, and what is left out.
    pub fn remarks(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity != Severity::Error)
    }
}

/// The terminal: what was typed and printed, and the line that is being typed.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// The commands with what they printed, oldest first.
    pub entries: Vec<Rc<Entry>>,
    /// The line.
    pub line: Rc<str>,
    /// Which earlier command the line repeats, counted from the latest; 0 for none.
    pub recalled: usize,
    /// What the line's last word can become, where Tab has found more than one way.
    pub choices: Rc<[String]>,
}

/// A command and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was typed, in virtual time.
    pub at: Time,
    /// The command line.
    pub line: Rc<str>,
    /// What it printed.
    pub text: String,
}

/// How many commands the terminal remembers.
const ENTRIES_MAX: usize = 100;

/// What somebody works on: what undo and redo bring back.
#[derive(Clone, Debug)]
struct Work {
    builtin: &'static Builtin,
    given: Option<Rc<Scenario>>,
    own: Option<Rc<str>>,
    edits: Rc<[Edit]>,
    cursor: usize,
}

/// Where a changed trace first differs from the one before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The cursor after the first step, of the level that one looked at, that is not as it was.
    pub cursor: usize,
    /// The caption of that step.
    pub now: String,
    /// The caption of what happened in its place.
    pub before: String,
}

/// What the page is about at the moment.
#[derive(Clone, Debug)]
pub struct State {
    /// Counts the changes; two states are equal if they are the same change.
    revision: u32,
    /// The language.
    pub lang: Lang,
    /// Light or dark.
    pub theme: Theme,
    /// The built-in scenario that was chosen last.
    pub builtin: &'static Builtin,
    /// The scenario of the lesson's page, in place of the built-in one.
    given: Option<Rc<Scenario>>,
    /// The user's own manifest, if that is what runs.
    pub own: Option<Rc<str>>,
    /// What is changed about it.
    pub edits: Rc<[Edit]>,
    scenario: Rc<Scenario>,
    /// What somebody worked on before a lesson was opened.
    before: Option<Work>,
    past: Vec<Work>,
    future: Vec<Work>,
    /// What the last change has changed first.
    pub difference: Option<Difference>,
    /// Breakpoints and watches.
    pub points: Vec<Point>,
    /// What is searched for in the trace.
    pub search: Rc<str>,
    /// Whether a trace from a file is on the stage, of which there is no scenario.
    pub imported: bool,
    /// The terminal.
    pub terminal: Terminal,
    /// The lesson that is open.
    pub study: Option<Study>,
    /// The lesson that is asked for and not there yet.
    pub wanted: Option<Bookmark>,
    /// The list of lessons, once it was asked for.
    pub lessons: Option<Rc<scenario::lesson::Index>>,
    /// How far somebody has come in the lessons.
    pub progress: Rc<Progress>,
    /// Which stacks are on the stage.
    pub stacks: Stacks,
    /// Their simulations, from left to right.
    pub runs: Vec<Rc<Run>>,
    /// Which of them the steps follow.
    pub lead: usize,
    /// Pairs of cursors, the leading run's first, for the other run.
    pairs: Rc<[(usize, usize)]>,
    /// How many events of the leading run have happened.
    pub cursor: usize,
    /// How the last change of the cursor came about.
    pub motion: Motion,
    /// How deep one looks.
    pub level: Level,
    /// Whether it plays.
    pub playing: bool,
    /// How fast, as the index of [`SPEEDS`].
    pub speed: usize,
    /// Whether the timeline shows only the current run of SyncPod.
    pub chapter: bool,
    /// The panel of the inspector.
    pub tab: Tab,
    /// What lies over the page.
    pub dialog: Option<Dialog>,
    /// The manifest editor.
    pub editor: Editor,
    /// What the user should know.
    pub notice: Option<String>,
    /// Whether the window is as narrow as a phone.
    pub narrow: bool,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision
    }
}

/// What can happen to the page.
#[derive(Clone, Debug)]
pub enum Action {
    /// A key or a button.
    Command(UiCommand),
    /// To a moment.
    Seek(usize),
    /// Time to take the next step, if it plays.
    Tick,
    /// A built-in scenario was chosen.
    Scenario(&'static Builtin),
    /// Stacks were chosen.
    Stacks(Stacks),
    /// The steps are to follow that run.
    Lead(usize),
    /// A detail level was chosen.
    Level(Level),
    /// A speed was chosen.
    Speed(usize),
    /// The timeline is to show the current run of SyncPod, or everything.
    Chapter(bool),
    /// A panel was chosen.
    Tab(Tab),
    /// What lies over the page was closed.
    CloseDialog,
    /// The manifest was edited.
    Edit(Rc<str>),
    /// A file was opened: a trace, a scenario or a manifest.
    Import(Rc<str>),
    /// A file was dropped that cannot be a manifest.
    RefuseFile,
    /// The manifest is to be run.
    RunManifest,
    /// The notice was read.
    Dismiss,
    /// A breakpoint or a watch is to be set, or removed if it is set.
    Point(Point),
    /// Something is searched for.
    Search(Rc<str>),
    /// The next place that is searched for, or the one before.
    Found(bool),
    /// Something is to be different.
    Change(Edit),
    /// The change of this number is to go.
    Unchange(usize),
    /// Something is to happen right after this moment.
    Happen(Happening),
    /// A command line was typed.
    Type(Rc<str>),
    /// It is to be run.
    Enter,
    /// Its last word is to be completed.
    Complete,
    /// An earlier command is wanted, or a later one.
    Recall(bool),
    /// The address was changed.
    Navigate(Rc<Fragment>),
    /// The window has become narrow, or wide.
    Narrow(bool),
    /// Something about lessons.
    Learn(Move),
}

impl State {
    /// The first state: what the link says, and the defaults for the rest.
    #[must_use]
    pub fn new(fragment: &Fragment, lang: Lang, theme: Theme) -> Self {
        let builtin = &scenario::builtin()[0];
        let mut state = Self {
            revision: 0,
            lang,
            theme,
            builtin,
            given: None,
            own: None,
            edits: Rc::new([]),
            scenario: Rc::new(builtin.scenario()),
            before: None,
            past: Vec::new(),
            future: Vec::new(),
            difference: None,
            points: Vec::new(),
            search: "".into(),
            imported: false,
            terminal: Terminal::default(),
            study: None,
            wanted: None,
            lessons: None,
            progress: Rc::default(),
            stacks: Stacks::One(Stack::Dockershim),
            runs: Vec::new(),
            lead: 0,
            pairs: Rc::new([]),
            cursor: 0,
            motion: Motion::None,
            level: Level::Calls,
            playing: false,
            speed: 1,
            chapter: false,
            tab: Tab::Call,
            dialog: None,
            editor: Editor::default(),
            notice: None,
            narrow: false,
        };
        state.editor.text = state.scenario.manifest.as_str().into();
        state.navigate(fragment);
        state
    }

    /// The scenario that runs.
    #[must_use]
    pub fn scenario(&self) -> &Rc<Scenario> {
        &self.scenario
    }

    /// The key of the built-in scenario in links.
    #[must_use]
    pub fn scenario_id(&self) -> &'static str {
        self.builtin.id
    }

    /// A message in the page's language.
    #[must_use]
    pub fn text(&self, message: M) -> &'static str {
        message.text(self.lang)
    }

    /// A message with values in it.
    #[must_use]
    pub fn fill(&self, message: M, values: &[(&str, &str)]) -> String {
        fill(message.text(self.lang), |name| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// The run that the steps follow.
    #[must_use]
    pub fn leading(&self) -> Option<&Rc<Run>> {
        self.runs.get(self.lead)
    }

    /// The cursor of a run: that of the leading one, or where the same has been achieved.
    #[must_use]
    pub fn cursor_of(&self, run: usize) -> usize {
        if run == self.lead {
            return self.cursor;
        }
        self.runs.get(run).map_or(0, |other| {
            milestone::aligned_cursor(&self.pairs, self.cursor, other.trace().len())
        })
    }

    /// The world of the leading run.
    #[must_use]
    pub fn frame(&self) -> Rc<Frame> {
        self.leading().map_or_else(Rc::default, |run| run.frame(self.cursor))
    }

    /// Whether there is something to undo.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is something to do again.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    fn work(&self) -> Work {
        let (builtin, own, edits) = (self.builtin, self.own.clone(), self.edits.clone());
        Work { builtin, given: self.given.clone(), own, edits, cursor: self.cursor }
    }

    /// Changes what somebody works on, so that it can be undone.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.work();
        change(self);
        self.past.push(before);
        self.future.clear();
    }

    /// Brings back what somebody worked on, and the moment.
    fn bring_back(&mut self, work: Work) {
        let cursor = work.cursor;
        (self.builtin, self.own, self.edits) = (work.builtin, work.own, work.edits);
        self.given = work.given;
        self.rebuild();
        let text = self.own.clone().unwrap_or_else(|| self.scenario.manifest.as_str().into());
        self.editor = Editor { text, ..Editor::default() };
        self.simulate();
        self.go(cursor, Motion::None);
    }

    /// The scenario anew from what it is made of.
    fn rebuild(&mut self) {
        let scenario = match (&self.given, &self.own) {
            (Some(given), Some(text)) => (**given).clone().with(&scenario_of(text)),
            (Some(given), None) => (**given).clone(),
            (None, Some(text)) => scenario_of(text),
            (None, None) => self.builtin.scenario(),
        };
        self.scenario = Rc::new(scenario.edited(&self.edits));
    }

    /// Changes the scenario, simulates again, and goes to the first step that is not as it was.
    fn edit(&mut self, edits: Rc<[Edit]>) {
        if self.imported {
            self.notice = Some(self.text(M::TraceFixed).to_owned());
            return;
        }
        let before = self.leading().cloned();
        let (cursor, lead) = (self.cursor, self.lead);
        self.change(|state| {
            state.edits = edits;
            state.rebuild();
            state.simulate();
        });
        self.dialog = None;
        let Some((before, after)) = before.zip(self.runs.get(lead).cloned()) else { return };
        if Rc::ptr_eq(&before, &after) {
            // It could not run, and the notice says why.
            self.undo();
            self.future.clear();
            return;
        }
        if lead != self.lead {
            self.lead = lead;
            self.align();
        }
        let Some(id) = after.trace().first_difference(before.trace()) else {
            self.go(cursor, Motion::None);
            self.notice = Some(self.text(M::NoDifference).to_owned());
            return;
        };
        let shown = |run: &Run| {
            let steps = run.steps(self.level);
            let first = steps.get(steps.partition_point(|&step| step as usize <= id.index()));
            first.map_or(run.trace().len(), |&step| step as usize)
        };
        let said = |run: &Run, cursor: usize| match cursor.checked_sub(1) {
            Some(event) => caption(run.trace(), EventId(event as u32), self.lang),
            None => String::new(),
        };
        let (here, there) = (shown(&after), shown(&before));
        self.difference = Some(Difference {
            cursor: here,
            now: said(&after, here),
            before: said(&before, there),
        });
        self.go(here, Motion::None);
    }

    fn undo(&mut self) {
        if let Some(work) = self.past.pop() {
            self.future.push(self.work());
            self.bring_back(work);
        }
    }

    fn redo(&mut self) {
        if let Some(work) = self.future.pop() {
            self.past.push(self.work());
            self.bring_back(work);
        }
    }

    fn navigate(&mut self, fragment: &Fragment) {
        if let Some(lang) = fragment.lang {
            self.lang = lang;
        }
        if let Some(level) = fragment.detail {
            self.level = level;
        }
        if let Some(tab) = fragment.tab {
            self.tab = tab;
        }
        self.points.clone_from(&fragment.points);
        let mut anew = self.runs.is_empty() || self.imported;
        if fragment.lesson.is_none() && self.study.take().is_some() {
            self.given = None;
            self.rebuild();
            anew = true;
        }
        if let Some(text) = &fragment.manifest {
            if self.own.as_deref() != Some(text) {
                self.editor.text = text.as_str().into();
                self.run_manifest();
                anew = anew || self.own.is_some();
            }
        } else if let Some(builtin) = fragment.scenario.as_deref().and_then(scenario::find)
            && (self.own.is_some() || self.builtin.id != builtin.id)
        {
            self.choose(builtin, fragment.stacks.is_none());
            anew = true;
        }
        if fragment.edits != self.edits {
            self.edits = fragment.edits.clone();
            self.rebuild();
            anew = true;
        }
        if let Some(stacks) = fragment.stacks
            && stacks != self.stacks
        {
            self.stacks = stacks;
            anew = true;
        }
        if anew {
            self.simulate();
        }
        let end = self.leading().map_or(0, |run| run.trace().len());
        if let Some(step) = fragment.step {
            self.cursor = step.min(end);
        }
        self.motion = Motion::None;
        self.wanted.clone_from(&fragment.lesson);
        if !fragment.bad.is_empty() {
            let what = fragment.bad.join(", ");
            self.notice = Some(self.fill(M::BadLink, &[("what", &what)]));
        }
    }

    /// Takes a built-in scenario, and the stack that it is made for if the present one is not.
    fn choose(&mut self, builtin: &'static Builtin, with_stack: bool) {
        self.builtin = builtin;
        self.given = None;
        self.study = None;
        self.own = None;
        self.edits = Rc::new([]);
        self.scenario = Rc::new(builtin.scenario());
        self.editor = Editor { text: self.scenario.manifest.as_str().into(), ..Editor::default() };
        let made_for = &self.scenario.stacks;
        if with_stack && !made_for.is_empty() {
            let fits = match self.stacks {
                Stacks::One(stack) => made_for.contains(&stack),
                Stacks::Two(a, b) => made_for.contains(&a) && made_for.contains(&b),
            };
            if builtin.id == "both-stacks" {
                self.stacks = Stacks::BOTH;
            } else if !fits {
                self.stacks = Stacks::One(made_for[0]);
            }
        } else if with_stack && builtin.id == "both-stacks" {
            self.stacks = Stacks::BOTH;
        }
    }

    /// Checks the editor's text and, if nothing is wrong with it, takes it. What runs stays
    /// otherwise.
    fn run_manifest(&mut self) {
        let text = self.editor.text.clone();
        let scenario = is_scenario(&text).then(|| Scenario::parse(&text));
        let parsed = match &scenario {
            None => api::manifest::parse(&text),
            // What a scenario says of its manifest has no place in the scenario's text.
            Some(Ok(scenario)) => {
                let mut parsed = api::manifest::parse(&scenario.manifest);
                parsed.unsimulated.clear();
                parsed.problems.retain(Problem::is_error);
                parsed
            }
            Some(Err(problem)) => {
                self.editor.problems = Rc::new([problem.clone()]);
                self.editor.unsimulated = Rc::new([]);
                return;
            }
        };
        let mut problems = parsed.problems;
        if parsed.pods.is_empty() && !problems.iter().any(Problem::is_error) {
            let begin = Position { line: 1, column: 1 };
            problems.push(Problem {
                span: problems.first().map_or(Span { start: begin, end: begin }, |p| p.span),
                path: String::new(),
                message: self.text(M::NoPodInText).to_owned(),
                severity: Severity::Error,
            });
        }
        self.editor.problems = problems.into();
        self.editor.unsimulated = parsed.unsimulated.into();
        self.editor.refused = false;
        if self.editor.errors().next().is_some() {
            return;
        }
        self.own = Some(self.editor.text.clone());
        self.edits = Rc::new([]);
        self.rebuild();
    }

    /// Shows a trace; anything else goes into the manifest editor.
    fn import(&mut self, text: Rc<str>) {
        // What the simulator writes begins with its header; no manifest does.
        if !text.trim_start().starts_with("{\"header\"") {
            self.editor = Editor { text, ..Editor::default() };
            self.dialog = Some(Dialog::Manifest);
            return;
        }
        let run = Trace::parse(&text).and_then(|trace| {
            let key = trace.header.stack.clone();
            let stack = Stack::from_key(&key).ok_or_else(|| format!("stack {key:?}"))?;
            Ok(Run::of(stack, trace))
        });
        match run {
            Ok(run) => {
                self.dialog = None;
                self.stacks = Stacks::One(run.stack);
                self.imported = true;
                self.show(vec![Rc::new(run)]);
            }
            Err(what) => self.notice = Some(self.fill(M::TraceWrong, &[("what", &what)])),
        }
    }

    /// Runs the scenario on the stacks and goes to the beginning. If it cannot run, everything
    /// stays, and the notice says why.
    fn simulate(&mut self) {
        let mut runs = Vec::new();
        for stack in self.stacks.list() {
            match Run::new(&self.scenario, stack) {
                Ok(run) => runs.push(Rc::new(run)),
                Err(what) => {
                    self.notice = Some(self.fill(M::SimulationFailed, &[("what", &what)]));
                    return;
                }
            }
        }
        self.imported = false;
        self.show(runs);
        let made_for = &self.scenario.stacks;
        let strange = |stack: &Stack| !made_for.is_empty() && !made_for.contains(stack);
        self.notice = self.stacks.list().iter().find(|stack| strange(stack)).map(|_| {
            let names: Vec<_> = made_for.iter().map(|stack| stack.name()).collect();
            self.fill(M::NotOnStack, &[("stack", &names.join(", "))])
        });
        self.check_change();
    }

    /// Puts runs on the stage, at their beginning.
    fn show(&mut self, runs: Vec<Rc<Run>>) {
        self.runs = runs;
        self.difference = None;
        self.lead = 0;
        self.playing = false;
        self.align();
        self.go(0, Motion::None);
    }

    fn align(&mut self) {
        let pairs = match self.runs.as_slice() {
            [a, b] if self.lead == 0 => milestone::align(a.trace(), b.trace()),
            [a, b] => milestone::align(b.trace(), a.trace()),
            _ => Vec::new(),
        };
        self.pairs = pairs.into();
    }

    fn go(&mut self, cursor: usize, motion: Motion) {
        self.motion = motion;
        self.cursor = cursor.min(self.leading().map_or(0, |run| run.trace().len()));
    }

    /// Goes to where the player says, if there is such a place.
    fn step(&mut self, motion: Motion, to: impl Fn(&Run, usize, Level) -> Option<usize>) -> bool {
        let Some(run) = self.leading().cloned() else { return false };
        let from = if motion == Motion::Forwards {
            self.cursor
        } else {
            run.snap(self.cursor, self.level)
        };
        match to(&run, from, self.level) {
            Some(cursor) if cursor != self.cursor => {
                self.go(cursor, motion);
                true
            }
            _ => false,
        }
    }

    /// The machine that commands are typed on.
    fn on_machine<T>(&self, body: impl FnOnce(&Machine<'_>) -> T) -> Option<T> {
        let run = self.leading()?;
        let frame = self.frame();
        Some(body(&Machine { trace: run.trace(), frame: &frame, manifest: &self.editor.text }))
    }

    /// Runs the terminal's line. What it makes happen is a change of the scenario.
    fn enter(&mut self) {
        let line = self.terminal.line.clone();
        if line.trim() == "clear" {
            self.terminal = Terminal::default();
            return;
        }
        let at = self.frame().at;
        let Some(answer) = self.on_machine(|machine| tools::run(machine, &line)) else { return };
        self.terminal.entries.push(Rc::new(Entry { at, line, text: answer.text }));
        let extra = self.terminal.entries.len().saturating_sub(ENTRIES_MAX);
        self.terminal.entries.drain(..extra);
        self.terminal.line = "".into();
        self.terminal.recalled = 0;
        self.terminal.choices = Rc::new([]);
        if let Some(act) = answer.act {
            self.happen(match act {
                Act::DeletePod { name, grace_period_seconds } => {
                    Happening::DeletePod { name, grace_period_seconds }
                }
                Act::Apply { manifest } => Happening::Apply { manifest },
                Act::Kill { pid, signal } => Happening::Kill { pid, signal },
            });
        }
    }

    /// Completes the last word of the terminal's line as far as there is one way.
    fn complete(&mut self) {
        let line = self.terminal.line.clone();
        let found = self.on_machine(|machine| tools::complete(machine, &line)).unwrap_or_default();
        let Some(first) = found.first() else { return };
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let same =
            |word: &String| first.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        let mut common = found.iter().map(same).min().unwrap_or_default();
        while !first.is_char_boundary(common) {
            common -= 1;
        }
        let end = if found.len() == 1 && !first.ends_with(['=', '/']) { " " } else { "" };
        self.terminal.line = format!("{}{}{end}", &line[..start], &first[..common]).into();
        self.terminal.choices = if found.len() > 1 { found.into() } else { Rc::new([]) };
    }

    fn recall(&mut self, earlier: bool) {
        let entries = &self.terminal.entries;
        let recalled = match earlier {
            true => (self.terminal.recalled + 1).min(entries.len()),
            false => self.terminal.recalled.saturating_sub(1),
        };
        self.terminal.recalled = recalled;
        let entry = entries.len().checked_sub(recalled).and_then(|index| entries.get(index));
        self.terminal.line = entry.map_or_else(|| "".into(), |entry| entry.line.clone());
        self.terminal.choices = Rc::new([]);
    }

    /// Lets something happen a moment later than now: what has happened stays as it is.
    fn happen(&mut self, action: Happening) {
        let at = Duration::from_nanos(self.frame().at.0 + 1);
        let step = Edit::Step(Step { at: ScenarioDuration(at), action });
        self.edit(self.edits.iter().cloned().chain([step]).collect());
    }

    /// Runs to where an event fits. It may lie deeper than one looks; then one looks deeper.
    fn run_to(&mut self, forwards: bool, fits: impl Fn(&Run, EventId) -> bool) {
        let Some(run) = self.leading().cloned() else { return };
        let from = if forwards { self.cursor } else { run.snap(self.cursor, self.level) };
        match run.find(from, forwards, |id, _| fits(&run, id)) {
            Some(cursor) => {
                self.go(cursor, if forwards { Motion::Forwards } else { Motion::Backwards });
                self.reveal();
            }
            None => self.notice = Some(self.text(M::NothingFurther).to_owned()),
        }
    }

    /// Looks as deep as the event lies that has just happened.
    fn reveal(&mut self) {
        if let Some(run) = self.leading()
            && let Some(event) = self.cursor.checked_sub(1)
            && event < run.trace().len()
        {
            self.level = self.level.max(run.trace().level(EventId(event as u32)));
        }
    }

    fn run_to_point(&mut self, forwards: bool) {
        if self.points.is_empty() {
            self.notice = Some(self.text(M::NoPoints).to_owned());
            return;
        }
        let points = self.points.clone();
        self.run_to(forwards, |run, id| points.iter().any(|point| point.hits(run, id)));
    }

    fn toggle_point(&mut self, point: Point) {
        match self.points.iter().position(|set| *set == point) {
            Some(index) => drop(self.points.remove(index)),
            None => self.points.push(point),
        }
    }

    /// The next step, while it plays; not beyond a breakpoint.
    fn tick(&mut self) {
        let from = self.cursor;
        let moved = self.step(Motion::Forwards, |run, at, level| run.player.next(at, level));
        if !moved {
            self.playing = false;
        } else if let Some(run) = self.leading().cloned() {
            let hit = |id, _: &trace::Event| self.points.iter().any(|point| point.hits(&run, id));
            if let Some(stop) = run.find(from, true, hit).filter(|stop| *stop <= self.cursor) {
                self.playing = false;
                self.go(stop, Motion::Forwards);
                self.reveal();
            }
        }
    }

    fn command(&mut self, command: UiCommand) {
        let stays = matches!(
            command,
            UiCommand::PlayPause
                | UiCommand::Slower
                | UiCommand::Faster
                | UiCommand::DetailLess
                | UiCommand::DetailMore
                | UiCommand::Theme
                | UiCommand::Language
        );
        self.playing &= stays;
        self.difference = None;
        match command {
            UiCommand::PlayPause => self.play(),
            UiCommand::Step => {
                self.step(Motion::Forwards, |run, at, level| run.player.next(at, level));
            }
            UiCommand::Back => {
                self.step(Motion::Backwards, |run, at, level| run.player.previous(at, level));
            }
            UiCommand::Over => {
                self.step(Motion::Forwards, over);
            }
            UiCommand::OverBack => {
                self.step(Motion::Backwards, over_back);
            }
            UiCommand::Out => {
                self.step(Motion::Forwards, |run, at, level| {
                    run.player.out(run.snap(at, level), level).filter(|&to| to > at)
                });
            }
            UiCommand::First => self.go(0, Motion::None),
            UiCommand::Last => self.go(usize::MAX, Motion::None),
            UiCommand::Into => {
                self.step(Motion::Forwards, into);
                self.reveal();
            }
            UiCommand::NextSync | UiCommand::PreviousSync => {
                self.run_to(command == UiCommand::NextSync, |run, id| {
                    let effect = run.trace().event(id).as_effect();
                    matches!(effect, Some(Effect::SyncStep { step, .. }) if *step > 0)
                });
            }
            UiCommand::NextCri | UiCommand::PreviousCri => {
                self.run_to(command == UiCommand::NextCri, |run, id| {
                    let call = run.trace().event(id).as_call();
                    call.is_some_and(|call| call.protocol == Protocol::Cri)
                });
            }
            UiCommand::NextError | UiCommand::PreviousError => {
                self.run_to(command == UiCommand::NextError, |run, id| Point::Error.hits(run, id));
            }
            UiCommand::NextStop => self.run_to_point(true),
            UiCommand::PreviousStop => self.run_to_point(false),
            UiCommand::BreakHere => {
                let op = self.leading().and_then(|run| {
                    let id = run.current(self.cursor, self.level)?;
                    let (_, call) = run.trace().stack_of(id).next()?;
                    Some(Point::Op(call.op.as_ref().into()))
                });
                if let Some(op) = op {
                    self.toggle_point(op);
                }
                self.tab = Tab::Debug;
            }
            UiCommand::Search => self.tab = Tab::Steps,
            UiCommand::Terminal => self.tab = Tab::Terminal,
            UiCommand::WhatIf => self.dialog = Some(Dialog::WhatIf),
            UiCommand::Undo => self.undo(),
            UiCommand::Redo => self.redo(),
            UiCommand::DetailLess => self.detail(-1),
            UiCommand::DetailMore => self.detail(1),
            UiCommand::Slower => self.speed = self.speed.saturating_sub(1),
            UiCommand::Faster => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
            UiCommand::NextStack => {
                let (stack, beside) = self.stacks.parts();
                let at = Stack::ALL.iter().position(|known| *known == stack).unwrap_or_default();
                let next = Stack::ALL[(at + 1) % Stack::ALL.len()];
                self.change_stacks(Stacks::of(next, beside));
            }
            UiCommand::Scenarios => self.dialog = Some(Dialog::Scenarios),
            UiCommand::Lessons => self.dialog = Some(Dialog::Lessons),
            UiCommand::NextPage => self.turn(1),
            UiCommand::PreviousPage => self.turn(-1),
            UiCommand::Manifest => self.dialog = Some(Dialog::Manifest),
            UiCommand::Theme => self.theme = self.theme.next(),
            UiCommand::Language => {
                self.lang = match self.lang {
                    Lang::En => Lang::Zh,
                    Lang::Zh => Lang::En,
                };
            }
            UiCommand::Help => self.dialog = Some(Dialog::Help),
        }
    }

    fn play(&mut self) {
        let end = self.leading().map_or(0, |run| run.trace().len());
        let at_end =
            self.leading().is_none_or(|run| run.player.next(self.cursor, self.level).is_none());
        if !self.playing && at_end && end > 0 {
            self.go(0, Motion::None);
        }
        self.playing = !self.playing;
    }

    fn detail(&mut self, by: i8) {
        let number = (self.level as u8).saturating_add_signed(by);
        if let Ok(level) = Level::try_from(number) {
            self.level = level;
            self.motion = Motion::None;
        }
    }

    /// Other stacks on the stage, at the moment at which the same has been achieved.
    fn change_stacks(&mut self, stacks: Stacks) {
        if stacks == self.stacks {
            return;
        }
        let before = self.leading().cloned().map(|run| (run, self.cursor));
        let was = self.stacks;
        self.stacks = stacks;
        let old_runs = self.runs.len();
        self.simulate();
        if self.runs.len() == old_runs
            && self.runs.first().map(|run| run.stack) != Some(stacks.list()[0])
        {
            self.stacks = was;
            return;
        }
        if let Some((old, cursor)) = before
            && let Some(new) = self.leading().cloned()
        {
            let cursor = if old.stack == new.stack {
                cursor
            } else {
                let pairs = milestone::align(old.trace(), new.trace());
                let aligned = milestone::aligned_cursor(&pairs, cursor, new.trace().len());
                new.snap(aligned, self.level)
            };
            self.go(cursor, Motion::None);
        }
    }
}

/// The scenario of a text that is one, or a manifest.
fn scenario_of(text: &str) -> Scenario {
    match is_scenario(text) {
        true => Scenario::parse(text).unwrap_or_default(),
        false => Scenario::of_manifest(text),
    }
}

/// Whether a text is a scenario, and no manifest: its manifest is a field of its own.
fn is_scenario(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("manifest:"))
}

/// Into the current call, at whatever level; where nothing happens in it, or where the current step
/// is no call, a step further.
fn into(run: &Run, at: usize, level: Level) -> Option<usize> {
    let next = run.player.next(at, Level::Effects);
    let inside = next.filter(|_| {
        let current = at.checked_sub(1).and_then(|event| run.trace().events.get(event));
        current.is_some_and(|event| event.as_call().is_some())
    });
    inside.or_else(|| run.player.next(at, level))
}

/// Over the current call: to its return, or, where the current step is no call, one step.
fn over(run: &Run, at: usize, level: Level) -> Option<usize> {
    run.player
        .over(run.snap(at, level), level)
        .filter(|&to| to > at)
        .or_else(|| run.player.next(at, level))
}

/// Back over the call that has just returned: to before it was made.
fn over_back(run: &Run, at: usize, level: Level) -> Option<usize> {
    let event = run.trace().events.get(at.checked_sub(1)?)?;
    match event.as_return() {
        Some(answer) => run.player.previous(answer.call.index() + 1, level),
        None => run.player.previous(at, level),
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = Rc::unwrap_or_clone(self);
        state.revision = state.revision.wrapping_add(1);
        match action {
            Action::Command(command) => state.command(command),
            Action::Seek(cursor) => {
                state.playing = false;
                state.go(cursor, Motion::None);
                state.reveal();
            }
            Action::Tick => {
                if state.playing {
                    state.tick();
                }
            }
            Action::Scenario(builtin) => {
                state.dialog = None;
                state.change(|state| {
                    state.choose(builtin, true);
                    state.simulate();
                });
            }
            Action::Point(point) => state.toggle_point(point),
            Action::Search(text) => state.search = text,
            Action::Found(forwards) => {
                let text = state.search.to_lowercase();
                if !text.is_empty() {
                    state.run_to(forwards, |run, id| run.says(id, &text));
                }
            }
            Action::Change(edit) => {
                let edits = state.edits.iter().cloned().chain([edit]).collect();
                state.edit(edits);
            }
            Action::Unchange(index) => {
                let kept = state.edits.iter().enumerate().filter(|(nth, _)| *nth != index);
                let edits = kept.map(|(_, edit)| edit.clone()).collect();
                state.edit(edits);
            }
            Action::Happen(action) => state.happen(action),
            Action::Type(line) => {
                state.terminal.line = line;
                state.terminal.choices = Rc::new([]);
            }
            Action::Enter => state.enter(),
            Action::Complete => state.complete(),
            Action::Recall(earlier) => state.recall(earlier),
            Action::Stacks(stacks) => state.change_stacks(stacks),
            Action::Lead(lead) if lead < state.runs.len() && lead != state.lead => {
                let cursor = state.cursor_of(lead);
                state.lead = lead;
                state.align();
                let cursor = state.leading().map_or(0, |run| run.snap(cursor, state.level));
                state.go(cursor, Motion::None);
            }
            Action::Lead(_) => {}
            Action::Level(level) => {
                state.level = level;
                state.motion = Motion::None;
            }
            Action::Speed(speed) => state.speed = speed.min(SPEEDS.len() - 1),
            Action::Chapter(chapter) => state.chapter = chapter,
            Action::Tab(tab) => state.tab = tab,
            Action::CloseDialog => state.dialog = None,
            Action::Edit(text) => {
                state.editor.text = text;
                state.editor.problems = Rc::new([]);
                state.editor.unsimulated = Rc::new([]);
                state.editor.refused = false;
            }
            Action::Import(text) => state.import(text),
            Action::RefuseFile => {
                state.editor.refused = true;
                state.dialog = Some(Dialog::Manifest);
            }
            Action::RunManifest => {
                let before = state.work();
                state.run_manifest();
                if state.editor.errors().next().is_none() {
                    let runs = state.runs.clone();
                    state.simulate();
                    let failed = state.runs.len() == runs.len()
                        && state.runs.iter().zip(&runs).all(|(a, b)| Rc::ptr_eq(a, b));
                    if failed {
                        (state.own, state.edits) = (before.own, before.edits);
                        state.rebuild();
                    } else {
                        state.past.push(before);
                        state.future.clear();
                    }
                    if !failed
                        && state.editor.remarks().next().is_none()
                        && state.editor.unsimulated.is_empty()
                    {
                        state.dialog = None;
                    }
                }
            }
            Action::Dismiss => (state.notice, state.difference) = (None, None),
            Action::Navigate(fragment) => state.navigate(&fragment),
            Action::Learn(what) => state.learn(what),
            Action::Narrow(narrow) => {
                state.narrow = narrow;
                if !narrow && state.tab == Tab::Sync {
                    state.tab = Tab::Call;
                }
            }
        }
        state.into()
    }
}
