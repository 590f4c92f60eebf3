//! The debugger's panel: the call stack, breakpoints, watches.

use super::super::ui::{empty, heading, icon, icons, moment, plain};
use super::super::{Store, send, use_store};
use super::{current, seek};
use crate::model::point::{KINDS, Point};
use crate::model::run::Run;
use crate::state::Action;
use crate::text::{M, shorten};
use std::collections::BTreeSet;
use std::rc::Rc;
use trace::{ContainerState, EventId, FileContent, Frame, Level};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{
    Callback, Html, SubmitEvent, TargetCast, component, html, use_memo, use_node_ref, use_state_eq,
};

/// The panel.
#[component]
pub(super) fn Debug() -> Html {
    let store = use_store();
    let Some(run) = store.leading().cloned() else { return Html::default() };
    let hits = use_memo((run.clone(), store.points.clone()), |(run, points)| {
        points.iter().map(|point| point.cursors(run)).collect::<Vec<_>>()
    });
    let frame = store.frame();
    let points = store.points.iter().zip(hits.iter());
    html! {
        <>
            { heading(store.text(M::CallStack)) }
            { call_stack(&store, &run) }
            { heading(store.text(M::Points)) }
            if store.points.is_empty() {
                { empty(store.text(M::NoPointsYet)) }
            } else {
                <ul class="points">
                    { for points.map(|(point, hits)| entry(&store, &run, &frame, point, hits)) }
                </ul>
            }
            <Form run={run.clone()} />
        </>
    }
}

fn call_stack(store: &Store, run: &Run) -> Html {
    let stack: Vec<(EventId, &trace::Call)> =
        current(store).map(|id| run.trace().stack_of(id).collect()).unwrap_or_default();
    if stack.is_empty() {
        return empty(store.text(M::NoOpenCalls));
    }
    let row = |(id, call): &(EventId, &trace::Call)| {
        html! {
            <li>
                <button type="button" class="cause" onclick={seek(store, *id)}>
                    <code>{ shorten(&call.op) }</code>
                    <span class="cause__time">
                        { format!("{} → {} · {}", call.from.name(), call.to.name(), moment(run.trace().event(*id).at)) }
                    </span>
                </button>
            </li>
        }
    };
    html! { <ol class="causes">{ for stack.iter().map(row) }</ol> }
}

/// The name of a kind.
const fn kind_name(kind: &str) -> M {
    match kind.as_bytes() {
        b"op" => M::PointOp,
        b"component" => M::PointComponent,
        b"error" => M::PointError,
        b"pod" => M::PointPod,
        b"container" => M::PointContainer,
        _ => M::PointFile,
    }
}

fn entry(store: &Store, run: &Run, frame: &Frame, point: &Point, hits: &[usize]) -> Html {
    let (kind, what) = point.parts();
    let name = store.text(kind_name(kind));
    let label = format!("{name} {what}");
    let remove = store.fill(M::PointRemove, &[("what", label.trim())]);
    let count = store.fill(M::PointHits, &[("n", &hits.len().to_string())]);
    let last = hits.partition_point(|&hit| hit <= store.cursor).checked_sub(1);
    let last = last.map(|index| EventId(hits[index] as u32 - 1));
    html! {
        <li class="point">
            { icon(if point.is_watch() { icons::EYE } else { icons::STOP }) }
            <span class="point__what">{ name }{ " " }<code>{ shorten(what) }</code></span>
            <span class="point__hits">{ count }</span>
            <button
                type="button"
                class="button button--icon button--small"
                aria-label={remove.clone()}
                title={remove}
                onclick={send(store, Action::Point(point.clone()))}
            >
                { icon(icons::CLOSE) }
            </button>
            if let Some(value) = value(store, run, frame, point) {
                <div class="point__value">
                    { value }
                    if let Some(id) = last {
                        <button type="button" class="button button--link" onclick={seek(store, id)}>
                            { store.fill(M::ChangedAt, &[("time", &moment(run.trace().event(id).at))]) }
                        </button>
                    }
                </div>
            }
        </li>
    }
}

