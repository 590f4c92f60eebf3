//! The pod as it is: phase, conditions, sandbox, containers, processes.

use super::ui::{badge, icon, icons};
use crate::model::run::Run;
use crate::model::tree::{processes, shared_namespaces};
use crate::text::{Lang, M, fill};
use std::rc::Rc;
use trace::{ContainerState, ContainerView, Frame, Level, PodView};
use yew::{Html, Properties, classes, component, html};

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run.
    pub run: Rc<Run>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// How deep one looks; deep down, the processes are shown as well.
    pub level: Level,
    /// The language.
    pub lang: Lang,
    /// Whether there is little room.
    pub compact: bool,
}

/// The pod that a step is about: its own, or else the first that is still there.
pub(super) fn pod_of(run: &Run, frame: &Frame, level: Level) -> Option<Rc<PodView>> {
    let current = run.current(frame.cursor, level);
    let own = current.and_then(|id| run.trace().event(id).subject.pod);
    let own = own.and_then(|pod| frame.pods.get(pod.0 as usize));
    own.or_else(|| frame.pods.iter().find(|pod| !pod.removed)).or(frame.pods.last()).cloned()
}

/// The card.
#[component]
pub(super) fn PodCard(props: &Props) -> Html {
    let Props { run, cursor, level, lang, compact } = props;
    let frame = run.frame(*cursor);
    let text = |message: M| message.text(*lang);
    let name = format!("{} · {}", text(M::TabPod), run.stack.name());
    let Some(pod) = pod_of(run, &frame, *level) else {
        return html! {
            <section class="pod is-absent" aria-label={name.clone()}>
                <p class="empty">{ text(M::NoPod) }</p>
            </section>
        };
    };
    let meta = &pod.object.metadata;
    let phase = pod.status.as_ref().map_or("", |status| status.phase.as_str());
    html! {
        <section class={classes!("pod", compact.then_some("is-compact"))} aria-label={name.clone()}>
            <header class="pod__head">
                <h2 class="pod__name">
                    <span class="pod__namespace">{ format!("{}/", meta.namespace.as_str()) }</span>
                    { meta.name.as_str() }
                </h2>
                { phase_badge(phase, pod.removed, text(M::PodRemoved)) }
            </header>
            if !compact {
                { conditions(&pod) }
            }
            { sandbox(&frame, &pod, *lang) }
            if !compact {
                { process_list(&frame, &pod, *lang) }
            }
        </section>
    }
}

fn phase_badge(phase: &str, removed: bool, gone: &'static str) -> Html {
    if removed {
        return badge("idle", icons::RING, gone);
    }
    match phase {
        "Running" => badge("ok", icons::DOT, "Running"),
        "Succeeded" => badge("done", icons::CHECK, "Succeeded"),
        "Failed" => badge("error", icons::ERROR, "Failed"),
        "Pending" => badge("wait", icons::CLOCK, "Pending"),
        _ => badge("idle", icons::RING, "—"),
    }
}

fn conditions(pod: &PodView) -> Html {
    let Some(status) = &pod.status else { return Html::default() };
    let condition = |condition: &api::PodCondition| {
        let holds = condition.status == "True";
        html! {
            <li class={classes!("condition", holds.then_some("is-true"))}>
                { icon(if holds { icons::CHECK } else { icons::RING }) }
                { condition.type_.as_str() }
                <span class="visually-hidden">{ format!(" {}", condition.status) }</span>
            </li>
        }
    };
    html! { <ul class="pod__conditions">{ for status.conditions.iter().map(condition) }</ul> }
}

