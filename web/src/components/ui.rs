//! Small pieces that many views use.

use super::{Store, send};
use crate::command::UiCommand;
use crate::state::Action;
use crate::text::{Lang, M};
use yew::{AttrValue, Callback, Html, classes, html};

/// An icon of 20 by 20, drawn with one path.
pub(super) fn icon(path: &'static str) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
            <path d={path} />
        </svg>
    }
}

/// The paths of icons.
pub(super) mod icons {
    pub(in super::super) const PLAY: &str = "M6 4l10 6-10 6z";
    pub(in super::super) const PAUSE: &str = "M6 4h3v12H6zM11 4h3v12h-3z";
    pub(in super::super) const STEP: &str = "M4 10h10M10 5l5 5-5 5";
    pub(in super::super) const BACK: &str = "M16 10H6M10 5l-5 5 5 5";
    pub(in super::super) const OVER: &str = "M3 13a7 6 0 0 1 13-2M16.5 6v5h-5";
    pub(in super::super) const OUT: &str = "M10 16V5M5 10l5-5 5 5";
    pub(in super::super) const FIRST: &str = "M5 4v12M16 5l-7 5 7 5z";
    pub(in super::super) const LAST: &str = "M15 4v12M4 5l7 5-7 5z";
    pub(in super::super) const ERROR: &str = "M5 5l10 10M15 5L5 15";
    pub(in super::super) const CHECK: &str = "M4 10.5l4 4 8-9";
    pub(in super::super) const GLUE: &str = "M10 2.5l6.5 3.75v7.5L10 17.5l-6.5-3.75v-7.5z";
    pub(in super::super) const THEME: &str = "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14";
    pub(in super::super) const HELP: &str = "M7.5 7.5a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M10 14.5v.5M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15";
    pub(in super::super) const EDIT: &str = "M5 3h7l3 3v11H5zM8 9h4M8 12h4";
    pub(in super::super) const LESSON: &str = "M10 5.5C8 4 5.500 3.800 3 4v11c2.500-.2 5 0 7 1.500 2-1.500 4.500-1.700 7-1.500V4c-2.500-.2-5 0-7 1.500zM10 5.500v11";
    pub(in super::super) const DOWN: &str = "M5 8l5 5 5-5";
    pub(in super::super) const UP: &str = "M5 12l5-5 5 5";
    pub(in super::super) const INTO: &str = "M10 4v11M5 10l5 5 5-5";
    pub(in super::super) const STOP: &str = "M7 3h6l4 4v6l-4 4H7l-4-4V7z";
    pub(in super::super) const EYE: &str =
        "M2 10c3-5 13-5 16 0-3 5-13 5-16 0M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4";
    pub(in super::super) const BRANCH: &str = "M6 3v14M6 12c6 0 8-2 8-6M14 6l-2.500 1M14 6l2 2";
    pub(in super::super) const UNDO: &str = "M4 8h8a4 4 0 0 1 0 8H8M7 5L4 8l3 3";
    pub(in super::super) const REDO: &str = "M16 8H8a4 4 0 0 0 0 8h4M13 5l3 3-3 3";
    pub(in super::super) const CLOSE: &str = "M5 5l10 10M15 5L5 15";
    pub(in super::super) const DOT: &str = "M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8";
    pub(in super::super) const RING: &str = "M10 5a5 5 0 1 0 0 10 5 5 0 0 0 0-10";
    pub(in super::super) const CLOCK: &str = "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6v4l3 2";
    pub(in super::super) const LINK: &str = "M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7";
}

/// A button for a command: an icon, a name, a key.
pub(super) fn command_button(
    store: &Store,
    command: UiCommand,
    name: M,
    path: &'static str,
    class: &'static str,
) -> Html {
    let name = store.text(name);
    let title = match command.shortcut() {
        Some(shortcut) => format!("{name} ({})", shortcut.label),
        None => name.to_owned(),
    };
    html! {
        <button
            type="button"
            class={classes!("button", "button--icon", class)}
            aria-label={name}
            title={title}
            data-command={format!("{command:?}")}
            onclick={send(store, Action::Command(command))}
        >
            { icon(path) }
        </button>
    }
}

/// One choice of several: radio buttons that look like one control.
pub(super) fn segmented<T: Clone + PartialEq + 'static>(
    label: &'static str,
    name: &'static str,
    options: &[(T, AttrValue, AttrValue)],
    chosen: &T,
    choose: &Callback<T>,
) -> Html {
    let option = |(value, key, text): &(T, AttrValue, AttrValue)| {
        let onchange = {
            let (choose, value) = (choose.clone(), value.clone());
            Callback::from(move |_: yew::Event| choose.emit(value.clone()))
        };
        html! {
            <label key={key.to_string()} class="segmented__option">
                <input
                    type="radio"
                    name={name}
                    value={key.clone()}
                    checked={value == chosen}
                    {onchange}
                />
                <span>{ text.clone() }</span>
            </label>
        }
    };
    html! {
        <div class="segmented" role="radiogroup" aria-label={label}>
            { for options.iter().map(option) }
        </div>
    }
}

/// A word with a shape and a colour that mean something.
pub(super) fn badge(kind: &'static str, path: &'static str, text: impl Into<AttrValue>) -> Html {
    html! {
        <span class={classes!("badge", format!("badge--{kind}"))}>
            { icon(path) }
            { text.into() }
        </span>
    }
}

/// Preformatted text that the keyboard can scroll.
pub(super) fn code(label: &'static str, body: Html) -> Html {
    html! {
        <pre class="code" tabindex="0" role="group" aria-label={label}>{ body }</pre>
    }
}

/// JSON over several lines, its keys set apart.
pub(super) fn json(label: &'static str, text: &str) -> Html {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    match pretty {
        Ok(pretty) => keyed(label, &pretty, ": "),
        Err(_) => code(label, html! { { text.to_owned() } }),
    }
}

/// YAML, its keys set apart.
pub(super) fn yaml(label: &'static str, text: &str) -> Html {
    keyed(label, text, ":")
}

fn keyed(label: &'static str, text: &str, mark: &str) -> Html {
    let lines = text.lines().map(|line| {
        let body = line.trim_start_matches([' ', '-']);
        let indent = line.len() - body.len();
        match body.find(mark) {
            Some(at) if !body[..at].contains(' ') => html! {
                <>
                    { line[..indent].to_owned() }
                    <span class="code__key">{ body[..at].to_owned() }</span>
                    { format!("{}\n", &body[at..]) }
                </>
            },
            _ => html! { { format!("{line}\n") } },
        }
    });
    code(label, html! { { for lines } })
}

/// Text with line breaks as it stands.
pub(super) fn plain(label: &'static str, text: &str) -> Html {
    code(label, html! { { text.to_owned() } })
}

/// A heading of a panel's part.
pub(super) fn heading(text: impl Into<AttrValue>) -> Html {
    html! { <h3 class="heading">{ text.into() }</h3> }
}

/// `?` for lists: nothing to show.
pub(super) fn empty(text: &'static str) -> Html {
    html! { <p class="empty">{ text }</p> }
}

/// A moment as the page writes it: seconds with milliseconds.
pub(super) fn moment(at: trace::Time) -> String {
    format!("{at} s")
}

/// The order of languages in the menu is theirs; the name of the other one is shown.
pub(super) const fn other(lang: Lang) -> Lang {
    match lang {
        Lang::En => Lang::Zh,
        Lang::Zh => Lang::En,
    }
}
