//! Stacks side by side: what each needs to bring the same pods up, and who of it is responsible
//! for what. Every number is counted on a trace.

use anyhow::{Result, bail};
use runtimes::docker::GLUE;
use scenario::{Scenario, ScenarioDuration, Stack, simulate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use trace::account::{Account, Matter, responsible};
use trace::{Component, Protocol, Trace};

/// How long a stack gets to bring pods up.
const PATIENCE: Duration = Duration::from_secs(600);

/// The pod on which it is seen who is responsible for what: its images are on no node, and it has
/// a command run in it.
const PROBED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  containers:
  - name: app
    image: busybox:1.36
    command: [sh, -c, 'echo hello; sleep 3600']
    livenessProbe: {exec: {command: ['true']}, periodSeconds: 1}
";

/// One stack's side of a comparison.
pub struct Side {
    stack: Stack,
    trace: Trace,
    account: Account,
    owners: Vec<(Matter, Vec<Component>)>,
}

impl Side {
    fn of(scenario: &Scenario, stack: Stack) -> Result<Self> {
        let trace = run(scenario, stack)?;
        let probed = Scenario {
            kubernetes: scenario.kubernetes,
            until: Some(ScenarioDuration(Duration::from_secs(15))),
            ..Scenario::of_manifest(PROBED)
        };
        let probed = run(&probed, stack)?;
        let owners = Matter::ALL.map(|matter| (matter, responsible(&probed, matter)));
        Ok(Self { stack, account: Account::of(&trace), trace, owners: owners.into() })
    }

    fn version(&self) -> &str {
        &self.trace.header.kubernetes
    }
}

fn run(scenario: &Scenario, stack: Stack) -> Result<Trace> {
    match simulate(scenario, stack) {
        Ok(trace) => Ok(trace),
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            bail!("{}", problems.join("\n"))
        }
    }
}

/// Runs a scenario on several stacks. Unless pulling is asked for, all images are on the node: the
/// numbers are the stacks' own.
///
/// # Errors
/// The problems of the scenario's manifests.
pub fn compare(scenario: &Scenario, stacks: &[Stack], pull: bool) -> Result<Vec<Side>> {
    let mut scenario = scenario.clone();
    scenario.until = scenario.until.or(Some(ScenarioDuration(PATIENCE)));
    if !pull {
        let images = images_of(&scenario);
        // Whatever version the sandbox's image has.
        let pause = ["k8s.gcr.io", "registry.k8s.io", "gcr.io/google_containers"]
            .iter()
            .flat_map(|host| PAUSE_TAGS.iter().map(move |tag| format!("{host}/{tag}")));
        for image in images.into_iter().chain(pause) {
            let declared = scenario.images.entry(image).or_default();
            declared.present = !declared.missing;
        }
    }
    stacks.iter().map(|&stack| Side::of(&scenario, stack)).collect()
}

/// The images of sandboxes' containers in the versions that stacks come with.
const PAUSE_TAGS: [&str; 7] = [
    "pause-amd64:3.0",
    "pause:3.0",
    "pause:3.5",
    "pause:3.9",
    "pause:3.10",
    "pause:3.10.1",
    "pause:3.10.2",
];

fn images_of(scenario: &Scenario) -> Vec<String> {
    let pods = api::manifest::parse(&scenario.manifest).pods;
    let containers = pods.into_iter().flat_map(|pod| {
        pod.spec.init_containers.into_iter().chain(pod.spec.containers).collect::<Vec<_>>()
    });
    containers.map(|container| container.image).collect()
}

/// The rows of a comparison: a title, and a cell for each stack.
fn rows(sides: &[Side]) -> Vec<(String, Vec<String>)> {
    let row = |title: &str, cell: &dyn Fn(&Side) -> String| {
        (title.to_owned(), sides.iter().map(cell).collect::<Vec<_>>())
    };
    let mut rows = vec![
        row("Kubernetes", &|side| side.version().to_owned()),
        row("CRI calls", &|side| side.account.tally.cri_calls.to_string()),
        row("hops", &|side| side.account.tally.hops.to_string()),
        row("hops to a container's program", &|side| side.account.depth.to_string()),
        row("programs involved", &|side| {
            let programs = &side.account.tally.processes;
            format!("{}: {}", programs.len(), names(programs.iter().copied()))
        }),
        row("processes started", &|side| side.account.tally.executed.len().to_string()),
        row("processes that stay", &|side| counted(&side.account.staying)),
        row("protocols crossed", &|side| {
            let protocols = &side.account.tally.protocols;
            let named = protocols.iter().map(|(protocol, count)| (protocol.name(), count));
            format!("{}: {}", protocols.len(), counted(named))
        }),
        row("serialisations", &|side| side.account.tally.serialisations.to_string()),
        row("glue steps", &|side| side.account.tally.glue_calls().to_string()),
        row("files touched", &|side| side.account.tally.files.len().to_string()),
        row("modelled latency", &|side| {
            if side.account.complete {
                format!("{} ms", side.account.tally.duration.as_millis())
            } else {
                "it never runs".to_owned()
            }
        }),
    ];
    for (index, matter) in Matter::ALL.into_iter().enumerate() {
        rows.push(row(&format!("who sees to: {}", matter.name()), &|side| {
            let owners = &side.owners[index].1;
            match owners.as_slice() {
                [] => "nobody".to_owned(),
                owners => owners.iter().map(|owner| owner.name()).collect::<Vec<_>>().join(" → "),
            }
        }));
    }
    rows
}

fn names(components: impl Iterator<Item = Component>) -> String {
    components.map(Component::name).collect::<Vec<_>>().join(", ")
}

