//! The app: its state, its keys, its clock, and where everything is.

use super::caption::CaptionBar;
use super::compare::Compare;
use super::controls::controls;
use super::dialogs::dialogs;
use super::editor::read_file;
use super::header::{header, scenario_title};
use super::inspector::Inspector;
use super::lesson::{lesson, use_lessons};
use super::pod_card::PodCard;
use super::stage::Stage;
use super::sync_panel::sync_panel;
use super::timeline::TimelineView;
use super::ui::{icon, icons};
use super::whatif::difference;
use super::{Store, send};
use crate::command::UiCommand;
use crate::fragment::Fragment;
use crate::page;
use crate::state::{Action, Motion, SPEEDS, State, Tab};
use crate::text::M;
use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::callback::{Interval, Timeout};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use yew::{
    Callback, ContextProvider, Html, component, hook, html, use_effect_with, use_reducer_eq,
};

/// Below this width the page is laid out for a phone; `layout.css` has the same number.
const NARROW: &str = "(max-width: 47.99rem)";
/// How long the address waits for the cursor to come to rest, in milliseconds.
const ADDRESS_DELAY: u32 = 200;

/// The page.
#[component]
pub fn App() -> Html {
    let store = use_reducer_eq(|| {
        let mut state = State::new(&page::fragment(), page::lang(), page::theme());
        state.progress = Rc::new(page::progress());
        state
    });
    use_keys(&store);
    use_clock(&store);
    use_address(&store);
    use_window(&store);
    use_lessons(&store);
    let (lang, theme) = (store.lang, store.theme);
    use_effect_with((lang, theme), |(lang, theme)| page::dress(*lang, *theme));
    use_effect_with((), |()| {
        assert!(!page::panic_wanted(), "the address asked for a panic");
    });

    let skip = Callback::from(|event: yew::MouseEvent| {
        event.prevent_default();
        page::focus("caption");
    });
    html! {
        <ContextProvider<Store> context={store.clone()}>
            <div
                class="app"
                data-stacks={if store.runs.len() > 1 { "both" } else { "one" }}
                data-panel={store.tab.key()}
                data-lesson={store.study.as_ref().map(|study| study.id.to_string())}
            >
                <a class="skip" href="#caption" onclick={skip}>{ store.text(M::SkipToCaption) }</a>
                { header(&store) }
                { notice(&store) }
                { lesson(&store) }
                { stages(&store) }
                { side(&store) }
                <section class="dock" aria-label={store.text(M::Controls)}>
                    { controls(&store) }
                    { timeline(&store) }
                </section>
                { dialogs(&store) }
            </div>
        </ContextProvider<Store>>
    }
}

fn notice(store: &Store) -> Html {
    html! {
        <div class="notice-place" role="status">
            if let Some(found) = &store.difference {
                { difference(store, found) }
            }
            if let Some(text) = &store.notice {
                <div class="notice">
                    <p>{ text.clone() }</p>
                    <button
                        type="button"
                        class="button button--icon"
                        aria-label={store.text(M::Dismiss)}
                        onclick={send(store, Action::Dismiss)}
                    >
                        { icon(icons::CLOSE) }
                    </button>
                </div>
            }
        </div>
    }
}

fn stages(store: &Store) -> Html {
    let both = store.runs.len() > 1;
    let stage = |(index, run): (usize, &Rc<crate::model::run::Run>)| {
        let cursor = store.cursor_of(index);
        let leads = index == store.lead;
        html! {
            <section
                key={run.stack.key()}
                class="theatre__stage"
                aria-label={format!("{}: {}", store.text(M::Stage), run.stack.name())}
                data-stack={run.stack.key()}
            >
                if both {
                    <Compare run={run.clone()} {cursor} {index} {leads} lang={store.lang} />
                }
                <Stage
                    run={run.clone()}
                    {cursor}
                    level={store.level}
                    motion={if leads { store.motion } else { Motion::None }}
                    lang={store.lang}
                    narrow={store.narrow}
                />
                <PodCard run={run.clone()} {cursor} level={store.level} lang={store.lang} compact={both} />
            </section>
        }
    };
    html! {
        <main class="theatre" id="main">
            <CaptionBar
                run={store.leading().cloned()}
                cursor={store.cursor}
                level={store.level}
                lang={store.lang}
            />
            <div class="theatre__stages">
                { for store.runs.iter().enumerate().map(stage) }
            </div>
        </main>
    }
}

fn side(store: &Store) -> Html {
    html! {
        <aside class="side" aria-label={store.text(M::Panels)}>
            if !store.narrow && store.runs.len() < 2 && store.tab != Tab::Terminal {
                { sync_panel(store, true) }
            }
            <Inspector />
        </aside>
    }
}

