//! The inspector: the current step, the pod, the node, the source and the causes, each in a panel.

mod call;
mod debug;
mod node;
mod pod;
mod source;
mod steps;
mod terminal;
mod why;

use super::sync_panel::sync_panel;
use super::{Store, use_store};
use crate::page;
use crate::state::{Action, Tab};
use crate::text::M;
use trace::EventId;
use yew::{Callback, Html, KeyboardEvent, component, html};

/// The panels, one at a time.
#[component]
pub(super) fn Inspector() -> Html {
    let store = use_store();
    let compact = store.narrow || store.runs.len() > 1;
    let tabs: Vec<Tab> = Tab::ALL.into_iter().filter(|tab| compact || *tab != Tab::Sync).collect();
    let chosen = if tabs.contains(&store.tab) { store.tab } else { Tab::Call };
    let onkeydown = {
        let (dispatcher, tabs) = (store.dispatcher(), tabs.clone());
        Callback::from(move |event: KeyboardEvent| {
            let at = tabs.iter().position(|tab| *tab == chosen).unwrap_or_default();
            let to = match event.key().as_str() {
                "ArrowRight" => (at + 1) % tabs.len(),
                "ArrowLeft" => (at + tabs.len() - 1) % tabs.len(),
                "Home" => 0,
                "End" => tabs.len() - 1,
                _ => return,
            };
            event.prevent_default();
            event.stop_propagation();
            dispatcher.dispatch(Action::Tab(tabs[to]));
            page::focus(&format!("tab-{}", tabs[to].key()));
        })
    };
    let tab = |tab: &Tab| {
        let (tab, dispatcher) = (*tab, store.dispatcher());
        let selected = tab == chosen;
        html! {
            <button
                key={tab.key()}
                type="button"
                role="tab"
                class="tab"
                id={format!("tab-{}", tab.key())}
                aria-selected={selected.to_string()}
                aria-controls="panel"
                tabindex={if selected { "0" } else { "-1" }}
                onclick={Callback::from(move |_: yew::MouseEvent| dispatcher.dispatch(Action::Tab(tab)))}
            >
                { store.text(tab.name()) }
            </button>
        }
    };
    html! {
        <section class="inspector">
            <div class="tabs" role="tablist" aria-label={store.text(M::Panels)} {onkeydown}>
                { for tabs.iter().map(tab) }
            </div>
            <div
                class="inspector__panel"
                role="tabpanel"
                id="panel"
                tabindex="0"
                aria-labelledby={format!("tab-{}", chosen.key())}
            >
                <h2 class="visually-hidden">{ store.text(chosen.name()) }</h2>
                { panel(&store, chosen) }
            </div>
        </section>
    }
}

fn panel(store: &Store, tab: Tab) -> Html {
    match tab {
        Tab::Sync => sync_panel(store, false),
        Tab::Call => call::call(store),
        Tab::Pod => pod::pod(store),
        Tab::Node => node::node(store),
        Tab::Why => why::why(store),
        Tab::Steps => html! {
            if let Some(run) = store.leading() {
                <steps::Steps
                    run={run.clone()}
                    cursor={store.cursor}
                    level={store.level}
                    lang={store.lang}
                    search={store.search.clone()}
                />
            }
        },
        Tab::Terminal => html! { <terminal::TerminalView /> },
        Tab::Debug => html! { <debug::Debug /> },
    }
}

/// The step that one looks at.
fn current(store: &Store) -> Option<EventId> {
    store.leading()?.current(store.cursor, store.level)
}

/// A callback that goes to an event.
fn seek(store: &Store, event: EventId) -> Callback<yew::MouseEvent> {
    super::send(store, Action::Seek(event.index() + 1))
}
