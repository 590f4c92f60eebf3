//! What a component is working on, and how it asks others.

use crate::fault::{Target, Verdict};
use crate::{Injected, Sim, Sleep, TaskHandle};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use trace::{
    Call, Component, Effect, EventId, Level, Outcome, Payload, PodRef, Protocol, Return, Subject,
    Text, Time, What,
};

/// The context of some work: which simulation, during which call, about whom.
#[derive(Clone)]
pub struct Ctx {
    sim: Sim,
    call: Option<EventId>,
    subject: Subject,
    cause: Option<EventId>,
}

impl Ctx {
    pub(crate) const fn root(sim: Sim) -> Self {
        Self { sim, call: None, subject: Subject { pod: None, container: None }, cause: None }
    }

    /// The simulation.
    #[must_use]
    pub const fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// Waits.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sim.sleep(duration)
    }

    /// Starts a task that goes on by itself.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> TaskHandle<T> {
        self.sim.spawn(future)
    }

    /// The call during which this work happens.
    #[must_use]
    pub const fn call_id(&self) -> Option<EventId> {
        self.call
    }

    /// Whom the work is about.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// The same work, said to have been woken by an earlier event. Holds for the next call only.
    #[must_use]
    pub fn woken_by(&self, cause: Option<EventId>) -> Self {
        Self { cause, ..self.clone() }
    }

    /// The same work, about a pod.
    #[must_use]
    pub fn about_pod(&self, pod: PodRef) -> Self {
        Self { subject: Subject { pod: Some(pod), container: None }, ..self.clone() }
    }

    /// The same work, about a container of the pod. A name that the pod's spec does not have
    /// leaves the subject as it is.
    #[must_use]
    pub fn about_container(&self, name: &str) -> Self {
        let container = self.subject.pod.and_then(|pod| self.sim.container_ref(pod, name));
        Self { subject: Subject { container, ..self.subject }, ..self.clone() }
    }

    /// Work that goes on by itself, after the call in which it began has returned; about the same
    /// subject.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { call: None, cause: self.call, ..self.clone() }
    }

    /// Introduces a pod and gives its reference.
    pub fn add_pod(&self, pod: &Rc<api::Pod>) -> PodRef {
        self.sim.add_pod(self.call, pod)
    }

    /// Records a change of the world.
    pub fn effect(&self, effect: Effect) -> EventId {
        self.sim.record(self.call, self.subject, What::Effect(Box::new(effect)))
    }

    /// Asks another component: records the call, applies a fault, spends the hop's latency, runs
    /// `callee`, and records how it went. The call begins at once, so the future should be awaited
    /// at once; if it is dropped before its end, the call is recorded as cancelled.
    ///
    /// # Errors
    /// Those of the callee, and injected ones.
    pub fn call<T: Answer, E: Failure>(
        &self,
        hop: Hop,
        callee: impl AsyncFnOnce(Self) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, E>> {
        self.call_answering(hop, T::payload, callee)
    }

    /// Like [`Ctx::call`], with a function that says what the answer looks like in the trace.
    ///
    /// # Errors
    /// Those of the callee, and injected ones.
    pub fn call_answering<T, E: Failure>(
        &self,
        hop: Hop,
        answer: impl FnOnce(&T) -> Payload,
        callee: impl AsyncFnOnce(Self) -> Result<T, E>,
    ) -> impl Future<Output = Result<T, E>> {
        // What the hop is made of is not kept while the call is open: calls nest deeply.
        let begun = self.begin(hop);
        self.answered(begun, answer, callee)
    }

    /// Everything that does not depend on the types of a call is done elsewhere, since the
    /// compiler makes this anew for each of some hundred kinds of call.
    async fn answered<T, E: Failure>(
        &self,
        begun: Begun<'_>,
        answer: impl FnOnce(&T) -> Payload,
        callee: impl AsyncFnOnce(Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let Begun { open, wait, before, after } = begun;
        if let Some(wait) = wait {
            wait.await;
        }
        let result = match before {
            Some(error) => Err(E::injected(error)),
            None => {
                let result = callee(open.inside()).await;
                match after {
                    Some(error) => Err(E::injected(error)),
                    None => result,
                }
            }
        };
        let recording = self.sim.is_recording();
        match &result {
            Ok(value) => open.returned(if recording { answer(value) } else { Payload::None }),
            Err(error) => open.failed(error),
        }
        result
    }

    /// Records that a call begins, and finds what the faults make of it.
    fn begin(&self, hop: Hop) -> Begun<'_> {
        let Hop { mut call, request, takes } = hop;
        let verdict = self.sim.judge(&call.op, call.to, self.subject);
        call.cause = self.cause;
        if let Some(request) = request.filter(|_| self.sim.is_recording()) {
            call.request = request();
        }
        let id = self.sim.record(self.call, self.subject, What::Call(call));
        let takes = takes + verdict.delay;
        let (before, after) = match verdict.after {
            true => (None, verdict.error),
            false => (verdict.error, None),
        };
        Begun {
            open: OpenCall { ctx: self, call: id },
            wait: (!takes.is_zero()).then(|| self.sleep(takes)),
            before,
            after,
        }
    }
}

/// A call that has begun.
struct Begun<'a> {
    open: OpenCall<'a>,
    wait: Option<Sleep>,
    /// The fault in the callee's place.
    before: Option<Injected>,
    /// The fault in place of the callee's answer.
    after: Option<Injected>,
}

/// A recorded call without its return; closes itself as cancelled when dropped.
struct OpenCall<'a> {
    ctx: &'a Ctx,
    call: EventId,
}

