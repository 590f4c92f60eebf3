//! The pod as `kubectl` prints it.

use super::super::Store;
use super::super::pod_card::pod_of;
use super::super::ui::{empty, heading, plain, yaml};
use crate::text::{Lang, M};
use std::fmt::Write;
use trace::{PodView, Time};
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
    html! {
        <>
            { heading(store.text(M::Describe)) }
            { plain(store.text(M::Describe), &describe(&pod, frame.at, store.lang)) }
            { heading(store.text(M::Yaml)) }
            { yaml(store.text(M::Yaml), &crate::model::yaml::yaml(&api::print::to_json(&object))) }
        </>
    }
}

/// What `kubectl describe pod` prints of it, as far as it is simulated. The words are kubectl's in
/// every language.
fn describe(pod: &PodView, now: Time, _lang: Lang) -> String {
    let mut text = String::new();
    let meta = &pod.object.metadata;
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{:<14}{value}", format!("{name}:"));
    };
    line("Name", &meta.name);
    line("Namespace", &meta.namespace);
    if let Some(status) = &pod.status {
        line("Status", &status.phase);
        line("IP", &status.pod_ip);
        line("QoS Class", &status.qos_class);
        let _ = writeln!(text, "Conditions:\n  {:<28}Status", "Type");
        for condition in &status.conditions {
            let _ = writeln!(text, "  {:<28}{}", condition.type_, condition.status);
        }
        let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
        let _ = writeln!(text, "Containers:");
        for container in containers {
            let _ = writeln!(text, "  {}:", container.name);
            let state = &container.state;
            let (word, reason, code) = match (&state.running, &state.terminated, &state.waiting) {
                (Some(_), ..) => ("Running", "", None),
                (_, Some(end), _) => ("Terminated", end.reason.as_str(), Some(end.exit_code)),
                (_, _, Some(wait)) => ("Waiting", wait.reason.as_str(), None),
                _ => ("Waiting", "", None),
            };
            let _ = writeln!(text, "    State:          {word}");
            if !reason.is_empty() {
                let _ = writeln!(text, "      Reason:       {reason}");
            }
            if let Some(code) = code {
                let _ = writeln!(text, "      Exit Code:    {code}");
            }
            let _ = writeln!(
                text,
                "    Ready:          {}",
                if container.ready { "True" } else { "False" }
            );
            let _ = writeln!(text, "    Restart Count:  {}", container.restart_count);
        }
    }
    if pod.events.is_empty() {
        text.push_str("Events:         <none>\n");
        return text;
    }
    let _ = writeln!(text, "Events:\n  {:<9}{:<20}{:<18}Message", "Type", "Reason", "Age");
    for (_, event) in &pod.events {
        let first = now.since(event.first).as_secs();
        let age = if event.count > 1 {
            format!("{first}s (x{})", event.count)
        } else {
            format!("{first}s")
        };
        let _ = writeln!(
            text,
            "  {:<9}{:<20}{age:<18}{}",
            event.kind.as_str(),
            event.reason,
            event.message
        );
    }
    text
}
