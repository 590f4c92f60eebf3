//! Where upstream does it.

use super::super::Store;
use super::super::ui::{empty, heading, icon, icons};
use super::{current, seek};
use crate::text::M;
use trace::{EventId, Trace};
use yew::{Html, html};

/// A place in somebody's source: `project@version path Function`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    project: &'a str,
    version: &'a str,
    path: &'a str,
    function: &'a str,
}

impl<'a> Source<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (project, rest) = text.split_once('@')?;
        let (version, rest) = rest.split_once(' ')?;
        let (path, function) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Self { project, version, path, function })
    }

    fn repository(self) -> Option<&'static str> {
        Some(match self.project {
            "kubernetes" => "kubernetes/kubernetes",
            "moby" | "docker" => "moby/moby",
            "containerd" => "containerd/containerd",
            "cri-containerd" => "containerd/cri",
            "go-cni" => "containerd/go-cni",
            "runc" => "opencontainers/runc",
            "cni" | "libcni" => "containernetworking/cni",
            "plugins" | "cni-plugins" => "containernetworking/plugins",
            "cri-dockerd" => "Mirantis/cri-dockerd",
            "cri-o" => "cri-o/cri-o",
            _ => return None,
        })
    }

    fn link(self) -> Option<String> {
        let repository = self.repository()?;
        Some(format!("https://github.com/{repository}/blob/{}/{}", self.version, self.path))
    }
}

/// The source of a step: its own, or that of the nearest call around it.
fn source_of(trace: &Trace, id: EventId) -> Option<(EventId, &str)> {
    trace.stack_of(id).find_map(|(id, call)| Some((id, call.source.as_deref()?)))
}

/// The part of a panel.
pub(super) fn source(store: &Store) -> Html {
    let found = store.leading().zip(current(store)).and_then(|(run, id)| {
        let (at, text) = source_of(run.trace(), id)?;
        let call = run.trace().event(at).as_call()?;
        let own = match run.trace().event(id).as_return() {
            Some(answer) => answer.call == at,
            None => at == id,
        };
        Some((at, call.op.to_string(), own, Source::parse(text)?))
    });
    let Some((at, op, own, source)) = found else { return empty(store.text(M::NoSource)) };
    html! {
        <>
            { heading(store.text(M::SourceUpstream)) }
            if !own {
                <p class="source__around">
                    { store.text(M::SourceOfCaller) }{ " " }
                    <button type="button" class="button button--link" onclick={seek(store, at)}>{ op }</button>
                </p>
            }
            <p class="source__function">{ source.function.to_owned() }</p>
            <p class="source__path">{ source.path.to_owned() }</p>
            <p class="source__version">{ format!("{} {}", source.project, source.version) }</p>
            if let Some(link) = source.link() {
                <a class="source__link" href={link} target="_blank" rel="noopener noreferrer">
                    { icon(icons::LINK) }{ store.text(M::SourceOpen) }
                </a>
            }
        </>
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_source_leads_to_its_file() {
        let source = Source::parse(
            "kubernetes@v1.22.6 pkg/kubelet/dockershim/docker_sandbox.go RunPodSandbox",
        );
        assert_eq!(
            source.and_then(Source::link).as_deref(),
            Some(
                "https://github.com/kubernetes/kubernetes/blob/v1.22.6/pkg/kubelet/dockershim/docker_sandbox.go"
            )
        );
        assert_eq!(source.map(|s| s.function), Some("RunPodSandbox"));
        assert_eq!(Source::parse("nonsense"), None);
    }
}
