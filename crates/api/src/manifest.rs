//! From the text of a manifest to Pods, with everything that is wrong or unusual about it.
//!
//! What `kubectl apply` would send and the API server would answer, in one step: decoding with strict field
//! validation, defaults, validation. All mistakes are listed, not only the first stage's.
//!
//! # What we simplify
//! * The controllers are not simulated. Of a Deployment, Job and so on, the Pod template is taken, and one Pod
//!   is made of it as the controller would; what else the object says is only checked for its form.
//! * Other kinds are named in a note and left out.

use crate::decode::Decoder;
use crate::defaults::set_defaults;
use crate::print::quoted;
pub use crate::problem::{FieldNote, Problem, Severity};
use crate::validation::{Errors, FieldError, Path, validate_metadata, validate_pod};
use crate::yaml::{Entry, Kind, Limits, Node, Position, Span, parse_all};
use crate::{ObjectMeta, Pod, PodStatus, PodTemplateSpec, Raw, Time, Unsimulated};

mod workload;

#[cfg(test)]
mod tests;

/// The newest Kubernetes whose rules are known: `1.36`.
pub const NEWEST_MINOR: u16 = 36;

/// What a manifest holds.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// The Pods that have no error, in the order of the text, as they were written:
    /// [`set_defaults`](crate::set_defaults) completes them for a version of Kubernetes.
    pub pods: Vec<Pod>,
    /// What is wrong or remarkable, in the order of the text.
    pub problems: Vec<Problem>,
    /// The fields that have no effect here, in the order of the text.
    pub unsimulated: Vec<FieldNote>,
}

impl Manifest {
    /// Whether the API server would refuse anything of it.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// Reads a manifest: YAML or JSON, one document or several.
///
/// Never fails and never panics; what is wrong is in the result. The work is bounded by [`Limits`].
pub fn parse(text: &str) -> Manifest {
    let documents = parse_all(text, &Limits::default());
    let mut reader = Reader::default();
    for node in &documents.nodes {
        // A key that comes twice spoils its document.
        reader.is_spoilt = documents.problems.iter().any(|problem| {
            node.span.start <= problem.span.start && problem.span.end <= node.span.end
        });
        reader.object(node, "", "");
    }
    let mut manifest = reader.manifest;
    manifest.problems.extend(documents.problems);
    if documents.nodes.is_empty() && manifest.problems.is_empty() {
        let start = Position { line: 1, column: 1 };
        let span = Span { start, end: start };
        manifest.problems.push(error(span, "", "there is no object in this text"));
    }
    manifest.problems.sort_by_key(|problem| problem.span.start);
    manifest.unsimulated.sort_by_key(|note| note.span.start);
    manifest
}

#[derive(Default)]
struct Reader {
    manifest: Manifest,
    /// Whether the document that is being read has an error already.
    is_spoilt: bool,
}

impl Reader {
    /// Reads an object of any kind. The defaults are what items of a list are when they do not say.
    fn object(&mut self, node: &Node, default_version: &str, default_kind: &str) {
        let Kind::Map(entries) = &node.kind else {
            let message = format!(
                "this is {}, not an object: an object starts with apiVersion and kind",
                node.kind_in_words()
            );
            return self.problem(error(head(node), "", &message));
        };
        let version = self.type_field(node, "apiVersion", default_version);
        let kind = self.type_field(node, "kind", default_kind);
        let (Some(version), Some(kind)) = (version, kind) else { return };
        match (version, kind) {
            ("v1", "Pod") => self.pod(node),
            ("v1", "List") => self.list(entries, "", ""),
            _ if kind.ends_with("List") && self.is_list_of_pods(version, kind) => {
                self.list(entries, version, kind.trim_end_matches("List"));
            }
            _ => match workload::Workload::find(version, kind) {
                Some(workload) => {
                    if version != workload.version {
                        let message = format!(
                            "no matches for kind \"{kind}\" in version \"{version}\" today; it is read as {}",
                            workload.version
                        );
                        self.say(node, Severity::Warning, "apiVersion", &message);
                    }
                    self.workload(node, workload);
                }
                None => self.other(node, version, kind),
            },
        }
    }

    /// Whether the items of a list are Pods, or objects with a Pod template.
    fn is_list_of_pods(&self, version: &str, kind: &str) -> bool {
        let item = kind.trim_end_matches("List");
        (version, item) == ("v1", "Pod") || workload::Workload::find(version, item).is_some()
    }

    fn list(&mut self, entries: &[Entry], version: &str, kind: &str) {
        for entry in entries {
            match entry.key.as_str() {
                "items" => {
                    entry.value.items().iter().for_each(|item| self.object(item, version, kind))
                }
                "apiVersion" | "kind" | "metadata" => {}
                key => {
                    let message = format!("strict decoding error: unknown field \"{key}\"");
                    self.problem(error(entry.key_span, key, &message));
                }
            }
        }
    }