impl OpenCall<'_> {
    /// The context of the callee.
    fn inside(&self) -> Ctx {
        Ctx { call: Some(self.call), cause: None, ..self.ctx.clone() }
    }

    fn returned(self, response: Payload) {
        self.close(Outcome::Ok, response);
    }

    fn failed(self, error: &impl Failure) {
        let (code, message) = error.describe();
        let response = error.payload();
        self.close(Outcome::Error { code, message }, response);
    }

    fn close(self, outcome: Outcome, response: Payload) {
        self.record(outcome, response);
        std::mem::forget(self);
    }

    fn record(&self, outcome: Outcome, response: Payload) {
        let answer = Return { call: self.call, outcome, response };
        self.ctx.sim.record(self.ctx.call, self.ctx.subject, What::Return(Box::new(answer)));
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        let outcome =
            Outcome::Error { code: "Canceled".into(), message: "context canceled".into() };
        self.record(outcome, Payload::None);
    }
}

impl Sim {
    /// What the armed faults do to a call: the first that works on it decides.
    fn judge(&self, op: &str, to: Component, subject: Subject) -> Verdict {
        let faults = self.0.faults.borrow();
        if faults.is_empty() {
            return Verdict::default();
        }
        let pods = self.0.pods.borrow();
        let pod = subject.pod.and_then(|pod| pods.get(pod.0 as usize));
        let container = pod
            .zip(subject.container)
            .and_then(|(pod, container)| pod.containers.get(usize::from(container.0)));
        let target = Target {
            op,
            to,
            pod: pod.map(|pod| &*pod.name),
            container: container.map(|name| &**name),
        };
        faults.iter().find_map(|fault| fault.judge(&target)).unwrap_or_default()
    }
}

/// One component asking another, as the trace will show it.
pub struct Hop {
    call: Box<Call>,
    request: Option<Box<dyn FnOnce() -> Payload>>,
    takes: Duration,
}

impl Hop {
    /// A hop between processes ([`Level::Hops`]); a CRI call is at [`Level::Calls`]. A function
    /// call or a system call is shown with the effects unless [`Hop::level`] says otherwise.
    pub fn new(from: Component, to: Component, protocol: Protocol, op: impl Into<Text>) -> Self {
        Self::of(from, to, protocol, op.into())
    }

    fn of(from: Component, to: Component, protocol: Protocol, op: Text) -> Self {
        let level = match protocol {
            Protocol::Cri => Level::Calls,
            Protocol::Function | Protocol::Syscall => Level::Effects,
            _ => Level::Hops,
        };
        let call = Call {
            from,
            to,
            protocol,
            op,
            level,
            request: Payload::None,
            source: None,
            glue: None,
            cause: None,
        };
        Self { call: Box::new(call), request: None, takes: Duration::ZERO }
    }

    /// From which detail level on it is shown.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.call.level = level;
        self
    }

    /// What is sent. The function is called only when events are kept.
    #[must_use]
    pub fn request(mut self, request: impl FnOnce() -> Payload + 'static) -> Self {
        self.request = Some(Box::new(request));
        self
    }

    /// Where upstream does this, as `project@version path Function`.
    #[must_use]
    pub fn source(mut self, source: impl Into<Text>) -> Self {
        self.call.source = Some(source.into());
        self
    }

    /// The step exists only because two components do not speak the same interface; the key of
    /// the reason.
    #[must_use]
    pub fn glue(mut self, reason: impl Into<Text>) -> Self {
        self.call.glue = Some(reason.into());
        self
    }

    /// How long the way there and the callee's own work take, besides what it asks of others.
    #[must_use]
    pub fn takes(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    /// The same in milliseconds.
    #[must_use]
    pub fn takes_ms(self, millis: u64) -> Self {
        self.takes(Duration::from_millis(millis))
    }
}

/// What a call gives back, as the trace shows it.
pub trait Answer {
    /// What travels with the return.
    fn payload(&self) -> Payload {
        Payload::None
    }
}

impl Answer for () {}

impl Answer for serde_json::Value {
    fn payload(&self) -> Payload {
        Payload::json(self)
    }
}

impl Answer for String {
    fn payload(&self) -> Payload {
        if self.is_empty() { Payload::None } else { Payload::Text(self.as_str().into()) }
    }
}

impl<T: Answer> Answer for Option<T> {
    fn payload(&self) -> Payload {
        self.as_ref().map_or(Payload::None, Answer::payload)
    }
}

/// How a call can fail.
pub trait Failure {
    /// The error's kind in the words of its protocol, and its text.
    fn describe(&self) -> (Text, String);

    /// What travels with the return.
    fn payload(&self) -> Payload {
        Payload::None
    }

    /// The error that a fault gives.
    fn injected(error: Injected) -> Self;
}

/// An error with nothing but a code and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimError {
    /// The error's kind.
    pub code: Text,
    /// The error's text.
    pub message: String,
}

impl SimError {
    /// An error.
    pub fn new(code: impl Into<Text>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl std::fmt::Display for SimError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SimError {}

impl Failure for SimError {
    fn describe(&self) -> (Text, String) {
        (self.code.clone(), self.message.clone())
    }

    fn injected(error: Injected) -> Self {
        Self { code: error.code.into(), message: error.message }
    }
}

impl Failure for cri::Status {
    fn describe(&self) -> (Text, String) {
        (self.code.as_str().into(), self.message.clone())
    }

    fn injected(error: Injected) -> Self {
        let code = cri::Code::from_name(&error.code).unwrap_or(cri::Code::Unknown);
        Self { code, message: error.message }
    }
}
