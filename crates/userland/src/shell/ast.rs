//! What a script is made of (POSIX.1-2024, "Shell Command Language").

use std::cell::RefCell;
use std::rc::Rc;

/// Commands that run one after the other.
pub(crate) type List = Rc<Vec<Rc<AndOr>>>;

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(crate) struct AndOr {
    pub(crate) first: Pipeline,
    /// True for `&&`, false for `||`.
    pub(crate) rest: Vec<(bool, Pipeline)>,
    pub(crate) background: bool,
}

/// Commands joined by `|`.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) negated: bool,
    pub(crate) commands: Vec<Rc<Command>>,
}

/// A command.
#[derive(Debug)]
pub(crate) enum Command {
    /// Assignments, a program with its arguments, redirections.
    Simple(Simple),
    /// Something with commands inside, and redirections for all of them.
    Compound(Compound, Vec<Redirect>),
    /// `name() body`.
    Function(String, Rc<Self>),
}

/// A simple command.
#[derive(Debug, Default)]
pub(crate) struct Simple {
    pub(crate) assignments: Vec<(String, Word)>,
    pub(crate) words: Vec<Word>,
    pub(crate) redirects: Vec<Redirect>,
}

/// A command with commands inside.
#[derive(Debug)]
pub(crate) enum Compound {
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// Conditions with what follows on each, and `else`.
    If(Vec<(List, List)>, Option<List>),
    /// `while`, or `until` where the last is true.
    While(List, List, bool),
    /// `for NAME in …`; the positional parameters where nothing is said.
    For(String, Option<Vec<Word>>, List),
    /// `case … in`.
    Case(Word, Vec<(Vec<Word>, List)>),
}

/// A redirection of a descriptor.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) fd: u32,
    pub(crate) kind: RedirectKind,
}

/// Where a descriptor is redirected to.
#[derive(Debug)]
pub(crate) enum RedirectKind {
    /// `<`
    Read(Word),
    /// `>`
    Write(Word),
    /// `>>`
    Append(Word),
    /// `<&` and `>&`
    Duplicate(Word),
    /// `<<`; the text comes after the line.
    Here(Rc<RefCell<Word>>),
}

/// Parts that stand together without a blank.
pub(crate) type Word = Vec<Part>;

/// A part of a word.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Text in which `*`, `?` and `[` are special.
    Plain(String),
    /// Text in which nothing is special.
    Quoted(String),
    /// `"…"`
    Double(Word),
    /// `$NAME`, `${NAME…}`
    Parameter(String, Operator),
    /// `$(…)`, `` `…` ``
    Substitution(List),
    /// `$((…))`
    Arithmetic(Word),
}

/// What is done with a parameter.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    /// Nothing.
    None,
    /// `${#NAME}`
    Length,
    /// `-`, `=`, `?`, `+` with a word; with `:` in front an empty value counts as none.
    Default(char, bool, Word),
    /// `#`, `##`, `%`, `%%` with a pattern; true for the longest.
    Trim(char, bool, Word),
    /// `/`, `//` with a pattern and its replacement, which ash and bash have.
    Replace(bool, Word, Word),
    /// `:OFFSET:LENGTH`, which ash and bash have.
    Slice(Word, Option<Word>),
}