fn timeline(store: &Store) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    html! {
        <TimelineView
            run={run.clone()}
            cursor={store.cursor}
            level={store.level}
            lang={store.lang}
            chapter={store.chapter}
            points={store.points.clone()}
        />
    }
}

/// Keys work everywhere but in what has its own use for them.
#[hook]
fn use_keys(store: &Store) {
    let dispatcher = store.dispatcher();
    use_effect_with((), move |()| {
        let listener = EventListener::new_with_options(
            &page::window(),
            "keydown",
            EventListenerOptions::enable_prevent_default(),
            move |event| {
                let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
                if event.alt_key() {
                    return;
                }
                let key = event.key();
                let ctrl = event.ctrl_key() || event.meta_key();
                let target =
                    event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
                let inside = |selector: &str| {
                    target.as_ref().is_some_and(|t| t.closest(selector).ok().flatten().is_some())
                };
                let own_use = match key.as_str() {
                    " " => "textarea, input, select, button, summary, a, dialog",
                    "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown" | "Home" | "End" => {
                        "textarea, input, select, [role=tab], .code, dialog"
                    }
                    _ => "textarea, input:not([type=radio]), dialog",
                };
                if inside(own_use) {
                    return;
                }
                if let Some(command) = UiCommand::of_key(&key, event.shift_key(), ctrl) {
                    event.prevent_default();
                    dispatcher.dispatch(Action::Command(command));
                    if let Some(id) = command.focuses() {
                        // Once it is drawn.
                        Timeout::new(0, move || page::focus(id)).forget();
                    }
                }
            },
        );
        move || drop(listener)
    });
}

/// While it plays, a step at a time.
#[hook]
fn use_clock(store: &Store) {
    let dispatcher = store.dispatcher();
    use_effect_with((store.playing, store.speed), move |&(playing, speed)| {
        let interval = playing
            .then(|| Interval::new(SPEEDS[speed].1, move || dispatcher.dispatch(Action::Tick)));
        move || drop(interval)
    });
}

/// The address follows the state, and the state an address that somebody enters.
#[hook]
fn use_address(store: &Store) {
    let fragment = Fragment::of(store);
    use_effect_with(fragment, |fragment| {
        let fragment = fragment.clone();
        let timeout = Timeout::new(ADDRESS_DELAY, move || page::set_fragment(&fragment));
        move || drop(timeout)
    });
    // What took somebody effort is kept.
    let own = (store.own.is_some() || !store.edits.is_empty()) && !store.imported;
    let work = own.then(|| (work_title(store), Fragment::work_of(store)));
    use_effect_with(work, |work| {
        if let Some((title, work)) = work.clone() {
            page::remember(title, work);
        }
    });
    let dispatcher = store.dispatcher();
    use_effect_with((), move |()| {
        let listener = EventListener::new(&page::window(), "hashchange", move |_| {
            dispatcher.dispatch(Action::Navigate(Rc::new(page::fragment())));
        });
        move || drop(listener)
    });
}

/// What a piece of work is called: its pods or its scenario, and how much is changed.
fn work_title(store: &Store) -> String {
    let pods: Vec<&str> = store
        .leading()
        .iter()
        .flat_map(|run| run.pods())
        .map(|pod| &*pod.metadata.name)
        .take(3)
        .collect();
    let mut title = scenario_title(store);
    if store.own.is_some() && !pods.is_empty() {
        title = format!("{title}: {}", pods.join(", "));
    }
    match store.edits.len() {
        0 => title,
        edits => format!("{title} · {}", store.fill(M::ChangesCount, &[("n", &edits.to_string())])),
    }
}

/// The window's width, and files dropped on it.
#[hook]
fn use_window(store: &Store) {
    let dispatcher = store.dispatcher();
    use_effect_with((), move |()| {
        let window = page::window();
        let narrow = {
            let dispatcher = dispatcher.clone();
            let query = window.match_media(NARROW).ok().flatten();
            query.map(|query| {
                dispatcher.dispatch(Action::Narrow(query.matches()));
                let same = query.clone();
                EventListener::new(&query, "change", move |_| {
                    dispatcher.dispatch(Action::Narrow(same.matches()));
                })
            })
        };
        let over = EventListener::new_with_options(
            &window,
            "dragover",
            EventListenerOptions::enable_prevent_default(),
            |event| event.prevent_default(),
        );
        let drop_ = EventListener::new_with_options(
            &window,
            "drop",
            EventListenerOptions::enable_prevent_default(),
            move |event| {
                event.prevent_default();
                let file = event
                    .dyn_ref::<web_sys::DragEvent>()
                    .and_then(web_sys::DragEvent::data_transfer)
                    .and_then(|data| data.files())
                    .and_then(|files| files.get(0));
                if let Some(file) = file {
                    read_file(file, dispatcher.clone());
                }
            },
        );
        move || drop((narrow, over, drop_))
    });
}
