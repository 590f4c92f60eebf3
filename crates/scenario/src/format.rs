//! The scenario format.

use crate::{ScenarioDuration, Stack};
use api::Problem;
use api::yaml::{self, Limits};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long is simulated unless a scenario says otherwise.
pub(crate) const DEFAULT_UNTIL: Duration = Duration::from_secs(60);
/// How long a simulation goes on at least after an edit's step: long enough for a pod to be
/// deleted with the usual grace period of 30 s.
const AFTERMATH: Duration = Duration::from_secs(40);

/// What is to be simulated. Written as YAML; everything but the manifest may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    #[serde(default)]
    pub title: Text,
    /// What it shows, in a sentence or two.
    #[serde(default)]
    pub summary: Text,
    /// The stacks that it makes sense on, the one to begin with first; all of them if empty.
    #[serde(default)]
    pub stacks: Vec<Stack>,
    /// The Kubernetes version, as `1.36`; the stack's own if left out.
    #[serde(default, deserialize_with = "version")]
    pub kubernetes: Option<kubelet::Version>,
    /// How the kubelet is started and configured, where that differs from its defaults.
    #[serde(default)]
    pub kubelet: KubeletSpec,
    /// The seed of all randomness.
    #[serde(default)]
    pub seed: u64,
    /// How long to simulate; a minute if left out.
    #[serde(default)]
    pub until: Option<ScenarioDuration>,
    /// The manifest of the pods that are there from the beginning, as YAML or JSON text.
    #[serde(default)]
    pub manifest: String,
    /// The manifest of static pods: files in the kubelet's directory, of which the API server only
    /// gets mirror pods.
    #[serde(default)]
    pub static_pods: String,
    /// What the registry and the node have, by image reference. An image that is not named here
    /// can be pulled and is not on the node.
    #[serde(default)]
    pub images: BTreeMap<String, ImageDeclaration>,
    /// What containers do, by container name or `pod/container`. One that is not named here does
    /// what its command says.
    #[serde(default)]
    pub containers: BTreeMap<String, ContainerSpec>,
    /// The ConfigMaps that there are, by name.
    #[serde(default)]
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// The Secrets that there are, by name, with their values in the clear.
    #[serde(default)]
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// What happens from outside, and when.
    #[serde(default)]
    pub timeline: Vec<Step>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<sim::Fault>,
}

impl Scenario {
    /// Reads a scenario from YAML.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        yaml::from_node(&yaml::parse(text, &Limits::default())?)
    }

    /// The scenario of a manifest alone.
    #[must_use]
    pub fn of_manifest(manifest: &str) -> Self {
        Self { manifest: manifest.to_owned(), ..Self::default() }
    }

    /// The scenario with changes. Where one of them leaves too little time to see what comes of it,
    /// the simulation goes on for longer.
    #[must_use]
    pub fn edited(mut self, edits: &[Edit]) -> Self {
        for edit in edits {
            match edit {
                Edit::Fault(fault) => self.faults.push(fault.clone()),
                Edit::Step(step) => {
                    let end = self.until.map_or(DEFAULT_UNTIL, |until| until.0);
                    let longer = end.max(step.at.0 + AFTERMATH);
                    self.until = Some(ScenarioDuration(longer));
                    self.timeline.push(step.clone());
                }
            }
        }
        self
    }

    /// The scenario with what an edit says: its manifest instead, if it has one, and likewise what
    /// else there is only one of; of everything else, more.
    #[must_use]
    pub fn with(mut self, edit: &Self) -> Self {
        if !edit.manifest.is_empty() {
            self.manifest.clone_from(&edit.manifest);
        }
        self.kubernetes = edit.kubernetes.or(self.kubernetes);
        self.kubelet.start_up = edit.kubelet.start_up.clone().or(self.kubelet.start_up);
        self.until = edit.until.or(self.until);
        self.images.extend(edit.images.clone());
        self.containers.extend(edit.containers.clone());
        self.config_maps.extend(edit.config_maps.clone());
        self.secrets.extend(edit.secrets.clone());
        self.timeline.extend(edit.timeline.iter().cloned());
        self.faults.extend(edit.faults.iter().cloned());
        self
    }
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<Option<kubelet::Version>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(|_| {
        D::Error::custom(format!("{text:?} is not a Kubernetes version such as \"1.36\""))
    })
}

