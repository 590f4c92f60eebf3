//! Docker and the host's programs, as they answered.

use super::recording::Recording;
use async_trait::async_trait;
use node::Node;
use node::image::familiar;
use runtimes::docker::dockerd::bind_mounts;
use runtimes::docker::dockershim::{BIN_DIR, HostPrograms, PluginRun, nsenter_arguments};
use runtimes::docker::engine::{
    ContainerJson, ContainerState, ContainerSummary, CreateBody, DockerEngine, EngineError,
    EngineInfo, EngineVersion, ExecState, ImageInspect, PullMessage, Request, Response, Stats,
};
use serde_json::Value;
use sim::{Ctx, SimError};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use trace::{Level, Time};

/// What Docker's containers get if nobody says otherwise.
const HOST_RESOLV_CONF: &str = "nameserver 192.0.2.53\nsearch host.example\n";

/// The recorded answers, as far as they have not been given yet.
pub(super) struct Player<'a> {
    recording: &'a Recording,
    node: Node,
    /// During which call we are.
    tag: RefCell<String>,
    /// The recorded answer of that call.
    answer: RefCell<Value>,
    docker: RefCell<BTreeMap<String, VecDeque<Value>>>,
    cni: RefCell<BTreeMap<String, VecDeque<Value>>>,
    containers: RefCell<BTreeMap<String, Container>>,
    tags: RefCell<BTreeMap<String, BTreeSet<String>>>,
    /// The addresses that plugins have given, by network namespace.
    addresses: RefCell<BTreeMap<String, Vec<String>>>,
    no_log_file: Cell<bool>,
    lenient_seccomp: bool,
    difference: RefCell<Option<(String, String)>>,
}

/// What a container was created with.
#[derive(Clone)]
struct Container {
    body: Rc<CreateBody>,
    image_id: Rc<str>,
}

