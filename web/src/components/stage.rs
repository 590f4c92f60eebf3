//! The stage: the stack as a drawing, lit where calls are open.

use super::ui::icons;
use crate::fragment::Fragment;
use crate::model::layout::{Edge, Geometry, Node, Request, label_in, layout};
use crate::model::run::Run;
use crate::state::{Motion, State, Theme};
use crate::text::{Lang, M, error_word, fill, shorten};
use std::rc::Rc;
use trace::{
    Component, ComponentKind, Effect, EventId, FileContent, Level, Outcome, Protocol, Topology,
    Trace, What,
};
use wasm_bindgen::{JsCast, closure::Closure};
use yew::{
    Html, NodeRef, Properties, UseStateHandle, classes, component, hook, html, use_effect_with,
    use_memo, use_node_ref, use_state_eq,
};

/// The width for which one unit of the drawing is one CSS pixel; a wider stage is drawn larger.
const WIDTH_AT_SCALE_1: f64 = 860.0;
/// How wide the drawing is that is there before the program; it shrinks with its place.
const FIRST_WIDTH: f64 = 700.0;
/// The smallest scale: below it, words are too small to read.
const SCALE_MIN: f64 = 0.8;
/// The largest scale, for projectors.
const SCALE_MAX: f64 = 2.2;
/// What the room around the drawing keeps free below it.
const ROOM_PADDING: f64 = 16.0;
/// How wide a character of an operation's name is.
const CHAR: f64 = 6.7;
/// How many characters of an operation's name are shown.
const OP_MAX: usize = 36;

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run.
    pub run: Rc<Run>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// How deep one looks.
    pub level: Level,
    /// How the cursor came to be there.
    pub motion: Motion,
    /// The language.
    pub lang: Lang,
    /// Whether the page scrolls as a whole, so that the drawing may be as high as it is.
    pub narrow: bool,
}

/// The drawing.
#[component]
pub(super) fn Stage(props: &Props) -> Html {
    let place = use_node_ref();
    let size = use_size(&place);
    let (width, free) = *size;
    let height = if props.narrow { 0.0 } else { free };
    let geometry = use_memo((props.run.clone(), width as i32, height as i32), |(run, ..)| {
        let trace = run.trace();
        let at = |scale: f64| {
            layout(&Request {
                topology: &trace.header.topology,
                width: width / scale,
                height: height / scale,
                takes_part: &|component| run.takes_part(component),
            })
        };
        let scale = (width / WIDTH_AT_SCALE_1).clamp(1.0, SCALE_MAX);
        let geometry = at(scale);
        // A little smaller rather than out of sight.
        let fits = (height / geometry.height.max(1.0)).clamp(SCALE_MIN, SCALE_MAX);
        if height > 0.0 && fits < scale {
            return (at(fits), fits);
        }
        (geometry, scale)
    });
    html! {
        <div class="stage" ref={place}>
            if width > 1.0 {
                { draw(props, &geometry.0, geometry.1) }
            }
        </div>
    }
}

/// The drawing before anything has happened, for the page that is there before its program.
#[component]
pub fn FirstFrame() -> Html {
    let state = State::new(&Fragment::default(), Lang::En, Theme::System);
    let Some(run) = state.leading().cloned() else { return Html::default() };
    let geometry = layout(&Request {
        topology: &run.trace().header.topology,
        width: FIRST_WIDTH,
        height: 0.0,
        takes_part: &|component| run.takes_part(component),
    });
    let (level, lang) = (state.level, state.lang);
    let props = Props { run, cursor: 0, level, motion: Motion::None, lang, narrow: true };
    draw(&props, &geometry, 1.0)
}

/// The size of an element, as it changes.
#[hook]
fn use_size(place: &NodeRef) -> UseStateHandle<(f64, f64)> {
    let size = use_state_eq(|| (0.0, 0.0));
    let setter = size.setter();
    use_effect_with(place.clone(), move |place| {
        let element = place.cast::<web_sys::Element>();
        let measure = {
            let element = element.clone();
            move || {
                if let Some(element) = &element {
                    let rect = element.get_bounding_client_rect();
                    // The drawing makes its place as high as it is; what it may take is what the
                    // room around it has left.
                    let room = element.closest(".theatre").ok().flatten();
                    let free = room.map_or(0.0, |room| {
                        let room = room.get_bounding_client_rect();
                        room.bottom() - rect.top() - ROOM_PADDING
                    });
                    setter.set((rect.width().floor(), free.floor()));
                }
            }
        };
        measure();
        let closure = Closure::<dyn FnMut()>::new(measure);
        let observer = web_sys::ResizeObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &element) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = &observer {
                observer.disconnect();
            }
            drop(closure);
        }
    });
    size
}

