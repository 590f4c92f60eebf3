//! Makes sure that a container's image is on the machine.
//!
//! Upstream: `pkg/kubelet/images/image_manager.go`, `puller.go`, `helpers.go`.

use super::parse_image_name;
use crate::backoff::{Backoff, key_of};
use crate::events::{Normal, Warning};
use crate::kubelet::{Inner, Work};
use crate::kuberuntime::StartError;
use crate::{KubeletConfig, go_duration};
use api::Container;
use cri::{Code, ImageSpec, ImageStatusRequest, PodSandboxConfig, PullImageRequest};
use sim::{Ctx, Guard, Hop, Lock, Signal};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Level, Payload, Protocol, Time};

/// What is remembered from pull to pull.
pub(crate) struct ImageManager {
    back_off: RefCell<Backoff>,
    previous_errors: RefCell<BTreeMap<u64, Rc<str>>>,
    serial: Lock,
    pulling: Cell<usize>,
    pulled: Signal,
    /// Pulls that are allowed now, in thousandths, and when that was counted.
    tokens: Cell<(u64, Time)>,
}

impl ImageManager {
    pub(crate) fn new(config: &KubeletConfig) -> Self {
        Self {
            back_off: RefCell::new(Backoff::new(Duration::from_secs(10), Duration::from_secs(300))),
            previous_errors: RefCell::default(),
            serial: Lock::default(),
            pulling: Cell::new(0),
            pulled: Signal::default(),
            tokens: Cell::new((u64::from(config.registry_burst) * 1000, Time::ZERO)),
        }
    }

    /// Takes one of the pulls that are allowed per second.
    fn try_accept(&self, config: &KubeletConfig, now: Time) -> bool {
        if config.registry_pull_qps == 0 {
            return true;
        }
        let (tokens, counted) = self.tokens.get();
        let refill = now.since(counted).as_millis() as u64 * u64::from(config.registry_pull_qps);
        let tokens = (tokens + refill).min(u64::from(config.registry_burst) * 1000);
        let accepted = tokens >= 1000;
        self.tokens.set((if accepted { tokens - 1000 } else { tokens }, now));
        accepted
    }
}

/// Whether an image may be pulled while others are.
enum Turn {
    Alone { _guard: Guard },
    Together,
}

impl Inner {
    /// Makes sure that an image is there. Gives what the runtime calls it.
    pub(crate) async fn ensure_image_exists(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        sandbox: &PodSandboxConfig,
    ) -> Result<String, StartError> {
        let hop = Hop::new(
            Component::RuntimeManager,
            Component::ImageManager,
            Protocol::Function,
            "EnsureImageExists",
        )
        .level(Level::Hops)
        .source(self.source("pkg/kubelet/images/image_manager.go EnsureImageExists"));
        ctx.call_answering(
            hop,
            |_: &String| Payload::None,
            async |ctx| self.ensure_image(&ctx, work, container, sandbox).await,
        )
        .await
    }

    async fn ensure_image(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        sandbox: &PodSandboxConfig,
    ) -> Result<String, StartError> {
        let wanted = &container.image;
        let image = parse_image_name(wanted).map_err(|error| {
            let text = format!("Failed to apply default image tag {wanted:?}: {error}");
            self.container_event(ctx, work, container, Warning, "InspectFailed", &text);
            StartError::new("InvalidImageName", text)
        })?;
        let spec = ImageSpec {
            image,
            annotations: work.pod.metadata.annotations.clone(),
            runtime_handler: work.pod.spec.runtime_class_name.clone().unwrap_or_default(),
            ..ImageSpec::default()
        };
        let policy = container.image_pull_policy.as_str();
        // Old kubelets look even if they are going to pull.
        if policy != "Always" || self.config.version.minor < 30 {
            let present = self.image_ref(ctx, &spec).await.map_err(|status| {
                let text = format!("Failed to inspect image {wanted:?}: {status}");
                self.container_event(ctx, work, container, Warning, "InspectFailed", &text);
                StartError::new("ImageInspectError", text)
            })?;
            match present {
                Some(image_ref) if policy != "Always" => {
                    let access = if self.features.credential_check {
                        " and can be accessed by the pod"
                    } else {
                        ""
                    };
                    let text =
                        format!("Container image {wanted:?} already present on machine{access}");
                    self.container_event(ctx, work, container, Normal, "Pulled", &text);
                    return Ok(image_ref);
                }
                None if policy == "Never" => {
                    let text = format!(
                        "Container image {wanted:?} is not present with pull policy of Never"
                    );
                    let reason = "ErrImageNeverPull";
                    self.container_event(ctx, work, container, Warning, reason, &text);
                    return Err(StartError::new(reason, text));
                }
                _ => {}
            }
        }
        self.pull_image(ctx, work, container, spec, sandbox).await
    }