fn sandbox(frame: &Frame, pod: &PodView, lang: Lang) -> Html {
    let text = |message: M| message.text(lang);
    let uid = &pod.object.metadata.uid;
    let sandbox = frame.sandboxes_of(uid).last().cloned();
    let title = match &sandbox {
        Some(sandbox) => {
            let attempt = fill(text(M::Attempt), |_| Some(sandbox.attempt.to_string()));
            let ip = match (&*sandbox.ip, pod.object.spec.host_network) {
                ("", true) => text(M::HostNetwork),
                (ip, _) => ip,
            };
            html! {
                <p class="sandbox__title">
                    <strong>{ text(M::Sandbox) }</strong>
                    if sandbox.ready {
                        { badge("ok", icons::CHECK, text(M::Ready)) }
                    } else {
                        { badge("wait", icons::RING, text(M::NotReady)) }
                    }
                    <span class="sandbox__ip">{ ip.to_owned() }</span>
                    <span class="sandbox__attempt">{ attempt }</span>
                </p>
            }
        }
        None => html! {
            <p class="sandbox__title"><strong>{ text(M::Sandbox) }</strong>
                <span class="sandbox__attempt">{ text(M::NoSandbox) }</span></p>
        },
    };
    let spec = &pod.object.spec;
    let row = |(container, init): (&api::Container, bool)| {
        let name = container.name.as_str();
        let latest = frame.containers_of(uid).filter(|view| *view.name == *name).last();
        container_row(pod, name, init, latest, lang)
    };
    let inits = spec.init_containers.iter().map(|container| (container, true));
    let apps = spec.containers.iter().map(|container| (container, false));
    html! {
        <div class={classes!("sandbox", sandbox.is_some_and(|s| s.ready).then_some("is-ready"))}>
            { title }
            <ul class="sandbox__containers">{ for inits.chain(apps).map(row) }</ul>
        </div>
    }
}

fn container_row(
    pod: &PodView,
    name: &str,
    init: bool,
    view: Option<&ContainerView>,
    lang: Lang,
) -> Html {
    let text = |message: M| message.text(lang);
    let statuses = pod
        .status
        .as_ref()
        .map(|status| status.init_container_statuses.iter().chain(&status.container_statuses));
    let status = statuses.and_then(|mut all| all.find(|status| status.name == name));
    let waiting = status.and_then(|status| status.state.waiting.as_ref());
    let reason = waiting.map_or("", |waiting| waiting.reason.as_str());
    let restarts = status.map_or(0, |status| status.restart_count);
    let state = match view.map(|view| view.state) {
        Some(ContainerState::Created) => badge("wait", icons::RING, text(M::Created)),
        Some(ContainerState::Running) => badge("ok", icons::DOT, text(M::Running)),
        Some(ContainerState::Exited) => {
            let code = view.and_then(|view| view.exit_code).unwrap_or_default();
            let word = fill(text(M::Exited), |_| Some(code.to_string()));
            if code == 0 {
                badge("done", icons::CHECK, word)
            } else {
                badge("error", icons::ERROR, word)
            }
        }
        Some(ContainerState::Unknown) => badge("wait", icons::RING, text(M::Unknown)),
        None => badge("idle", icons::RING, text(M::Waiting)),
    };
    html! {
        <li class="container" key={name.to_owned()}>
            <span class="container__name">{ name.to_owned() }</span>
            if init {
                <span class="container__kind">{ text(M::InitContainer) }</span>
            }
            { state }
            if restarts > 0 {
                <span class="container__restarts">
                    { fill(text(M::Restarts), |_| Some(restarts.to_string())) }
                </span>
            }
            if !reason.is_empty() && reason != "ContainerCreating" && reason != "PodInitializing" {
                <span class="container__reason">{ reason.to_owned() }</span>
            }
        </li>
    }
}

/// The processes of the pod's containers with the shims that hold them.
fn process_list(frame: &Frame, pod: &PodView, lang: Lang) -> Html {
    let text = |message: M| message.text(lang);
    let uid = &pod.object.metadata.uid;
    let own = |id: &str| {
        frame.containers.get(id).is_some_and(|view| *view.pod_uid == **uid)
            || frame.sandboxes.get(id).is_some_and(|view| *view.pod_uid == **uid)
            || frame.sandboxes_of(uid).any(|sandbox| *sandbox.id == *id)
    };
    let branches =
        processes(frame, |process| !process.container_id.is_empty() && own(&process.container_id));
    if branches.is_empty() {
        return Html::default();
    }
    let shared: Vec<&str> =
        shared_namespaces(&branches).iter().map(|(kind, ..)| kind.as_str()).collect();
    html! {
        <div class="pod__processes">
            <h3 class="heading">{ text(M::Processes) }</h3>
            <ul>
                { for branches.iter().map(|branch| html! {
                    <li style={format!("--depth:{}", branch.depth)}>
                        <span class="pod__pid">{ branch.process.pid }</span>
                        <span class="pod__argv">{ branch.process.argv.join(" ") }</span>
                    </li>
                }) }
            </ul>
            if !shared.is_empty() {
                <p class="pod__shared">
                    { fill(text(M::SharedNamespaces), |_| Some(shared.join(" "))) }
                </p>
            }
        </div>
    }
}
