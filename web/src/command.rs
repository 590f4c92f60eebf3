//! Everything that a user can command, once: the keys, the help and the buttons read it here.

use crate::text::M;

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortcut {
    /// The key as `KeyboardEvent.key` names it.
    pub key: &'static str,
    /// Whether Shift has to be held. Keys that are typed with Shift, such as `?`, say false.
    pub shift: bool,
    /// How it is printed.
    pub label: &'static str,
}

const fn key(key: &'static str, label: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, shift: false, label })
}

const fn shift(key: &'static str, label: &'static str) -> Option<Shortcut> {
    Some(Shortcut { key, shift: true, label })
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
    /// Forwards to the return of the call around this step.
    Out Out shift("ArrowUp", "Shift ↑");
    /// To the beginning.
    First First key("Home", "Home");
    /// To the end.
    Last Last key("End", "End");
    /// To the next call that fails.
    NextError NextError key("e", "E");
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
    /// Opens the manifest editor.
    Manifest Manifest key("m", "M");
    /// As the system, light, dark.
    Theme Theme key("t", "T");
    /// The next language.
    Language Language key("l", "L");
    /// Opens the help.
    Help Help key("?", "?");
}

impl UiCommand {
    /// The command of a key.
    #[must_use]
    pub fn of_key(key: &str, shift: bool) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| {
            command.shortcut().is_some_and(|shortcut| {
                if shortcut.key.len() > 1 || shortcut.shift {
                    shortcut.key == key && shortcut.shift == shift
                } else {
                    shortcut.key.eq_ignore_ascii_case(key)
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_names_one_command() {
        for command in UiCommand::ALL {
            if let Some(shortcut) = command.shortcut() {
                assert_eq!(UiCommand::of_key(shortcut.key, shortcut.shift), Some(*command));
            }
        }
        assert_eq!(UiCommand::of_key("ArrowRight", true), Some(UiCommand::Over));
        assert_eq!(UiCommand::of_key("T", true), Some(UiCommand::Theme));
        assert_eq!(UiCommand::of_key("q", false), None);
    }
}
