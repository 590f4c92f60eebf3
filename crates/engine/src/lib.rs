//! The simulator without a page: what JavaScript can ask of it.

use scenario::{Scenario, Simulation, Stack};
use std::rc::Rc;
use trace::{Player, Time, Trace};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs a scenario (YAML text) on a stack (its key) and gives the trace as JSON.
///
/// # Errors
/// A scenario that is not well-formed, with line and column; an unknown stack.
#[wasm_bindgen]
pub fn simulate(scenario_yaml: &str, stack: &str) -> Result<String, JsError> {
    let scenario = Scenario::parse(scenario_yaml).map_err(|problem| error(&problem))?;
    let stack = stack_of(stack)?;
    let trace = scenario::simulate(&scenario, stack).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        JsError::new(&lines.join("\n"))
    })?;
    serde_json::to_string(&trace).map_err(|problem| error(&problem))
}

/// The built-in scenarios as a JSON list of objects with `id`, `stacks` and `yaml`.
///
/// # Errors
/// None in practice.
#[wasm_bindgen]
pub fn scenarios() -> Result<String, JsError> {
    let list = scenario::builtin().iter().map(|builtin| {
        let stacks: Vec<_> = builtin.scenario().stacks.iter().map(|stack| stack.key()).collect();
        serde_json::json!({ "id": builtin.id, "stacks": stacks, "yaml": builtin.yaml })
    });
    serde_json::to_string(&list.collect::<Vec<_>>()).map_err(|problem| error(&problem))
}

/// Brings so many pods up on one node and says how many of them run; for benchmarks.
///
/// # Errors
/// An unknown stack.
#[wasm_bindgen]
pub fn run_pods(pods: u32, stack: &str) -> Result<u32, JsError> {
    let mut simulation = start_pods(pods, stack_of(stack)?)?;
    simulation.run_until_running(pods as usize);
    Ok(simulation.running_pods() as u32)
}

/// Lets so many pods live on one node for an hour and says how many of them run then; for
/// benchmarks.
///
/// # Errors
/// An unknown stack.
#[wasm_bindgen]
pub fn hold_pods(pods: u32, stack: &str) -> Result<u32, JsError> {
    let mut simulation = start_pods(pods, stack_of(stack)?)?;
    simulation.run_until(Time::from_millis(3_600_000));
    Ok(simulation.running_pods() as u32)
}

/// A long trace to seek in; for benchmarks.
#[wasm_bindgen]
pub struct SeekBench(Player);

#[wasm_bindgen]
impl SeekBench {
    /// Simulates pods until the trace has at least so many events.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(constructor)]
    pub fn new(events: u32) -> Result<Self, JsError> {
        let mut trace = Trace::default();
        let mut pods = 64;
        while trace.len() < events as usize {
            let mut simulation = start_pods(pods, Stack::Dockershim)?;
            simulation.run_until_running(pods as usize);
            trace = simulation.into_trace();
            pods *= 2;
        }
        trace.events.truncate(events as usize);
        Ok(Self(Player::new(Rc::new(trace))))
    }

    /// Goes to a cursor and says how many processes live there, so that the work cannot be left
    /// out.
    #[must_use]
    pub fn seek(&self, cursor: u32) -> u32 {
        self.0.seek(cursor as usize).processes.len() as u32
    }
}

fn start_pods(pods: u32, stack: Stack) -> Result<Simulation, JsError> {
    scenario::start_many_pods(pods, stack)
        .map_err(|_| JsError::new("the benchmark's manifest is wrong"))
}

fn stack_of(key: &str) -> Result<Stack, JsError> {
    Stack::from_key(key).ok_or_else(|| JsError::new(&format!("there is no stack {key:?}")))
}

fn error(problem: &dyn std::fmt::Display) -> JsError {
    JsError::new(&problem.to_string())
}
