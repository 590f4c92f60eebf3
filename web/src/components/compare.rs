//! The head of a stage that stands beside another: which stack it is, and what it took so far.

use super::use_store;
use crate::model::run::Run;
use crate::state::Action;
use crate::text::{Lang, M, duration_text};
use std::rc::Rc;
use trace::{EventId, tally::Tally};
use yew::{Callback, Html, Properties, classes, component, html};

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run.
    pub run: Rc<Run>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// Which of the runs it is.
    pub index: usize,
    /// Whether the steps follow it.
    pub leads: bool,
    /// The language.
    pub lang: Lang,
}

/// The head.
#[component]
pub(super) fn Compare(props: &Props) -> Html {
    let store = use_store();
    let Props { run, cursor, index, leads, lang } = props;
    let trace = run.trace();
    let text = |message: M| message.text(*lang);
    let start = trace.iter().find(|(_, event)| event.subject.pod.is_some());
    let start = start.map_or(EventId(0), |(id, _)| id);
    let end = EventId((*cursor).max(start.index()) as u32);
    let tally = if trace.is_empty() { Tally::default() } else { Tally::of(trace, start, end) };
    let counter = |message: M, value: String| {
        html! {
            <div class="counter">
                <dt>{ text(message) }</dt>
                <dd>{ value }</dd>
            </div>
        }
    };
    let lead = {
        let (dispatcher, index) = (store.dispatcher(), *index);
        Callback::from(move |_: yew::MouseEvent| dispatcher.dispatch(Action::Lead(index)))
    };
    html! {
        <header class={classes!("compare", leads.then_some("is-leading"))}>
            <h2 class="compare__name">
                { run.stack.name() }
                <span class="compare__version">{ format!("Kubernetes {}", trace.header.kubernetes) }</span>
            </h2>
            <button type="button" class="button compare__lead" aria-pressed={leads.to_string()} onclick={lead}>
                { text(if *leads { M::Focused } else { M::Follow }) }
            </button>
            <dl class="counters" aria-label={text(M::Counters)}>
                { counter(M::CountCri, tally.cri_calls.to_string()) }
                { counter(M::CountHops, tally.hops.to_string()) }
                { counter(M::CountProcesses, tally.processes.len().to_string()) }
                { counter(M::CountGlue, tally.glue_calls().to_string()) }
                { counter(M::CountTime, duration_text(tally.duration)) }
            </dl>
        </header>
    }
}
