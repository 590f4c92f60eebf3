//! A lesson in somebody's hands: the page that is open, what was answered, how far one has come.

use scenario::lesson::{Answer, Change, Index, Lab, Lesson, Page, Setting};
use scenario::{Scenario, Stack};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use trace::{EventId, Trace};

use super::run::Run;

/// A lesson that is open.
#[derive(Clone, Debug)]
pub struct Study {
    /// The key of the lesson.
    pub id: Rc<str>,
    /// The lesson.
    pub lesson: Rc<Lesson>,
    /// The index of the page.
    pub page: usize,
    /// The change of that page that was chosen.
    pub choice: Option<usize>,
    /// The values that the texts of the page name.
    pub values: Rc<BTreeMap<String, String>>,
    /// What was answered last on the page, and whether it was right.
    pub answer: Option<Given>,
    /// Whether what was to be changed is achieved; none before a change.
    pub achieved: Option<bool>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What was chosen or written; empty for a step.
    pub text: Rc<str>,
    /// Whether it is right.
    pub right: bool,
}

impl Study {
    /// The page.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.lesson.pages[self.page]
    }

    /// What runs on the page before anybody changes anything.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        self.lesson.setting(self.page())
    }

    /// The scenario of the page, with the change that was chosen.
    #[must_use]
    pub fn scenario(&self) -> Option<Scenario> {
        let scenario = self.setting().scenario()?;
        let choice = self.choice.and_then(|choice| self.change()?.choices.get(choice));
        Some(match choice {
            Some(choice) => scenario.with(&choice.edit),
            None => scenario,
        })
    }

    /// The stacks of the page, or of the change that was chosen.
    #[must_use]
    pub fn stacks(&self) -> &[Stack] {
        let choice = self.choice.and_then(|choice| self.change()?.choices.get(choice));
        match choice {
            Some(choice) if !choice.stacks.is_empty() => &choice.stacks,
            _ => &self.setting().stacks,
        }
    }

    /// What is to be changed on the page.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        self.page().change.as_ref()
    }

    /// Where predicates meet the page's own traces.
    #[must_use]
    pub fn lab(&self) -> Option<Lab> {
        let setting = self.setting();
        let scenario = Rc::new(setting.scenario()?);
        Some(Lab::new(scenario, *setting.stacks.first()?, self.page().show.clone()))
    }

    /// The same with the traces that are on the stage.
    #[must_use]
    pub fn stage(&self, scenario: &Rc<Scenario>, runs: &[Rc<Run>]) -> Option<Lab> {
        let lead = runs.first()?.stack;
        let lab = Lab::new(scenario.clone(), lead, self.page().show.clone());
        Some(runs.iter().fold(lab, |lab, run| lab.with(run.stack, run.trace().clone())))
    }

    /// Whether what was written or chosen is right.
    #[must_use]
    pub fn judge(&self, text: &str) -> bool {
        let question = self.page().ask.as_ref();
        question.zip(self.lab()).is_some_and(|(ask, lab)| lab.accepts(&ask.answer, text))
    }

    /// Whether it is right to have gone to this step of a trace on the stage.
    #[must_use]
    pub fn judge_step(&self, lab: &Lab, trace: &Trace, id: EventId) -> bool {
        let question = self.page().ask.as_ref();
        question.is_some_and(|ask| lab.accepts_step(&ask.answer, trace, id))
    }

    /// Whether the question of the page is answered by going to a step.
    #[must_use]
    pub fn asks_for_step(&self) -> bool {
        self.page().ask.as_ref().is_some_and(|ask| matches!(ask.answer, Answer::Step(_)))
    }
}

/// A lesson that is asked for and not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// The key of the lesson.
    pub id: Rc<str>,
    /// The index of the page.
    pub page: usize,
    /// The change that was chosen on it.
    pub choice: Option<usize>,
    /// The moment, if a link says so, and what is then kept of the scenario.
    pub step: Option<usize>,
}

/// How far somebody has come, in every lesson: what the browser keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Progress(pub BTreeMap<String, Mark>);

/// How far in one lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The index of the page that was open last.
    pub page: usize,
    /// The pages that were seen.
    pub seen: BTreeSet<usize>,
    /// The pages whose question or change was solved.
    pub solved: BTreeSet<usize>,
    /// How many pages there are.
    pub pages: usize,
}

impl Mark {
    /// Whether every page was seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pages > 0 && self.seen.len() >= self.pages
    }
}

/// What can happen to lessons.
#[derive(Clone, Debug)]
pub enum Move {
    /// The list of lessons is there, or why not.
    Index(Result<Rc<Index>, Rc<str>>),
    /// A lesson is to be opened.
    Open(Rc<str>),
    /// A lesson is there, or why not.
    Arrived(Rc<str>, Result<Rc<Lesson>, Rc<str>>),
    /// To a page.
    Page(usize),
    /// This was chosen or written.
    Answer(Rc<str>),
    /// The current step is the answer.
    ThisStep,
    /// A change was chosen.
    Try(usize),
    /// Back to the page's own scenario and moment.
    Again,
    /// The lesson is closed.
    Close,
}
