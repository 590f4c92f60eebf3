//! The pod as `kubectl` prints it.

use super::super::Store;
use super::super::pod_card::pod_of;
use super::super::ui::{empty, heading, plain, yaml};
use crate::text::M;
use yew::{Html, html};

/// The panel.
pub(super) fn pod(store: &Store) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    let frame = store.frame();
    let Some(pod) = pod_of(run, &frame, store.level) else {
        return empty(store.text(M::NoPod));
    };
    let mut object = (*pod.object).clone();
    if let Some(status) = &pod.status {
        object.status = (**status).clone();
    }
    let machine = tools::Machine { trace: run.trace(), frame: &frame, manifest: "" };
    html! {
        <>
            { heading(store.text(M::Describe)) }
            { plain(store.text(M::Describe), &tools::describe_pod(&machine, &pod)) }
            { heading(store.text(M::Yaml)) }
            { yaml(store.text(M::Yaml), &tools::yaml::yaml(&api::print::to_json(&object))) }
        </>
    }
}
