//! The bar at the top: which scenario, on which stack, and the page's own switches.

use super::ui::{command_button, icon, icons, other};
use super::{Store, send};
use crate::command::UiCommand;
use crate::state::{Action, Stacks, Theme};
use crate::text::{Lang, M};
use scenario::Stack;
use web_sys::HtmlSelectElement;
use yew::{Callback, Html, TargetCast, html};

/// The bar.
pub(super) fn header(store: &Store) -> Html {
    let theme = match store.theme {
        Theme::System => M::ThemeSystem,
        Theme::Light => M::ThemeLight,
        Theme::Dark => M::ThemeDark,
    };
    let next = other(store.lang);
    html! {
        <header class="bar">
            <h1 class="brand">
                { logo() }
                <span class="brand__name">{ "Shimscope" }</span>
                <span class="brand__tagline">{ store.text(M::Tagline) }</span>
            </h1>
            <button
                type="button"
                class="button bar__scenario"
                data-command="Scenarios"
                aria-haspopup="dialog"
                onclick={send(store, Action::Command(UiCommand::Scenarios))}
            >
                <span class="bar__label">{ store.text(M::Scenario) }</span>
                <span class="bar__value">{ scenario_title(store) }</span>
                { icon(icons::DOWN) }
            </button>
            { stacks(store) }
            <div class="bar__switches">
                <button
                    type="button"
                    class="button bar__manifest"
                    data-command="Lessons"
                    aria-haspopup="dialog"
                    aria-label={store.text(M::Lessons)}
                    onclick={send(store, Action::Command(UiCommand::Lessons))}
                >
                    { icon(icons::LESSON) }
                    <span>{ store.text(M::Lessons) }</span>
                </button>
                <button
                    type="button"
                    class="button bar__manifest"
                    data-command="Manifest"
                    aria-haspopup="dialog"
                    aria-label={store.text(M::Manifest)}
                    onclick={send(store, Action::Command(UiCommand::Manifest))}
                >
                    { icon(icons::EDIT) }
                    <span>{ store.text(M::Manifest) }</span>
                </button>
                <button
                    type="button"
                    class="button bar__manifest"
                    data-command="WhatIf"
                    aria-haspopup="dialog"
                    aria-label={store.text(M::WhatIf)}
                    onclick={send(store, Action::Command(UiCommand::WhatIf))}
                >
                    { icon(icons::BRANCH) }
                    <span>{ store.text(M::WhatIf) }</span>
                </button>
                <button
                    type="button"
                    class="button bar__lang"
                    data-command="Language"
                    lang={next.tag()}
                    title={format!("{} (L)", store.text(M::Language))}
                    onclick={send(store, Action::Command(UiCommand::Language))}
                >
                    { match next { Lang::En => "English", Lang::Zh => "中文" } }
                </button>
                { command_button(store, UiCommand::Theme, theme, icons::THEME, "") }
                { command_button(store, UiCommand::Help, M::Help, icons::HELP, "") }
            </div>
        </header>
    }
}

/// The title of what runs.
pub(super) fn scenario_title(store: &Store) -> String {
    if store.imported {
        return store.text(M::ImportedTrace).to_owned();
    }
    if store.own.is_some() {
        return store.text(M::YourManifest).to_owned();
    }
    let title = &store.scenario().title;
    store.lang.pick(&title.en, &title.zh).to_owned()
}

/// Which stack, and which beside it.
fn stacks(store: &Store) -> Html {
    let (left, right) = store.stacks.parts();
    let choice = |name: &'static str, chosen: Option<Stack>, nothing: Option<M>, label: M| {
        let (dispatcher, first) = (store.dispatcher(), nothing.is_none());
        let onchange = Callback::from(move |event: yew::Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let stack = Stack::from_key(&select.value());
            let stacks = match stack {
                Some(stack) if first => Stacks::of(stack, right),
                _ => Stacks::of(left, stack),
            };
            dispatcher.dispatch(Action::Stacks(stacks));
        });
        let stacks = Stack::ALL.into_iter().filter(|stack| first || *stack != left);
        html! {
            <select class="select" {name} aria-label={store.text(label)} {onchange}>
                if let Some(nothing) = nothing {
                    <option value="" selected={chosen.is_none()}>{ store.text(nothing) }</option>
                }
                { for stacks.map(|stack| html! {
                    <option value={stack.key()} selected={chosen == Some(stack)}>
                        { format!("{} {}", stack.name(), stack.kubernetes()) }
                    </option>
                }) }
            </select>
        }
    };
    html! {
        <div class="bar__stacks" role="group" aria-label={store.text(M::Stack)}>
            { choice("stack", Some(left), None, M::Stack) }
            { choice("beside", right, Some(M::BesideNone), M::Beside) }
        </div>
    }
}

/// Two layers and the line between them, with something looking through it.
fn logo() -> Html {
    html! {
        <svg class="brand__logo" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
            <rect class="brand__box" x="4" y="3" width="20" height="8" rx="2.5" />
            <rect class="brand__box brand__box--dashed" x="4" y="17" width="20" height="8" rx="2.5" />
            <path class="brand__line" d="M1 14h26" />
            <circle class="brand__eye" cx="14" cy="14" r="3.2" />
        </svg>
    }
}
