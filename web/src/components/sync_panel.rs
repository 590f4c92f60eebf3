//! The steps of SyncPod, the one in progress, and what was decided.

use super::Store;
use super::pod_card::pod_of;
use super::ui::{icon, icons};
use crate::model::syncpod::{Progress, plan, steps};
use crate::text::M;
use yew::{Html, classes, html};

/// The panel.
pub(super) fn sync_panel(store: &Store, titled: bool) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    let frame = store.frame();
    let pod = pod_of(run, &frame, store.level);
    let idle = pod.as_ref().is_none_or(|pod| pod.step == 0);
    let step = |(number, title, progress): (usize, &'static str, Progress)| {
        let (class, mark) = match progress {
            Progress::Done => ("is-done", icon(icons::CHECK)),
            Progress::Now => ("is-now", html! { { number } }),
            Progress::Ahead => ("is-ahead", html! { { number } }),
        };
        html! {
            <li
                class={classes!("sync__step", class)}
                aria-current={(progress == Progress::Now).then_some("step")}
            >
                <span class="sync__number">{ mark }</span>
                { title }
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
        </section>
    }
}
