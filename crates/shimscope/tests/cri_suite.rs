//! Plays the cases of `data/cri-suite.yaml` against every stack: inside this process in virtual time,
//! and over the socket of `shimscope serve`.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod served;

use cri::descriptor::{self, JsonStyle};
use cri::{Answer, Status};
use futures_util::future::LocalBoxFuture;
use scenario::{Machine, Scenario, Stack};
use serde_json::{Map, Value};
use served::Served;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// What is zero or empty is in the answers, too.
const STYLE: JsonStyle = JsonStyle { defaults: true, ..JsonStyle::PEOPLE };

/// How often a step with `until` is tried, and how long it waits in between.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(100);

/// Somewhere to make calls.
trait Runtime {
    fn call<'a>(
        &'a mut self,
        path: &'a str,
        body: Vec<u8>,
    ) -> LocalBoxFuture<'a, Result<Vec<u8>, Status>>;

    fn wait<'a>(&'a mut self) -> LocalBoxFuture<'a, ()>;
}

/// The stack in this process.
struct InProcess(Machine);

impl Runtime for InProcess {
    fn call<'a>(
        &'a mut self,
        path: &'a str,
        body: Vec<u8>,
    ) -> LocalBoxFuture<'a, Result<Vec<u8>, Status>> {
        let Machine { sim, endpoint, .. } = &self.0;
        let (ctx, service, path) = (sim.ctx(), endpoint.service.clone(), path.to_owned());
        let answer = Rc::new(Cell::new(None));
        let slot = answer.clone();
        sim.spawn(async move {
            slot.set(Some(cri::dispatch_bytes(&*service, &ctx, &path, &body).await));
        });
        sim.run_ready();
        let mut ended = answer.take();
        while ended.is_none() {
            sim.run_until(sim.next_timer().expect("a call that waits for something"));
            ended = answer.take();
        }
        let result = match ended.unwrap() {
            Ok(Answer::One(bytes)) => Ok(bytes),
            Ok(_) => panic!("a stream"),
            Err(status) => Err(status),
        };
        Box::pin(async { result })
    }

    fn wait<'a>(&'a mut self) -> LocalBoxFuture<'a, ()> {
        self.0.sim.run_until(self.0.sim.now() + BETWEEN);
        Box::pin(async {})
    }
}

/// The stack behind a socket.
struct OverSocket(serve::Client);

impl Runtime for OverSocket {
    fn call<'a>(
        &'a mut self,
        path: &'a str,
        body: Vec<u8>,
    ) -> LocalBoxFuture<'a, Result<Vec<u8>, Status>> {
        Box::pin(async move {
            let mut responses = self.0.call_bytes(path, body.into()).await?;
            assert_eq!(responses.len(), 1, "{path}");
            Ok(responses.remove(0).into())
        })
    }

    fn wait<'a>(&'a mut self) -> LocalBoxFuture<'a, ()> {
        Box::pin(tokio::time::sleep(BETWEEN))
    }
}

fn cases() -> Vec<Value> {
    let text = include_str!("data/cri-suite.yaml");
    let node = api::yaml::parse(text, &api::yaml::Limits::default()).expect("YAML");
    api::yaml::from_node(&node).expect("cases")
}

async fn play(runtime: &mut dyn Runtime, case: &Value) -> Result<(), String> {
    let name = case["case"].as_str().expect("a name");
    let mut saved = BTreeMap::from([("case".to_owned(), name.to_owned())]);
    for (number, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
        let call = step["call"].as_str().expect("a call");
        let at = |problem: String| format!("{name}, step {number}, {call}: {problem}");
        let tries = if step["until"] == Value::Bool(true) { TRIES } else { 1 };
        let mut result = Ok(());
        for _ in 0..tries {
            result = take_step(runtime, call, step, &mut saved).await;
            if result.is_ok() {
                break;
            }
            runtime.wait().await;
        }
        result.map_err(at)?;
    }
    Ok(())
}

