//! The lesson beside the stage: its text, its question, what there is to change.

use super::ui::{badge, icon, icons};
use super::{Store, send, use_store};
use crate::model::study::{Move, Study};
use crate::page;
use crate::state::Action;
use crate::text::{Lang, M, fill};
use scenario::Text;
use scenario::lesson::{Change, Index, Lesson, Question};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlInputElement;
use yew::{
    Callback, Html, Properties, classes, component, hook, html, use_effect_with, use_node_ref,
};

/// Fetches the list of lessons and the lesson that are asked for, and keeps the progress.
#[hook]
pub(super) fn use_lessons(store: &Store) {
    let listed = store.lessons.is_some();
    let wants_list =
        !listed && (store.dialog == Some(crate::state::Dialog::Lessons) || store.study.is_some());
    let dispatcher = store.dispatcher();
    use_effect_with(wants_list, move |&wanted| {
        if wanted {
            spawn_local(async move {
                let index = match page::fetch_text("lessons/index.yaml").await {
                    Ok(text) => Index::parse(&text).map(Rc::new).map_err(|why| why.to_string()),
                    Err(why) => Err(why),
                };
                let index = index.map_err(Rc::from);
                dispatcher.dispatch(Action::Learn(Move::Index(index)));
            });
        }
    });
    let dispatcher = store.dispatcher();
    use_effect_with(store.wanted.clone(), move |wanted| {
        if let Some(id) = wanted.as_ref().map(|wanted| wanted.id.clone()) {
            spawn_local(async move {
                let lesson = match page::fetch_text(&format!("lessons/{id}.yaml")).await {
                    Ok(text) => Lesson::parse(&text).map(Rc::new).map_err(|why| why.to_string()),
                    Err(why) => Err(why),
                };
                let lesson = lesson.map_err(Rc::from);
                dispatcher.dispatch(Action::Learn(Move::Arrived(id, lesson)));
            });
        }
    });
    use_effect_with(store.progress.clone(), |progress| {
        if !progress.0.is_empty() {
            page::keep_progress(progress);
        }
    });
    // The reader goes on where the page begins.
    let place = store.study.as_ref().map(|study| (study.id.clone(), study.page));
    use_effect_with(place, |place| {
        if place.is_some() {
            page::focus("lesson-title");
        }
    });
}

/// The choice of lessons.
pub(super) fn lessons(store: &Store) -> Html {
    let Some(index) = &store.lessons else {
        return html! { <p role="status">{ store.text(M::LessonsLoading) }</p> };
    };
    let entry = |(number, entry): (usize, &scenario::lesson::Entry)| {
        let mark = store.progress.0.get(&entry.id);
        let open = store.study.as_ref().is_some_and(|study| *study.id == *entry.id);
        let state = mark.map(|mark| {
            if mark.is_done() {
                badge("ok", icons::CHECK, store.text(M::LessonDone))
            } else {
                let (seen, pages) = (mark.seen.len().to_string(), mark.pages.to_string());
                let text = store.fill(M::LessonSeen, &[("seen", &seen), ("pages", &pages)]);
                html! { <span class="choice__state">{ text }</span> }
            }
        });
        let id: Rc<str> = entry.id.as_str().into();
        html! {
            <li key={entry.id.clone()}>
                <button
                    type="button"
                    class={classes!("choice", open.then_some("is-chosen"))}
                    aria-current={open.then_some("true")}
                    data-lesson={entry.id.clone()}
                    onclick={send(store, Action::Learn(Move::Open(id)))}
                >
                    <span class="choice__number" aria-hidden="true">{ number + 1 }</span>
                    <span class="choice__title">
                        { said(&entry.title, store.lang) }
                        { state.map(|state| html! { <>{ " " }{ state }</> }) }
                    </span>
                    <span class="choice__summary">{ said(&entry.summary, store.lang) }</span>
                </button>
            </li>
        }
    };
    html! { <ol class="choices">{ for index.0.iter().enumerate().map(entry) }</ol> }
}

