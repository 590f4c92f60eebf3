//! `cargo xtask test`: everything that has to hold, section by section.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pico_args::Arguments;

use crate::engine::{self, For};
use crate::setup::{Need, Tools, tests_folder};
use crate::{finish, page, shell};

pub(crate) const SUMMARY: &str = "set up what the tests need and run them all";

/// One part of the tests. A new one is an entry in [`SECTIONS`].
struct Section {
    name: &'static str,
    summary: &'static str,
    needs: &'static [Need],
    run: fn(&Tools) -> Result<()>,
}

/// Cheapest first, so that the usual mistakes show early.
const SECTIONS: &[Section] = &[
    Section {
        name: "format",
        summary: "cargo fmt --check",
        needs: &[Need::RustComponents],
        run: format,
    },
    Section {
        name: "lint",
        summary: "clippy, warnings denied",
        needs: &[Need::RustComponents],
        run: lint,
    },
    Section {
        name: "licences",
        summary: "cargo deny: licences and sources of all dependencies",
        needs: &[Need::CargoDeny],
        run: licences,
    },
    Section { name: "unit", summary: "unit and table tests of every crate", needs: &[], run: unit },
    Section {
        name: "wasm",
        summary: "wasm-bindgen tests in headless Chromium",
        needs: &[Need::Browser, Need::WasmTarget, Need::WasmBindgen],
        run: wasm,
    },
    Section {
        name: "parity",
        summary: "the same traces natively and in wasm, byte for byte",
        needs: &[Need::Node, Need::WasmTarget, Need::WasmBindgen],
        run: parity,
    },
    Section {
        name: "browser",
        summary: "the published page, driven in Chromium",
        needs: &[
            Need::Node,
            Need::Browser,
            Need::BrowserTestModules,
            Need::WasmTarget,
            Need::WasmOpt,
            Need::WasmBindgen,
            Need::Trunk,
        ],
        run: browser,
    },
];

/// The crates with `wasm_bindgen_test` tests.
const WASM_TESTED: &[&str] = &["web"];

pub(crate) fn run(mut args: Arguments) -> Result<()> {
    if args.contains("--help") {
        print_help();
        return Ok(());
    }
    let only: Vec<String> = args.values_from_str("--only")?;
    let skip: Vec<String> = args.values_from_str("--skip")?;
    finish(args)?;
    let chosen = choose(&only, &skip)?;

    let started = Instant::now();
    header("set-up");
    let needs: Vec<Need> = chosen.iter().flat_map(|section| section.needs).copied().collect();
    let tools = Tools::ready(&needs)?;
    println!("✓ everything that these tests need is set up");
    let mut report = Report { rows: vec![("set-up", started.elapsed(), Ok(()))] };
    for section in chosen {
        header(&format!("{}: {}", section.name, section.summary));
        let started = Instant::now();
        let result = (section.run)(&tools);
        if let Err(error) = &result {
            println!("\n✗ {}: {error:#}", section.name);
        }
        report.rows.push((section.name, started.elapsed(), result));
    }
    report.print();
    report.verdict()
}

fn choose(only: &[String], skip: &[String]) -> Result<Vec<&'static Section>> {
    let exists = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    if let Some(unknown) = only.iter().chain(skip).find(|name| !exists(name)) {
        print_help();
        bail!("there is no section `{unknown}`");
    }
    let wanted = |section: &&Section| {
        let named = |names: &[String]| names.iter().any(|name| name == section.name);
        (only.is_empty() || named(only)) && !named(skip)
    };
    Ok(SECTIONS.iter().filter(wanted).collect())
}

fn print_help() {
    println!("cargo xtask test: {SUMMARY}\n");
    println!("  --only SECTION   run this section; may be given more than once");
    println!("  --skip SECTION   run all others; may be given more than once\n\nSections:");
    for section in SECTIONS {
        println!("  {:<9} {}", section.name, section.summary);
    }
}

fn header(title: &str) {
    println!("\n━━━ {title} {}", "━".repeat(70_usize.saturating_sub(title.chars().count())));
}

/// How every section ended and how long it took.
struct Report {
    rows: Vec<(&'static str, Duration, Result<()>)>,
}

impl Report {
    fn print(&self) {
        header("summary");
        for (name, duration, result) in &self.rows {
            let time = shell::duration(*duration);
            let result = if result.is_ok() { "✓ passed" } else { "✗ FAILED" };
            println!("  {name:<9} {time:>12}   {result}");
        }
        let total: Duration = self.rows.iter().map(|(_, duration, _)| *duration).sum();
        println!("  {:<9} {:>12}", "together", shell::duration(total));
    }

    fn verdict(&self) -> Result<()> {
        let failed: Vec<&str> =
            self.rows.iter().filter(|(_, _, result)| result.is_err()).map(|row| row.0).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let again: Vec<String> = failed.iter().map(|name| format!("--only {name}")).collect();
        bail!("failed: {}; once more: cargo xtask test {}", failed.join(", "), again.join(" "))
    }
}

fn format(_: &Tools) -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
        .context("`cargo fmt --all` repairs this")
}

fn lint(_: &Tools) -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    shell::run(shell::cargo().args(["clippy", "--workspace", "--all-targets"]).args(deny))
}

/// Known vulnerabilities are not looked up here: their database is on the network, and a test that
/// passed yesterday must pass today. CONTRIBUTING.md has the command for them.
fn licences(tools: &Tools) -> Result<()> {
    let checks = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    shell::run(tools.command("cargo-deny").args(checks))
}

fn unit(_: &Tools) -> Result<()> {
    shell::run(shell::cargo().args(["test", "--workspace"]))
}

fn wasm(tools: &Tools) -> Result<()> {
    let mut cargo = tools.command("cargo");
    cargo.args(["test", "--target", "wasm32-unknown-unknown"]);
    for krate in WASM_TESTED {
        cargo.args(["-p", krate]);
    }
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
    cargo.env(
        "WASM_BINDGEN_TEST_WEBDRIVER_JSON",
        shell::workspace_root().join("web/webdriver.json"),
    );
    cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    // The runner is content with a crate whose tests it did not find; we are not.
    let mut some_passed = false;
    shell::run_reading(&mut cargo, |line| {
        some_passed |= line.starts_with("test result: ok. ") && !line.contains("ok. 0 passed");
    })?;
    if !some_passed {
        bail!("no wasm test ran in {WASM_TESTED:?}");
    }
    Ok(())
}

fn parity(tools: &Tools) -> Result<()> {
    let engine = engine::build(tools, For::Node)?;
    shell::run(shell::cargo().args(["build", "-p", "shimscope"]))?;
    let script = shell::workspace_root().join("xtask/js/parity.cjs");
    let traces = shell::target_dir().join("parity");
    let native = shell::target_dir().join("debug/shimscope");
    shell::run(tools.command("node").arg(script).arg(engine).arg(native).arg(traces))
}

fn browser(tools: &Tools) -> Result<()> {
    let page = page::build(tools)?;
    let mut node = tools.command("node");
    node.current_dir(tests_folder()).arg("--test").env("SHIMSCOPE_PAGE", page);
    shell::run(&mut node)
}
