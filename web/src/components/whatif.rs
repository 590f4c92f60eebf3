//! What if: something happens right after this moment, a call fails; and the changes made so far.

use super::ui::{command_button, empty, heading, icon, icons, moment};
use super::{Store, send, use_store};
use crate::command::UiCommand;
use crate::model::run::Run;
use crate::state::{Action, Difference};
use crate::text::{M, shorten};
use scenario::{Action as Happening, Edit};
use std::collections::BTreeMap;
use trace::{Component, ContainerState, EventId, Level, Protocol};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{Callback, Html, SubmitEvent, TargetCast, component, html, use_node_ref, use_state_eq};

/// The dialog.
#[component]
pub(super) fn WhatIf() -> Html {
    let store = use_store();
    let Some(run) = store.leading().cloned() else { return Html::default() };
    html! {
        <div class="whatif">
            <p class="editor__hint">{ store.text(M::WhatIfHint) }</p>
            { happenings(&store) }
            { heading(store.text(M::WhatIfFault)) }
            <FaultForm {run} />
            <div class="whatif__head">
                { heading(store.text(M::Changes)) }
                if store.can_undo() {
                    { command_button(&store, UiCommand::Undo, M::Undo, icons::UNDO, "") }
                }
                if store.can_redo() {
                    { command_button(&store, UiCommand::Redo, M::Redo, icons::REDO, "") }
                }
            </div>
            { changes(&store) }
        </div>
    }
}

fn happenings(store: &Store) -> Html {
    let frame = store.frame();
    let button = |name: String, note: String, action: Happening| {
        html! {
            <li>
                <button type="button" class="button button--outlined" onclick={send(store, Action::Happen(action))}>
                    { name }{ " " }<code>{ note }</code>
                </button>
            </li>
        }
    };
    let mut list = Vec::new();
    for pod in frame.pods.iter().filter(|pod| !pod.removed) {
        let meta = &pod.object.metadata;
        let name = meta.name.to_string();
        if meta.deletion_timestamp.is_none() {
            let title = store.fill(M::WhatIfDelete, &[("name", &name)]);
            let action = Happening::DeletePod { name: name.clone(), grace_period_seconds: None };
            list.push(button(title, format!("kubectl delete pod {name}"), action));
        }
        let running = |view: &&trace::ContainerView| view.state == ContainerState::Running;
        for view in frame.containers_of(&meta.uid).filter(running) {
            let title = store.fill(M::WhatIfKill, &[("name", &format!("{name}/{}", view.name))]);
            let action = Happening::Kill { pid: view.pid, signal: 9 };
            list.push(button(title, format!("kill -9 {}", view.pid), action));
        }
    }
    html! {
        <>
            { heading(store.fill(M::WhatIfNow, &[("time", &moment(frame.at))])) }
            if list.is_empty() {
                { empty(store.text(M::WhatIfNothing)) }
            } else {
                <ul class="whatif__now">{ for list }</ul>
            }
        </>
    }
}

#[derive(Clone, PartialEq, yew::Properties)]
struct FormProps {
    run: std::rc::Rc<Run>,
}

/// The calls of a trace by callee and operation, each with the moments at which it is made.
type Calls<'a> = BTreeMap<(Component, &'a str), Vec<EventId>>;

fn calls(run: &Run) -> Calls<'_> {
    let mut calls = Calls::new();
    for (id, _, call) in run.trace().calls() {
        if call.level < Level::Effects && call.protocol != Protocol::Function {
            calls.entry((call.to, &call.op)).or_default().push(id);
        }
    }
    calls
}

/// The errors that a protocol knows, the likeliest first.
const fn codes(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::DockerApi | Protocol::Https => &["500", "404", "409"],
        Protocol::Exec | Protocol::Cni => &["1", "125", "137"],
        Protocol::Syscall => &["EIO", "ENOSPC", "EPERM"],
        _ => &["Unavailable", "DeadlineExceeded", "Internal", "NotFound", "ResourceExhausted"],
    }
}