    /// `apiVersion` or `kind`, or a problem.
    fn type_field<'a>(&mut self, node: &'a Node, field: &str, default: &'a str) -> Option<&'a str> {
        let given = node.get(field).filter(|value| !value.is_null());
        let message = match given.map(|value| (value, value.as_str())) {
            Some((_, Some(text))) if !text.is_empty() => return Some(text),
            Some((value, None)) => {
                let found = value.go_kind();
                format!(
                    "json: cannot unmarshal {found} into Go struct field .{field} of type string"
                )
            }
            _ if !default.is_empty() => return Some(default),
            _ => format!("error validating data: {field} not set"),
        };
        self.say(node, Severity::Error, field, &message);
        None
    }

    /// A kind that has no Pods in it, or that does not exist.
    fn other(&mut self, node: &Node, version: &str, kind: &str) {
        let name =
            node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
        let is_known = match version.split_once('/') {
            None => {
                let kind = kind.strip_suffix("List").unwrap_or(kind);
                version == "v1" && KINDS_V1.split(' ').any(|known| known == kind)
            }
            Some(("apps" | "batch" | "extensions", _)) => {
                matches!(
                    kind,
                    "ControllerRevision" | "Ingress" | "NetworkPolicy" | "PodSecurityPolicy"
                )
            }
            // Any other group may well be defined in somebody's cluster.
            Some((group, version)) => !group.is_empty() && version.starts_with('v'),
        };
        if is_known {
            let message =
                format!("{kind} {} is left out: only Pods are simulated", name.unwrap_or_default());
            self.say(node, Severity::Note, "kind", &message);
        } else {
            let mut message = "no kind ".to_owned();
            quoted(kind, &mut message);
            message.push_str(" is registered for version ");
            quoted(version, &mut message);
            self.say(node, Severity::Error, "kind", &message);
        }
    }

    fn pod(&mut self, node: &Node) {
        let mut pod = Pod::default();
        let mut decoder = Decoder::default();
        decoder.object(node, &mut pod);
        // What the API server decides itself does not count on creation.
        pod.status = PodStatus::default();
        pod.metadata = ObjectMeta {
            uid: String::new(),
            resource_version: String::new(),
            generation: 0,
            self_link: String::new(),
            creation_timestamp: Time::default(),
            deletion_timestamp: None,
            deletion_grace_period_seconds: None,
            managed_fields: Raw::default(),
            ..pod.metadata
        };
        let mut complete = pod.clone();
        set_defaults(&mut complete, NEWEST_MINOR);
        let mut errors = Errors::default();
        validate_pod(&complete, "", &mut errors);
        if self.take(node, "spec", &pod, decoder, errors) {
            workload::generate_name(&mut pod.metadata, self.manifest.pods.len());
            self.add(node, pod);
        }
    }

    /// Adds a Pod, unless there is one of its name.
    fn add(&mut self, node: &Node, pod: Pod) {
        let ObjectMeta { name, namespace, .. } = &pod.metadata;
        // Nothing stands for this namespace.
        let namespace_of =
            |namespace: &str| if namespace.is_empty() { "default" } else { namespace }.to_owned();
        let is_same = |other: &Pod| {
            other.metadata.name == *name
                && namespace_of(&other.metadata.namespace) == namespace_of(namespace)
        };
        if self.manifest.pods.iter().any(is_same) {
            let span = find(node, "metadata.name").span;
            let message = format!("pods \"{name}\" already exists");
            return self.problem(error(span, "metadata.name", &message));
        }
        if !self.is_spoilt {
            self.manifest.pods.push(pod);
        }
    }

    fn workload(&mut self, node: &Node, workload: &workload::Workload) {
        let mut decoder = Decoder::default();
        decoder.shape(node, workload.kind, workload.kind);
        let template_path = workload.template_path();
        let mut meta = ObjectMeta::default();
        if let Some(metadata) = node.get("metadata") {
            // The form has been checked already.
            Decoder::default().object(metadata, &mut meta);
            workload::generate_name(&mut meta, self.manifest.pods.len());
        }
        let mut template = PodTemplateSpec::default();
        if let Some(node) = find(node, &template_path).value {
            decoder.path.clone_from(&template_path);
            decoder.part(node, &mut template, workload.spec_name());
        }
        let mut pod = Pod { metadata: template.metadata, spec: template.spec, ..Pod::default() };
        let mut errors = Errors::default();
        validate_metadata(&meta, &Path::new("metadata"), &mut errors);
        workload.validate(node, &pod, &mut errors);
        workload.make_pod(node, &meta, &mut pod);
        let mut complete = pod.clone();
        set_defaults(&mut complete, NEWEST_MINOR);
        validate_pod(&complete, &template_path, &mut errors);
        if self.take(node, &format!("{template_path}.spec"), &pod, decoder, errors) {
            let message = format!(
                "{} {} is not simulated itself: its Pod template is taken for one Pod, {}",
                workload.kind, meta.name, pod.metadata.name
            );
            self.say(node, Severity::Note, "kind", &message);
            self.add(node, pod);
        }
    }

