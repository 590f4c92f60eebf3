//! `cargo xtask bench`: what the simulator and the page cost, as one table.
//!
//! Times are CPU seconds of this machine and mean little elsewhere; the ratios beside them are what counts.

use std::fmt::Write;

use anyhow::{Context, Result};
use pico_args::Arguments;

use crate::engine::{self, For};
use crate::setup::{Need, Tools, tests_folder};
use crate::{finish, page, shell};

pub(crate) const SUMMARY: &str = "measure speed, memory and sizes, and print them as tables";

const HELP: &str = "
  --write   also write the tables to docs/benchmarks.md";

const STACK: &str = "containerd";
const PODS: [u32; 4] = [1, 100, 1_000, 10_000];
const HEAP_PODS: u32 = 1_000;
const HOUR_PODS: u32 = 500;
const SEEK_EVENTS: u32 = 100_000;
/// Each figure is the best of so many runs: what disturbs a run only ever makes it slower.
const RUNS: usize = 3;

pub(crate) fn run(mut args: Arguments) -> Result<()> {
    if args.contains("--help") {
        println!("cargo xtask bench: {SUMMARY}\n{HELP}");
        return Ok(());
    }
    let write = args.contains("--write");
    finish(args)?;

    let tools = Tools::ready(Need::ALL)?;
    let native = Native::build()?;
    let mut report = String::new();
    let wasm = Wasm { tools: &tools, engine: engine::build(&tools, For::Node)? };
    pods(&mut report, &wasm, &native)?;
    hour(&mut report, &wasm, &native)?;
    memory(&mut report, &native)?;
    scenarios(&mut report, &native)?;
    seeking(&mut report, &tools)?;
    sizes(&mut report, &tools)?;
    println!("\n{report}");
    if write {
        let path = shell::workspace_root().join("docs/benchmarks.md");
        let text = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench --write` on a machine with {} cores.\n\n{report}",
            std::thread::available_parallelism()?
        );
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The native benchmark program.
struct Native(std::path::PathBuf);

impl Native {
    fn build() -> Result<Self> {
        shell::run(shell::cargo().args(["build", "--release", "-p", "bench"]))?;
        Ok(Self(shell::target_dir().join("release/bench")))
    }

    /// The smallest figure of [`RUNS`] runs.
    fn best(&self, arguments: &[&str]) -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let text = shell::output(shell::command(&self.0).args(arguments))?;
            best = best.min(text.parse().with_context(|| format!("{text:?} is no figure"))?);
        }
        Ok(best)
    }
}

/// The engine under node.
struct Wasm<'a> {
    tools: &'a Tools,
    engine: std::path::PathBuf,
}

impl Wasm<'_> {
    /// The smallest figures of [`RUNS`] runs of one of its functions, for each number of pods.
    fn best(&self, function: &str, stack: &str, counts: &[String]) -> Result<Vec<f64>> {
        let script = shell::workspace_root().join("xtask/js/bench.cjs");
        let mut best = vec![f64::INFINITY; counts.len()];
        for _ in 0..RUNS {
            let mut node = self.tools.command("node");
            node.arg(&script).arg(&self.engine).args([function, stack]).args(counts);
            let text = shell::output(&mut node)?;
            for (best, count) in best.iter_mut().zip(counts) {
                *best = best.min(figure(&text, count)?);
            }
        }
        Ok(best)
    }
}

fn pods(report: &mut String, wasm: &Wasm<'_>, native: &Native) -> Result<()> {
    let counts = PODS.map(|count| count.to_string());
    let wasm = wasm.best("run_pods", STACK, &counts)?;
    writeln!(report, "## Pods brought to Running on one node ({STACK}, everything recorded)\n")?;
    writeln!(
        report,
        "| pods | native, pods per CPU second | cost per pod against 100 | wasm under node, pods per CPU second | cost per pod against 100 |"
    )?;
    writeln!(report, "| ---: | ---: | ---: | ---: | ---: |")?;
    let mut seconds = Vec::new();
    for count in &counts {
        seconds.push(native.best(&["pods", STACK, count])?);
    }
    let per_pod = |seconds: f64, pods: u32| seconds / f64::from(pods);
    for (index, &pods) in PODS.iter().enumerate() {
        writeln!(
            report,
            "| {pods} | {:.0} | {:.2} | {:.0} | {:.2} |",
            1.0 / per_pod(seconds[index], pods),
            per_pod(seconds[index], pods) / per_pod(seconds[1], PODS[1]),
            1.0 / per_pod(wasm[index], pods),
            per_pod(wasm[index], pods) / per_pod(wasm[1], PODS[1]),
        )?;
    }
    writeln!(report)?;
    Ok(())
}

fn hour(report: &mut String, wasm: &Wasm<'_>, native: &Native) -> Result<()> {
    let pods = HOUR_PODS.to_string();
    writeln!(report, "## An hour on a node of {pods} pods (everything recorded)\n")?;
    writeln!(report, "| stack | native, CPU seconds | wasm under node, CPU seconds |")?;
    writeln!(report, "| --- | ---: | ---: |")?;
    for stack in ["containerd", "dockershim"] {
        let seconds = native.best(&["hold", stack, &pods])?;
        let wasm = wasm.best("hold_pods", stack, std::slice::from_ref(&pods))?;
        writeln!(report, "| {stack} | {seconds:.2} | {:.2} |", wasm[0])?;
    }
    writeln!(report)?;
    Ok(())
}

fn memory(report: &mut String, native: &Native) -> Result<()> {
    writeln!(report, "## Heap per running pod, besides the trace ({HEAP_PODS} pods)\n")?;
    writeln!(report, "| stack | bytes |\n| --- | ---: |")?;
    for stack in ["containerd", "dockershim"] {
        let bytes = native.best(&["heap", stack, &HEAP_PODS.to_string()])?;
        writeln!(report, "| {stack} | {bytes:.0} |")?;
    }
    writeln!(report)?;
    Ok(())
}

fn scenarios(report: &mut String, native: &Native) -> Result<()> {
    writeln!(report, "## Simulating a built-in scenario (native)\n")?;
    writeln!(report, "| scenario | milliseconds |\n| --- | ---: |")?;
    for name in ["single-container", "crash-loop"] {
        let seconds = native.best(&["scenario", name])?;
        writeln!(report, "| {name} | {:.1} |", seconds * 1e3)?;
    }
    let seconds = native.best(&["crash-loop"])?;
    writeln!(report, "| crash-loop, 15 minutes of it | {:.1} |", seconds * 1e3)?;
    writeln!(report)?;
    Ok(())
}

fn seeking(report: &mut String, tools: &Tools) -> Result<()> {
    let engine = engine::build(tools, For::Web)?;
    let folder = engine.parent().context("the engine lies in a folder")?;
    let script = shell::workspace_root().join("xtask/js/seek.mjs");
    let mut node = tools.command("node");
    node.arg(script).arg(folder).arg(SEEK_EVENTS.to_string());
    let text = shell::output(node.env("SHIMSCOPE_TEST_MODULES", tests_folder()))?;
    writeln!(report, "## Seeking to a random cursor of {SEEK_EVENTS} events in Chromium\n")?;
    writeln!(report, "| | milliseconds |\n| --- | ---: |")?;
    for (key, name) in [("median", "median"), ("p95", "95th percentile"), ("max", "longest of 300")]
    {
        writeln!(report, "| {name} | {:.2} |", figure(&text, key)?)?;
    }
    writeln!(report)?;
    Ok(())
}

fn sizes(report: &mut String, tools: &Tools) -> Result<()> {
    let page = page::build(tools)?;
    let script = shell::workspace_root().join("xtask/js/sizes.cjs");
    let text = shell::output(tools.command("node").arg(script).arg(page))?;
    writeln!(report, "## What a browser downloads, in bytes\n")?;
    writeln!(report, "| file | raw | gzip -9 | brotli -q 11 |\n| --- | ---: | ---: | ---: |")?;
    let mut totals = [0.0; 3];
    for row in text.split('{').skip(1) {
        let name = row.split('"').nth(3).context("a row without a name")?;
        let sizes = ["raw", "gzip", "brotli"].map(|key| figure(row, key));
        let [raw, gzip, brotli] = sizes;
        let sizes = [raw?, gzip?, brotli?];
        for (total, size) in totals.iter_mut().zip(sizes) {
            *total += size;
        }
        writeln!(report, "| {name} | {} | {} | {} |", sizes[0], sizes[1], sizes[2])?;
    }
    writeln!(report, "| together | {} | {} | {} |", totals[0], totals[1], totals[2])?;
    Ok(())
}

/// The number behind a key of a flat JSON object. Our own scripts print it, so this needs no parser.
fn figure(json: &str, key: &str) -> Result<f64> {
    let missing = || format!("no figure {key:?} in {json}");
    let (_, rest) = json.split_once(&format!("\"{key}\":")).with_context(missing)?;
    let end = rest.find([',', '}']).with_context(missing)?;
    rest[..end].trim().parse().with_context(missing)
}
