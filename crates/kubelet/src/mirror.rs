//! Static pods, which come from files, and their mirror pods, by which the API server shows them.
//!
//! Upstream: `pkg/kubelet/config/common.go`, `pkg/kubelet/pod/mirror_client.go`.

use crate::kubelet::{Inner, Work};
use api::Pod;
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use trace::{Component, Effect, Level, Payload, Protocol, Time};

const CONFIG_HASH: &str = "kubernetes.io/config.hash";
const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";
const CONFIG_SEEN: &str = "kubernetes.io/config.seen";
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// A pod as the kubelet takes it from a file that it has seen at a moment: named after the node too,
/// with a UID that follows from the file.
///
/// Upstream: `applyDefaults`.
#[must_use]
pub fn static_pod(pod: &Pod, minor: u16, node_name: &str, uid: &str, seen: Time) -> Pod {
    let mut pod = pod.clone();
    api::set_defaults(&mut pod, minor);
    pod.metadata.name = format!("{}-{node_name}", pod.metadata.name);
    uid.clone_into(&mut pod.metadata.uid);
    node_name.clone_into(&mut pod.spec.node_name);
    let seen = seen.rfc3339_nanos();
    let annotations = [(CONFIG_HASH, uid), (CONFIG_SEEN, &seen), (CONFIG_SOURCE, "file")];
    for (name, value) in annotations {
        pod.metadata.annotations.insert(name.to_owned(), value.to_owned());
    }
    pod
}

impl Inner {
    /// Shows a static pod to the API server, unless that was done before or there is none.
    ///
    /// Upstream: `kubelet.go` `tryReconcileMirrorPods`, `CreateMirrorPod`.
    pub(crate) async fn create_mirror_pod(&self, ctx: &Ctx, work: &Work) {
        let is_static = self.api_server.get(&work.uid).is_some_and(|known| known.from_file);
        if !is_static || self.config.standalone || !self.api_server.mirror(&work.uid) {
            return;
        }
        let mut mirror = Pod::clone(&work.pod);
        let annotations = &mut mirror.metadata.annotations;
        let hash = annotations.get(CONFIG_HASH).cloned().unwrap_or_default();
        annotations.insert(CONFIG_MIRROR.to_owned(), hash);
        let created = self.ask_api_server(ctx, &mirror, "POST pods", async |ctx| {
            let object = Rc::new(mirror.clone());
            ctx.effect(Effect::PodUpdated { pod: work.reference, object });
        });
        if created.await.is_err() {
            // The next sync tries again.
            self.api_server.unmirror(&work.uid);
        }
    }

    /// Takes the mirror pod of a static pod away that is gone.
    ///
    /// Upstream: `DeleteMirrorPod`.
    pub(crate) fn delete_mirror_pod(self: &Rc<Self>, work: Work) {
        if !self.api_server.unmirror(&work.uid) {
            return;
        }
        let this = self.clone();
        self.spawn(async move {
            let ctx = this.ctx_of(&work, None);
            // What the API server does not hear now it hears from the next kubelet.
            let _ = this.ask_api_server(&ctx, &work.pod, "DELETE pods/{name}", async |_| {}).await;
        });
    }

    async fn ask_api_server(
        &self,
        ctx: &Ctx,
        pod: &Pod,
        op: &'static str,
        answer: impl AsyncFnOnce(Ctx),
    ) -> Result<(), SimError> {
        let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
        let hop = Hop::new(Component::Kubelet, Component::ApiServer, Protocol::Https, op)
            .level(Level::Hops)
            .request(move || Payload::Text(name.into()))
            .source(self.source("pkg/kubelet/pod/mirror_client.go"))
            .takes_ms(2);
        let shown = async |ctx| {
            answer(ctx).await;
            Ok(())
        };
        ctx.call(hop, shown).await
    }
}
