//! The trace as a plain list, for a screen reader or anybody else to walk; or only those steps in
//! which something is found.

use super::super::ui::{icon, icons, moment};
use super::super::{Store, send, use_store};
use crate::model::run::Run;
use crate::page;
use crate::state::Action;
use crate::text::{Lang, M, fill, shorten};
use std::rc::Rc;
use trace::listing::describe;
use trace::{EventId, Level, Outcome, What};
use web_sys::HtmlInputElement;
use yew::{
    Callback, Html, InputEvent, KeyboardEvent, Properties, TargetCast, classes, component, html,
    use_memo,
};

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
    /// What is searched for; nothing if empty.
    pub search: Rc<str>,
}

/// The list.
#[component]
pub(super) fn Steps(props: &Props) -> Html {
    let store = use_store();
    let Props { run, cursor, level, lang, search } = props;
    let trace = run.trace();
    let found = use_memo((run.clone(), search.clone()), |(run, search)| {
        if search.is_empty() { Vec::new() } else { run.search(search) }
    });
    let steps = if search.is_empty() { run.steps(*level) } else { &found };
    let position = steps.partition_point(|&step| step as usize <= *cursor);
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
        let now = index + 1 == position && (search.is_empty() || steps[index] as usize == *cursor);
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
            { search_field(&store, search) }
            if steps.is_empty() && !search.is_empty() {
                <p class="empty" role="status">{ text(M::SearchNone) }</p>
            }
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

/// The field that says what to search for, and the way from place to place.
fn search_field(store: &Store, search: &Rc<str>) -> Html {
    let oninput = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            dispatcher.dispatch(Action::Search(input.value().into()));
        })
    };
    let onkeydown = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" => dispatcher.dispatch(Action::Found(!event.shift_key())),
            "Escape" => {
                dispatcher.dispatch(Action::Search("".into()));
                page::focus("panel");
            }
            _ => {}
        })
    };
    let go = |forwards: bool, name: M, path: &'static str| {
        html! {
            <button
                type="button"
                class="button button--icon"
                aria-label={store.text(name)}
                title={store.text(name)}
                disabled={search.is_empty()}
                onclick={send(store, Action::Found(forwards))}
            >
                { icon(path) }
            </button>
        }
    };
    html! {
        <search class="search">
            <input
                id="search"
                class="field"
                type="search"
                aria-label={store.text(M::Search)}
                placeholder={store.text(M::SearchHint)}
                title={store.text(M::SearchKeys)}
                autocomplete="off"
                spellcheck="false"
                value={search.to_string()}
                {oninput}
                {onkeydown}
            />
            { go(false, M::SearchPrevious, icons::UP) }
            { go(true, M::SearchNext, icons::DOWN) }
        </search>
    }
}
