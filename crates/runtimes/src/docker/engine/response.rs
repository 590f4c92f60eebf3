//! What the daemon answers.

use super::CreateBody;
use super::config::string_map;
use crate::json::Json;
use node::image::familiar;
use sim::Answer;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Payload, Time};

/// How Go writes its zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// An answer with a status below 400.
#[derive(Clone, Debug)]
pub enum Response {
    /// To `HEAD /_ping`: the API version of the headers.
    Pong {
        /// `1.41`.
        api_version: String,
    },
    /// To `GET /version`.
    Version(EngineVersion),
    /// To `GET /info`.
    Info(EngineInfo),
    /// To `GET /containers/json`.
    Containers(Vec<ContainerSummary>),
    /// To `GET /containers/{id}/json`.
    Container(Box<ContainerJson>),
    /// To `POST /containers/create`.
    Created {
        /// The new container's id.
        id: Rc<str>,
    },
    /// Done; nothing to say (204).
    NoContent,
    /// Nothing to do (304): a container that is stopped was asked to stop.
    NotModified,
    /// To `POST /containers/{id}/update`.
    Updated,
    /// To `GET /containers/{id}/stats`.
    Stats(Stats),
    /// To `GET /images/{name}/json`.
    Image(Rc<ImageInspect>),
    /// To `GET /images/json`.
    Images(Vec<Rc<ImageInspect>>),
    /// To `GET /images/{name}/history`: nothing that anybody here reads.
    History,
    /// To `POST /images/create`: all messages of the stream.
    Pulled(Vec<PullMessage>),
    /// To `DELETE /images/{name}`: what was untagged and deleted.
    ImageDeleted {
        /// References that are gone.
        untagged: Vec<String>,
        /// Ids of images and layers that are gone.
        deleted: Vec<String>,
    },
    /// To `POST /containers/{id}/exec`.
    ExecCreated {
        /// The exec's id.
        id: Rc<str>,
    },
    /// To `POST /exec/{id}/start`: what came over the connection until its end.
    ExecOutput {
        /// The standard output.
        stdout: Vec<u8>,
        /// The standard error.
        stderr: Vec<u8>,
    },
    /// To `GET /exec/{id}/json`.
    Exec(ExecState),
}

/// `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineVersion {
    /// `20.10.7`.
    pub version: String,
    /// `1.41`.
    pub api_version: String,
}

/// `GET /info`, as far as anybody here reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Where the daemon keeps everything.
    pub docker_root_dir: String,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// `json-file`, `journald`, …
    pub logging_driver: String,
    /// `20.10.7`.
    pub server_version: String,
    /// The host's name.
    pub name: String,
    /// The OCI runtimes that are configured.
    pub runtimes: Vec<String>,
}

/// A container in a list.
#[derive(Clone, Debug)]
pub struct ContainerSummary {
    /// Its id.
    pub id: Rc<str>,
    /// Its name, with a `/` before it.
    pub name: Rc<str>,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: Rc<str>,
    /// When it was created.
    pub created: Time,
    /// `created`, `running`, `exited`.
    pub state: &'static str,
    /// For people: `Up 2 seconds`.
    pub status: String,
    /// Its configuration, for the labels.
    pub config: Rc<CreateBody>,
}

/// Everything about a container.
#[derive(Clone, Debug)]
pub struct ContainerJson {
    /// Its id.
    pub id: Rc<str>,
    /// Its name, with a `/` before it.
    pub name: Rc<str>,
    /// When it was created.
    pub created: Time,
    /// Where it stands.
    pub state: ContainerState,
    /// The image's id.
    pub image_id: Rc<str>,
    /// The file that becomes `/etc/resolv.conf`; empty for none.
    pub resolv_conf_path: String,
    /// The log file; empty where the logging driver has none.
    pub log_path: String,
    /// As it was asked for.
    pub config: Rc<CreateBody>,
    /// Source, destination, writable.
    pub mounts: Vec<(String, String, bool)>,
    /// Its address on Docker's own network; empty for none.
    pub ip_address: String,
    /// The size of its writable layer in bytes, if that was asked for.
    pub size_rw: Option<u64>,
}

/// Where a container stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerState {
    /// Whether a process runs.
    pub running: bool,
    /// Whether the kernel killed it for lack of memory.
    pub oom_killed: bool,
    /// Its first process; 0 for none.
    pub pid: u32,
    /// How it ended.
    pub exit_code: i32,
    /// Why it could not start.
    pub error: String,
    /// When it was started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

