//! The format of lessons.

use crate::{Scenario, Stack, Text};
use api::Problem;
use api::yaml::{self, Limits};
use serde::Deserialize;
use std::collections::BTreeMap;
use trace::{Component, Level, Protocol};

/// The lessons in the order of the menu: the file `lessons/index.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Index(pub Vec<Entry>);

/// What the menu says of a lesson.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key in links: the name of its file.
    pub id: String,
    /// What it is called.
    pub title: Text,
    /// What it is about, in a sentence.
    pub summary: Text,
}

impl Index {
    /// Reads the index.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        yaml::from_node(&yaml::parse(text, &Limits::default())?)
    }
}

/// A lesson.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lesson {
    /// What a reader knows at its end.
    pub goal: Text,
    /// What runs, on those pages that do not say otherwise.
    pub run: Setting,
    /// Its pages.
    pub pages: Vec<Page>,
}

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        yaml::from_node(&yaml::parse(text, &Limits::default())?)
    }

    /// What runs on a page.
    #[must_use]
    pub fn setting<'a>(&'a self, page: &'a Page) -> &'a Setting {
        page.run.as_ref().unwrap_or(&self.run)
    }
}

/// What runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Setting {
    /// The key of a built-in scenario.
    pub scenario: String,
    /// The stacks on the stage, the one that the steps follow first.
    pub stacks: Vec<Stack>,
    /// What differs from the built-in scenario.
    #[serde(default)]
    pub edit: Scenario,
}

impl Setting {
    /// The scenario with its edit; none if there is no such built-in one.
    #[must_use]
    pub fn scenario(&self) -> Option<Scenario> {
        Some(crate::find(&self.scenario)?.scenario().with(&self.edit))
    }
}

/// A page: a short text and the moment that it is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Page {
    /// Its heading.
    pub title: Text,
    /// Its text: paragraphs, lists with `-`, `` `code` ``, `**strong**`, `[links](https://…)`, and
    /// `{names}` of values.
    pub text: Text,
    /// What runs, if it is not what the lesson says.
    #[serde(default)]
    pub run: Option<Setting>,
    /// The moment to show; the beginning if left out.
    #[serde(default)]
    pub show: Option<Moment>,
    /// How deep to look; as before if left out.
    #[serde(default)]
    pub detail: Option<Level>,
    /// The key of the inspector's panel to open; as before if left out.
    #[serde(default)]
    pub panel: Option<String>,
    /// The values that the texts of the page name.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// What the reader is asked.
    #[serde(default)]
    pub ask: Option<Question>,
    /// What the reader is to change.
    #[serde(default)]
    pub change: Option<Change>,
}

/// A predicate over the events of a trace, and which of those that it holds for is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moment {
    /// The pattern of the event's key, as of [`trace::pattern`].
    pub is: String,
    /// Only calls of this component, their returns, and what happens directly in them.
    #[serde(default)]
    pub from: Option<Component>,
    /// Only calls by this protocol, likewise.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Only glue whose reason fits this pattern.
    #[serde(default)]
    pub glue: Option<String>,
    /// Only what happens in a call whose key fits this pattern.
    #[serde(default)]
    pub within: Option<String>,
    /// Only what happens in the call that the page shows.
    #[serde(default)]
    pub inside: bool,
    /// Only what happens after the moment that the page shows.
    #[serde(default)]
    pub next: bool,
    /// Only what happens after this.
    #[serde(default)]
    pub after: Option<Box<Self>>,
    /// Only what happens before this.
    #[serde(default)]
    pub before: Option<Box<Self>>,
    /// Which of them, from 1; the first if left out.
    #[serde(default)]
    pub nth: Option<usize>,
    /// The stack whose trace is meant; the one that the steps follow if left out.
    #[serde(default)]
    pub stack: Option<Stack>,
}

/// Something that is computed from a trace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// How many events there are of a kind.
    Count(Moment),
    /// The operation of a call, or of the call that a return or an effect belongs to.
    Op(Moment),
    /// The component that calls.
    From(Moment),
    /// The component that is called.
    To(Moment),
    /// The protocol of a call.
    Protocol(Moment),
    /// The text of the error that a call returned.
    Error(Moment),
    /// When, in seconds.
    Time(Moment),
    /// How long a call took, in whole milliseconds.
    Took(Moment),
    /// What is counted during a call.
    #[serde(rename_all = "camelCase")]
    Tally {
        /// What.
        of: Counter,
        /// The call.
        during: Moment,
    },
    /// What follows a word at the beginning of a line of a file.
    Line {
        /// The pattern of the file's path.
        file: String,
        /// The word.
        word: String,
        /// When; the page's moment if left out.
        #[serde(default)]
        at: Option<Moment>,
    },
    /// How many live processes have a command line that fits a pattern.
    Processes {
        /// The pattern.
        like: String,
        /// When; the page's moment if left out.
        #[serde(default)]
        at: Option<Moment>,
    },
    /// The program of the parent of the first such process, without its directory.
    Parent {
        /// The pattern.
        of: String,
        /// When; the page's moment if left out.
        #[serde(default)]
        at: Option<Moment>,
    },
    /// How many lines a tool prints below its heading that fit a pattern.
    Lines {
        /// The command line.
        command: String,
        /// The pattern.
        like: String,
        /// When; the page's moment if left out.
        #[serde(default)]
        at: Option<Moment>,
    },
    /// One count less another.
    Less(Box<[Self; 2]>),
}

/// What can be counted during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Counter {
    /// Calls that leave one program for another.
    Hops,
    /// Calls that are glue.
    Glue,
    /// Reasons for glue.
    Reasons,
    /// Programs that take part.
    Programs,
    /// Protocols that are spoken between programs.
    Protocols,
}

/// A question.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// Its words.
    pub text: Text,
    /// What is right.
    pub answer: Answer,
    /// What can be chosen; without any, the reader writes the answer, or goes to the step.
    #[serde(default)]
    pub options: Vec<Offer>,
    /// What helps after a wrong answer.
    pub hint: Text,
    /// What there is to say after the right one.
    pub because: Text,
}

/// What is right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// This value.
    Value(Value),
    /// To go to such a step; to that one, if the predicate says which.
    Step(Moment),
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// It is right if the answer has this value.
    pub value: String,
    /// Its words; the value itself if left out.
    #[serde(default)]
    pub text: Option<Text>,
}

/// Something that the reader is to change.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What is to be achieved.
    pub text: Text,
    /// What can be changed. A reader may as well edit the manifest.
    pub choices: Vec<Choice>,
    /// What then has to hold of the trace.
    pub check: Vec<Condition>,
    /// What helps where it does not hold.
    pub hint: Text,
    /// What there is to say where it does.
    pub because: Text,
}

/// A change to choose.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    /// Its words.
    pub text: Text,
    /// What it changes of the page's scenario.
    #[serde(default)]
    pub edit: Scenario,
    /// The stacks to run on instead.
    #[serde(default)]
    pub stacks: Vec<Stack>,
}

/// What has to hold of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// This happens.
    Happens(Moment),
    /// This never happens.
    Never(Moment),
    /// This has that value.
    Equal(Value, String),
}