/// Text in the languages of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

/// What is special about the kubelet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeletSpec {
    /// Its start-up is part of what is simulated; if left out, it runs from the beginning.
    #[serde(default)]
    pub start_up: Option<StartUpSpec>,
    /// The gate `EventedPLEG`, from 1.26 on: PLEG follows the runtime's events.
    #[serde(default, rename = "eventedPLEG")]
    pub evented_pleg: bool,
    /// The size of the disk for images, in MiB. Above 85 % of it the kubelet removes images that
    /// nobody uses; if left out, it never gets full.
    #[serde(default)]
    pub image_disk_mebibytes: Option<u64>,
}

/// How the kubelet is told to start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartUpSpec {
    /// `--container-runtime`, until 1.23: `docker` or `remote`; the stack's own if left out.
    #[serde(default)]
    pub container_runtime: Option<String>,
    /// It was built without Docker.
    #[serde(default)]
    pub dockerless: bool,
}

/// What is special about an image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageDeclaration {
    /// The registry does not have it.
    #[serde(default)]
    pub missing: bool,
    /// It is on the node from the beginning.
    #[serde(default)]
    pub present: bool,
    /// Its size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// How long pulling takes.
    #[serde(default)]
    pub pull_time: Option<ScenarioDuration>,
    /// Who its processes run as: `UID`, `UID:GID`, or a name.
    #[serde(default)]
    pub user: Option<String>,
    /// The command that it runs by default.
    #[serde(default)]
    pub command: Vec<String>,
}

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerSpec {
    /// How each attempt ends by itself; the last holds for all that follow.
    #[serde(default)]
    pub runs: Vec<RunSpec>,
    /// What it does with `SIGTERM`.
    #[serde(default)]
    pub on_term: Option<TermSpec>,
}

/// How one attempt ends.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSpec {
    /// How long after its start.
    pub exit_after: ScenarioDuration,
    /// With which exit code.
    #[serde(default)]
    pub exit_code: i32,
    /// Killed by the kernel for using too much memory.
    #[serde(default)]
    pub oom_killed: bool,
}

/// What a process does with `SIGTERM`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TermSpec {
    /// Nothing.
    #[serde(default)]
    pub ignores: bool,
    /// It ends after so long.
    #[serde(default)]
    pub exit_after: ScenarioDuration,
    /// With which exit code.
    #[serde(default)]
    pub exit_code: i32,
}

/// Something that happens from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// When, from the beginning.
    pub at: ScenarioDuration,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What can happen from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// `kubectl delete pod`.
    #[serde(rename_all = "camelCase")]
    DeletePod {
        /// The pod's name.
        name: String,
        /// The grace period in seconds; the pod's own if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace_period_seconds: Option<i64>,
    },
    /// The file of a static pod is removed.
    RemoveStaticPod {
        /// The pod's name in its file.
        name: String,
    },
    /// More pods.
    Apply {
        /// Their manifest.
        manifest: String,
    },
    /// The node runs short of memory, or no longer does.
    #[serde(rename_all = "camelCase")]
    NodeMemory {
        /// How much of it is free, in MiB; enough if left out. Below 100 the kubelet evicts pods.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        available_mebibytes: Option<u64>,
    },
    /// The kubelet's process dies, and systemd starts it again. The one of before the CRI, which is
    /// not modelled so far, goes on.
    #[serde(rename_all = "camelCase")]
    RestartKubelet {
        /// How long there is none: `RestartSec=10` of its unit, if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down_for: Option<ScenarioDuration>,
    },
    /// `kill` on the node.
    #[serde(rename_all = "camelCase")]
    Kill {
        /// The process's number.
        pid: u32,
        /// The signal's number.
        signal: i32,
    },
}

/// A change of a scenario: what somebody tries out without writing a scenario of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Edit {
    /// One more thing goes wrong.
    Fault(sim::Fault),
    /// One more thing happens from outside.
    Step(Step),
}
