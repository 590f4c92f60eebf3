//! The tools of the field against a simulated node: `kubectl`, `crictl`, `docker`, `ctr`, `ps`.
//!
//! What a command prints is computed from a frame and the trace up to it, in the format of the real
//! tool. A command that would change something says what is to happen; whoever runs it adds that to
//! the scenario.
//!
//! # What we simplify
//! Of each tool the commands and flags that answer a question about a pod's start. A line may end in
//! `| grep WORD`; there is no other shell.

mod crictl;
mod ctr;
mod docker;
mod host;
mod kubectl;
mod times;

pub mod tabwriter;
pub mod yaml;

pub use kubectl::describe_pod;

use std::collections::BTreeSet;
use trace::{Component, Effect, EventId, Frame, Time, Trace};

/// The machine that commands are typed on.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    /// Everything that happens; a command sees only what has happened at the frame.
    pub trace: &'a Trace,
    /// The moment.
    pub frame: &'a Frame,
    /// What `kubectl apply -f manifest.yaml` reads.
    pub manifest: &'a str,
}

/// What a command makes happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A pod is deleted.
    DeletePod {
        /// Its name.
        name: String,
        /// The grace period in seconds; the pod's own if none.
        grace_period_seconds: Option<i64>,
    },
    /// Pods are created.
    Apply {
        /// Their manifest.
        manifest: String,
    },
    /// A process gets a signal.
    Kill {
        /// The process's number.
        pid: u32,
        /// The signal's number.
        signal: i32,
    },
}

/// What a command prints, and what it makes happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The text, with a line break at the end of each line.
    pub text: String,
    /// What is to happen.
    pub act: Option<Act>,
}

impl Answer {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), act: None }
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self::of(text)
    }
}

const HELP: &str = "kubectl get pods|events|nodes [NAME] [-o wide|yaml|json|name]
kubectl describe pod NAME
kubectl logs POD [-c CONTAINER] [--previous]
kubectl delete pod NAME [--grace-period=SECONDS] [--now]
kubectl apply -f manifest.yaml        the text in the manifest editor
kubectl run NAME --image=IMAGE
crictl ps [-a] | pods | images | inspect ID | inspectp ID
docker ps [-a] | images | inspect ID
ctr namespaces ls | -n NAMESPACE containers ls | tasks ls | images ls
ps [-ef] [--forest]    kill [-SIGNAL] PID
cat FILE    ls DIRECTORY    mount    help
A line may end in | grep WORD.
";

/// The first words of commands.
const PROGRAMS: [&str; 10] =
    ["cat", "crictl", "ctr", "docker", "help", "kill", "kubectl", "ls", "mount", "ps"];

/// Runs a command line.
#[must_use]
pub fn run(machine: &Machine<'_>, line: &str) -> Answer {
    let (command, filter) = match line.split_once('|') {
        Some((command, filter)) => (command, Some(words(filter))),
        None => (line, None),
    };
    let words = words(command);
    let args: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut answer = match args.split_first() {
        None => Answer::default(),
        Some((&program, rest)) => dispatch(machine, program, rest),
    };
    match filter.as_deref() {
        None => {}
        Some([grep, word]) if grep == "grep" => {
            let kept = answer.text.lines().filter(|line| line.contains(word.as_str()));
            answer.text = kept.flat_map(|line| [line, "\n"]).collect();
        }
        Some(other) => {
            let program = other.first().map_or("", String::as_str);
            answer.text = not_found(program);
        }
    }
    answer
}

fn dispatch(machine: &Machine<'_>, program: &str, args: &[&str]) -> Answer {
    match program {
        "kubectl" | "k" => kubectl::run(machine, args),
        "crictl" if machine.has_cri() => crictl::run(machine, args).into(),
        "docker" if machine.has(Component::Dockerd) => docker::run(machine, args).into(),
        "ctr" if machine.has(Component::Containerd) => ctr::run(machine, args).into(),
        "ps" => host::ps(machine, args).into(),
        "kill" => host::kill(machine, args),
        "cat" => host::cat(machine, args).into(),
        "ls" => host::ls(machine, args).into(),
        "mount" => host::mount(machine).into(),
        "help" => Answer::of(HELP),
        _ => not_found(program).into(),
    }
}

fn not_found(program: &str) -> String {
    format!("-bash: {program}: command not found\n")
}

