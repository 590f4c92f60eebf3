//! Docker's containers as the CRI sees them, for the trace.

use super::dockershim::naming::{Identity, ParsedName, SANDBOX_ID_LABEL, identify};
use super::engine::{ContainerState, CreateBody};
use sim::{Changes, Ctx};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{ContainerState as ViewState, ContainerView, Effect, SandboxView};

/// The sandboxes and containers that a trace was told of. Cloning gives another handle to the
/// same ones.
#[derive(Clone, Default)]
pub struct Views {
    sandboxes: Rc<RefCell<BTreeMap<Rc<str>, Rc<SandboxView>>>>,
    changes: Changes,
}

impl Views {
    /// Views whose changes are counted.
    #[must_use]
    pub fn new(changes: Changes) -> Self {
        Self { changes, ..Self::default() }
    }

    /// A container of Docker's was created or changed. One that Kubernetes did not make is none
    /// of the CRI's business.
    pub(super) fn changed(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        name: &str,
        body: &CreateBody,
        state: &ContainerState,
    ) {
        self.changes.mark();
        match identify(name, &body.labels) {
            Some(Identity { name, is_sandbox: true }) => {
                self.sandbox_changed(ctx, id, name, state);
            }
            Some(Identity { name, .. }) => container_changed(ctx, id, name, body, state),
            None => {}
        }
    }

    fn sandbox_changed(&self, ctx: &Ctx, id: &Rc<str>, parsed: ParsedName, state: &ContainerState) {
        let known = self.sandboxes.borrow().get(id).cloned();
        let ip = known.filter(|_| state.running).map_or_else(|| "".into(), |view| view.ip.clone());
        let view = Rc::new(SandboxView {
            id: Rc::clone(id),
            pod_uid: parsed.uid.into(),
            attempt: parsed.attempt,
            ready: state.running,
            ip,
            pid: state.pid,
        });
        self.sandboxes.borrow_mut().insert(Rc::clone(id), Rc::clone(&view));
        ctx.effect(Effect::Sandbox(view));
    }

    /// A sandbox has got its address.
    pub fn set_ip(&self, ctx: &Ctx, id: &str, ip: &str) {
        let changed = {
            let mut sandboxes = self.sandboxes.borrow_mut();
            sandboxes.get_mut(id).map(|view| {
                Rc::make_mut(view).ip = ip.into();
                Rc::clone(view)
            })
        };
        if let Some(view) = changed {
            ctx.effect(Effect::Sandbox(view));
            self.changes.mark();
        }
    }

    /// A container of Docker's is gone.
    pub(super) fn removed(&self, ctx: &Ctx, id: &Rc<str>, name: &str, body: &CreateBody) {
        self.changes.mark();
        match identify(name, &body.labels) {
            Some(Identity { is_sandbox: true, .. }) => {
                self.sandboxes.borrow_mut().remove(id);
                ctx.effect(Effect::SandboxRemoved { id: Rc::clone(id) });
            }
            Some(_) => {
                ctx.effect(Effect::ContainerRemoved { id: Rc::clone(id) });
            }
            None => {}
        }
    }
}

fn container_changed(
    ctx: &Ctx,
    id: &Rc<str>,
    parsed: ParsedName,
    body: &CreateBody,
    state: &ContainerState,
) {
    let never_ran = state.finished_at.is_none() && state.exit_code != 0;
    let (view_state, reason) = match state {
        ContainerState { running: true, .. } => (ViewState::Running, ""),
        ContainerState { finished_at: Some(_), oom_killed: true, .. } => {
            (ViewState::Exited, "OOMKilled")
        }
        ContainerState { finished_at: Some(_), exit_code: 0, .. } => {
            (ViewState::Exited, "Completed")
        }
        ContainerState { finished_at: Some(_), .. } => (ViewState::Exited, "Error"),
        _ if never_ran => (ViewState::Exited, "ContainerCannotRun"),
        _ => (ViewState::Created, ""),
    };
    // Before the CRI only the network said whose pod it was.
    let of_network = body.host_config.network_mode.strip_prefix("container:");
    let sandbox = body.labels.get(SANDBOX_ID_LABEL).map(String::as_str).or(of_network);
    ctx.effect(Effect::Container(Rc::new(ContainerView {
        id: Rc::clone(id),
        sandbox_id: sandbox.unwrap_or_default().into(),
        pod_uid: parsed.uid.into(),
        name: parsed.container.into(),
        attempt: parsed.attempt,
        state: view_state,
        image: body.image.as_str().into(),
        pid: state.pid,
        exit_code: (view_state == ViewState::Exited).then_some(state.exit_code),
        reason: reason.into(),
    })));
}
