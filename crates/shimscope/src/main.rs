//! The native program.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use scenario::{Scenario, ScenarioDuration, Stack};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trace::{Level, Trace};

/// Shows, call by call, how Kubernetes starts a container.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Simulate a Pod manifest or a scenario and print the trace
    Simulate(Simulate),
    /// Write a recorded trace in the format of another program
    Export(Export),
    /// Serve the CRI on a socket: a simulated node for crictl, critest or a kubelet
    Serve(Serve),
    /// Stand between a kubelet and its runtime and write down what they say
    Record(Record),
    /// Count what each stack needs to bring the same pods up
    Compare(Compare),
    /// Say what becomes of each manifest of a folder, as a table in Markdown
    Examples(Examples),
    /// List the built-in scenarios
    Scenarios,
    /// Compare with recordings of the real components
    #[command(subcommand)]
    Golden(Golden),
    /// Print the messages, fields, enums and methods of CRI v1 as they are compiled in
    WireTable,
}

#[derive(Subcommand)]
enum Golden {
    /// Replay recordings and say for each whether ours is equal, or the first difference
    Check {
        /// Folders with a recording each, or folders of such folders
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Run a recording's scenario and write what our kubelet does in the same format
    Record {
        /// The folder with the scenario
        folder: PathBuf,
        /// The folder to write
        to: PathBuf,
        /// The seed of all randomness
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

#[derive(clap::Args)]
struct Simulate {
    /// A Pod manifest (YAML or JSON); - for standard input
    #[arg(required_unless_present = "scenario", conflicts_with = "scenario")]
    manifest: Option<PathBuf>,
    /// A built-in scenario by name, or a scenario file
    #[arg(long)]
    scenario: Option<String>,
    /// The runtime stack; the scenario's first if left out
    #[arg(long, value_parser = parse_stack)]
    stack: Option<Stack>,
    /// How long to simulate in virtual time, such as 60s
    #[arg(long)]
    until: Option<ScenarioDuration>,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args)]
struct Export {
    /// The trace: what --format json, serve --record or record wrote; - for standard input
    trace: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args)]
struct Output {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: TraceFormat,
    /// How deep it goes: 1 SyncPod steps, 2 CRI calls, 3 hops, 4 effects; JSON always has all
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=4))]
    detail: u8,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum TraceFormat {
    /// One line for an event
    #[default]
    Table,
    /// The whole trace
    Json,
    /// A Markdown table of the calls
    Markdown,
    /// A Mermaid sequence diagram
    Mermaid,
    /// A PlantUML sequence diagram
    Plantuml,
    /// JSON trace events, for Perfetto or chrome://tracing
    ChromeTrace,
    /// OpenTelemetry traces as OTLP JSON
    Otlp,
}

#[derive(clap::Args)]
struct Examples {
    /// The folder with the manifests
    folder: PathBuf,
    /// The runtime stack
    #[arg(long, value_parser = parse_stack, default_value = "containerd")]
    stack: Stack,
    /// How long to simulate in virtual time
    #[arg(long, default_value = "3m")]
    until: ScenarioDuration,
}

#[derive(clap::Args)]
struct Compare {
    /// A Pod manifest (YAML or JSON); - for standard input
    #[arg(required_unless_present_any = ["scenario", "document"], conflicts_with = "scenario")]
    manifest: Option<PathBuf>,
    /// A built-in scenario by name, or a scenario file
    #[arg(long)]
    scenario: Option<String>,
    /// The stacks, separated by commas; or all
    #[arg(long, value_parser = parse_stacks, default_value = "all")]
    stacks: Vec<Vec<Stack>>,
    /// Have the images pulled, instead of having them on the node
    #[arg(long)]
    pull: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print docs/comparison.md
    #[arg(long, conflicts_with_all = ["manifest", "scenario"])]
    document: bool,
}

#[derive(clap::Args)]
struct Serve {
    /// The runtime stack that answers
    #[arg(long, value_parser = parse_stack, default_value = "containerd")]
    stack: Stack,
    /// The socket to listen on
    #[arg(long, default_value = "unix:///run/shimscope.sock")]
    listen: String,
    /// A built-in scenario by name, or a scenario file: what it says of images, containers and
    /// faults holds
    #[arg(long)]
    scenario: Option<String>,
    /// A directory of this machine for logs and volumes; may be given several times
    #[arg(long, default_values = ["/var/log/pods", "/tmp"])]
    share: Vec<PathBuf>,
    /// Write the trace to this file as it happens
    #[arg(long)]
    record: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Record {
    /// The runtime's socket
    #[arg(long)]
    upstream: String,
    /// The socket for the kubelet
    #[arg(long, default_value = "unix:///run/shimscope-proxy.sock")]
    listen: String,
    /// The trace's file
    file: PathBuf,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// One line for an event
    #[default]
    Table,
    /// The whole trace
    Json,
}

fn parse_stack(key: &str) -> Result<Stack, String> {
    Stack::from_key(key).ok_or_else(|| {
        let keys: Vec<_> = Stack::ALL.iter().map(|stack| stack.key()).collect();
        format!("no such stack; there are {}", keys.join(", "))
    })
}

fn parse_stacks(keys: &str) -> Result<Vec<Stack>, String> {
    match keys {
        "all" => Ok(Stack::ALL.to_vec()),
        keys => keys.split(',').map(|key| parse_stack(key.trim())).collect(),
    }
}

fn main() -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let text = match Arguments::parse().command {
        Command::Simulate(arguments) => simulate(&arguments)?,
        Command::Export(arguments) => export(&arguments)?,
        Command::Examples(Examples { folder, stack, until }) => {
            shimscope::examples::table(&folder, stack, until)?
        }
        Command::Serve(arguments) => {
            serve(arguments)?;
            String::new()
        }
        Command::Record(Record { upstream, listen, file }) => {
            serve::proxy(&serve::ProxyOptions { upstream, listen, file })?;
            String::new()
        }
        Command::Compare(arguments) => compare(&arguments)?,
        Command::Scenarios => list_scenarios(),
        Command::Golden(Golden::Check { folders }) => {
            let report = shimscope::golden::check(&folders)?;
            if !report.all_equal() {
                code = ExitCode::FAILURE;
            }
            report.to_string()
        }
        Command::Golden(Golden::Record { folder, to, seed }) => {
            shimscope::golden::record(&folder, &to, seed)?;
            String::new()
        }
        Command::WireTable => cri::descriptor::wire_table(),
    };
    print(&text)?;
    Ok(code)
}

fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough (`shimscope … | head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("writing to standard output"),
    }
}

fn compare(arguments: &Compare) -> Result<String> {
    if arguments.document {
        return shimscope::compare::document();
    }
    let (scenario, name) = scenario_of(&arguments.scenario, &arguments.manifest)?;
    let stacks: Vec<Stack> = arguments.stacks.iter().flatten().copied().collect();
    let sides = shimscope::compare::compare(&scenario, &stacks, arguments.pull).context(name)?;
    Ok(match arguments.format {
        Format::Table => shimscope::compare::table(&sides),
        Format::Json => serde_json::to_string_pretty(&shimscope::compare::to_json(&sides))? + "\n",
    })
}

/// A scenario, or that of a manifest, and what it is called in messages.
fn scenario_of(
    scenario: &Option<String>,
    manifest: &Option<PathBuf>,
) -> Result<(Scenario, String)> {
    match (scenario, manifest) {
        (Some(name), _) => Ok((load_scenario(name)?, name.clone())),
        (None, Some(path)) => Ok((Scenario::of_manifest(&read(path)?), path.display().to_string())),
        (None, None) => bail!("a manifest or --scenario is needed"),
    }
}

fn simulate(arguments: &Simulate) -> Result<String> {
    let (mut scenario, name) = scenario_of(&arguments.scenario, &arguments.manifest)?;
    if arguments.until.is_some() {
        scenario.until = arguments.until;
    }
    let stack = arguments.stack.or(scenario.stacks.first().copied()).unwrap_or(Stack::Containerd);
    for note in api::manifest::parse(&scenario.manifest).unsimulated {
        eprintln!("{name}:{note}");
    }
    let trace = match scenario::simulate(&scenario, stack) {
        Ok(trace) => trace,
        Err(problems) => {
            let problems: Vec<_> =
                problems.iter().map(|problem| format!("{name}:{problem}")).collect();
            bail!("{}", problems.join("\n"));
        }
    };
    render(&trace, &arguments.output)
}

fn serve(arguments: Serve) -> Result<()> {
    let Serve { stack, listen, scenario, share, record } = arguments;
    // rktshim was a place kept behind the CRI, in which nothing ever answered.
    if !stack.has_cri() || stack == Stack::Rktshim {
        bail!("{} never answered the CRI: choose another stack", stack.key());
    }
    let scenario = match scenario {
        Some(name) => load_scenario(&name)?,
        None => Scenario::default(),
    };
    serve::run(&serve::Options { stack, scenario, listen, shared: share, record })
}

fn export(arguments: &Export) -> Result<String> {
    let text = read(&arguments.trace)?;
    let trace = Trace::parse(&text)
        .map_err(|problem| anyhow::anyhow!("{}: {problem}", arguments.trace.display()))?;
    render(&trace, &arguments.output)
}

fn render(trace: &Trace, output: &Output) -> Result<String> {
    let level = Level::try_from(output.detail).map_err(anyhow::Error::msg)?;
    Ok(match output.format {
        TraceFormat::Table => trace::listing::listing(trace, level),
        TraceFormat::Json => serde_json::to_string(trace)? + "\n",
        TraceFormat::Markdown => trace::export::markdown(trace, level),
        TraceFormat::Mermaid => trace::export::mermaid(trace, level),
        TraceFormat::Plantuml => trace::export::plantuml(trace, level),
        TraceFormat::ChromeTrace => {
            serde_json::to_string(&trace::export::chrome_trace(trace, level))? + "\n"
        }
        TraceFormat::Otlp => serde_json::to_string(&trace::export::otlp(trace, level))? + "\n",
    })
}

/// A built-in scenario, or else the file of that name.
fn load_scenario(name: &str) -> Result<Scenario> {
    let text = match scenario::find(name) {
        Some(builtin) => builtin.yaml.to_owned(),
        None if Path::new(name).exists() => read(Path::new(name))?,
        None => {
            bail!("no built-in scenario and no file is called {name:?}; see `shimscope scenarios`")
        }
    };
    Scenario::parse(&text).map_err(|problem| anyhow::anyhow!("{name}:{problem}"))
}

fn list_scenarios() -> String {
    let lines = scenario::builtin().iter().map(|builtin| {
        let scenario = builtin.scenario();
        let stacks: Vec<_> = scenario.stacks.iter().map(|stack| stack.key()).collect();
        format!("{:<22}{:<24}{}\n", builtin.id, stacks.join(", "), scenario.title.en)
    });
    lines.collect()
}

/// A file as text; `-` is standard input.
fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).context("reading standard input")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    }
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))
}