/// What of the drawing is lit, and what moves.
struct Light {
    /// The open calls, outermost first.
    open: Vec<EventId>,
    /// The components that have an open call.
    busy: Vec<Component>,
    /// The call that is on its way, or that has just returned.
    call: Option<EventId>,
    /// Where an effect happened.
    effect_at: Option<Component>,
}

impl Light {
    fn of(trace: &Trace, current: Option<EventId>) -> Self {
        let mut light = Self { open: Vec::new(), busy: Vec::new(), call: None, effect_at: None };
        let Some(id) = current else { return light };
        light.open = trace.stack_of(id).map(|(id, _)| id).collect();
        light.open.reverse();
        for call in light.open.iter().filter_map(|id| trace.event(*id).as_call()) {
            for component in [call.from, call.to] {
                if !light.busy.contains(&component) {
                    light.busy.push(component);
                }
            }
        }
        match &trace.event(id).what {
            What::Call(_) => light.call = Some(id),
            What::Return(answer) => light.call = Some(answer.call),
            What::Effect(_) => {
                let innermost = light.open.last().and_then(|id| trace.event(*id).as_call());
                light.effect_at = innermost.map(|call| call.to);
            }
        }
        light
    }
}

fn draw(props: &Props, geometry: &Geometry, scale: f64) -> Html {
    let run = &props.run;
    let trace = run.trace();
    let text = |message: M| message.text(props.lang);
    let current = run.current(props.cursor, props.level);
    let light = Light::of(trace, current);
    let lit: Vec<String> = light
        .open
        .iter()
        .filter_map(|id| trace.event(*id).as_call())
        .map(|call| format!("{} → {}", call.from.name(), call.to.name()))
        .collect();
    let lit = if lit.is_empty() {
        text(M::NoOpenCalls).to_owned()
    } else {
        fill(text(M::OpenCalls), |_| Some(lit.join(", ")))
    };
    let description = fill(text(M::StageOf), |name| {
        Some(if name == "stack" { run.stack.name().to_owned() } else { lit.clone() })
    });
    let edge = |edge: &Edge| draw_edge(edge, run, props.level, &light);
    let node = |node: &Node| draw_node(node, run, props.level, &light);
    let frame = |frame: &crate::model::layout::Frame| {
        let rect = frame.rect;
        html! {
            <g class="process">
                { rectangle(rect.x, rect.y, rect.w, rect.h, 12.0, "process__outline") }
                { words(rect.x + 12.0, rect.y + 16.0, "process__name", frame.component.name()) }
            </g>
        }
    };
    html! {
        <svg
            class="stage__drawing"
            role="img"
            aria-label={description}
            viewBox={format!("0 0 {:.0} {:.0}", geometry.width, geometry.height)}
            width={format!("{:.0}", geometry.width * scale)}
            height={format!("{:.0}", geometry.height * scale)}
        >
            { for geometry.frames.iter().map(frame) }
            if let Some(y) = geometry.cri_line {
                { cri_line(geometry.width, y, text(M::CriLine)) }
            }
            { for geometry.edges.iter().map(edge) }
            { for geometry.nodes.iter().map(node) }
            if let Some(id) = current {
                { token(props, geometry, trace, id, &light) }
            }
        </svg>
    }
}

fn rectangle(x: f64, y: f64, w: f64, h: f64, r: f64, class: &'static str) -> Html {
    let n = |value: f64| format!("{value:.1}");
    html! { <rect {class} x={n(x)} y={n(y)} width={n(w)} height={n(h)} rx={n(r)} /> }
}

fn words(x: f64, y: f64, class: &'static str, text: &str) -> Html {
    let mut element = yew::virtual_dom::VTag::new("text");
    element.add_attribute("class", class);
    element.add_attribute("x", format!("{x:.1}"));
    element.add_attribute("y", format!("{y:.1}"));
    element.add_child(text.to_owned().into());
    element.into()
}

fn cri_line(width: f64, y: f64, name: &'static str) -> Html {
    html! {
        <g class="cri">
            <path class="cri__line" d={format!("M0 {y:.1}H{width:.0}")} />
            { words(4.0, y - 6.0, "cri__name", name) }
        </g>
    }
}

