//! The trace as a plain list, for a screen reader or anybody else to walk.

use super::super::ui::moment;
use super::super::use_store;
use crate::model::run::Run;
use crate::state::Action;
use crate::text::{Lang, M, fill, shorten};
use std::rc::Rc;
use trace::listing::describe;
use trace::{EventId, Level, Outcome, What};
use yew::{Callback, Html, Properties, classes, component, html};

/// How many steps are listed at once; a page of the list turns with the cursor.
const PAGE: usize = 60;

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run.
    pub run: Rc<Run>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// How deep one looks.
    pub level: Level,
    /// The language.
    pub lang: Lang,
}

/// The list.
#[component]
pub(super) fn Steps(props: &Props) -> Html {
    let store = use_store();
    let Props { run, cursor, level, lang } = props;
    let trace = run.trace();
    let steps = run.steps(*level);
    let position = run.position(*cursor, *level);
    let page = position.saturating_sub(1) / PAGE;
    let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(steps.len()));
    let text = |message: M| message.text(*lang);
    let go = |step: Option<&u32>, message: M| {
        let target = step.map(|step| *step as usize);
        let dispatcher = store.dispatcher();
        let onclick = Callback::from(move |_: yew::MouseEvent| {
            if let Some(target) = target {
                dispatcher.dispatch(Action::Seek(target));
            }
        });
        html! {
            <button type="button" class="button" disabled={target.is_none()} {onclick}>{ text(message) }</button>
        }
    };
    let item = |index: usize| {
        let id = EventId(steps[index] - 1);
        let event = trace.event(id);
        let kind = match &event.what {
            What::Call(_) => "is-call",
            What::Return(answer) => match answer.outcome {
                Outcome::Ok => "is-return",
                Outcome::Error { .. } => "is-error",
            },
            What::Effect(_) => "is-effect",
        };
        let now = index + 1 == position;
        let depth = trace.stack_of(id).filter(|(_, call)| call.level <= *level).count();
        let dispatcher = store.dispatcher();
        let cursor = id.index() + 1;
        let onclick =
            Callback::from(move |_: yew::MouseEvent| dispatcher.dispatch(Action::Seek(cursor)));
        html! {
            <li key={id.0.to_string()} value={(index + 1).to_string()}>
                <button
                    type="button"
                    class={classes!("step", kind, now.then_some("is-now"))}
                    aria-current={now.then_some("step")}
                    style={format!("--depth:{}", depth.saturating_sub(1).min(8))}
                    {onclick}
                >
                    <span class="step__time">{ moment(event.at) }</span>
                    <span class="step__text">{ shorten(&describe(trace, event)) }</span>
                </button>
            </li>
        }
    };
    let range = fill(text(M::ListRange), |name| {
        Some(match name {
            "from" => (from + 1).min(to).to_string(),
            "to" => to.to_string(),
            _ => steps.len().to_string(),
        })
    });
    html! {
        <div class="steps">
            <div class="steps__pages">
                { go(from.checked_sub(1).and_then(|last| steps.get(last)), M::ListEarlier) }
                <span>{ range }</span>
                { go(steps.get(to), M::ListLater) }
            </div>
            <ol class="steps__list" aria-label={text(M::ListLabel)} start={(from + 1).to_string()}>
                { for (from..to).map(item) }
            </ol>
        </div>
    }
}