fn by_tag(entries: &[Value]) -> BTreeMap<String, VecDeque<Value>> {
    let mut queues: BTreeMap<String, VecDeque<Value>> = BTreeMap::new();
    for entry in entries {
        let tag = entry["cri"].as_str().unwrap_or_default().to_owned();
        queues.entry(tag).or_default().push_back(entry.clone());
    }
    queues
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

impl<'a> Player<'a> {
    pub(super) fn new(recording: &'a Recording, node: &Node, lenient_seccomp: bool) -> Self {
        Self {
            recording,
            node: node.clone(),
            tag: RefCell::default(),
            answer: RefCell::default(),
            docker: RefCell::new(by_tag(&recording.docker)),
            cni: RefCell::new(by_tag(&recording.cni)),
            containers: RefCell::default(),
            tags: RefCell::default(),
            addresses: RefCell::default(),
            no_log_file: Cell::new(false),
            lenient_seccomp,
            difference: RefCell::default(),
        }
    }

    /// From now on the answers of another call are given.
    pub(super) fn enter(&self, tag: &str, answer: &Value) {
        tag.clone_into(&mut self.tag.borrow_mut());
        answer.clone_into(&mut self.answer.borrow_mut());
    }

    /// Containers have no log files from now on.
    pub(super) fn no_log_files(&self) {
        self.no_log_file.set(true);
    }

    /// The first difference so far; with `all`, also what was recorded and not asked for.
    pub(super) fn difference(&self, before: &str) -> Option<(String, String)> {
        if let Some(difference) = self.difference.borrow().clone() {
            return Some(difference);
        }
        let docker = self.docker.borrow();
        if let Some(entry) = docker.get(before).and_then(VecDeque::front) {
            let what = format!("not requested: {} {}", text(entry, "method"), text(entry, "path"));
            return Some((before.to_owned(), what));
        }
        None
    }

    /// Whatever executions were recorded during a call and did not happen.
    pub(super) fn missing_execution(&self, tag: &str) -> Option<String> {
        let cni = self.cni.borrow();
        let entry = cni.get(tag)?.front()?;
        let what = entry.get("exec").map_or_else(
            || format!("{} {}", text(entry, "plugin"), text(&entry["env"], "CNI_COMMAND")),
            Value::to_string,
        );
        Some(format!("not executed: {what}"))
    }

    fn differ(&self, what: String) {
        let mut difference = self.difference.borrow_mut();
        if difference.is_none() {
            *difference = Some((self.tag.borrow().clone(), what));
        }
    }

    /// The next recorded request, if it is the one that was made.
    fn next(&self, request: &Request) -> Option<Value> {
        let entry = self.docker.borrow_mut().get_mut(&*self.tag.borrow())?.pop_front()?;
        let expected = format!("{} {}", text(&entry, "method"), text(&entry, "path"));
        let actual = format!("{} {}", request.method(), request.path());
        if expected != actual {
            self.differ(format!("requested {actual}, recorded {expected}"));
            return None;
        }
        let query: BTreeMap<String, Value> = request
            .query()
            .into_iter()
            .map(|(name, value)| {
                let value = match &*name {
                    "filters" => serde_json::from_str(&value).unwrap_or(Value::Null),
                    "name" => without_suffix(&value).into(),
                    _ => value.into(),
                };
                (name.into_owned(), value)
            })
            .collect();
        let mut recorded: BTreeMap<String, Value> =
            entry["query"].as_object().cloned().unwrap_or_default().into_iter().collect();
        if let Some(name) = recorded.get_mut("name") {
            *name = without_suffix(name.as_str().unwrap_or_default()).into();
        }
        if query != recorded {
            self.differ(format!("{actual} has the query {query:?}, recorded {recorded:?}"));
        }
        let body = request
            .body()
            .map_or(Value::Null, |body| serde_json::from_str(&body).unwrap_or(Value::Null));
        let mut pair = [body, entry["body"].clone()];
        // The client sends it always; only some recordings have it.
        for body in pair.iter_mut().filter_map(Value::as_object_mut) {
            body.retain(|name, value| name != "NetworkingConfig" || !value.is_null());
        }
        if self.lenient_seccomp {
            pair.iter_mut().for_each(leave_seccomp_out);
        }
        if let Some(place) = first_difference("", &pair[0], &pair[1]) {
            self.differ(format!("{actual} has another body: {place}"));
        }
        if let Request::PullImage { auth, .. } = request {
            let auth: Value = serde_json::from_str(&auth.json()).unwrap_or_default();
            if entry.get("registryAuth").is_some_and(|recorded| *recorded != auth) {
                let recorded = &entry["registryAuth"];
                self.differ(format!("{actual} has the credentials {auth}, recorded {recorded}"));
            }
        }
        Some(entry)
    }

    /// What the next request of this call is for.
    fn peek(&self) -> Option<String> {
        let queues = self.docker.borrow();
        queues.get(&*self.tag.borrow())?.front().map(|entry| text(entry, "path").to_owned())
    }

    /// The files that are there after the present call, by the recording.
    fn expected_file(&self, path: &str) -> bool {
        let mut there = false;
        for (after, changes) in &self.recording.deltas {
            if let Some(content) = changes.get(path) {
                there = !content.is_null();
            }
            if *after == *self.tag.borrow() {
                break;
            }
        }
        there
    }

    fn answer_to(&self, ctx: &Ctx, request: &Request, entry: &Value) -> Response {
        let resp = &entry["resp"];
        match request {
            Request::Ping => {
                let tag = self.tag.borrow();
                let queues = self.docker.borrow();
                let mut rest = queues.get(&*tag).into_iter().flatten();
                let version = rest.find_map(|entry| entry["apiVersion"].as_str());
                Response::Pong { api_version: version.unwrap_or_default().to_owned() }
            }
            Request::Version => Response::Version(EngineVersion {
                version: text(resp, "Version").to_owned(),
                api_version: text(resp, "ApiVersion").to_owned(),
            }),
            Request::Info => Response::Info(EngineInfo {
                docker_root_dir: text(resp, "DockerRootDir").to_owned(),
                cgroup_driver: text(resp, "CgroupDriver").to_owned(),
                logging_driver: text(resp, "LoggingDriver").to_owned(),
                server_version: text(resp, "ServerVersion").to_owned(),
                name: text(resp, "Name").to_owned(),
                runtimes: resp["Runtimes"]
                    .as_object()
                    .map(|runtimes| runtimes.keys().cloned().collect())
                    .unwrap_or_default(),
            }),
            Request::ListContainers { .. } => {
                let list = resp.as_array().into_iter().flatten();
                Response::Containers(list.map(|container| self.summary(container)).collect())
            }
            Request::InspectContainer { id, size } => {
                let path = format!("/var/lib/docker/containers/{id}/resolv.conf");
                if entry["fault"].as_bool() == Some(true) && !self.expected_file(&path) {
                    // What was made to fail is the file.
                    self.node.remove_file(ctx, &path);
                }
                Response::Container(Box::new(self.inspect(id, resp, *size)))
            }
            Request::CreateContainer { body, .. } => {
                let id = text(resp, "Id");
                let image_id = self.recording.image_id(&body.image).unwrap_or_default().into();
                let container = Container { body: Rc::clone(body), image_id };
                self.containers.borrow_mut().insert(id.to_owned(), container);
                Response::Created { id: id.into() }
            }
            Request::StartContainer { id } => {
                let own = self.containers.borrow().get(&**id).is_some_and(|container| {
                    !container.body.host_config.network_mode.starts_with("container:")
                });
                if own && entry["status"].as_u64() == Some(204) {
                    let path = format!("/var/lib/docker/containers/{id}/resolv.conf");
                    self.node.write_file(ctx, &path, HOST_RESOLV_CONF);
                }
                no_content(entry)
            }
            Request::RemoveContainer { id, .. } => {
                let directory = format!("/var/lib/docker/containers/{id}");
                self.node.remove_dir_all(ctx, &directory);
                no_content(entry)
            }
            Request::StopContainer { .. } => no_content(entry),
            Request::UpdateContainer { .. } => Response::Updated,
            Request::ContainerStats { .. } => Response::Stats(Stats {
                cpu_nanos: resp["cpu_stats"]["cpu_usage"]["total_usage"].as_u64().unwrap_or(0),
                private_working_set: resp["memory_stats"]["privateworkingset"]
                    .as_u64()
                    .unwrap_or(0),
                memory: resp["memory_stats"]["usage"].as_u64().unwrap_or(0),
            }),
            Request::InspectImage { .. } => Response::Image(self.image(resp)),
            Request::ImageHistory { .. } => Response::History,
            Request::ListImages { .. } => {
                let list = resp.as_array().into_iter().flatten();
                Response::Images(list.map(|image| self.image(image)).collect())
            }
            Request::PullImage { from_image, tag, .. } => self.pulled(from_image, tag, resp),
            Request::RemoveImage { .. } => {
                Response::ImageDeleted { untagged: Vec::new(), deleted: Vec::new() }
            }
            Request::CreateExec { .. } => Response::ExecCreated { id: text(resp, "Id").into() },
            Request::StartExec { .. } => {
                let answer = self.answer.borrow();
                let stream = |name: &str| {
                    use base64::Engine as _;
                    let decoder = base64::engine::general_purpose::STANDARD;
                    decoder.decode(text(&answer["resp"], name)).unwrap_or_default()
                };
                Response::ExecOutput { stdout: stream("stdout"), stderr: stream("stderr") }
            }
            Request::InspectExec { id } => Response::Exec(ExecState {
                id: Rc::clone(id),
                container_id: text(resp, "ContainerID").into(),
                running: resp["Running"].as_bool().unwrap_or_default(),
                exit_code: resp["ExitCode"].as_i64().and_then(|code| i32::try_from(code).ok()),
            }),
        }
    }

    fn pulled(&self, from_image: &str, tag: &str, resp: &Value) -> Response {
        let messages = resp["stream"].as_array().into_iter().flatten().map(|message| {
            let detail = &message["errorDetail"];
            if message.get("error").is_some() || detail.is_object() {
                let code = detail["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                let message = detail["message"].as_str().unwrap_or(text(message, "error"));
                return PullMessage::Error { code, message: message.to_owned() };
            }
            PullMessage::Status {
                id: text(message, "id").to_owned(),
                status: text(message, "status").to_owned(),
            }
        });
        let messages: Vec<PullMessage> = messages.collect();
        let failed = messages.iter().any(|m| matches!(m, PullMessage::Error { .. }));
        if !failed && !tag.contains(':') {
            let name = format!("{from_image}:{tag}");
            if let Some(id) = self.recording.image_id(&name) {
                self.tags.borrow_mut().entry(id).or_default().insert(familiar(&name));
            }
        }
        Response::Pulled(messages)
    }

    /// An image; its tags are those of the answer, or where that has none, those that were pulled.
    fn image(&self, resp: &Value) -> Rc<ImageInspect> {
        let id = text(resp, "Id");
        let strings = |value: &Value| -> Vec<String> {
            let values = value.as_array().into_iter().flatten();
            values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let mut repo_tags = strings(&resp["RepoTags"]);
        if repo_tags.is_empty() {
            let known = self.tags.borrow();
            repo_tags = known.get(id).into_iter().flatten().cloned().collect();
        }
        let mut repo_digests = strings(&resp["RepoDigests"]);
        if resp.get("RepoDigests").is_none() {
            let answers = self.recording.docker.iter().map(|entry| &entry["resp"]);
            let mut same = answers
                .filter(|other| text(other, "Id") == id && other.get("RepoDigests").is_some());
            let listed = || {
                let calls = self.recording.calls.iter();
                let images = calls.flat_map(|call| call["resp"]["images"].as_array()).flatten();
                let mut images = images.filter(|image| text(image, "id") == id);
                images.next().map(|image| strings(&image["repo_digests"]))
            };
            repo_digests = same
                .next()
                .map(|other| strings(&other["RepoDigests"]))
                .or_else(listed)
                .unwrap_or_default();
        }
        let size = self.recording.images().get(id).map_or(0, |image| image.size);
        let user = text(&resp["Config"], "User").to_owned();
        Rc::new(ImageInspect { id: id.into(), repo_tags, repo_digests, size, user })
    }

    fn container(&self, id: &str) -> Container {
        let known = self.containers.borrow().get(id).cloned();
        known.unwrap_or_else(|| Container { body: Rc::default(), image_id: "".into() })
    }

    fn created(&self, id: &str) -> Time {
        Time::from_unix_nanos(self.recording.created_at(id).unwrap_or(1_795_436_960_000_000_000))
    }

    fn summary(&self, resp: &Value) -> ContainerSummary {
        let id = text(resp, "Id");
        let container = self.container(id);
        ContainerSummary {
            id: id.into(),
            name: resp["Names"][0].as_str().unwrap_or_default().into(),
            image: container.body.image.clone(),
            image_id: container.image_id,
            created: self.created(id),
            state: "",
            status: text(resp, "Status").to_owned(),
            config: container.body,
        }
    }

    fn inspect(&self, id: &str, resp: &Value, size: bool) -> ContainerJson {
        let container = self.container(id);
        let state = &resp["State"];
        let mode = container.body.host_config.network_mode.clone();
        let owner = mode.strip_prefix("container:").unwrap_or(id);
        // Docker has no log file where dockershim goes on to ask for the logging driver.
        let no_log = self.no_log_file.get() || self.peek().as_deref() == Some("/info");
        let on_bridge = matches!(mode.as_str(), "" | "default" | "bridge");
        let ip = self.recording.docker_ip(id).filter(|_| on_bridge);
        let answer = self.answer.borrow();
        let used = answer["resp"]["stats"]["writable_layer"]["used_bytes"]["value"].as_u64();
        ContainerJson {
            id: text(resp, "Id").into(),
            name: text(resp, "Name").into(),
            created: self.created(id),
            state: ContainerState {
                running: state["Running"].as_bool().unwrap_or_default(),
                oom_killed: state["OOMKilled"].as_bool().unwrap_or_default(),
                pid: state["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
                exit_code: state["ExitCode"]
                    .as_i64()
                    .and_then(|code| i32::try_from(code).ok())
                    .unwrap_or_default(),
                error: text(state, "Error").to_owned(),
                started_at: parse_time(text(state, "StartedAt")),
                finished_at: parse_time(text(state, "FinishedAt")),
            },
            image_id: container.image_id,
            resolv_conf_path: format!("/var/lib/docker/containers/{owner}/resolv.conf"),
            log_path: if no_log {
                String::new()
            } else {
                format!("/var/lib/docker/containers/{id}/{id}-json.log")
            },
            // The stand-in for Docker that was recorded knew of binds only.
            mounts: match container.body.host_config.binds {
                Some(_) => bind_mounts(&container.body),
                None => Vec::new(),
            },
            config: container.body,
            ip_address: ip.unwrap_or_default(),
            size_rw: size.then(|| used.unwrap_or(100)),
        }
    }

    /// The next recorded execution, if it satisfies a condition.
    fn next_execution(&self, what: &str) -> Option<Value> {
        let entry =
            self.cni.borrow_mut().get_mut(&*self.tag.borrow()).and_then(VecDeque::pop_front);
        if entry.is_none() {
            self.differ(format!("executed {what}, recorded nothing more"));
        }
        entry
    }
}

fn no_content(entry: &Value) -> Response {
    if entry["status"].as_u64() == Some(304) { Response::NotModified } else { Response::NoContent }
}

/// A name without the random suffix that a conflict may have given it.
fn without_suffix(name: &str) -> String {
    let parts: Vec<&str> = name.split('_').collect();
    match parts.as_slice() {
        [first @ .., suffix]
            if first.len() == 6
                && suffix.len() == 8
                && suffix.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            format!("{}_<random>", first.join("_"))
        }
        _ => name.to_owned(),
    }
}

fn leave_seccomp_out(body: &mut Value) {
    let Some(host) = body.get_mut("HostConfig").and_then(Value::as_object_mut) else { return };
    let Some(options) = host.get_mut("SecurityOpt") else { return };
    if let Some(list) = options.as_array_mut() {
        list.retain(|option| option.as_str() != Some("seccomp=unconfined"));
        if list.is_empty() {
            *options = Value::Null;
        }
    }
}

/// Where two values differ first, and how.
pub(super) fn first_difference(path: &str, ours: &Value, recorded: &Value) -> Option<String> {
    match (ours, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => first_difference(&path, a, b),
                    (Some(a), None) => Some(format!("{path} is {a}, recorded nothing")),
                    (None, Some(b)) => Some(format!("{path} is missing, recorded {b}")),
                    (None, None) => None,
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| first_difference(&format!("{path}[{index}]"), a, b)),
        _ if ours == recorded => None,
        _ => Some(format!("{path} is {ours}, recorded {recorded}")),
    }
}

/// RFC 3339 of this kind: `2026-11-23T12:29:23.427020000Z`; none for Go's zero time.
fn parse_time(text: &str) -> Option<Time> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if year <= 1 {
        return None;
    }
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Time::from_unix_nanos(seconds * 1_000_000_000 + nanos))
}

