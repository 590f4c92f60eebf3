//! The current step in plain words.

use super::ui::{badge, icons, moment};
use crate::model::run::Run;
use crate::text::{Lang, M, caption, duration_text, error_word, fill, glue, shorten};
use std::rc::Rc;
use trace::{EventId, Level, Outcome, Trace, What};
use yew::{Html, Properties, component, html};

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run that the steps follow.
    pub run: Option<Rc<Run>>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// How deep one looks.
    pub level: Level,
    /// The language.
    pub lang: Lang,
}

/// The caption, which screen readers read out as it changes.
#[component]
pub(super) fn CaptionBar(props: &Props) -> Html {
    let Props { run, cursor, level, lang } = props;
    let text = |message: M| message.text(*lang);
    let body = run.as_ref().and_then(|run| {
        let current = run.current(*cursor, *level)?;
        let step = run.position(*cursor, *level).to_string();
        let steps = run.steps(*level).len().to_string();
        let of = fill(text(M::StepOf), |name| {
            Some(if name == "step" { step.clone() } else { steps.clone() })
        });
        Some(html! {
            <>
                <p class="caption__text">{ caption(run.trace(), current, *lang) }</p>
                { facts(run.trace(), current, of, *lang) }
            </>
        })
    });
    html! {
        <section class="caption" id="caption" tabindex="-1" aria-label={text(M::Caption)}>
            <div aria-live="polite" aria-atomic="true">
                { body.unwrap_or_else(|| html! {
                    <>
                        <p class="caption__text">{ text(M::Beginning) }</p>
                        <p class="caption__facts">{ text(M::BeginningHint) }</p>
                    </>
                }) }
            </div>
        </section>
    }
}

/// Who, how, when, and what is special about it.
fn facts(trace: &Trace, id: EventId, of: String, lang: Lang) -> Html {
    let event = trace.event(id);
    let call_id = match &event.what {
        What::Call(_) => Some(id),
        What::Return(answer) => Some(answer.call),
        What::Effect(_) => None,
    };
    let call = call_id.and_then(|id| trace.event(id).as_call());
    let answer = event.as_return();
    html! {
        <p class="caption__facts">
            <span class="caption__time">{ moment(event.at) }</span>
            <span>{ of }</span>
            if let Some(call) = call {
                <span class="caption__way">
                    { call.from.name() }
                    <b aria-hidden="true">{ if answer.is_some() { " ← " } else { " → " } }</b>
                    { call.to.name() }
                </span>
                <span class="caption__op">{ shorten(&call.op) }</span>
                <span>{ call.protocol.name() }</span>
            }
            if let Some(answer) = answer {
                { match &answer.outcome {
                    Outcome::Ok => {
                        let took = event.at.since(trace.event(answer.call).at);
                        badge("ok", icons::CHECK, duration_text(took))
                    }
                    Outcome::Error { code, .. } => {
                        badge("error", icons::ERROR, error_word(code, lang))
                    }
                } }
            }
            if let Some(key) = call.and_then(|call| call.glue.as_deref()) {
                <span title={glue(key, lang).to_owned()}>
                    { badge("glue", icons::GLUE, M::Glue.text(lang)) }
                </span>
            }
        </p>
    }
}
