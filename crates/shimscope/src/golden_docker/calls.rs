//! The CRI calls of a recording, made to our dockershim.

use super::docker::{Player, first_difference};
use super::recording::Recording;
use cri::descriptor::{JsonStyle, from_json, from_json_with, json, to_json};
use cri::{Rpc, Status};
use node::Node;
use runtimes::docker::dockershim::HostPrograms;
use runtimes::docker::engine::{AuthConfig, DockerEngine};
use runtimes::docker::{Dockershim, Flavor, NetworkPluginKind, ShimOptions, Views};
use serde_json::Value;
use sim::{Changes, Ctx, Sim};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// Where the network's configuration is.
const CONFIG_FILE: &str = "/etc/cni/net.d/10-recorded.conflist";

/// A place in the recording and what differs there.
type Found = (String, String);

struct Run {
    recording: &'static Recording,
    sim: Sim,
    ctx: Ctx,
    node: Node,
    player: Rc<Player<'static>>,
    shim: Option<Rc<Dockershim>>,
    starts: std::vec::IntoIter<String>,
    /// How the last start went, until a note has said how it should.
    start_result: Option<Result<(), String>>,
    start_errors: Vec<String>,
    expected_files: BTreeMap<String, String>,
    deltas: usize,
    tag: String,
}

/// Replays a recording.
pub(super) fn replay(recording: &Recording) -> Result<(), Found> {
    // The simulation's tasks hold on to it; a check is over long before the program.
    let recording: &'static Recording = Box::leak(Box::new(recording.clone()));
    let sim = Sim::new(1);
    let ctx = sim.ctx();
    let node = Node::boot(&ctx, "node-1");
    node.make_dir(&ctx, "/var/lib/docker/image");
    node.make_dir(&ctx, "/var/lib/docker/image/overlay2");
    let lenient = recording.flavor() == Flavor::CriDockerd;
    let player = Rc::new(Player::new(recording, &node, lenient));
    let mut run = Run {
        recording,
        sim,
        ctx,
        node,
        player,
        shim: None,
        starts: recording.starts().into_iter(),
        start_result: None,
        start_errors: Vec::new(),
        expected_files: BTreeMap::new(),
        deltas: 0,
        tag: String::new(),
    };
    run.all()
}

impl Run {
    fn all(&mut self) -> Result<(), Found> {
        let first = self.recording.cni.first();
        if first.is_some_and(|entry| entry["cri"].as_str() == Some("init")) {
            let config = self.recording.network_config();
            self.node.write_file(&self.ctx, CONFIG_FILE, &config);
        }
        self.start()?;
        for call in &self.recording.calls {
            match call["note"].as_str() {
                Some(note) => self.note(note)?,
                None => self.call(call)?,
            }
        }
        self.leave()
    }

