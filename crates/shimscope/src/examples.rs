//! What becomes of each manifest of a folder: a table in Markdown.
//!
//! The ConfigMaps and Secrets of all files are there from the beginning, as a reader of the
//! documentation would have made them before.

use anyhow::{Context, Result};
use api::yaml::{self, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scenario::{Scenario, ScenarioDuration, Stack, simulate};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use trace::{Effect, What};

/// The names of objects, and their data.
type Objects = BTreeMap<String, BTreeMap<String, String>>;

/// Simulates every manifest below a folder and says what state its pods have come to.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn table(folder: &Path, stack: Stack, until: ScenarioDuration) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut texts = Vec::new();
    let (mut config_maps, mut secrets) = (Objects::new(), Objects::new());
    for file in files {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        for node in yaml::parse_all(&text, &Limits::default()).nodes {
            if let Ok(object) = yaml::from_node::<Value>(&node) {
                take_data(&object, &mut config_maps, &mut secrets);
            }
        }
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        texts.push((name, text));
    }
    let seconds = until.0.as_secs();
    let mut out =
        format!("| file | pod | after {seconds} s | not simulated |\n| --- | --- | --- | --- |\n");
    for (name, text) in texts {
        let scenario = Scenario {
            manifest: text.clone(),
            config_maps: config_maps.clone(),
            secrets: secrets.clone(),
            until: Some(until),
            ..Scenario::default()
        };
        let notes = notes(&text);
        for (pod, state) in states(&scenario, stack) {
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {name} | {pod} | {} | {notes} |", state.replace('|', "\\|"));
        }
    }
    Ok(out)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{} is no folder that can be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Keeps the data of a ConfigMap or Secret.
fn take_data(object: &Value, config_maps: &mut Objects, secrets: &mut Objects) {
    let Some(name) = object["metadata"]["name"].as_str() else { return };
    let texts = |field: &str, decode: bool| -> BTreeMap<String, String> {
        let data = object[field].as_object().into_iter().flatten();
        let text = |value: &Value| {
            let text = value.as_str()?;
            if !decode {
                return Some(text.to_owned());
            }
            let bytes = STANDARD.decode(text.split_whitespace().collect::<String>()).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        data.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
    };
    match object["kind"].as_str() {
        Some("ConfigMap") => {
            config_maps.entry(name.to_owned()).or_default().extend(texts("data", false));
        }
        Some("Secret") => {
            let data = secrets.entry(name.to_owned()).or_default();
            data.extend(texts("data", true));
            data.extend(texts("stringData", false));
        }
        _ => {}
    }
}

/// The fields that have no effect, and the kinds that are left out.
fn notes(text: &str) -> String {
    let manifest = api::manifest::parse(text);
    let fields = manifest.unsimulated.iter().map(|note| format!("`{}`", note.path));
    let kinds = manifest.problems.iter().filter(|problem| problem.severity == api::Severity::Note);
    let kinds = kinds.map(|problem| problem.message.clone());
    fields.chain(kinds).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// The pods of a scenario, and the state in which the simulation leaves each.
fn states(scenario: &Scenario, stack: Stack) -> Vec<(String, String)> {
    let trace = match simulate(scenario, stack) {
        Ok(trace) => trace,
        Err(problems) => {
            let first = problems.iter().find(|problem| problem.is_error());
            let state = first.map_or_else(String::new, |problem| format!("refused: {problem}"));
            return vec![("–".to_owned(), state)];
        }
    };
    let mut pods: Vec<(String, String)> = Vec::new();
    for event in &trace.events {
        let What::Effect(effect) = &event.what else { continue };
        match &**effect {
            Effect::PodAdded(pod) => {
                pods.push((pod.metadata.name.clone(), "not taken in".to_owned()));
            }
            Effect::PodStatus { pod, status } => {
                let restarts = |status: &api::ContainerStatus| status.restart_count;
                let all = status.init_container_statuses.iter().chain(&status.container_statuses);
                let restarts: i32 = all.map(restarts).sum();
                let restarts = match restarts {
                    0 => String::new(),
                    1 => "; restarted once".to_owned(),
                    count => format!("; restarted {count} times"),
                };
                if let Some((_, state)) = pods.get_mut(pod.0 as usize) {
                    *state = api::summary(status) + &restarts;
                }
            }
            _ => {}
        }
    }
    if pods.is_empty() {
        pods.push(("–".to_owned(), "no pod".to_owned()));
    }
    pods
}
