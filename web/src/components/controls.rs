//! The step controls.

use super::ui::{command_button, icons, segmented};
use super::{Store, send};
use crate::command::UiCommand;
use crate::state::{Action, SPEEDS};
use crate::text::M;
use trace::Level;
use wasm_bindgen::JsCast;
use yew::{AttrValue, Callback, Html, html};

/// The name of a level.
pub(super) const fn level_name(level: Level) -> M {
    match level {
        Level::Steps => M::Level1,
        Level::Calls => M::Level2,
        Level::Hops => M::Level3,
        Level::Effects => M::Level4,
    }
}

/// The row of buttons.
pub(super) fn controls(store: &Store) -> Html {
    let (play, path) =
        if store.playing { (M::Pause, icons::PAUSE) } else { (M::Play, icons::PLAY) };
    let levels: Vec<(Level, AttrValue, AttrValue)> = Level::ALL
        .into_iter()
        .map(|level| {
            let number = (level as u8).to_string();
            let text = format!("{number} {}", store.text(level_name(level)));
            (level, number.into(), text.into())
        })
        .collect();
    let choose_level = {
        let dispatcher = store.dispatcher();
        Callback::from(move |level| dispatcher.dispatch(Action::Level(level)))
    };
    let choose_speed = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: yew::Event| {
            let select =
                event.target().and_then(|t| t.dyn_into::<web_sys::HtmlSelectElement>().ok());
            if let Some(index) = select.and_then(|select| select.value().parse().ok()) {
                dispatcher.dispatch(Action::Speed(index));
            }
        })
    };
    let button =
        |command: UiCommand, path| command_button(store, command, command.name(), path, "");
    html! {
        <div class="controls">
            <div class="controls__group" role="group" aria-label={store.text(M::Controls)}>
                { command_button(store, UiCommand::First, M::First, icons::FIRST, "button--wide-only") }
                { button(UiCommand::Back, icons::BACK) }
                { command_button(store, UiCommand::PlayPause, play, path, "button--primary") }
                { button(UiCommand::Step, icons::STEP) }
                { button(UiCommand::Over, icons::OVER) }
                { command_button(store, UiCommand::Into, M::Into, icons::INTO, "button--wide-only") }
                { button(UiCommand::Out, icons::OUT) }
                { command_button(store, UiCommand::Last, M::Last, icons::LAST, "button--wide-only") }
                { command_button(store, UiCommand::NextStop, M::NextStop, icons::STOP, "button--wide-only") }
                { command_button(store, UiCommand::NextError, M::NextError, icons::ERROR, "button--wide-only") }
            </div>
            <div class="controls__detail">
                <span class="controls__label" aria-hidden="true">{ store.text(M::Detail) }</span>
                { segmented(store.text(M::Detail), "detail", &levels, &store.level, &choose_level) }
            </div>
            <div class="controls__fit">
                { fit(store, false, M::FitAll) }
                { fit(store, true, M::FitChapter) }
            </div>
            <label class="controls__speed">
                <span class="controls__label">{ store.text(M::Speed) }</span>
                <select class="select" aria-label={store.text(M::Speed)} onchange={choose_speed}>
                    { for SPEEDS.iter().enumerate().map(|(index, (name, _))| html! {
                        <option value={index.to_string()} selected={index == store.speed}>{ *name }</option>
                    }) }
                </select>
            </label>
        </div>
    }
}

/// How much of the run the timeline shows.
fn fit(store: &Store, chapter: bool, name: M) -> Html {
    html! {
        <button
            type="button"
            class="button button--toggle"
            aria-pressed={(store.chapter == chapter).to_string()}
            onclick={send(store, Action::Chapter(chapter))}
        >
            { store.text(name) }
        </button>
    }
}
