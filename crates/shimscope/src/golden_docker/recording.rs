//! A recording as it stands on disk, and what can be learnt from it.

use anyhow::{Context, Result};
use node::image::familiar;
use runtimes::docker::Flavor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A recording.
#[derive(Clone)]
pub(super) struct Recording {
    pub(super) network_plugin: String,
    /// CRI calls and notes, in order.
    pub(super) calls: Vec<Value>,
    /// Requests to Docker, in order.
    pub(super) docker: Vec<Value>,
    /// Executions, in order.
    pub(super) cni: Vec<Value>,
    /// What changed, and after what.
    pub(super) deltas: Vec<(String, BTreeMap<String, Value>)>,
}

/// What is known of an image.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownImage {
    pub(super) size: u64,
}

impl Recording {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let lines = |name: &str| -> Result<Vec<Value>> {
            if !folder.join(name).exists() {
                return Ok(Vec::new());
            }
            let text = text(name)?;
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| serde_json::from_str(line).with_context(|| format!("parsing {name}")))
                .collect()
        };
        let calls: Value =
            serde_json::from_str(&text("calls.json")?).context("parsing calls.json")?;
        let files: Value =
            serde_json::from_str(&text("files.json")?).context("parsing files.json")?;
        let deltas = files["deltas"].as_array().cloned().unwrap_or_default();
        let deltas = deltas.iter().map(|delta| {
            let after = delta["after"].as_str().unwrap_or_default().to_owned();
            let changes = delta["changes"].as_object().cloned().unwrap_or_default();
            (after, changes.into_iter().collect())
        });
        Ok(Self {
            network_plugin: calls["networkPlugin"].as_str().unwrap_or_default().to_owned(),
            calls: calls["calls"].as_array().cloned().unwrap_or_default(),
            docker: lines("docker.jsonl")?,
            cni: lines("cni.jsonl")?,
            deltas: deltas.collect(),
        })
    }

    /// Which of the two was recorded, by the API version that it agreed on.
    pub(super) fn flavor(&self) -> Flavor {
        let versions = self.docker.iter().filter_map(|entry| entry["apiVersion"].as_str());
        let minor = |version: &str| version.split('.').nth(1).and_then(|m| m.parse::<u32>().ok());
        match versions.filter_map(minor).max() {
            Some(42..) => Flavor::CriDockerd,
            _ => Flavor::Dockershim,
        }
    }

    /// The names of the start-ups, in order: whatever requests belong to no CRI call.
    pub(super) fn starts(&self) -> Vec<String> {
        let calls: Vec<&str> = self.calls.iter().filter_map(|call| call["cri"].as_str()).collect();
        let mut starts: Vec<String> = Vec::new();
        for entry in &self.docker {
            let tag = entry["cri"].as_str().unwrap_or_default();
            if !calls.contains(&tag) && !starts.iter().any(|known| known == tag) {
                starts.push(tag.to_owned());
            }
        }
        starts
    }

    /// The kubelet's cgroup driver, where a note says it.
    pub(super) fn cgroup_driver(&self) -> String {
        let notes = self.calls.iter().filter_map(|call| call["note"].as_str());
        let driver = |note: &str| {
            let word = note.split_once("kubelet ")?.1;
            ["cgroupfs", "systemd"].into_iter().find(|driver| word.starts_with(driver))
        };
        notes.filter_map(driver).next().unwrap_or_default().to_owned()
    }

    /// The requests of the calls of a method.
    fn requests_of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> {
        let is_of = move |entry: &&Value| {
            let tag = entry["cri"].as_str().unwrap_or_default();
            tag.split_once(':').is_some_and(|(_, name)| name == method)
        };
        self.docker.iter().filter(is_of)
    }

    /// The image that sandboxes were made from.
    pub(super) fn pause_image(&self) -> String {
        let found = self.requests_of("RunPodSandbox").find_map(|entry| {
            let path = entry["path"].as_str()?;
            Some(path.strip_prefix("/images/")?.strip_suffix("/json")?.to_owned())
        });
        let told = || {
            let infos = self.calls.iter().map(|call| &call["resp"]["info"]["config"]);
            let config = infos.filter_map(Value::as_str).next()?;
            let config: Value = serde_json::from_str(config).ok()?;
            config["sandboxImage"].as_str().map(str::to_owned)
        };
        let pinned = || {
            let images = self.calls.iter().filter_map(|call| call["resp"]["images"].as_array());
            let mut pinned = images.flatten().filter(|image| image["pinned"] == true);
            pinned.find_map(|image| image["repo_tags"][0].as_str()).map(str::to_owned)
        };
        found.or_else(told).or_else(pinned).unwrap_or_default()
    }

    /// The credentials with which the node pulled, in the order in which it tried them.
    pub(super) fn node_credentials(&self) -> Vec<Value> {
        let auths = self.requests_of("RunPodSandbox").map(|entry| &entry["registryAuth"]);
        let mut found: Vec<Value> = Vec::new();
        for auth in auths {
            let given = auth.as_object().is_some_and(|auth| !auth.is_empty());
            if given && !found.contains(auth) {
                found.push(auth.clone());
            }
        }
        found
    }

    /// The network configuration, as the plugins' results were cached with it, or as a plugin was
    /// given it.
    pub(super) fn network_config(&self) -> String {
        use base64::Engine as _;
        let changes = self.deltas.iter().flat_map(|(_, changes)| changes);
        for (path, content) in changes {
            if !path.contains("/cni/cache/results/") || path.contains("/cni-loopback-") {
                continue;
            }
            let cached: Option<Value> =
                content.as_str().and_then(|text| serde_json::from_str(text).ok());
            let config = cached.as_ref().and_then(|cached| cached["config"].as_str());
            let decoded = config
                .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some(text) = decoded {
                return text;
            }
        }
        let main = self.cni.iter().find(|entry| {
            entry["stdin"]["name"].is_string() && entry["plugin"].as_str() != Some("loopback")
        });
        if let Some(main) = main {
            let mut plugin = main["stdin"].as_object().cloned().unwrap_or_default();
            plugin.remove("runtimeConfig");
            plugin.remove("prevResult");
            let name = plugin.remove("name").unwrap_or_default();
            let version = plugin.remove("cniVersion").unwrap_or_default();
            let list =
                serde_json::json!({"cniVersion": version, "name": name, "plugins": [plugin]});
            return list.to_string();
        }
        let probed = self.cni.iter().find_map(|entry| entry["plugin"].as_str());
        let plugin = probed.unwrap_or("oracle-net");
        serde_json::json!({
            "cniVersion": "0.3.1",
            "name": "oracle",
            "plugins": [{
                "type": plugin,
                "capabilities": {"portMappings": true, "bandwidth": true, "dns": true}
            }]
        })
        .to_string()
    }

    /// The result of ADD for a network and a container, as it was cached.
    pub(super) fn cni_result(&self, network: &str, container: &str) -> Option<Value> {
        let name = format!("/{network}-{container}-");
        let changes = self.deltas.iter().flat_map(|(_, changes)| changes);
        let cached = changes.filter(|(path, _)| path.contains(&name)).filter_map(|(_, content)| {
            let cached: Value = serde_json::from_str(content.as_str()?).ok()?;
            Some(cached["result"].clone())
        });
        cached.collect::<Vec<Value>>().pop()
    }

    /// Every image that an answer to the CRI describes, by id.
    pub(super) fn images(&self) -> BTreeMap<String, KnownImage> {
        let mut images = BTreeMap::new();
        for call in &self.calls {
            let one = call["resp"]["image"].as_object().map(|_| &call["resp"]["image"]);
            let many = call["resp"]["images"].as_array().into_iter().flatten();
            for image in one.into_iter().chain(many) {
                let id = image["id"].as_str().unwrap_or_default().to_owned();
                images.insert(id, KnownImage { size: image["size"].as_u64().unwrap_or_default() });
            }
        }
        images
    }

    /// The id of the image of a reference: as Docker told it, or as a container was listed with it.
    pub(super) fn image_id(&self, reference: &str) -> Option<String> {
        let short = familiar(reference);
        let answers = self.docker.iter().map(|entry| &entry["resp"]);
        let called = |image: &&Value| {
            let names = [&image["RepoTags"], &image["RepoDigests"]];
            let mut names = names.into_iter().filter_map(Value::as_array).flatten();
            names.any(|name| name.as_str() == Some(short.as_str()))
        };
        if let Some(image) = answers.clone().find(called) {
            return image["Id"].as_str().map(str::to_owned);
        }
        let by_path = format!("/images/{reference}/json");
        let asked = self.docker.iter().find(|entry| {
            entry["path"].as_str() == Some(by_path.as_str()) && entry["resp"]["Id"].is_string()
        });
        if let Some(entry) = asked {
            return entry["resp"]["Id"].as_str().map(str::to_owned);
        }
        let listed = self
            .calls
            .iter()
            .flat_map(|call| call["resp"]["containers"].as_array().into_iter().flatten());
        let listed = listed
            .filter(|container| container["image"]["image"].as_str() == Some(reference))
            .find_map(|container| container["image_ref"].as_str());
        let looked_up = || {
            self.docker.iter().find_map(|entry| {
                let id = entry["path"].as_str()?.strip_prefix("/images/")?.strip_suffix("/json")?;
                id.starts_with("sha256:").then_some(id)
            })
        };
        listed.or_else(looked_up).map(str::to_owned)
    }

    /// What answers to the CRI say a container of this id was created at, in nanoseconds.
    pub(super) fn created_at(&self, id: &str) -> Option<i64> {
        let statuses = self.calls.iter().map(|call| &call["resp"]["status"]);
        let exact = statuses
            .filter(|status| status["id"].as_str() == Some(id))
            .find_map(|status| status["created_at"].as_i64());
        let listed = || {
            let lists = self
                .calls
                .iter()
                .flat_map(|call| [&call["resp"]["items"], &call["resp"]["containers"]]);
            let items = lists.filter_map(Value::as_array).flatten();
            let mut items = items.filter(|item| item["id"].as_str() == Some(id));
            items.find_map(|item| item["created_at"].as_i64())
        };
        exact.or_else(listed)
    }

    /// The address that a container had on Docker's own network.
    pub(super) fn docker_ip(&self, id: &str) -> Option<String> {
        let statuses = self.calls.iter().map(|call| &call["resp"]["status"]);
        statuses
            .filter(|status| status["id"].as_str() == Some(id))
            .find_map(|status| status["network"]["ip"].as_str())
            .map(str::to_owned)
    }
}