    /// Before something else begins: whether all that was recorded of the last call happened.
    fn leave(&self) -> Result<(), Found> {
        if let Some(difference) = self.player.difference(&self.tag) {
            return Err(difference);
        }
        match self.player.missing_execution(&self.tag) {
            Some(what) => Err((self.tag.clone(), what)),
            None => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(), Found> {
        let Some(tag) = self.starts.next() else { return Ok(()) };
        self.player.enter(&tag, &Value::Null);
        self.tag = tag;
        self.shim = None;
        let credentials = self.recording.node_credentials();
        let text = |auth: &Value, key: &str| auth[key].as_str().unwrap_or_default().to_owned();
        let credentials = credentials.iter().map(|auth| {
            let auth = AuthConfig {
                username: text(auth, "username"),
                password: text(auth, "password"),
                auth: text(auth, "auth"),
                server_address: text(auth, "serveraddress"),
                identity_token: text(auth, "identitytoken"),
                registry_token: text(auth, "registrytoken"),
            };
            (String::new(), auth)
        });
        let options = ShimOptions {
            flavor: self.recording.flavor(),
            network_plugin: match self.recording.network_plugin.as_str() {
                "cni" => NetworkPluginKind::Cni,
                _ => NetworkPluginKind::Noop,
            },
            pause_image: self.recording.pause_image(),
            cgroup_driver: self.recording.cgroup_driver(),
            credentials: credentials.collect(),
            progress_deadline: None,
        };
        let engine: Rc<dyn DockerEngine> = self.player.clone();
        let programs: Rc<dyn HostPrograms> = self.player.clone();
        let changes = Changes::default();
        let views = Views::new(changes.clone());
        let shim =
            Dockershim::new(&self.ctx, &self.node, engine, programs, options, views, changes);
        let (booting, ctx) = (Rc::clone(&shim), self.ctx.clone());
        let result = self.wait(async move { booting.boot(&ctx).await });
        // What the start leaves running begins now.
        self.sim.run_until(self.sim.now() + Duration::from_millis(1));
        if let Err(error) = &result {
            self.start_errors.push(error.clone());
        }
        self.start_result = Some(result);
        self.shim = Some(shim);
        self.leave()
    }

    /// Runs a future to its end.
    fn wait<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let slot = Rc::new(RefCell::new(None));
        let put = Rc::clone(&slot);
        self.sim.spawn(async move {
            let value = future.await;
            *put.borrow_mut() = Some(value);
        });
        self.sim.run_ready();
        while slot.borrow().is_none() {
            match self.sim.next_timer() {
                Some(next) => self.sim.run_until(next),
                None => break,
            }
        }
        let value = slot.take();
        value.expect("a call that waits for nothing comes to its end")
    }

    fn note(&mut self, note: &str) -> Result<(), Found> {
        let place = || format!("note {note:?}");
        if note.contains("restarted") {
            self.leave()?;
            return self.start();
        }
        if let Some(expected) = note.strip_prefix("started: ") {
            if self.start_result.is_none() {
                self.start()?;
            }
            let started = matches!(self.start_result.take(), Some(Ok(())));
            if started != (expected == "True") {
                return Err((place(), format!("started: {started}")));
            }
            return Ok(());
        }
        if note.starts_with("last errors") {
            // The log quotes the quotes of an error.
            let quoted = |error: &String| error.replace('"', "\\\"");
            let missing = self.start_errors.iter().find(|error| !note.contains(&quoted(error)));
            return missing.map_or(Ok(()), |error| Err((place(), error.clone())));
        }
        if note.contains("LogPath empty") {
            self.player.no_log_files();
        }
        if note.contains("conflist") {
            if note.contains("removed") || note.contains("deleted") {
                self.node.remove_file(&self.ctx, CONFIG_FILE);
            } else if note.contains("written") {
                let config = self.recording.network_config();
                self.node.write_file(&self.ctx, CONFIG_FILE, &config);
            }
        }
        if let Some(what) = note.strip_prefix("file: ") {
            self.change_files(&format!("driver: {what}"));
        }
        Ok(())
    }

    /// Changes files as somebody else did.
    fn change_files(&mut self, after: &str) {
        let Some((recorded, changes)) = self.recording.deltas.get(self.deltas) else { return };
        if recorded != after {
            return;
        }
        self.deltas += 1;
        for (path, content) in changes {
            match content.as_str() {
                Some(content) => {
                    self.expected_files.insert(path.clone(), content.to_owned());
                    match content.strip_prefix("-> ") {
                        Some(target) => self.node.symlink(&self.ctx, target, path),
                        None => self.node.write_file(&self.ctx, path, content),
                    }
                }
                None => {
                    self.expected_files.remove(path);
                    self.node.remove_file(&self.ctx, path);
                }
            }
        }
    }

    fn call(&mut self, call: &Value) -> Result<(), Found> {
        let tag = call["cri"].as_str().unwrap_or_default().to_owned();
        let method = call["method"].as_str().unwrap_or_default();
        // Time passes as it did; whatever happens meanwhile belongs to the call before.
        let at = Time::from_millis(call["t"].as_u64().unwrap_or_default());
        if at > self.sim.now() {
            self.sim.run_until(at);
        }
        self.leave()?;
        self.player.enter(&tag, call);
        self.tag.clone_from(&tag);
        let place = |what: String| (tag.clone(), what);
        let answer = self.dispatch(method, &call["req"]).map_err(place)?;
        if let Some(difference) = self.player.difference(&tag) {
            return Err(difference);
        }
        compare_answer(method, &answer, call, self.recording.flavor())
            .map_err(|what| (tag.clone(), what))?;
        self.compare_files(&tag)
    }

    /// Makes a call by the name of its method.
    fn dispatch(&self, method: &str, request: &Value) -> Result<Result<Value, Status>, String> {
        macro_rules! methods {
            ($($method:literal $request:ident,)*) => {
                match method {
                    $($method => self.make::<cri::$request>(request),)*
                    _ => Err(format!("the CRI has no method {method}")),
                }
            };
        }
        methods! {
            "Version" VersionRequest,
            "RunPodSandbox" RunPodSandboxRequest,
            "StopPodSandbox" StopPodSandboxRequest,
            "RemovePodSandbox" RemovePodSandboxRequest,
            "PodSandboxStatus" PodSandboxStatusRequest,
            "ListPodSandbox" ListPodSandboxRequest,
            "CreateContainer" CreateContainerRequest,
            "StartContainer" StartContainerRequest,
            "StopContainer" StopContainerRequest,
            "RemoveContainer" RemoveContainerRequest,
            "ListContainers" ListContainersRequest,
            "ContainerStatus" ContainerStatusRequest,
            "UpdateContainerResources" UpdateContainerResourcesRequest,
            "ReopenContainerLog" ReopenContainerLogRequest,
            "ExecSync" ExecSyncRequest,
            "Exec" ExecRequest,
            "Attach" AttachRequest,
            "PortForward" PortForwardRequest,
            "ContainerStats" ContainerStatsRequest,
            "ListContainerStats" ListContainerStatsRequest,
            "PodSandboxStats" PodSandboxStatsRequest,
            "ListPodSandboxStats" ListPodSandboxStatsRequest,
            "UpdateRuntimeConfig" UpdateRuntimeConfigRequest,
            "Status" StatusRequest,
            "ListImages" ListImagesRequest,
            "ImageStatus" ImageStatusRequest,
            "PullImage" PullImageRequest,
            "RemoveImage" RemoveImageRequest,
            "ImageFsInfo" ImageFsInfoRequest,
        }
    }

    fn make<R: Rpc>(&self, request: &Value) -> Result<Result<Value, Status>, String> {
        let request = if request.is_null() { serde_json::json!({}) } else { request.clone() };
        let bytes = from_json_with(R::FULL_NAME, &request, JsonStyle::RECORDED_ENV_TEXT)
            .map_err(|error| error.to_string())?;
        let request = R::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
        let Some(shim) = self.shim.clone() else {
            return Err("there is no dockershim that could answer".to_owned());
        };
        let ctx = self.ctx.clone();
        let answer = self.wait(async move { request.dispatch(&*shim, &ctx).await });
        Ok(answer.map(|response| json(&response)))
    }

    /// The files that dockershim and Docker are responsible for.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for directory in [
            "/var/lib/docker/containers",
            "/var/lib/dockershim/sandbox",
            "/var/lib/cri-dockerd/sandbox",
            "/var/lib/cni/cache/results",
            "/var/log/pods",
        ] {
            for path in self.node.list_below(directory) {
                if let Some(target) = self.node.read_link(&path) {
                    found.insert((*path).to_owned(), format!("-> {target}"));
                } else if let Some(content) = self.node.read_file(&path) {
                    found.insert((*path).to_owned(), (*content).to_owned());
                }
            }
        }
        found
    }

    fn compare_files(&mut self, tag: &str) -> Result<(), Found> {
        if let Some((after, changes)) = self.recording.deltas.get(self.deltas)
            && after == tag
        {
            self.deltas += 1;
            for (path, content) in changes {
                match content.as_str() {
                    Some(content) => {
                        self.expected_files.insert(path.clone(), content.to_owned());
                    }
                    None => {
                        self.expected_files.remove(path);
                    }
                }
            }
        }
        let found = self.files();
        let paths: std::collections::BTreeSet<&String> =
            found.keys().chain(self.expected_files.keys()).collect();
        for path in paths {
            let (ours, recorded) = (found.get(path), self.expected_files.get(path));
            if ours != recorded {
                let say = |content: Option<&String>| {
                    content.map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"))
                };
                let what = format!("{path} is {}, recorded {}", say(ours), say(recorded));
                return Err((tag.to_owned(), what));
            }
        }
        Ok(())
    }
}