    /// What the runtime calls an image; none if it does not have it.
    async fn image_ref(&self, ctx: &Ctx, spec: &ImageSpec) -> Result<Option<String>, cri::Status> {
        let request = ImageStatusRequest { image: Some(spec.clone()), verbose: false };
        Ok(self.cri.call(ctx, request).await?.image.map(|image| image.id))
    }

    async fn pull_image(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        spec: ImageSpec,
        sandbox: &PodSandboxConfig,
    ) -> Result<String, StartError> {
        let manager = &self.images;
        let wanted = &container.image;
        let key = key_of(&[&work.uid, wanted]);
        if manager.back_off.borrow().is_in_backoff_since_update(key, self.sim.now()) {
            let text = format!("Back-off pulling image {wanted:?}");
            self.container_event(ctx, work, container, Normal, "BackOff", &text);
            let message = match manager.previous_errors.borrow().get(&key) {
                Some(previous) if self.config.version.minor >= 32 => format!("{text}: {previous}"),
                _ => text,
            };
            return Err(StartError::new("ImagePullBackOff", message));
        }
        manager.previous_errors.borrow_mut().remove(&key);
        let text = format!("Pulling image {wanted:?}");
        self.container_event(ctx, work, container, Normal, "Pulling", &text);

        let asked = self.sim.now();
        let turn = self.turn_to_pull().await;
        let began = self.sim.now();
        let pulled = if manager.try_accept(&self.config, began) {
            let request = PullImageRequest {
                image: Some(spec.clone()),
                auth: None,
                sandbox_config: Some(sandbox.clone()),
            };
            self.cri.call(ctx, request).await.map_err(|status| match status.code {
                // What is no error of gRPC is shown as it is.
                Code::Unknown => status.message,
                _ => status.to_string(),
            })
        } else {
            Err("pull QPS exceeded".to_owned())
        };
        let size = match &pulled {
            Ok(_) if self.features.image_size_in_event => self.image_size(ctx, &spec).await,
            _ => 0,
        };
        let took = self.sim.now().since(began);
        self.pull_ended(turn);
        match pulled {
            Ok(response) => {
                let whole = go_duration(self.sim.now().since(asked));
                let took = go_duration(took);
                let mut text = format!("Successfully pulled image {wanted:?} in {took}");
                if self.config.version.minor >= 26 {
                    text.push_str(&format!(" ({whole} including waiting)"));
                }
                if self.features.image_size_in_event {
                    text.push_str(&format!(". Image size: {size} bytes."));
                }
                self.container_event(ctx, work, container, Normal, "Pulled", &text);
                manager.back_off.borrow_mut().forget(key);
                Ok(response.image_ref)
            }
            Err(error) => {
                let text = format!("Failed to pull image {wanted:?}: {error}");
                self.container_event(ctx, work, container, Warning, "Failed", &text);
                let now = self.sim.now();
                manager.back_off.borrow_mut().next(key, now, now);
                let error = evaluate_pull_error(wanted, error);
                let summary = format!("{}: {}", error.reason, error.message);
                manager.previous_errors.borrow_mut().insert(key, summary.into());
                Err(error)
            }
        }
    }

    async fn image_size(&self, ctx: &Ctx, spec: &ImageSpec) -> u64 {
        let request = ImageStatusRequest { image: Some(spec.clone()), verbose: false };
        let image = self.cri.call(ctx, request).await.ok().and_then(|response| response.image);
        image.map_or(0, |image| image.size)
    }

    async fn turn_to_pull(&self) -> Turn {
        let manager = &self.images;
        if self.config.serialize_image_pulls {
            return Turn::Alone { _guard: manager.serial.acquire().await };
        }
        let most = self.config.max_parallel_image_pulls;
        while most > 0 && manager.pulling.get() >= most {
            manager.pulled.wait().await;
        }
        manager.pulling.set(manager.pulling.get() + 1);
        Turn::Together
    }

    fn pull_ended(&self, turn: Turn) {
        if matches!(turn, Turn::Together) {
            let manager = &self.images;
            manager.pulling.set(manager.pulling.get().saturating_sub(1));
            manager.pulled.notify();
        }
    }
}

/// Which of the known kinds a failed pull is of.
fn evaluate_pull_error(image: &str, error: String) -> StartError {
    let known = [
        ("RegistryUnavailable", "the registry is unavailable"),
        ("SignatureValidationFailed", "the signature validation failed"),
    ];
    for (reason, because) in known {
        if let Some(rest) = error.strip_prefix(reason) {
            let text = format!("image pull failed for {image} because {because}{rest}");
            return StartError::new(reason, text);
        }
    }
    StartError::new("ErrImagePull", error)
}