impl ContainerState {
    /// `running`, `created`, `exited`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self { running: true, .. } => "running",
            Self { started_at: None, .. } => "created",
            _ => "exited",
        }
    }
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageInspect {
    /// Its id: `sha256:…`.
    pub id: Rc<str>,
    /// The names that it goes by.
    pub repo_tags: Vec<String>,
    /// The digests that it goes by.
    pub repo_digests: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Who its processes run as: `UID`, `UID:GID`, `NAME`.
    pub user: String,
}

/// One message of a pull's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullMessage {
    /// How far it is.
    Status {
        /// The layer or tag; empty for none.
        id: String,
        /// `Downloading`, `Pull complete`, …
        status: String,
    },
    /// It failed.
    Error {
        /// An HTTP status, where the daemon gives one.
        code: Option<u16>,
        /// Why.
        message: String,
    },
}

/// `GET /containers/{id}/stats`, as far as anybody here reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// CPU time in nanoseconds.
    pub cpu_nanos: u64,
    /// `memory_stats.privateworkingset`: 0 except on Windows.
    pub private_working_set: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// `GET /exec/{id}/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecState {
    /// Its id.
    pub id: Rc<str>,
    /// In which container.
    pub container_id: Rc<str>,
    /// Whether its process runs.
    pub running: bool,
    /// How it ended.
    pub exit_code: Option<i32>,
}

impl Response {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Created { .. } | Self::ExecCreated { .. } => 201,
            Self::NoContent => 204,
            Self::NotModified => 304,
            Self::ExecOutput { .. } => 101,
            _ => 200,
        }
    }

    /// The body, as JSON text.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        Some(match self {
            Self::Pong { .. } | Self::NoContent | Self::NotModified | Self::ExecOutput { .. } => {
                return None;
            }
            Self::Version(version) => version.json(),
            Self::Info(info) => info.json(),
            Self::Containers(list) => array(list.iter().map(ContainerSummary::json)),
            Self::Container(container) => container.json(),
            Self::Created { id } => Json::object().str("Id", id).raw("Warnings", "[]").text(),
            Self::History => "[]".to_owned(),
            Self::Updated => Json::object().raw("Warnings", "null").text(),
            Self::Stats(stats) => stats.json(),
            Self::Image(image) => image.json(true),
            Self::Images(list) => array(list.iter().map(|image| image.json(false))),
            Self::Pulled(messages) => {
                let lines: Vec<String> = messages.iter().map(PullMessage::json).collect();
                lines.join("\r\n")
            }
            Self::ImageDeleted { untagged, deleted } => {
                let untagged =
                    untagged.iter().map(|name| Json::object().str("Untagged", name).text());
                let deleted = deleted.iter().map(|id| Json::object().str("Deleted", id).text());
                array(untagged.chain(deleted))
            }
            Self::ExecCreated { id } => Json::object().str("Id", id).text(),
            Self::Exec(exec) => exec.json(),
        })
    }
}

impl Answer for Response {
    fn payload(&self) -> Payload {
        Payload::HttpResponse { status: self.status(), body: self.body().map(Rc::from) }
    }
}

fn array(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    format!("[{}]", values.join(","))
}

fn time(json: Json, name: &str, time: Option<Time>) -> Json {
    match time {
        Some(time) => json.str(name, &time.rfc3339_nanos()),
        None => json.str(name, ZERO_TIME),
    }
}

impl EngineVersion {
    fn json(&self) -> String {
        Json::object()
            .str("Version", &self.version)
            .str("ApiVersion", &self.api_version)
            .str("MinAPIVersion", "1.12")
            .str("Os", "linux")
            .str("Arch", "amd64")
            .text()
    }
}

impl EngineInfo {
    fn json(&self) -> String {
        Json::object()
            .str("Driver", "overlay2")
            .str("LoggingDriver", &self.logging_driver)
            .str("CgroupDriver", &self.cgroup_driver)
            .str("OSType", "linux")
            .str("DockerRootDir", &self.docker_root_dir)
            .str("Name", &self.name)
            .str("ServerVersion", &self.server_version)
            .object_in(
                "Runtimes",
                self.runtimes
                    .iter()
                    .fold(Json::object(), |set, name| set.object_in(name, Json::object())),
            )
            .strs("SecurityOptions", ["name=apparmor", "name=seccomp,profile=default"])
            .text()
    }
}