/// The panel of the lesson that is open.
pub(super) fn lesson(store: &Store) -> Html {
    let Some(study) = &store.study else { return Html::default() };
    let (page, pages) = (study.page(), study.lesson.pages.len());
    let number = (study.page + 1).to_string();
    let of = store.fill(M::LessonPage, &[("page", &number), ("pages", &pages.to_string())]);
    let entry = store.lessons.as_ref().and_then(|index| {
        index.0.iter().position(|entry| *entry.id == *study.id).map(|at| (at, &index.0))
    });
    let name = entry.map_or(store.text(M::Lessons), |(at, all)| said(&all[at].title, store.lang));
    let following = entry.and_then(|(at, all)| all.get(at + 1));
    let turn = |to: Option<usize>| send(store, Action::Learn(Move::Page(to.unwrap_or_default())));
    let previous = study.page.checked_sub(1);
    let next = Some(study.page + 1).filter(|next| *next < pages);
    html! {
        <section class="lesson" aria-labelledby="lesson-title" data-lesson={study.id.to_string()} data-page={number}>
            <header class="lesson__head">
                <p class="lesson__name">{ name.to_owned() }</p>
                <button
                    type="button"
                    class="button button--icon"
                    aria-label={store.text(M::LessonClose)}
                    data-command="CloseLesson"
                    onclick={send(store, Action::Learn(Move::Close))}
                >
                    { icon(icons::CLOSE) }
                </button>
            </header>
            <div class="lesson__body" key={format!("{}/{}", study.id, study.page)}>
                <h2 class="lesson__title" id="lesson-title" tabindex="-1">{ said(&page.title, store.lang) }</h2>
                if study.page == 0 {
                    <p class="lesson__goal">
                        <b>{ store.text(M::LessonGoal) }</b>{ " " }{ inline(said(&study.lesson.goal, store.lang)) }
                    </p>
                }
                { prose(study, &page.text, store.lang) }
                { page.ask.as_ref().map(|ask| question(store, study, ask)) }
                { page.change.as_ref().map(|change| task(store, study, change)) }
            </div>
            <footer class="lesson__foot">
                <button
                    type="button"
                    class="button"
                    disabled={previous.is_none()}
                    data-command="PreviousPage"
                    title={format!("{} (Page ↑)", store.text(M::LessonPrevious))}
                    onclick={turn(previous)}
                >
                    { icon(icons::BACK) }
                    <span>{ store.text(M::LessonPrevious) }</span>
                </button>
                <span class="lesson__of">{ of }</span>
                { match (next, following) {
                    (None, Some(entry)) => {
                        let open = Move::Open(entry.id.as_str().into());
                        html! {
                            <button
                                type="button"
                                class="button button--primary"
                                data-command="NextLesson"
                                title={said(&entry.title, store.lang).to_owned()}
                                onclick={send(store, Action::Learn(open))}
                            >
                                <span>{ store.text(M::LessonFollowing) }</span>
                                { icon(icons::STEP) }
                            </button>
                        }
                    }
                    _ => html! {
                        <button
                            type="button"
                            class="button button--primary"
                            disabled={next.is_none()}
                            data-command="NextPage"
                            title={format!("{} (Page ↓)", store.text(M::LessonNext))}
                            onclick={turn(next)}
                        >
                            <span>{ store.text(M::LessonNext) }</span>
                            { icon(icons::STEP) }
                        </button>
                    },
                } }
            </footer>
            <progress class="lesson__progress" aria-hidden="true" value={(study.page + 1).to_string()} max={pages.to_string()}></progress>
        </section>
    }
}

/// A question with its options, its field, or the button that says: this step.
fn question(store: &Store, study: &Study, ask: &Question) -> Html {
    let given = study.answer.as_ref();
    let right = given.is_some_and(|given| given.right);
    let body = if study.asks_for_step() {
        html! {
            <div class="lesson__choices">
                <button type="button" class="button button--answer" data-command="ThisStep" disabled={right}
                    onclick={send(store, Action::Learn(Move::ThisStep))}>
                    { icon(icons::DOT) }
                    { store.text(M::LessonHere) }
                </button>
                { again(store) }
            </div>
        }
    } else if ask.options.is_empty() {
        html! { <Field key={format!("{}/{}", study.id, study.page)} done={right} /> }
    } else {
        let option = |offer: &scenario::lesson::Offer| {
            let chosen = given.filter(|given| *given.text == *offer.value);
            let mark = chosen.map(|given| if given.right { icons::CHECK } else { icons::ERROR });
            let class = chosen.map(|given| if given.right { "is-right" } else { "is-wrong" });
            let words = match &offer.text {
                Some(text) => inline(said(text, store.lang)),
                None => html! { <code>{ offer.value.clone() }</code> },
            };
            let value: Rc<str> = offer.value.as_str().into();
            html! {
                <button
                    key={offer.value.clone()}
                    type="button"
                    class={classes!("button", "button--answer", class)}
                    aria-pressed={chosen.is_some().to_string()}
                    data-option={offer.value.clone()}
                    disabled={right && chosen.is_none()}
                    onclick={send(store, Action::Learn(Move::Answer(value)))}
                >
                    { icon(mark.unwrap_or(icons::RING)) }
                    <span>{ words }</span>
                </button>
            }
        };
        html! { <div class="lesson__choices">{ for ask.options.iter().map(option) }</div> }
    };
    html! {
        <section class="lesson__task" aria-label={store.text(M::LessonQuestion)}>
            <h3 class="heading">{ store.text(M::LessonQuestion) }</h3>
            { prose(study, &ask.text, store.lang) }
            { body }
            <div class="lesson__verdict" role="status">
                { given.map(|given| {
                    let (word, text) = if given.right {
                        (M::LessonRight, &ask.because)
                    } else {
                        (M::LessonWrong, &ask.hint)
                    };
                    verdict(store, study, given.right, word, text)
                }) }
            </div>
        </section>
    }
}

