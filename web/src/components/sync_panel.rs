//! The steps of SyncPod, the one in progress, and what was decided.

use super::Store;
use super::pod_card::pod_of;
use super::ui::{icon, icons, plain};
use crate::model::run::Run;
use crate::model::syncpod::{Progress, plan, steps};
use crate::state::Action;
use crate::text::M;
use std::rc::Rc;
use trace::listing::short;
use trace::{Effect, Frame, Plan, PodRef, PodView};
use yew::{Html, classes, html};

/// The panel.
pub(super) fn sync_panel(store: &Store, titled: bool) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    let frame = store.frame();
    let pod = pod_of(run, &frame, store.level);
    let reference = pod_ref(&frame, pod.as_deref());
    let moments = moments(run, reference, store.cursor);
    let seek = |cursor: Option<usize>| super::send(store, Action::Seek(cursor.unwrap_or_default()));
    let idle = pod.as_ref().is_none_or(|pod| pod.step == 0);
    let step = |(number, title, progress): (usize, &'static str, Progress)| {
        let (class, mark) = match progress {
            Progress::Done => ("is-done", icon(icons::CHECK)),
            Progress::Now => ("is-now", html! { { number } }),
            Progress::Ahead => ("is-ahead", html! { { number } }),
        };
        html! {
            <li aria-current={(progress == Progress::Now).then_some("step")}>
                <button
                    type="button"
                    class={classes!("sync__step", class)}
                    title={store.fill(M::SyncSeek, &[("n", &number.to_string())])}
                    disabled={moments[number - 1].is_none()}
                    onclick={seek(moments[number - 1])}
                >
                    <span class="sync__number">{ mark }</span>
                    { title }
                </button>
            </li>
        }
    };
    let lines = pod.as_ref().and_then(|pod| pod.plan.as_ref()).map(|p| plan(p, store.lang));
    html! {
        <section class="sync" aria-label={store.text(M::SyncPod)}>
            if titled {
                <h2 class="panel-title">
                    { store.text(M::SyncPod) }
                    <span class="panel-title__note">
                        { if idle { store.text(M::SyncIdle).to_owned() } else { format!("Kubernetes {}", run.trace().header.kubernetes) } }
                    </span>
                </h2>
            }
            <ol class="sync__steps">
                { for steps(&run.trace().header.kubernetes, pod.as_deref(), store.lang).map(step) }
            </ol>
            <div class="sync__plan">
                <h3 class="heading">{ store.text(M::SyncPlan) }</h3>
                { match lines {
                    None => html! { <p class="empty">{ store.text(M::NoPlan) }</p> },
                    Some(lines) if lines.is_empty() => html! { <p class="empty">{ store.text(M::NothingToDo) }</p> },
                    Some(lines) => html! {
                        <ul>{ for lines.into_iter().map(|(what, whom)| html! {
                            <li>{ what }{ " " }<code>{ whom }</code></li>
                        }) }</ul>
                    },
                } }
            </div>
            if let Some(plan) = pod.as_ref().and_then(|pod| pod.plan.as_ref()) {
                <details class="details">
                    <summary>{ store.text(M::PodActions) }</summary>
                    { pod_actions(store, plan) }
                </details>
            }
        </section>
    }
}

/// The fields under their upstream names (`kuberuntime_manager.go`, `podActions`).
fn pod_actions(store: &Store, plan: &Plan) -> Html {
    let list = |names: &[Rc<str>]| format!("[{}]", names.join(" "));
    let kills: Vec<Rc<str>> =
        plan.containers_to_kill.iter().map(|kill| kill.name.clone()).collect();
    let rows = [
        ("KillPod", plan.kill_pod.to_string()),
        ("CreateSandbox", plan.create_sandbox.to_string()),
        ("SandboxID", format!("{:?}", short(&plan.sandbox_id))),
        ("Attempt", plan.attempt.to_string()),
        ("InitContainersToStart", list(&plan.init_containers_to_start)),
        ("EphemeralContainersToStart", list(&plan.ephemeral_containers_to_start)),
        ("ContainersToStart", list(&plan.containers_to_start)),
        ("ContainersToKill", list(&kills)),
    ];
    let text: String = rows.iter().map(|(name, value)| format!("{name:<27}{value}\n")).collect();
    plain(store.text(M::PodActions), &text)
}

/// Whom the panel is about; the first pod, before there is one.
fn pod_ref(frame: &Frame, pod: Option<&PodView>) -> PodRef {
    let is_it = |known: &Rc<PodView>| {
        pod.is_some_and(|pod| known.object.metadata.uid == pod.object.metadata.uid)
    };
    PodRef(frame.pods.iter().position(is_it).unwrap_or_default() as u32)
}

/// Where SyncPod enters each of its steps: in the run in which the cursor is, or else in the last
/// one before it, or else in the first.
fn moments(run: &Run, pod: PodRef, cursor: usize) -> Vec<Option<usize>> {
    let mut found = vec![None; 16];
    for (id, event) in run.trace().iter() {
        let Some(Effect::SyncStep { pod: of, step }) = event.as_effect() else { continue };
        if *of != pod {
            continue;
        }
        let number = usize::from(*step);
        if number == 1 {
            if id.index() >= cursor && found.iter().any(Option::is_some) {
                break;
            }
            found.fill(None);
        }
        if let Some(place) = number.checked_sub(1).and_then(|index| found.get_mut(index)) {
            *place = Some(id.index() + 1);
        }
    }
    found
}