    /// Takes over what was found of one object and says whether it is free of errors. `spec` is the path of
    /// the Pod's specification.
    fn take(
        &mut self,
        node: &Node,
        spec: &str,
        pod: &Pod,
        decoder: Decoder,
        errors: Errors,
    ) -> bool {
        let is_right = decoder.problems.is_empty() && errors.0.is_empty();
        // What could not be decoded is missing or zero now; complaints about that would be wrong.
        let undecoded: Vec<String> =
            decoder.problems.iter().map(|problem| problem.path.clone()).collect();
        self.manifest.problems.extend(decoder.problems);
        self.manifest.unsimulated.extend(decoder.notes);
        self.note_values(node, spec, pod);
        let before = self.manifest.problems.len();
        for FieldError { path, message, key } in errors.0 {
            let is_about = |other: &String| {
                path == *other
                    || path
                        .strip_prefix(other.as_str())
                        .is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            if !undecoded.iter().any(is_about) {
                let place = key.map_or(path.clone(), |key| format!("{path}[{key}]"));
                let problem = error(find(node, &place).span, &path, &message);
                // Upstream, too, says what is said twice only once.
                if !self.manifest.problems[before..].contains(&problem) {
                    self.problem(problem);
                }
            }
        }
        is_right
    }

    /// Notes values that have no effect, of fields that have one.
    fn note_values(&mut self, node: &Node, spec: &str, pod: &Pod) {
        let mut note = |field: &str, reason: Unsimulated| {
            let path = format!("{spec}.{field}");
            self.manifest.unsimulated.push(FieldNote {
                span: find(node, &path).span,
                path,
                reason,
            });
        };
        if pod.spec.os.as_ref().is_some_and(|os| os.name == "windows") {
            note("os.name", Unsimulated::Windows);
        }
        let resources = pod.spec.resources.iter();
        for amounts in resources.flat_map(|resources| [&resources.limits, &resources.requests]) {
            if amounts.contains_key("pids") {
                note("resources", Unsimulated::Newer);
            }
        }
    }

    /// Adds a problem at the value of a field at the top of an object.
    fn say(&mut self, node: &Node, severity: Severity, field: &str, message: &str) {
        let span = node.entry(field).map_or_else(|| head(node), |entry| entry.value.span);
        self.problem(Problem { severity, ..error(span, field, message) });
    }

    fn problem(&mut self, problem: Problem) {
        self.manifest.problems.push(problem);
    }
}

/// Kinds of v1 that have no Pods in them.
const KINDS_V1: &str = "Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume \
                        PersistentVolumeClaim PodTemplate ResourceQuota Secret Service ServiceAccount";

fn error(span: Span, path: &str, message: &str) -> Problem {
    Problem { span, path: path.to_owned(), message: message.to_owned(), severity: Severity::Error }
}

/// The start of a value, to mark what is wrong with all of it.
fn head(node: &Node) -> Span {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        Kind::List(_) => Span { start: node.span.start, end: node.span.start },
        _ => node.span,
    }
}

/// Where a path leads.
struct Found<'a> {
    /// The value, if all of the path exists.
    value: Option<&'a Node>,
    /// The value's place; else the name of the last field that exists.
    span: Span,
}

/// Follows a path like `spec.containers[0].resources.limits[example.com/gpu]` as far as it goes.
fn find<'a>(root: &'a Node, path: &str) -> Found<'a> {
    let mut node = root;
    let mut span = head(root);
    let mut rest = path;
    while !rest.is_empty() {
        let name;
        (name, rest) = match rest.strip_prefix('[') {
            Some(inside) => inside.split_once(']').unwrap_or((inside, "")),
            None => {
                let field = rest.strip_prefix('.').unwrap_or(rest);
                field.split_at(field.find(['.', '[']).unwrap_or(field.len()))
            }
        };
        let next = match &node.kind {
            Kind::List(items) => {
                let item = name.parse().ok().and_then(|index: usize| items.get(index));
                item.map(|item| (item, head(item)))
            }
            Kind::Map(entries) => {
                let same = |entry: &&Entry| entry.key == name;
                // Upstream spells a few fields in a case of its own.
                let alike = |entry: &&Entry| entry.key.eq_ignore_ascii_case(name);
                let entry = entries.iter().find(same).or_else(|| entries.iter().find(alike));
                entry.map(|entry| (&entry.value, entry.key_span))
            }
            _ => None,
        };
        let Some((value, at)) = next else {
            return Found { value: None, span };
        };
        (node, span) = (value, at);
    }
    // The name of a list or mapping says more than its first line.
    let is_scalar = !matches!(node.kind, Kind::List(_) | Kind::Map(_) | Kind::Null);
    Found { value: Some(node), span: if is_scalar { node.span } else { span } }
}