/// For ever, as far as anybody waits.
async fn stall(ctx: &Ctx) {
    ctx.sleep(Duration::from_secs(3600)).await;
}

#[async_trait(?Send)]
impl DockerEngine for Player<'static> {
    async fn request(&self, ctx: &Ctx, request: &Request) -> Result<Response, EngineError> {
        let Some(entry) = self.next(request) else {
            let what =
                format!("requested {} {}, recorded nothing more", request.method(), request.path());
            self.differ(what);
            return Err(EngineError::Connection("the recording ends".to_owned()));
        };
        let status = entry["status"].as_u64().unwrap_or_default();
        if status == 0 {
            let answer = self.answer.borrow();
            let timed_out = text(&answer, "err").contains("deadline exceeded");
            let error = if timed_out {
                EngineError::Timeout
            } else {
                EngineError::Connection("EOF".to_owned())
            };
            return Err(error);
        }
        if status >= 400 {
            let status = u16::try_from(status).unwrap_or(500);
            return Err(EngineError::status(status, text(&entry["resp"], "message")));
        }
        let response = self.answer_to(ctx, request, &entry);
        let failed = self.answer.borrow().get("err").is_some();
        // What ends the call although it went well must have taken too long.
        let last = self.peek().is_none() && failed;
        let stalls = match &response {
            Response::ExecOutput { .. } => self.peek().is_none(),
            Response::Pulled(messages) => {
                last && !messages.iter().any(|m| matches!(m, PullMessage::Error { .. }))
            }
            _ => false,
        };
        if stalls {
            stall(ctx).await;
        }
        Ok(response)
    }
}