impl ContainerSummary {
    fn json(&self) -> String {
        Json::object()
            .str("Id", &self.id)
            .strs("Names", [&*self.name])
            .str("Image", &self.image)
            .str("ImageID", &self.image_id)
            .num("Created", self.created.unix_nanos() / 1_000_000_000)
            .object_in("Labels", string_map(&self.config.labels))
            .str("State", self.state)
            .str("Status", &self.status)
            .text()
    }
}

impl ContainerJson {
    fn json(&self) -> String {
        let state = &self.state;
        let state_json = Json::object()
            .str("Status", state.status())
            .bool("Running", state.running)
            .bool("Paused", false)
            .bool("Restarting", false)
            .bool("OOMKilled", state.oom_killed)
            .bool("Dead", false)
            .num("Pid", state.pid)
            .num("ExitCode", state.exit_code)
            .str("Error", &state.error);
        let state_json = time(state_json, "StartedAt", state.started_at);
        let state_json = time(state_json, "FinishedAt", state.finished_at);
        let mut json = time(Json::object().str("Id", &self.id), "Created", Some(self.created))
            .object_in("State", state_json)
            .str("Image", &self.image_id)
            .str("ResolvConfPath", &self.resolv_conf_path)
            .str("LogPath", &self.log_path)
            .str("Name", &self.name)
            .num("RestartCount", 0)
            .object_in("HostConfig", self.config.host_config.object());
        if let Some(size) = self.size_rw {
            json = json.num("SizeRw", i64::try_from(size).unwrap_or(i64::MAX));
        }
        json.objects(
            "Mounts",
            self.mounts.iter().map(|(source, destination, writable)| {
                Json::object()
                    .str("Type", "bind")
                    .str("Source", source)
                    .str("Destination", destination)
                    .bool("RW", *writable)
            }),
        )
        .object_in("Config", self.config.config())
        .object_in(
            "NetworkSettings",
            Json::object().str("IPAddress", &self.ip_address).str("GlobalIPv6Address", ""),
        )
        .text()
    }
}

impl ImageInspect {
    fn json(&self, whole: bool) -> String {
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        let mut json = Json::object()
            .str("Id", &self.id)
            .strs("RepoTags", &self.repo_tags)
            .strs("RepoDigests", &self.repo_digests)
            .num("Size", size)
            .num("VirtualSize", size);
        if whole {
            json = json.object_in("Config", Json::object().str("User", &self.user));
        }
        json.text()
    }

    /// Whether a reference, in whatever form, means this image.
    #[must_use]
    pub fn is_called(&self, reference: &str) -> bool {
        let hex = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        let by_id = reference == &*self.id || reference == hex;
        // Docker finds an image by the beginning of its id, too.
        let by_prefix = reference.len() >= 12
            && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
            && hex.starts_with(reference);
        let short = familiar(reference);
        by_id
            || by_prefix
            || self.repo_tags.iter().chain(&self.repo_digests).any(|name| *name == short)
    }
}

impl PullMessage {
    fn json(&self) -> String {
        match self {
            Self::Status { id, status } => {
                Json::object().str("status", status).str_if("id", id).text()
            }
            Self::Error { code, message } => {
                let mut detail = Json::object();
                if let Some(code) = code {
                    detail = detail.num("code", *code);
                }
                Json::object()
                    .object_in("errorDetail", detail.str("message", message))
                    .str("error", message)
                    .text()
            }
        }
    }
}

impl Stats {
    fn json(&self) -> String {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let cpu = Json::object().num("total_usage", number(self.cpu_nanos));
        Json::object()
            .object_in("cpu_stats", Json::object().object_in("cpu_usage", cpu))
            .object_in(
                "memory_stats",
                Json::object()
                    .num("usage", number(self.memory))
                    .num("privateworkingset", number(self.private_working_set)),
            )
            .text()
    }
}

impl ExecState {
    fn json(&self) -> String {
        let json = Json::object().str("ID", &self.id).bool("Running", self.running);
        let json = match self.exit_code {
            Some(code) => json.num("ExitCode", code),
            None => json.raw("ExitCode", "null"),
        };
        json.str("ContainerID", &self.container_id).text()
    }
}

/// What labels a container has; for lists that filter by them.
impl ContainerSummary {
    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.config.labels
    }
}