/// Chooses a call, an occurrence and an error.
#[component]
fn FaultForm(props: &FormProps) -> Html {
    let store = use_store();
    let calls = calls(&props.run);
    let trace = props.run.trace();
    // To begin with: the call that one looks at.
    let current = props.run.current(store.cursor, store.level);
    let current = current.and_then(|id| {
        trace.stack_of(id).find(|(_, call)| calls.contains_key(&(call.to, &call.op)))
    });
    let begin = current.map_or(0, |(_, call)| {
        calls.keys().position(|key| *key == (call.to, &*call.op)).unwrap_or_default()
    });
    let chosen = use_state_eq(|| begin);
    let Some(((to, op), ids)) = calls.iter().nth(*chosen) else {
        return empty(store.text(M::NoOpenCalls));
    };
    let protocol = trace.event(ids[0]).as_call().map_or(Protocol::Grpc, |call| call.protocol);
    let here = current.and_then(|(id, _)| ids.iter().position(|known| *known == id));

    let fields = [use_node_ref(), use_node_ref(), use_node_ref(), use_node_ref(), use_node_ref()];
    let [nth, code, message, delay, after] = fields;
    let onsubmit = {
        let (dispatcher, op, to) = (store.dispatcher(), (*op).to_owned(), *to);
        let [nth, code, message, delay, after] =
            [&nth, &code, &message, &delay, &after].map(Clone::clone);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let select = |place: &yew::NodeRef| {
                place.cast::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default()
            };
            let input = |place: &yew::NodeRef| place.cast::<HtmlInputElement>();
            let text = |place| input(place).map(|input| input.value()).unwrap_or_default();
            let nth: Option<u32> = select(&nth).parse().ok();
            let delay_ms = text(&delay).parse().ok().filter(|delay| *delay > 0);
            let fault = sim_fault(Fault {
                op: op.clone(),
                to,
                nth,
                code: Some(select(&code)).filter(|code| !code.is_empty()),
                message: text(&message),
                delay_ms,
                after: input(&after).is_some_and(|input| input.checked()),
            });
            dispatcher.dispatch(Action::Change(Edit::Fault(fault)));
        })
    };
    let choose = {
        let chosen = chosen.clone();
        Callback::from(move |event: yew::Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            chosen.set(select.value().parse().unwrap_or_default());
        })
    };
    let mut groups: Vec<(Component, Vec<(usize, String)>)> = Vec::new();
    for (index, (to, op)) in calls.keys().enumerate() {
        if groups.last().is_none_or(|(group, _)| group != to) {
            groups.push((*to, Vec::new()));
        }
        if let Some((_, options)) = groups.last_mut() {
            options.push((index, shorten(op)));
        }
    }
    let all = ids.len().to_string();
    html! {
        <form class="fault" {onsubmit}>
            <label class="fault__row">
                <span>{ store.text(M::FaultOp) }</span>
                <select class="select" id="fault-op" onchange={choose}>
                    { for groups.iter().map(|(group, options)| html! {
                        <optgroup label={group.name()}>
                            { for options.iter().map(|(index, name)| html! {
                                <option value={index.to_string()} selected={*index == *chosen}>{ name.clone() }</option>
                            }) }
                        </optgroup>
                    }) }
                </select>
            </label>
            <label class="fault__row">
                <span>{ store.text(M::FaultNth) }</span>
                <select class="select" id="fault-nth" key={*chosen} ref={nth}>
                    { for ids.iter().enumerate().map(|(index, id)| html! {
                        <option value={index.to_string()} selected={index == here.unwrap_or_default()}>
                            { store.fill(M::FaultThis, &[
                                ("n", &(index + 1).to_string()),
                                ("all", &all),
                                ("time", &moment(trace.event(*id).at)),
                            ]) }
                        </option>
                    }) }
                    <option value="every">{ store.text(M::FaultEvery) }</option>
                </select>
            </label>
            <label class="fault__row">
                <span>{ store.text(M::FaultCode) }</span>
                <select class="select" id="fault-code" key={format!("{protocol:?}")} ref={code}>
                    { for codes(protocol).iter().enumerate().map(|(index, code)| html! {
                        <option value={*code} selected={index == 0}>{ *code }</option>
                    }) }
                    <option value="">{ store.text(M::FaultSlow) }</option>
                </select>
            </label>
            <label class="fault__row">
                <span>{ store.text(M::FaultMessage) }</span>
                <input class="field" ref={message} value="injected" autocomplete="off" spellcheck="false" />
            </label>
            <label class="fault__row">
                <span>{ store.text(M::FaultDelay) }</span>
                <input class="field" ref={delay} type="number" min="0" max="600000" value="0" />
            </label>
            <label class="fault__check">
                <input type="checkbox" ref={after} />
                <span>{ store.text(M::FaultAfter) }</span>
            </label>
            <button type="submit" class="button button--primary" data-command="RunAgain">{ store.text(M::RunAgain) }</button>
        </form>
    }
}

