//! Measures the simulator natively: `cargo xtask bench` runs this and puts what it prints into
//! its table.
//!
//! ```text
//! bench pods STACK N    CPU seconds to bring N pods to Running, recording on
//! bench heap STACK N    bytes of live heap per running pod, recording off
//! bench hold STACK N    CPU seconds for an hour in the life of N pods, recording on
//! bench scenario NAME   CPU seconds to simulate a built-in scenario
//! bench crash-loop      CPU seconds to simulate a crash loop of 15 minutes
//! bench calls PROGRAM N      microseconds from answer to answer of `PROGRAM serve` to N clients
//! bench p99 PROGRAM N        microseconds that 99 of 100 such calls take at most
//! bench cpu PROGRAM N        microseconds of the server's processor time for each
//! bench own                  microseconds of that which such a call takes without a socket
//! bench memory PROGRAM N     bytes of memory of `PROGRAM serve` with N containers
//! ```

#![allow(clippy::print_stdout, reason = "a command-line program talks on standard output")]

mod socket;

use cpu_time::ProcessTime;
use scenario::{Simulation, Stack, simulate, start_many_pods};
use socket::Figure;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;
use trace::Time;

const HOUR: Time = Time::from_millis(3_600_000);
const CRASH_LOOP: Duration = Duration::from_secs(15 * 60);

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["pods", stack, pods] => on(stack, pods, time_pods),
        ["heap", stack, pods] => on(stack, pods, heap_per_pod),
        ["hold", stack, pods] => on(stack, pods, time_hour),
        ["scenario", name] => time_scenario(name, None),
        ["calls", program, clients] => calls(program, clients, Figure::Interval),
        ["p99", program, clients] => calls(program, clients, Figure::P99),
        ["cpu", program, clients] => calls(program, clients, Figure::Cpu),
        ["own"] => socket::own_work(),
        ["memory", program, containers] => number(containers).and_then(|it| socket::memory(program, it)),
        ["crash-loop"] => time_scenario("crash-loop", Some(CRASH_LOOP)),
        _ => Err(
            "usage: bench pods STACK N | heap STACK N | hold STACK N | scenario NAME | crash-loop | \
             calls PROGRAM N | p99 PROGRAM N | cpu PROGRAM N | own | memory PROGRAM N"
                .to_owned(),
        ),
    };
    match result {
        Ok(figure) => {
            println!("{figure}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn calls(program: &str, clients: &str, figure: Figure) -> Result<f64, String> {
    socket::calls(program, number(clients)?, figure)
}

fn on(
    stack: &str,
    pods: &str,
    measure: fn(Stack, u32) -> Result<f64, String>,
) -> Result<f64, String> {
    let stack = Stack::from_key(stack).ok_or_else(|| format!("there is no stack {stack:?}"))?;
    let pods = pods.parse().map_err(|_| format!("{pods:?} is not a number of pods"))?;
    measure(stack, pods)
}

fn started(stack: Stack, pods: u32) -> Result<Simulation, String> {
    start_many_pods(pods, stack).map_err(|_| "the benchmark's manifest is wrong".to_owned())
}

/// Brings the pods up; fails where a benchmark would measure pods that never ran.
fn bring_up(simulation: &mut Simulation, pods: u32) -> Result<(), String> {
    if simulation.run_until_running(pods as usize) {
        return Ok(());
    }
    Err(format!("only {} of {pods} pods run after an hour", simulation.running_pods()))
}

fn time_pods(stack: Stack, pods: u32) -> Result<f64, String> {
    let start = ProcessTime::now();
    let mut simulation = started(stack, pods)?;
    bring_up(&mut simulation, pods)?;
    Ok(start.elapsed().as_secs_f64())
}

fn heap_per_pod(stack: Stack, pods: u32) -> Result<f64, String> {
    let region = Region::new(ALLOCATOR);
    let mut simulation = started(stack, pods)?;
    simulation.sim().set_recording(false);
    bring_up(&mut simulation, pods)?;
    let change = region.change();
    let live = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    Ok(live / f64::from(pods))
}

fn time_hour(stack: Stack, pods: u32) -> Result<f64, String> {
    let start = ProcessTime::now();
    let mut simulation = started(stack, pods)?;
    simulation.run_until(HOUR);
    let running = simulation.running_pods();
    if running < pods as usize {
        return Err(format!("only {running} of {pods} pods run after an hour"));
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A built-in scenario for as long as it says, or as long as is asked for.
fn time_scenario(name: &str, length: Option<Duration>) -> Result<f64, String> {
    let builtin = scenario::find(name).ok_or_else(|| format!("there is no scenario {name:?}"))?;
    let mut scenario = builtin.scenario();
    if let Some(length) = length {
        scenario.until = Some(scenario::ScenarioDuration(length));
    }
    let stack = scenario.stacks.first().copied().unwrap_or(Stack::Containerd);
    let start = ProcessTime::now();
    simulate(&scenario, stack).map_err(|_| "the scenario's manifest is wrong".to_owned())?;
    Ok(start.elapsed().as_secs_f64())
}
