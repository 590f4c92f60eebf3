//! Everything that a user can command, once: the keys, the help and the buttons read it here.

use crate::text::M;

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortcut {
    /// The key as `KeyboardEvent.key` names it.
    pub key: &'static str,
    /// Whether Shift has to be held. Keys that are typed with Shift, such as `?`, say false.
    pub shift: bool,
    /// Whether Ctrl (or the Command key) has to be held.
    pub ctrl: bool,
    /// How it is printed.
    pub label: &'static str,
}

const fn key(key: &'static str, label: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, shift: false, ctrl: false, label })
}

const fn shift(key: &'static str, label: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, shift: true, ctrl: false, label })
}

const fn ctrl(key: &'static str, shift: bool, label: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, shift, ctrl: true, label })
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident $message:ident $shortcut:expr;)*) => {
        /// A command of the page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum UiCommand { $($(#[$doc])* $name,)* }

        impl UiCommand {
            /// Every command, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> M {
                match self { $(Self::$name => M::$message,)* }
            }

            /// Its key.
            #[must_use]
            pub const fn shortcut(self) -> Option<Shortcut> {
                match self { $(Self::$name => $shortcut,)* }
            }
        }
    };
}

commands! {
    /// Starts or stops playing.
    PlayPause Play key(" ", "Space");
    /// One step forwards.
    Step Step key("ArrowRight", "→");
    /// One step backwards.
    Back Back key("ArrowLeft", "←");
    /// Forwards to the return of the current call.
    Over Over shift("ArrowRight", "Shift →");
    /// Backwards to before the call that has just returned.
    OverBack OverBack shift("ArrowLeft", "Shift ←");
    /// Into the current call, however deep what happens in it lies.
    Into Into shift("ArrowDown", "Shift ↓");
    /// Forwards to the return of the call around this step.
    Out Out shift("ArrowUp", "Shift ↑");
    /// To the beginning.
    First First key("Home", "Home");
    /// To the end.
    Last Last key("End", "End");
    /// To where SyncPod enters its next step.
    NextSync NextSync key("y", "Y");
    /// To where SyncPod entered the step before.
    PreviousSync PreviousSync shift("Y", "Shift Y");
    /// To the next call of the Container Runtime Interface.
    NextCri NextCri key("c", "C");
    /// To the one before.
    PreviousCri PreviousCri shift("C", "Shift C");
    /// To the next call that fails.
    NextError NextError key("e", "E");
    /// To the one before.
    PreviousError PreviousError shift("E", "Shift E");
    /// To the next breakpoint, or change of what is watched.
    NextStop NextStop key("r", "R");
    /// To the one before.
    PreviousStop PreviousStop shift("R", "Shift R");
    /// Sets or removes a breakpoint on the operation of the current call.
    BreakHere BreakHere key("o", "O");
    /// Searches the trace.
    Search Search key("/", "/");
    /// Opens the terminal.
    Terminal Terminal key("`", "`");
    /// A level less.
    DetailLess DetailLess key("[", "[");
    /// A level more.
    DetailMore DetailMore key("]", "]");
    /// Plays more slowly.
    Slower Slower key("-", "-");
    /// Plays faster.
    Faster Faster key("+", "+");
    /// One stack, the other, both.
    NextStack Stack key("k", "K");
    /// Opens the choice of scenarios.
    Scenarios ChooseScenario key("s", "S");
    /// Opens the choice of lessons.
    Lessons Lessons key("g", "G");
    /// The next page of the lesson.
    NextPage LessonNext key("PageDown", "Page ↓");
    /// The page before.
    PreviousPage LessonPrevious key("PageUp", "Page ↑");
    /// Opens the manifest editor.
    Manifest Manifest key("m", "M");
    /// Opens the changes of the scenario.
    WhatIf WhatIf key("w", "W");
    /// Takes the last change back.
    Undo Undo ctrl("z", false, "Ctrl Z");
    /// Makes it again.
    Redo Redo ctrl("z", true, "Ctrl Shift Z");
    /// As the system, light, dark.
    Theme Theme key("t", "T");
    /// The next language.
    Language Language key("l", "L");
    /// Opens the help.
    Help Help key("?", "?");
}

impl UiCommand {
    /// The command of a key. A letter with Shift that has no command of its own is the letter: Caps
    /// Lock may be on.
    #[must_use]
    pub fn of_key(key: &str, shift: bool, ctrl: bool) -> Option<Self> {
        let find = |fits: &dyn Fn(Shortcut) -> bool| {
            Self::ALL.iter().copied().find(|command| {
                command.shortcut().is_some_and(|shortcut| shortcut.ctrl == ctrl && fits(shortcut))
            })
        };
        find(&|s| s.shift == shift && s.key.eq_ignore_ascii_case(key))
            .or_else(|| find(&|s| !s.shift && s.key.len() == 1 && s.key.eq_ignore_ascii_case(key)))
    }

    /// What is to have the keyboard's focus once the command has been done, by its id.
    #[must_use]
    pub const fn focuses(self) -> Option<&'static str> {
        match self {
            Self::Search => Some("search"),
            Self::Terminal => Some("terminal-line"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_names_one_command() {
        for command in UiCommand::ALL {
            if let Some(Shortcut { key, shift, ctrl, .. }) = command.shortcut() {
                assert_eq!(UiCommand::of_key(key, shift, ctrl), Some(*command));
            }
        }
        let of = |key, shift| UiCommand::of_key(key, shift, false);
        assert_eq!(of("ArrowRight", true), Some(UiCommand::Over));
        assert_eq!(of("T", true), Some(UiCommand::Theme));
        assert_eq!(of("E", true), Some(UiCommand::PreviousError));
        assert_eq!(of("?", true), Some(UiCommand::Help));
        assert_eq!(of("q", false), None);
        assert_eq!(UiCommand::of_key("t", false, true), None, "the browser's own");
    }
}