/// What the form says.
struct Fault {
    op: String,
    to: Component,
    nth: Option<u32>,
    code: Option<String>,
    message: String,
    delay_ms: Option<u64>,
    after: bool,
}

fn sim_fault(fault: Fault) -> scenario::Fault {
    scenario::Fault {
        op: fault.op,
        component: Some(fault.to),
        skip: fault.nth.unwrap_or_default(),
        times: fault.nth.map(|_| 1),
        delay_ms: fault.delay_ms,
        code: fault.code,
        message: fault.message,
        after: fault.after,
        ..scenario::Fault::default()
    }
}

fn changes(store: &Store) -> Html {
    if store.edits.is_empty() {
        return empty(store.text(M::NoChanges));
    }
    let row = |(index, edit): (usize, &Edit)| {
        let what = describe(store, edit);
        let name = store.fill(M::ChangeRemove, &[("what", &what)]);
        html! {
            <li class="point">
                { icon(icons::BRANCH) }
                <span class="point__what">{ what }</span>
                <button
                    type="button"
                    class="button button--icon button--small"
                    aria-label={name.clone()}
                    title={name}
                    onclick={send(store, Action::Unchange(index))}
                >
                    { icon(icons::CLOSE) }
                </button>
            </li>
        }
    };
    html! { <ul class="points">{ for store.edits.iter().enumerate().map(row) }</ul> }
}

fn describe(store: &Store, edit: &Edit) -> String {
    match edit {
        Edit::Fault(fault) => match &fault.code {
            Some(code) => {
                store.fill(M::ChangeFault, &[("op", &shorten(&fault.op)), ("code", code)])
            }
            None => {
                let delay = fault.delay_ms.unwrap_or_default().to_string();
                store.fill(M::ChangeSlow, &[("op", &shorten(&fault.op)), ("time", &delay)])
            }
        },
        Edit::Step(step) => {
            let at = trace::Time(step.at.0.as_nanos() as u64);
            let time = ("time", &*moment(at));
            match &step.action {
                Happening::DeletePod { name, .. } => {
                    store.fill(M::ChangeDelete, &[time, ("name", name)])
                }
                Happening::RemoveStaticPod { name } => {
                    store.fill(M::ChangeRemoveFile, &[time, ("name", name)])
                }
                Happening::Apply { .. } => store.fill(M::ChangeApply, &[time]),
                Happening::NodeMemory { available_mebibytes } => {
                    let free =
                        available_mebibytes.map_or_else(|| "∞".to_owned(), |it| it.to_string());
                    store.fill(M::ChangeMemory, &[time, ("free", &free)])
                }
                Happening::RestartKubelet { .. } => store.fill(M::ChangeRestart, &[time]),
                Happening::Kill { pid, signal } => {
                    let (pid, signal) = (pid.to_string(), signal.to_string());
                    store.fill(M::ChangeKill, &[time, ("pid", &pid), ("signal", &signal)])
                }
            }
        }
    }
}

/// What the last change has changed first.
pub(super) fn difference(store: &Store, found: &Difference) -> Html {
    let line = |name: M, text: &str| {
        let text = if text.is_empty() { store.text(M::DiffersEnd) } else { text };
        html! { <><dt>{ store.text(name) }</dt><dd>{ text.to_owned() }</dd></> }
    };
    html! {
        <div class="notice notice--difference">
            <div>
                <p class="notice__title">{ icon(icons::BRANCH) }{ store.text(M::Differs) }</p>
                <dl class="facts">
                    { line(M::DiffersBefore, &found.before) }
                    { line(M::DiffersNow, &found.now) }
                </dl>
            </div>
            { command_button(store, UiCommand::Undo, M::Undo, icons::UNDO, "") }
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
}