fn compare_answer(
    method: &str,
    answer: &Result<Value, Status>,
    call: &Value,
    flavor: Flavor,
) -> Result<(), String> {
    let recorded_error = call.get("err").is_some();
    match answer {
        Err(status) => {
            let code = call["code"].as_str().unwrap_or("OK");
            let text = call["err"].as_str().unwrap_or_default();
            let ours = (status.code.as_str(), status.message.as_str());
            if recorded_error && ours == (code, text) {
                return Ok(());
            }
            let recorded =
                if recorded_error { format!("{code}: {text}") } else { "success".to_owned() };
            Err(format!("the error is {}: {}, recorded {recorded}", ours.0, ours.1))
        }
        Ok(response) if recorded_error => {
            Err(format!("the answer is {response}, recorded the error {}", call["err"]))
        }
        Ok(response) => {
            let name = format!("runtime.v1.{}", response_of(method));
            let recorded = from_json(&name, &call["resp"]).map_err(|error| error.to_string())?;
            let mut recorded = to_json(&name, &recorded).map_err(|error| error.to_string())?;
            let mut ours = response.clone();
            leave_values_out("", &mut ours);
            leave_values_out("", &mut recorded);
            if flavor == Flavor::CriDockerd {
                // It counts everything of Docker's, on the disk of whoever recorded it.
                for answer in [&mut ours, &mut recorded] {
                    // An image's description is not in the recorded answers of Docker either.
                    for left_out in ["/image_filesystems/0/inodes_used", "/info/info"] {
                        if let Some(value) = answer.pointer_mut(left_out) {
                            *value = Value::Null;
                        }
                    }
                }
            }
            first_difference("answer", &ours, &recorded).map_or(Ok(()), Err)
        }
    }
}

fn response_of(method: &str) -> String {
    format!("{method}Response")
}

/// Times count by being there, addresses of the streaming server by their kind.
fn leave_values_out(key: &str, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.iter_mut().for_each(|(key, value)| leave_values_out(key, value));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| leave_values_out(key, value)),
        Value::Number(_) | Value::String(_) if key.ends_with("_at") || key == "timestamp" => {
            let zero = matches!(value.as_i64(), Some(0)) || value.as_str() == Some("0");
            *value = if zero { "none" } else { "some time" }.into();
        }
        Value::String(text) if key == "url" => {
            let kind = text.rsplit('/').nth(1).unwrap_or_default();
            *text = format!("an address for {kind}");
        }
        _ => {}
    }
}
