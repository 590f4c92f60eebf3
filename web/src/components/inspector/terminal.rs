//! The terminal: the tools of the field against the simulated node at the cursor.

use super::super::ui::moment;
use super::super::use_store;
use crate::state::{Action, Entry};
use crate::text::M;
use std::rc::Rc;
use web_sys::{Element, HtmlInputElement};
use yew::{
    Callback, Html, InputEvent, KeyboardEvent, SubmitEvent, TargetCast, component, html,
    use_effect_with, use_node_ref,
};

/// The panel.
#[component]
pub(super) fn TerminalView() -> Html {
    let store = use_store();
    let terminal = &store.terminal;
    let output = use_node_ref();
    use_effect_with(
        (output.clone(), terminal.entries.len(), terminal.choices.len()),
        |(output, ..)| {
            if let Some(output) = output.cast::<Element>() {
                output.set_scroll_top(output.scroll_height());
            }
        },
    );
    let oninput = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            dispatcher.dispatch(Action::Type(input.value().into()));
        })
    };
    let onkeydown = {
        let (dispatcher, empty) = (store.dispatcher(), terminal.line.is_empty());
        Callback::from(move |event: KeyboardEvent| {
            let action = match event.key().as_str() {
                // With nothing to complete, Tab leaves the field as it does everywhere.
                "Tab" if !event.shift_key() && !empty => Action::Complete,
                "ArrowUp" => Action::Recall(true),
                "ArrowDown" => Action::Recall(false),
                _ => return,
            };
            event.prevent_default();
            dispatcher.dispatch(action);
        })
    };
    let onsubmit = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            dispatcher.dispatch(Action::Enter);
        })
    };
    let entry = |entry: &Rc<Entry>| {
        html! {
            <>
                <span class="terminal__prompt">{ format!("{} ", moment(entry.at)) }</span>
                <b>{ format!("$ {}\n", entry.line) }</b>
                { entry.text.clone() }
            </>
        }
    };
    html! {
        <div class="terminal">
            <pre
                ref={output}
                class="terminal__output"
                tabindex="0"
                role="log"
                aria-label={store.text(M::TerminalOutput)}
            >
                if terminal.entries.is_empty() {
                    <span class="terminal__hint">{ store.text(M::TerminalHint) }</span>
                }
                { for terminal.entries.iter().map(entry) }
                if !terminal.choices.is_empty() {
                    <span class="terminal__prompt">{ terminal.choices.join("  ") }</span>
                }
            </pre>
            <form class="terminal__form" {onsubmit}>
                <span class="terminal__prompt" aria-hidden="true">{ format!("{} $", moment(store.frame().at)) }</span>
                <input
                    id="terminal-line"
                    class="terminal__line"
                    aria-label={store.text(M::TerminalLine)}
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    value={terminal.line.to_string()}
                    {oninput}
                    {onkeydown}
                />
            </form>
        </div>
    }
}
