//! Why a step happens: what it is good for, where upstream does it, and what led to it.

use super::super::Store;
use super::super::ui::{badge, empty, heading, icons, moment};
use super::{current, seek, source};
use crate::text::{M, caption, glue};
use trace::causality;
use yew::{Html, html};

/// The panel.
pub(super) fn why(store: &Store) -> Html {
    let Some((run, id)) = store.leading().zip(current(store)) else {
        return empty(store.text(M::Beginning));
    };
    let trace = run.trace();
    let glued = trace
        .stack_of(id)
        .find_map(|(_, call)| call.glue.as_deref())
        .map(|key| glue(key, store.lang).to_owned());
    let chain = causality::why(trace, id);
    let link = |id: &trace::EventId| {
        html! {
            <li>
                <button type="button" class="cause" onclick={seek(store, *id)}>
                    <span class="cause__time">{ moment(trace.event(*id).at) }</span>
                    { caption(trace, *id, store.lang) }
                </button>
            </li>
        }
    };
    html! {
        <>
            if let Some(reason) = glued {
                { heading(store.text(M::WhyGlue)) }
                <p class="why__glue">{ badge("glue", icons::GLUE, store.text(M::Glue)) }{ " " }{ reason }</p>
            }
            { source::source(store) }
            { heading(store.text(M::WhyChain)) }
            <ol class="causes">{ for chain.iter().map(link) }</ol>
        </>
    }
}