async fn take_step(
    runtime: &mut dyn Runtime,
    call: &str,
    step: &Value,
    saved: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let (service, method) = descriptor::services()
        .iter()
        .find_map(|service| Some((service, service.methods.iter().find(|it| it.name == call)?)))
        .expect("a method of CRI");
    let empty = Value::Object(Map::new());
    let request = filled_in(step.get("request").unwrap_or(&empty), saved);
    let body = descriptor::from_json(method.request, &request).map_err(|it| it.to_string())?;
    let path = format!("/{}.{}/{call}", descriptor::PACKAGE, service.name);
    let response = match (runtime.call(&path, body).await, step["error"].as_str()) {
        (Ok(bytes), None) => {
            descriptor::to_json_with(method.response, &bytes, STYLE).map_err(|it| it.to_string())?
        }
        (Ok(_), Some(code)) => return Err(format!("succeeds instead of {code}")),
        (Err(status), Some(code)) if code == "*" || status.code.as_str() == code => return Ok(()),
        (Err(status), _) => return Err(status.to_string()),
    };
    if let Some(expected) = step.get("expect") {
        matches(&filled_in(expected, saved), &response)
            .map_err(|path| format!("{path} differs in {response}"))?;
    }
    for (name, field) in step["save"].as_object().into_iter().flatten() {
        let value = response[field.as_str().expect("a field")].as_str().expect("a text");
        saved.insert(name.clone(), value.to_owned());
    }
    Ok(())
}

/// The same with `$NAME` replaced.
fn filled_in(value: &Value, saved: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            let text = saved
                .iter()
                .fold(text.clone(), |text, (name, value)| text.replace(&format!("${name}"), value));
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| filled_in(item, saved)).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.clone(), filled_in(value, saved))).collect(),
        ),
        other => other.clone(),
    }
}

/// Whether an answer has what is expected; else the path of what differs. A list that ends with
/// `...` may go on.
fn matches(expected: &Value, found: &Value) -> Result<(), String> {
    let differs = || Err(String::new());
    match (expected, found) {
        (Value::String(any), found) if any == "*" => match found {
            Value::Null => differs(),
            Value::Number(number) if number.as_i64() == Some(0) => differs(),
            Value::String(text) if text.is_empty() || text == "0" => differs(),
            _ => Ok(()),
        },
        (Value::Object(fields), found) => {
            for (name, value) in fields {
                let own = found.get(name).unwrap_or(&Value::Null);
                matches(value, own).map_err(|path| format!(".{name}{path}"))?;
            }
            Ok(())
        }
        (Value::Array(items), found) => {
            let none = Vec::new();
            let found = found.as_array().unwrap_or(&none);
            let (items, open) = match items.split_last() {
                Some((last, rest)) if last == "..." => (rest, true),
                _ => (&items[..], false),
            };
            if found.len() < items.len() || !open && found.len() > items.len() {
                return differs();
            }
            for (index, (item, own)) in items.iter().zip(found).enumerate() {
                matches(item, own).map_err(|path| format!("[{index}]{path}"))?;
            }
            Ok(())
        }
        // Nothing and the default of a type are one on the wire.
        (Value::Number(zero), Value::Null) if zero.as_i64() == Some(0) => Ok(()),
        _ if expected == found => Ok(()),
        _ => differs(),
    }
}

/// Checks that a case holds, or that it does not where it is said not to.
fn judge(stack: Stack, case: &Value, result: Result<(), String>) -> Option<String> {
    match (case["fails"][stack.key()].as_str(), result) {
        (None, Ok(())) | (Some(_), Err(_)) => None,
        (None, Err(problem)) => Some(format!("{}: {problem}", stack.key())),
        (Some(why), Ok(())) => {
            Some(format!("{}: {} holds although {why}", stack.key(), case["case"]))
        }
    }
}

#[tokio::test]
async fn every_stack_holds_in_process() {
    let mut problems = Vec::new();
    for stack in Stack::ALL.into_iter().filter(|stack| stack.has_cri() && *stack != Stack::Rktshim)
    {
        for case in cases() {
            let machine = Machine::boot(&Scenario::default(), stack, Time::ZERO);
            machine.sim.set_recording(false);
            let result = play(&mut InProcess(machine), &case).await;
            problems.extend(judge(stack, &case, result));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn every_stack_holds_over_its_socket() {
    let mut problems = Vec::new();
    for stack in Stack::ALL.into_iter().filter(|stack| stack.has_cri() && *stack != Stack::Rktshim)
    {
        let folder = served::scratch(&format!("suite-{}", stack.key()));
        let served = Served::start(&folder, &["--stack", stack.key()]).await;
        for case in cases() {
            let mut runtime = OverSocket(served.client().await);
            problems.extend(judge(stack, &case, play(&mut runtime, &case).await));
        }
        assert!(served.terminate().success());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