/// Words as a shell splits them: at spaces outside quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for char in line.chars() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, char) if char.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// What the last word of a line can become, in order: the line up to there and each whole word.
#[must_use]
pub fn complete(machine: &Machine<'_>, line: &str) -> Vec<String> {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, begun) = line.split_at(start);
    let before: Vec<&str> = before.split_whitespace().collect();
    let candidates: BTreeSet<String> = match before.as_slice() {
        [] => PROGRAMS
            .into_iter()
            .filter(|program| match *program {
                "docker" => machine.has(Component::Dockerd),
                "ctr" => machine.has(Component::Containerd),
                "crictl" => machine.has_cri(),
                _ => true,
            })
            .map(str::to_owned)
            .collect(),
        ["kubectl" | "k", rest @ ..] => kubectl::complete(machine, rest),
        ["crictl", rest @ ..] => crictl::complete(machine, rest),
        ["docker", rest @ ..] => docker::complete(machine, rest),
        ["ctr", rest @ ..] => ctr::complete(machine, rest),
        ["cat" | "ls", ..] => host::complete_path(machine, begun),
        ["kill", ..] => machine.frame.processes.keys().map(u32::to_string).collect(),
        ["ps"] => set(&["-ef", "--forest"]),
        _ => BTreeSet::new(),
    };
    candidates.into_iter().filter(|word| word.starts_with(begun)).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl<'a> Machine<'a> {
    fn has(&self, component: Component) -> bool {
        self.trace.header.topology.member(component).is_some()
    }

    /// Whether the kubelet speaks the CRI to something.
    fn has_cri(&self) -> bool {
        let mut links = self.trace.header.topology.links();
        links.any(|(_, _, link)| link.protocol == trace::Protocol::Cri)
    }

    /// The events that have happened.
    fn past(&self) -> impl DoubleEndedIterator<Item = (EventId, &'a trace::Event)> {
        let events = &self.trace.events[..self.frame.cursor.min(self.trace.len())];
        events.iter().enumerate().map(|(index, event)| (EventId(index as u32), event))
    }

    /// When an effect first fitted.
    fn first(&self, fits: impl Fn(&Effect) -> bool) -> Option<Time> {
        let mut past = self.past();
        past.find(|(_, event)| event.as_effect().is_some_and(&fits)).map(|(_, event)| event.at)
    }

    /// When an effect last fitted.
    fn last(&self, fits: impl Fn(&Effect) -> bool) -> Option<Time> {
        let mut past = self.past().rev();
        past.find(|(_, event)| event.as_effect().is_some_and(&fits)).map(|(_, event)| event.at)
    }

    /// When a sandbox or a container came to be.
    fn created(&self, id: &str) -> Time {
        let created = self.first(|effect| match effect {
            Effect::Sandbox(view) => *view.id == *id,
            Effect::Container(view) => *view.id == *id,
            _ => false,
        });
        created.unwrap_or_default()
    }

    /// When a container was in a state first.
    fn reached(&self, id: &str, state: trace::ContainerState) -> Option<Time> {
        self.first(|effect| {
            matches!(effect, Effect::Container(view) if *view.id == *id && view.state == state)
        })
    }

    /// The pods that the API server still has.
    fn pods(&self) -> impl Iterator<Item = &'a trace::PodView> {
        self.frame.pods.iter().filter(|pod| !pod.removed).map(|pod| &**pod)
    }

    /// The pod with a UID, also one that is gone: its containers may not be.
    fn pod_of_uid(&self, uid: &str) -> Option<&'a trace::PodView> {
        self.frame.pods.iter().map(|pod| &**pod).find(|pod| *pod.object.metadata.uid == *uid)
    }

    /// The minor version of Kubernetes.
    fn minor(&self) -> u32 {
        let version = self.trace.header.kubernetes.rsplit('.').next();
        version.and_then(|minor| minor.parse().ok()).unwrap_or_default()
    }

    /// What stands in a file, links followed.
    fn read(&self, path: &str) -> Option<&'a str> {
        let mut path = path;
        for _ in 0..8 {
            match &self.frame.files.get(path)?.content {
                trace::FileContent::Text(text) => return Some(text),
                trace::FileContent::Symlink(to) => path = to,
                trace::FileContent::Directory => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words(r#" run a  --image='x y' "" "#), ["run", "a", "--image=x y", ""]);
    }
}