/// What there is to change.
fn task(store: &Store, study: &Study, change: &Change) -> Html {
    let choice = |(index, choice): (usize, &scenario::lesson::Choice)| {
        let chosen = study.choice == Some(index);
        html! {
            <button
                key={index}
                type="button"
                class={classes!("button", "button--answer", chosen.then_some("is-chosen"))}
                aria-pressed={chosen.to_string()}
                data-choice={(index + 1).to_string()}
                onclick={send(store, Action::Learn(Move::Try(index)))}
            >
                { icon(if chosen { icons::DOT } else { icons::RING }) }
                <span>{ inline(said(&choice.text, store.lang)) }</span>
            </button>
        }
    };
    html! {
        <section class="lesson__task" aria-label={store.text(M::LessonTask)}>
            <h3 class="heading">{ store.text(M::LessonTask) }</h3>
            { prose(study, &change.text, store.lang) }
            <div class="lesson__choices">
                { for change.choices.iter().enumerate().map(choice) }
                { again(store) }
            </div>
            <div class="lesson__verdict" role="status">
                { study.achieved.map(|achieved| {
                    let (word, text) = if achieved {
                        (M::LessonAchieved, &change.because)
                    } else {
                        (M::LessonNotYet, &change.hint)
                    };
                    verdict(store, study, achieved, word, text)
                }) }
            </div>
        </section>
    }
}

fn again(store: &Store) -> Html {
    html! {
        <button type="button" class="button" data-command="Again" onclick={send(store, Action::Learn(Move::Again))}>
            { icon(icons::FIRST) }
            { store.text(M::LessonBack) }
        </button>
    }
}

fn verdict(store: &Store, study: &Study, good: bool, word: M, text: &Text) -> Html {
    let (kind, path) = if good { ("ok", icons::CHECK) } else { ("error", icons::ERROR) };
    html! {
        <>
            { badge(kind, path, store.text(word)) }
            { prose(study, text, store.lang) }
        </>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct FieldProps {
    /// Whether the right answer was given.
    done: bool,
}

/// The field for an answer that is written.
#[component]
fn Field(props: &FieldProps) -> Html {
    let store = use_store();
    let input = use_node_ref();
    let submit = {
        let (dispatcher, input) = (store.dispatcher(), input.clone());
        Callback::from(move |event: yew::SubmitEvent| {
            event.prevent_default();
            let value = input.cast::<HtmlInputElement>().map(|input| input.value());
            if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                dispatcher.dispatch(Action::Learn(Move::Answer(value.into())));
            }
        })
    };
    html! {
        <form class="lesson__field" onsubmit={submit}>
            <input
                ref={input}
                class="field"
                type="text"
                autocomplete="off"
                spellcheck="false"
                aria-label={store.text(M::LessonYours)}
                readonly={props.done}
            />
            <button type="submit" class="button button--answer" disabled={props.done}>{ store.text(M::LessonCheck) }</button>
        </form>
    }
}

/// A text in the page's language.
fn said(text: &Text, lang: Lang) -> &str {
    lang.pick(&text.en, &text.zh)
}

/// Paragraphs and lists, with the values of the page.
fn prose(study: &Study, text: &Text, lang: Lang) -> Html {
    let text = fill(said(text, lang), |name| study.values.get(name).cloned());
    let block = |block: &str| -> Html {
        if block.starts_with("- ") {
            let items = block.split("\n- ").map(|item| item.strip_prefix("- ").unwrap_or(item));
            return html! { <ul>{ for items.map(|item| html! { <li>{ inline(item) }</li> }) }</ul> };
        }
        html! { <p>{ inline(block) }</p> }
    };
    let blocks = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    html! { <div class="prose">{ for blocks.map(block) }</div> }
}

/// The marks within a line: `code`, **strong**, *stressed*, [links](https://…).
fn inline(text: &str) -> Html {
    /// What a mark begins with, and what it ends with.
    const MARKS: [(&str, &str); 4] = [("`", "`"), ("**", "**"), ("*", "*"), ("[", ")")];
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let first = MARKS
            .iter()
            .filter_map(|(open, close)| {
                let at = rest.find(open)?;
                let inside = &rest[at + open.len()..];
                let length = inside.find(close)?;
                Some((at, *open, &inside[..length], &inside[length + close.len()..]))
            })
            .min_by_key(|(at, open, ..)| (*at, std::cmp::Reverse(open.len())));
        let Some((at, open, inside, after)) = first else { break };
        parts.push(html! { { rest[..at].to_owned() } });
        parts.push(match open {
            "`" => html! { <code>{ inside.to_owned() }</code> },
            "**" => html! { <strong>{ inside.to_owned() }</strong> },
            "*" => html! { <em>{ inside.to_owned() }</em> },
            _ => match inside.split_once("](") {
                Some((words, href)) => html! {
                    <a href={href.to_owned()} target="_blank" rel="noreferrer">{ words.to_owned() }</a>
                },
                None => html! { { format!("[{inside})") } },
            },
        });
        rest = after;
    }
    parts.push(html! { { rest.to_owned() } });
    parts.into_iter().collect()
}
