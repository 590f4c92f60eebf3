//! The steps of SyncPod and where the kubelet stands in them.

use crate::text::{Lang, M, fill, sync_steps};
use trace::{Plan, PodView};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// SyncPod has passed it in this run.
    Done,
    /// SyncPod is in it.
    Now,
    /// It is still to come, or SyncPod does not run.
    Ahead,
}

/// The steps of a Kubernetes version with where a pod stands in them.
pub fn steps(
    kubernetes: &str,
    pod: Option<&PodView>,
    lang: Lang,
) -> impl Iterator<Item = (usize, &'static str, Progress)> {
    let now = pod.map_or(0, |pod| usize::from(pod.step));
    sync_steps(kubernetes).iter().enumerate().map(move |(index, (en, zh))| {
        let number = index + 1;
        let progress = match now {
            0 => Progress::Ahead,
            now if number < now => Progress::Done,
            now if number == now => Progress::Now,
            _ => Progress::Ahead,
        };
        (number, lang.pick(en, zh), progress)
    })
}

/// A plan as lines: what, and on which container.
#[must_use]
pub fn plan(plan: &Plan, lang: Lang) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let text = |message: M| message.text(lang).to_owned();
    if plan.kill_pod {
        lines.push((text(M::PlanKillPod), String::new()));
    }
    if plan.create_sandbox {
        let attempt = |_: &str| Some(plan.attempt.to_string());
        lines.push((fill(M::PlanSandbox.text(lang), attempt), String::new()));
    }
    for kill in &plan.containers_to_kill {
        lines.push((text(M::PlanKill), format!("{} · {}", kill.name, kill.message)));
    }
    for (message, names) in [
        (M::PlanInit, &plan.init_containers_to_start),
        (M::PlanEphemeral, &plan.ephemeral_containers_to_start),
        (M::PlanStart, &plan.containers_to_start),
    ] {
        lines.extend(names.iter().map(|name| (text(message), name.to_string())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_their_own_steps() {
        assert_eq!(steps("1.22", None, Lang::En).count(), 7);
        assert_eq!(steps("1.36", None, Lang::Zh).count(), 9);
    }

    #[test]
    fn a_plan_is_listed_in_the_order_of_its_steps() {
        let planned = Plan {
            create_sandbox: true,
            init_containers_to_start: vec!["setup".into()],
            ..Plan::default()
        };
        let lines = plan(&planned, Lang::En);
        assert_eq!(lines[0].0, "Create sandbox, attempt 0");
        assert_eq!(lines[1], ("Start init container".to_owned(), "setup".to_owned()));
    }
}