fn counted<N: AsRef<str>, C: std::fmt::Display>(of: impl IntoIterator<Item = (N, C)>) -> String {
    let parts: Vec<_> =
        of.into_iter().map(|(name, count)| format!("{count} {}", name.as_ref())).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// A comparison as a table in Markdown, with the reasons of its glue below.
#[must_use]
pub fn table(sides: &[Side]) -> String {
    let mut text = format!(
        "| |{}\n|---|{}\n",
        sides.iter().map(|side| format!(" {} |", side.stack.name())).collect::<String>(),
        sides.iter().map(|_| "---|").collect::<String>()
    );
    for (title, cells) in rows(sides) {
        text.push_str(&format!("| {title} | {} |\n", cells.join(" | ")));
    }
    let glue = glue(sides);
    if glue.is_empty() {
        return text;
    }
    text.push_str("\nThe glue, and why it exists:\n\n");
    for (reason, by_stack) in glue {
        let counts = by_stack.iter().map(|(stack, count)| format!("{} {count}", stack.name()));
        let counts = counts.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("* **{reason}** ({counts}): {}\n", why(&reason)));
    }
    text
}

/// The reasons for glue, with how often each stack had them.
fn glue(sides: &[Side]) -> BTreeMap<String, Vec<(Stack, usize)>> {
    let mut glue: BTreeMap<String, Vec<(Stack, usize)>> = BTreeMap::new();
    for side in sides {
        for (reason, count) in &side.account.tally.glue {
            glue.entry(reason.to_string()).or_default().push((side.stack, *count));
        }
    }
    glue
}

/// Why a step exists that only translates.
fn why(reason: &str) -> &'static str {
    GLUE.iter().find(|(key, _)| *key == reason).map_or("", |(_, why)| why)
}

/// A comparison as JSON: an array with an object for each stack.
#[must_use]
pub fn to_json(sides: &[Side]) -> Value {
    let sides = sides.iter().map(|side| {
        let Account { tally, depth, staying, complete } = &side.account;
        let protocols: BTreeMap<_, _> = tally
            .protocols
            .iter()
            .map(|(protocol, count): (&Protocol, _)| (protocol.key(), count))
            .collect();
        let glue: Vec<_> = tally
            .glue
            .iter()
            .map(|(reason, count)| {
                json!({"reason": reason, "count": count, "why": why(reason), "steps": sources(&side.trace, reason)})
            })
            .collect();
        let staying: BTreeMap<_, _> =
            staying.iter().map(|(name, count)| (name.to_string(), count)).collect();
        let owners: BTreeMap<_, Vec<_>> = side
            .owners
            .iter()
            .map(|(matter, owners)| {
                (matter.name(), owners.iter().map(|owner| owner.key()).collect())
            })
            .collect();
        json!({
            "stack": side.stack.key(),
            "kubernetes": side.version(),
            "complete": complete,
            "criCalls": tally.cri_calls,
            "hops": tally.hops,
            "hopsToProgram": depth,
            "programs": tally.processes.iter().map(|program| program.key()).collect::<Vec<_>>(),
            "processesStarted": tally.executed.len(),
            "processesThatStay": staying,
            "protocols": protocols,
            "serialisations": tally.serialisations,
            "glue": glue,
            "files": tally.files.iter().map(|path| path.to_string()).collect::<Vec<_>>(),
            "latencyMillis": u64::try_from(tally.duration.as_millis()).unwrap_or(u64::MAX),
            "responsible": owners,
        })
    });
    Value::Array(sides.collect())
}

/// The operations that are glue for a reason, each with where upstream does it.
fn sources(trace: &Trace, reason: &str) -> BTreeMap<String, String> {
    trace
        .calls()
        .filter(|(.., call)| call.glue.as_deref() == Some(reason))
        .map(|(.., call)| {
            (call.op.to_string(), call.source.as_deref().unwrap_or_default().to_owned())
        })
        .collect()
}

/// The pods of `docs/comparison.md`: title, manifest.
const DOCUMENTED: [(&str, &str); 3] = [
    (
        "One container",
        "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: nginx, image: \"nginx:1.25\"}
",
    ),
    (
        "Three containers",
        "apiVersion: v1
kind: Pod
metadata: {name: trio}
spec:
  containers:
  - {name: nginx, image: \"nginx:1.25\"}
  - {name: redis, image: \"redis:7\"}
  - {name: shell, image: \"busybox:1.36\", command: [sleep, \"3600\"]}
",
    ),
    (
        "On the host's network",
        "apiVersion: v1
kind: Pod
metadata: {name: host}
spec:
  hostNetwork: true
  containers:
  - {name: nginx, image: \"nginx:1.25\"}
",
    ),
];

/// The text of `docs/comparison.md`.
///
/// # Errors
/// None in practice: the manifests are fixed.
pub fn document() -> Result<String> {
    let mut text = String::from(
        "# The stacks compared

Written by `shimscope compare --document`; a test checks that it is current. Every number is counted
on the trace of a simulation, from the arrival of the pod until SyncPod has started its last
container, with all images on the node. What a kubelet does all the time, such as listing containers
every second, is left out.

* A *hop* is a call that leaves one program for another: a message on a socket, or a program that is
  executed. *Hops to a container's program* lie one behind the other.
* A *serialisation* is a message that one program encodes and another decodes.
* *Glue* exists only because two components do not speak the same interface.
* *Who sees to* a matter is read from a pod that pulls its images and has a command run in it.
",
    );
    for (title, manifest) in DOCUMENTED {
        let sides = compare(&Scenario::of_manifest(manifest), &Stack::ALL, false)?;
        text.push_str(&format!("\n## {title}\n\n```yaml\n{manifest}```\n\n{}", table(&sides)));
    }
    Ok(text)
}