fn draw_edge(edge: &Edge, run: &Run, level: Level, light: &Light) -> Html {
    let trace = run.trace();
    let shown = run.edge_level(edge.from, edge.to, edge.protocol) <= level;
    let between = |id: &&EventId| {
        trace.event(**id).as_call().is_some_and(|call| call.from == edge.from && call.to == edge.to)
    };
    let open = light.open.iter().any(|id| between(&id));
    let now = light.call.as_ref().is_some_and(|id| between(&id));
    let topology = &trace.header.topology;
    // Where both call each other, one label says how.
    let opposite = topology.links().any(|(from, to, _)| {
        from == edge.to && to == edge.from && edge.from.layer() > edge.to.layer()
    });
    let labelled = shown && !now && !opposite && edge.protocol.is_hop();
    let class = classes!(
        "edge",
        (!shown && !open).then_some("is-asleep"),
        open.then_some("is-open"),
        now.then_some("is-now")
    );
    let point = edge.label;
    html! {
        <g {class}>
            <path class="edge__line" d={edge.path.clone()} />
            if labelled {
                { words(point.x, point.y + 3.5, "edge__protocol", &protocols(topology, edge)) }
            }
        </g>
    }
}

/// How the two talk, as short as the drawing needs it.
fn protocols(topology: &Topology, edge: &Edge) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (_, _, link) in topology.links().filter(|(a, b, _)| *a == edge.from && *b == edge.to) {
        let name = match link.protocol {
            Protocol::Cri => "CRI · gRPC",
            Protocol::DockerApi => "HTTP",
            Protocol::Exec => "exec",
            Protocol::Cni => "CNI · exec",
            other => other.name(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" · ")
}

fn draw_node(node: &Node, run: &Run, level: Level, light: &Light) -> Html {
    let rect = node.rect;
    let component = node.component;
    let busy = light.busy.contains(&component);
    let trace = run.trace();
    let callee = light.call.and_then(|id| trace.event(id).as_call()).map(|call| call.to);
    let now = callee == Some(component) || light.effect_at == Some(component);
    let class = classes!(
        "node",
        node.library.then_some("is-library"),
        (component.kind() == ComponentKind::Kernel).then_some("is-kernel"),
        busy.then_some("is-open"),
        now.then_some("is-now"),
        (!busy && run.wakes_at(component) > level).then_some("is-asleep"),
    );
    let center = rect.center();
    html! {
        <g {class}>
            { rectangle(rect.x, rect.y, rect.w, rect.h, 8.0, "node__box") }
            { words(center.x, center.y + 4.5, "node__name", label_in(&trace.header.topology, component)) }
        </g>
    }
}

/// The sign of the current step: what travels, and what it is called.
fn token(props: &Props, geometry: &Geometry, trace: &Trace, id: EventId, light: &Light) -> Html {
    let event = trace.event(id);
    let call = light.call.and_then(|id| trace.event(id).as_call());
    if let Some(call) = call {
        let Some(path) = geometry.path(call.from, call.to, call.protocol) else {
            return Html::default();
        };
        let (kind, error) = match event.as_return().map(|answer| &answer.outcome) {
            None => ("call", None),
            Some(Outcome::Ok) => ("return", None),
            Some(Outcome::Error { code, .. }) => ("error", Some(code)),
        };
        let op: String = shorten(&call.op);
        let word = match error {
            Some(code) => error_word(code, props.lang),
            None => crop(&op, OP_MAX),
        };
        let at = geometry
            .edge(call.from, call.to, call.protocol)
            .map(|edge| edge.label)
            .or_else(|| geometry.node(call.to).map(|node| node.rect.center()))
            .unwrap_or_default();
        let motion = match props.motion {
            Motion::Forwards => "is-moving",
            Motion::Backwards => "is-undoing",
            Motion::None => "is-still",
        };
        html! {
            <g key={format!("{}-{:?}", id.0, props.motion)} class={classes!("token", format!("token--{kind}"), motion)}>
                <g class="token__traveller" style={format!("offset-path:path('{path}')")}>
                    { shape(kind) }
                </g>
                { pill(geometry, at.x, at.y, kind, &word, call.glue.is_some().then(|| M::Glue.text(props.lang))) }
            </g>
        }
    } else {
        let Some(effect) = event.as_effect() else { return Html::default() };
        let place = light.effect_at.and_then(|component| geometry.node(component));
        let place = place.or_else(|| geometry.node(Component::RuntimeManager));
        let Some(node) = place.or(geometry.nodes.first()) else { return Html::default() };
        let rect = node.rect;
        html! {
            <g key={id.0.to_string()} class="token token--effect is-still">
                { pill(geometry, rect.center().x, rect.y - 14.0, "effect", &effect_word(effect), None) }
            </g>
        }
    }
}

/// What travels: a disc there, a ring back, an octagon with a cross for an error.
fn shape(kind: &str) -> Html {
    match kind {
        "error" => html! {
            <>
                <path class="token__shape" d="M-3.7-9h7.4L9-3.7v7.4L3.7 9h-7.4L-9 3.7v-7.4z" />
                <path class="token__mark" d="M-3.5-3.5l7 7M3.5-3.5l-7 7" />
            </>
        },
        "return" => html! { <circle class="token__shape" r="5.5" /> },
        _ => html! { <circle class="token__shape" r="6" /> },
    }
}

fn pill(
    geometry: &Geometry,
    x: f64,
    y: f64,
    kind: &'static str,
    word: &str,
    glue: Option<&'static str>,
) -> Html {
    let arrow = match kind {
        "call" => "→ ",
        "return" => "← ",
        _ => "",
    };
    let text = format!("{arrow}{word}");
    let glue_width = glue.map_or(0.0, |_| 52.0);
    let units: f64 = text.chars().map(|c| if c.is_ascii() { CHAR } else { CHAR * 1.7 }).sum();
    let width = units + 20.0 + glue_width;
    let x = x.clamp(width / 2.0 + 4.0, (geometry.width - width / 2.0 - 4.0).max(width / 2.0 + 4.0));
    let left = x - width / 2.0;
    html! {
        <g class="token__pill">
            { rectangle(left, y - 12.0, width, 24.0, 12.0, "token__plate") }
            { words(left + 10.0, y + 4.0, "token__word", &text) }
            if let Some(glue) = glue {
                <g class="token__glue">
                    <path
                        transform={format!("translate({:.1} {:.1}) scale(.68)", left + width - 58.0, y - 6.8)}
                        d={icons::GLUE}
                    />
                    { words(left + width - 42.0, y + 4.0, "token__glue-word", glue) }
                </g>
            }
        </g>
    }
}

fn crop(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max - 1).collect();
    short.push('…');
    short
}