/// How something watched is at the moment.
fn value(store: &Store, run: &Run, frame: &Frame, point: &Point) -> Option<Html> {
    let gone = || html! { <p class="empty">{ store.text(M::NotThere) }</p> };
    match point {
        Point::Container(name) => {
            let (pod, container) = name.split_once('/')?;
            let pod = run.pods().iter().rfind(|known| *known.metadata.name == *pod)?;
            let view =
                frame.containers_of(&pod.metadata.uid).filter(|view| *view.name == *container);
            Some(view.last().map_or_else(gone, |view| {
                let state = match view.state {
                    ContainerState::Created => store.text(M::Created).to_owned(),
                    ContainerState::Running => store.text(M::Running).to_owned(),
                    ContainerState::Unknown => store.text(M::Unknown).to_owned(),
                    ContainerState::Exited => {
                        let code = view.exit_code.unwrap_or_default().to_string();
                        store.fill(M::Exited, &[("code", &code)])
                    }
                };
                let attempt = store.fill(M::Attempt, &[("n", &view.attempt.to_string())]);
                html! { <p>{ format!("{state} · {attempt} · pid {}", view.pid) }</p> }
            }))
        }
        Point::File(path) => Some(match frame.files.get(path).map(|view| &view.content) {
            None => gone(),
            Some(FileContent::Text(text)) => plain(store.text(M::Files), text),
            Some(FileContent::Symlink(to)) => {
                html! { <p>{ store.fill(M::SymlinkTo, &[("path", to)]) }</p> }
            }
            Some(FileContent::Directory) => html! { <p>{ store.text(M::Directory) }</p> },
        }),
        _ => None,
    }
}

/// What there is of a kind to stop at.
fn candidates(run: &Run, frame: &Frame, kind: &str) -> BTreeSet<String> {
    let trace = run.trace();
    let containers = run.pods().iter().flat_map(|pod| {
        let spec = &pod.spec;
        let all = spec.init_containers.iter().chain(&spec.containers);
        all.map(|container| format!("{}/{}", pod.metadata.name, container.name))
    });
    match kind {
        "op" => {
            let calls = trace.calls().filter(|(_, _, call)| call.level < Level::Effects);
            let ops = calls.map(|(_, _, call)| call.op.to_string());
            // Those with an id in them are made once; nobody looks for them here.
            ops.filter(|op| shorten(op) == *op).collect()
        }
        "component" => {
            let members = trace.header.topology.members();
            members.map(|member| member.component.key().to_owned()).collect()
        }
        "pod" => run.pods().iter().map(|pod| pod.metadata.name.to_string()).collect(),
        "container" => containers.collect(),
        "file" => frame.files.keys().map(ToString::to_string).collect(),
        _ => BTreeSet::new(),
    }
}

#[derive(Clone, PartialEq, yew::Properties)]
struct FormProps {
    run: Rc<Run>,
}

/// Sets a breakpoint or a watch.
#[component]
fn Form(props: &FormProps) -> Html {
    let store = use_store();
    let kind = use_state_eq(|| KINDS[0]);
    let wrong = use_state_eq(|| false);
    let field = use_node_ref();
    let choose = {
        let kind = kind.clone();
        Callback::from(move |event: yew::Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            kind.set(KINDS[(select.selected_index().max(0) as usize).min(KINDS.len() - 1)]);
        })
    };
    let onsubmit = {
        let (dispatcher, kind, wrong) = (store.dispatcher(), kind.clone(), wrong.clone());
        let (field, points) = (field.clone(), store.points.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let input = field.cast::<HtmlInputElement>();
            let what = input.as_ref().map(HtmlInputElement::value).unwrap_or_default();
            let point = Point::new(*kind, &what);
            wrong.set(point.is_none());
            if let Some(point) = point.filter(|point| !points.contains(point)) {
                dispatcher.dispatch(Action::Point(point));
            }
            if let Some(input) = input {
                input.set_value("");
            }
        })
    };
    let frame = store.frame();
    let known = candidates(&props.run, &frame, *kind);
    html! {
        <form class="point-form" {onsubmit}>
            <select class="select" aria-label={store.text(M::PointKind)} onchange={choose}>
                { for KINDS.iter().map(|key| html! {
                    <option selected={key == &*kind}>{ store.text(kind_name(key)) }</option>
                }) }
            </select>
            <input
                ref={field}
                class="field"
                aria-label={store.text(M::PointWhat)}
                list="point-candidates"
                autocomplete="off"
                spellcheck="false"
                disabled={*kind == "error"}
            />
            <datalist id="point-candidates">
                { for known.iter().map(|name| html! { <option value={name.clone()} /> }) }
            </datalist>
            <button type="submit" class="button button--outlined">{ store.text(M::PointAdd) }</button>
            if *wrong {
                <p class="point-form__wrong" role="alert">{ store.text(M::PointWrong) }</p>
            }
        </form>
    }
}