#[async_trait(?Send)]
impl HostPrograms for Player<'static> {
    async fn plugin(&self, _ctx: &Ctx, run: &PluginRun) -> Result<Rc<str>, SimError> {
        let what = format!("{} {}", run.plugin(), run.command);
        let Some(entry) = self.next_execution(&what) else {
            return Err(SimError::new("Unknown", "the recording ends"));
        };
        let environment: serde_json::Map<String, Value> = run
            .environment(BIN_DIR)
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let stdin: Value = serde_json::from_str(&run.stdin()).unwrap_or_default();
        for (name, ours, recorded) in [
            ("plugin", Value::from(run.plugin()), &entry["plugin"]),
            ("environment", Value::Object(environment), &entry["env"]),
            ("input", stdin, &entry["stdin"]),
        ] {
            if let Some(place) = first_difference("", &ours, recorded) {
                self.differ(format!("{what} has another {name}: {place}"));
            }
        }
        if let Some(error) = entry["failed"].as_str() {
            return Err(SimError::new("11", error));
        }
        if run.command == "DEL" {
            return Ok("".into());
        }
        let network = text(&entry["stdin"], "name");
        let result = self.recording.cni_result(network, &run.request.container_id);
        let given = result.iter().filter_map(|result| result["ips"].as_array()).flatten();
        let given = given.filter_map(|ip| ip["address"].as_str().map(str::to_owned));
        self.addresses.borrow_mut().insert((*run.request.netns).to_owned(), given.collect());
        Ok(result.unwrap_or_else(|| serde_json::json!({"dns": {}})).to_string().into())
    }

    async fn plugin_version(
        &self,
        _ctx: &Ctx,
        plugin: &str,
        _level: Level,
    ) -> Result<(), SimError> {
        let what = format!("{plugin} VERSION");
        if let Some(entry) = self.next_execution(&what) {
            let is_same =
                text(&entry, "plugin") == plugin && text(&entry["env"], "CNI_COMMAND") == "VERSION";
            if !is_same {
                self.differ(format!("executed {what}, recorded {entry}"));
            }
        }
        Ok(())
    }

    async fn interface_address(
        &self,
        _ctx: &Ctx,
        netns: &str,
        family: &'static str,
    ) -> Result<String, SimError> {
        let ours = nsenter_arguments(netns, family);
        let what = ours.join(" ");
        if let Some(entry) = self.next_execution(&what)
            && let Some(place) = first_difference("", &Value::from(ours), &entry["exec"])
        {
            self.differ(format!("executed another command: {place}"));
        }
        let addresses = self.addresses.borrow();
        let mut given = addresses.get(netns).into_iter().flatten();
        let found = given.find(|address| address.contains(':') == (family == "-6"));
        Ok(found.map_or_else(String::new, |ip| format!("3: eth0    inet {ip} scope global eth0")))
    }
}