/// An effect in a few characters.
fn effect_word(effect: &Effect) -> String {
    let file = |path: &str| crop(path.rsplit('/').next().unwrap_or(path), 28);
    match effect {
        Effect::PodAdded(pod) => format!("+ pod {}", pod.metadata.name),
        Effect::PodUpdated { .. } => "~ pod".to_owned(),
        Effect::PodRemoved { .. } => "− pod".to_owned(),
        Effect::PodStatus { status, .. } => format!("status: {}", status.phase),
        Effect::KubeEvent(event) => format!("event: {}", event.reason),
        Effect::Plan { .. } => "plan".to_owned(),
        Effect::SyncStep { step: 0, .. } => "SyncPod ✓".to_owned(),
        Effect::SyncStep { step, .. } => format!("SyncPod {step}"),
        Effect::Sandbox(view) if view.ready => "sandbox READY".to_owned(),
        Effect::Sandbox(_) => "sandbox NOTREADY".to_owned(),
        Effect::SandboxRemoved { .. } => "− sandbox".to_owned(),
        Effect::Container(view) => format!(
            "{} {}",
            view.name,
            match view.state {
                trace::ContainerState::Created => "CREATED",
                trace::ContainerState::Running => "RUNNING",
                trace::ContainerState::Exited => "EXITED",
                trace::ContainerState::Unknown => "UNKNOWN",
            }
        ),
        Effect::ContainerRemoved { .. } => "− container".to_owned(),
        Effect::ImageAdded(_) => "+ image".to_owned(),
        Effect::ImageRemoved { .. } => "− image".to_owned(),
        Effect::Process(process) => {
            let program = process.argv.first().map_or("", |word| word);
            format!("+ process {} {}", process.pid, file(program))
        }
        Effect::ProcessExited { pid, .. } => format!("− process {pid}"),
        Effect::Namespace(namespace) => format!("+ {} namespace", namespace.kind.as_str()),
        Effect::NamespaceRemoved { .. } => "− namespace".to_owned(),
        Effect::AddressAdded { address, .. } => format!("+ {address}"),
        Effect::AddressRemoved { .. } => "− address".to_owned(),
        Effect::FileWritten { path, content } => match content {
            FileContent::Text(_) => format!("+ file {}", file(path)),
            FileContent::Symlink(_) => format!("+ link {}", file(path)),
            FileContent::Directory => format!("+ dir {}", file(path)),
        },
        Effect::FileAppended { path, .. } => format!("+ line in {}", file(path)),
        Effect::FileRemoved { path } => format!("− file {}", file(path)),
        Effect::CgroupCreated { .. } => "+ cgroup".to_owned(),
        Effect::CgroupRemoved { .. } => "− cgroup".to_owned(),
        Effect::Mounted(mount) => format!("+ mount {}", file(&mount.target)),
        Effect::Unmounted { target } => format!("− mount {}", file(target)),
    }
}
