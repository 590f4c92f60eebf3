//! Where the stage puts everything: a layered drawing of a stack's topology.
//!
//! Request in, geometry out, and nothing else: the same topology in the same width is always drawn
//! in the same way. Layers run from top to bottom as [`Component::layer`] says; a line that passes
//! a layer goes through a placeholder in it, so that it never runs through a box.

use std::collections::BTreeMap;
use std::fmt::Write;
use trace::{Component, ComponentKind, Layer, Protocol, Topology};

/// Measures, in units of the drawing. One unit is one CSS pixel at scale 1.
mod measure {
    pub(super) const MARGIN: f64 = 10.0;
    /// How strongly everything is drawn towards the middle.
    pub(super) const CENTERING: f64 = 0.22;
    pub(super) const WIDTH_MIN: f64 = 240.0;
    pub(super) const NODE_HEIGHT: f64 = 30.0;
    pub(super) const NODE_GAP: f64 = 12.0;
    pub(super) const NODE_PADDING: f64 = 11.0;
    pub(super) const CHAR: f64 = 6.9;
    pub(super) const ROW_GAP: f64 = 30.0;
    pub(super) const ROW_GAP_MAX: f64 = 64.0;
    pub(super) const ROOM_GAP: f64 = 26.0;
    pub(super) const LINE_GAP: f64 = 16.0;
    pub(super) const FRAME_PADDING: f64 = 12.0;
    pub(super) const FRAME_TITLE: f64 = 14.0;
    pub(super) const PASSAGE: f64 = 10.0;
    pub(super) const PORT: f64 = 22.0;
    pub(super) const ARC: f64 = 13.0;
}
use measure::*;

/// What to lay out.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The stack.
    pub topology: &'a Topology,
    /// How wide the drawing may be.
    pub width: f64,
    /// How high it should be; it is higher where that is too low.
    pub height: f64,
    /// Whether a component has anything to do in the trace; the others are left out of a layer
    /// that is too narrow for all.
    pub takes_part: &'a dyn Fn(Component) -> bool,
}

/// A point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// The left side.
    pub x: f64,
    /// The top side.
    pub y: f64,
    /// The width.
    pub w: f64,
    /// The height.
    pub h: f64,
}

impl Rect {
    /// The middle.
    #[must_use]
    pub fn center(self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.y + self.h / 2.0 }
    }
}

/// A component's box.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Whose.
    pub component: Component,
    /// Where.
    pub rect: Rect,
    /// Whether it is code inside somebody else's process.
    pub library: bool,
}

/// The outline of a process that has libraries.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The process.
    pub component: Component,
    /// Where.
    pub rect: Rect,
}

/// A line of communication.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The caller.
    pub from: Component,
    /// The callee.
    pub to: Component,
    /// How they talk.
    pub protocol: Protocol,
    /// The SVG path from caller to callee.
    pub path: String,
    /// Where its label goes.
    pub label: Point,
}

/// The drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The outlines of processes around them.
    pub frames: Vec<Frame>,
    /// The lines.
    pub edges: Vec<Edge>,
    /// The height of the line that the Container Runtime Interface draws, if the stack has it.
    pub cri_line: Option<f64>,
}

impl Geometry {
    /// A component's box.
    #[must_use]
    pub fn node(&self, component: Component) -> Option<&Node> {
        self.nodes.iter().find(|node| node.component == component)
    }

    /// The line between two components; by this protocol, if there is one.
    #[must_use]
    pub fn edge(&self, from: Component, to: Component, protocol: Protocol) -> Option<&Edge> {
        let mut between = self.edges.iter().filter(|edge| edge.from == from && edge.to == to);
        let first = between.clone().next();
        between.find(|edge| edge.protocol == protocol).or(first)
    }

    /// The path that a call takes: along its line, or straight where the topology has none.
    #[must_use]
    pub fn path(&self, from: Component, to: Component, protocol: Protocol) -> Option<String> {
        if let Some(edge) = self.edge(from, to, protocol) {
            return Some(edge.path.clone());
        }
        let (a, b) = (self.node(from)?.rect.center(), self.node(to)?.rect.center());
        Some(format!("M{:.0} {:.0}L{:.0} {:.0}", a.x, a.y, b.x, b.y))
    }
}

/// One place in a row: a component, or the passage of a line that goes further.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Box(Component),
    Passage(usize),
}

struct Row {
    layer: Layer,
    slots: Vec<Slot>,
}

/// Lays a stack out.
#[must_use]
pub fn layout(request: &Request<'_>) -> Geometry {
    let request = &Request { width: request.width.max(WIDTH_MIN), ..*request };
    let topology = request.topology;
    let inner = request.width - 2.0 * (MARGIN + FRAME_PADDING);
    let mut rows = rows(request, inner);
    let row_of: BTreeMap<Component, usize> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| {
            row.slots.iter().filter_map(move |slot| match slot {
                Slot::Box(component) => Some((*component, index)),
                Slot::Passage(_) => None,
            })
        })
        .collect();
    // Two that talk in more than one way are joined by one line.
    let mut links: Vec<(Component, Component, Protocol)> = Vec::new();
    for (from, to, link) in topology.links() {
        let drawn = row_of.contains_key(&from) && row_of.contains_key(&to);
        if drawn && !links.iter().any(|known| known.0 == from && known.1 == to) {
            links.push((from, to, link.protocol));
        }
    }
    for (index, (from, to, _)) in links.iter().enumerate() {
        let (a, b) = (row_of[from].min(row_of[to]), row_of[from].max(row_of[to]));
        for row in rows.iter_mut().take(b).skip(a + 1) {
            row.slots.push(Slot::Passage(index));
        }
    }
    order(&mut rows, &links);
    let centers = place(&rows, &links, request.width);
    let tops = stack_up(&rows, &links, &row_of, request);
    let sketch =
        Sketch { links: &links, rows: &rows, row_of: &row_of, centers: &centers, tops: &tops };
    draw(topology, &sketch, request.width)
}

/// The rows from top to bottom. A layer has up to two: what only serves the others of its layer
/// and passes on to a lower one stands below. A row that is too wide is broken.
fn rows(request: &Request<'_>, inner: f64) -> Vec<Row> {
    let topology = request.topology;
    let layer = |component: Component| row_layer(topology, component);
    let sinks = |component: Component| {
        let within = |a: Component, b: Component| layer(a) == layer(b);
        let served = topology.links().any(|(from, to, _)| to == component && within(from, to));
        let asks = topology.links().any(|(from, to, _)| from == component && within(from, to));
        let passes =
            topology.links().any(|(from, to, _)| from == component && layer(to) > layer(from));
        served && passes && !asks && layer(component) != Layer::Control
    };
    let mut rows: Vec<(Layer, bool, Vec<Slot>)> = Vec::new();
    for member in topology.members() {
        let component = member.component;
        let has_rooms = topology.members().any(|other| other.inside == Some(component));
        let talks = topology.links().any(|(from, to, _)| from == component || to == component);
        if has_rooms && !talks {
            continue;
        }
        let key = (layer(component), sinks(component));
        match rows.iter_mut().find(|row| (row.0, row.1) == key) {
            Some(row) => row.2.push(Slot::Box(component)),
            None => rows.push((key.0, key.1, vec![Slot::Box(component)])),
        }
    }
    rows.sort_by_key(|row| (row.0, row.1));
    let mut broken = Vec::new();
    for (layer, _, slots) in rows {
        let total = |slots: &[Slot]| slots.iter().map(|s| room(*s) + NODE_GAP).sum::<f64>();
        let mut slots = slots;
        if total(&slots) > inner {
            let useful = |slot: &Slot| matches!(slot, Slot::Box(c) if (request.takes_part)(*c));
            slots.retain(useful);
        }
        let total = total(&slots);
        let pieces = (total / inner).ceil().max(1.0) as usize;
        let each = slots.len().div_ceil(pieces).max(1);
        for piece in slots.chunks(each) {
            broken.push(Row { layer, slots: piece.to_vec() });
        }
    }
    broken
}

/// The layer that a component is drawn in: its own, but for what is far away and only answers,
/// which stands beside whoever asks it.
fn row_layer(topology: &Topology, component: Component) -> Layer {
    let asks = topology.links().any(|(from, _, _)| from == component);
    if component.layer() != Layer::Control || asks {
        return component.layer();
    }
    let callers = topology.links().filter(|(_, to, _)| *to == component);
    let lowest = callers.map(|(from, ..)| from.layer()).max();
    lowest.filter(|layer| *layer > Layer::Kubelet).unwrap_or(Layer::Control)
}

/// The name in a box. A process that has rooms of its own is drawn around them; its box is what it
/// does itself.
#[must_use]
pub fn label_in(topology: &Topology, component: Component) -> &'static str {
    let has_rooms = topology.members().any(|other| other.inside == Some(component));
    match component {
        Component::Kubelet if has_rooms => "sync loop",
        Component::Containerd if has_rooms => "core services",
        other => label(other),
    }
}

/// The name in a box.
#[must_use]
pub fn label(component: Component) -> &'static str {
    match component {
        Component::ContainerdShim => "containerd-shim",
        other => other.name(),
    }
}

fn width(slot: Slot) -> f64 {
    match slot {
        Slot::Box(component) => {
            let longest = match component {
                Component::Containerd => "core services",
                other => label(other),
            };
            (longest.len() as f64).mul_add(CHAR, 2.0 * NODE_PADDING).max(72.0)
        }
        Slot::Passage(_) => PASSAGE,
    }
}

/// Whether a slot is a box for something far away that stands beside what is on the node.
fn remote(slot: Slot) -> bool {
    matches!(slot, Slot::Box(component) if component == Component::Registry)
}

/// How much room a slot takes: its width, and the room that keeps it out of its neighbour's frame.
fn room(slot: Slot) -> f64 {
    width(slot) + if remote(slot) { 3.0 * FRAME_PADDING } else { 0.0 }
}

fn ends(link: &(Component, Component, Protocol), slot: Slot, index: usize) -> bool {
    match slot {
        Slot::Box(component) => link.0 == component || link.1 == component,
        Slot::Passage(other) => other == index,
    }
}

/// The slots of another row that a slot is joined to.
fn neighbours(
    row: &Row,
    slot: Slot,
    links: &[(Component, Component, Protocol)],
) -> impl Iterator<Item = usize> {
    links.iter().enumerate().filter(move |(index, link)| ends(link, slot, *index)).filter_map(
        move |(index, link)| {
            row.slots.iter().position(|other| *other != slot && ends(link, *other, index))
        },
    )
}

/// Orders each row by the middle of its neighbours, downwards and upwards, so that few lines cross.
fn order(rows: &mut [Row], links: &[(Component, Component, Protocol)]) {
    for sweep in 0..6 {
        let downwards = sweep % 2 == 0;
        for step in 1..rows.len() {
            // The kubelet's rooms stay in the order in which work passes through them.
            let (at, by) = if downwards {
                (step, step - 1)
            } else {
                (rows.len() - 1 - step, rows.len() - step)
            };
            if rows[at].layer == Layer::Kubelet {
                continue;
            }
            let scale = |count: usize, index: usize| (index as f64 + 0.5) / count as f64;
            let by_count = rows[by].slots.len();
            let at_count = rows[at].slots.len();
            let mut keyed: Vec<(f64, Slot)> = rows[at]
                .slots
                .iter()
                .enumerate()
                .map(|(index, slot)| {
                    let found: Vec<f64> = neighbours(&rows[by], *slot, links)
                        .map(|position| scale(by_count, position))
                        .collect();
                    let key = if remote(*slot) {
                        // What is far away stands outside of what is on the node.
                        -1.0
                    } else if found.is_empty() {
                        scale(at_count, index)
                    } else {
                        found.iter().sum::<f64>() / found.len() as f64
                    };
                    (key, *slot)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[at].slots = keyed.into_iter().map(|(_, slot)| slot).collect();
        }
    }
}

/// The horizontal middle of each slot: near its neighbours, without overlap, inside the drawing.
fn place(rows: &[Row], links: &[(Component, Component, Protocol)], full: f64) -> Vec<Vec<f64>> {
    let mut centers: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let total: f64 = row.slots.iter().map(|slot| room(*slot)).sum::<f64>()
                + NODE_GAP * (row.slots.len().max(1) - 1) as f64;
            let mut x = (full - total) / 2.0;
            row.slots
                .iter()
                .map(|slot| {
                    let w = room(*slot);
                    let center = x + w / 2.0;
                    x += w + NODE_GAP;
                    center
                })
                .collect()
        })
        .collect();
    for pass in 0..8 {
        for step in 0..rows.len() {
            let at = if pass % 2 == 0 { step } else { rows.len() - 1 - step };
            let wanted: Vec<f64> = rows[at]
                .slots
                .iter()
                .enumerate()
                .map(|(index, slot)| {
                    let mut found = Vec::new();
                    for by in [at.checked_sub(1), Some(at + 1)].into_iter().flatten() {
                        if let Some(row) = rows.get(by) {
                            found.extend(
                                neighbours(row, *slot, links).map(|other| centers[by][other]),
                            );
                        }
                    }
                    if found.is_empty() {
                        centers[at][index]
                    } else {
                        let among = found.iter().sum::<f64>() / found.len() as f64;
                        (full / 2.0 - among).mul_add(CENTERING, among)
                    }
                })
                .collect();
            centers[at] = spread(&rows[at].slots, &wanted, full);
        }
    }
    centers
}

/// Moves what overlaps apart and everything into the drawing.
fn spread(slots: &[Slot], wanted: &[f64], full: f64) -> Vec<f64> {
    let mut at = wanted.to_vec();
    let half = |index: usize| room(slots[index]) / 2.0;
    let edge = MARGIN + FRAME_PADDING;
    let mut least = edge;
    for (index, center) in at.iter_mut().enumerate() {
        *center = center.max(least + half(index));
        least = *center + half(index) + NODE_GAP;
    }
    let mut most = full - edge;
    for (index, center) in at.iter_mut().enumerate().rev() {
        *center = center.min(most - half(index));
        most = *center - half(index) - NODE_GAP;
    }
    at
}

/// The top of each row, and the total height as the last entry.
fn stack_up(
    rows: &[Row],
    links: &[(Component, Component, Protocol)],
    row_of: &BTreeMap<Component, usize>,
    request: &Request<'_>,
) -> Vec<f64> {
    let titled = |index: usize| {
        rows[index].slots.iter().any(|slot| {
            matches!(slot, Slot::Box(component) if {
                let process = request.topology.process_of(*component);
                let framed = request.topology.members().any(|other| other.inside == Some(process));
                let first = row_of
                    .iter()
                    .filter(|(other, _)| request.topology.process_of(**other) == process)
                    .map(|(_, row)| *row)
                    .min();
                framed && first == Some(index)
            })
        })
    };
    let cri = links
        .iter()
        .find(|link| link.2 == Protocol::Cri)
        .map(|link| row_of[&link.0].max(row_of[&link.1]));
    let gaps: Vec<(f64, bool)> = (1..rows.len())
        .map(|index| {
            let room =
                rows[index].layer == rows[index - 1].layer && rows[index].layer == Layer::Kubelet;
            let mut gap = if room { ROOM_GAP } else { ROW_GAP };
            if titled(index) {
                gap += FRAME_TITLE;
            }
            if cri == Some(index) {
                gap += LINE_GAP;
            }
            (gap, !room)
        })
        .collect();
    let least = 2.0 * MARGIN
        + if titled(0) { FRAME_TITLE + FRAME_PADDING } else { 0.0 }
        + gaps.iter().map(|gap| gap.0).sum::<f64>()
        + rows.len() as f64 * NODE_HEIGHT;
    let stretchy = gaps.iter().filter(|gap| gap.1).count().max(1) as f64;
    let extra = ((request.height - least) / stretchy).clamp(0.0, ROW_GAP_MAX - ROW_GAP);
    let mut y = MARGIN + if titled(0) { FRAME_TITLE + FRAME_PADDING } else { 0.0 };
    let mut tops = Vec::with_capacity(rows.len() + 1);
    for index in 0..rows.len() {
        if index > 0 {
            let (gap, stretches) = gaps[index - 1];
            y += gap + if stretches { extra } else { 0.0 };
        }
        tops.push(y);
        y += NODE_HEIGHT;
    }
    tops.push(y + MARGIN);
    tops
}

/// What is known before anything is drawn.
#[derive(Clone, Copy)]
struct Sketch<'a> {
    links: &'a [(Component, Component, Protocol)],
    rows: &'a [Row],
    row_of: &'a BTreeMap<Component, usize>,
    centers: &'a [Vec<f64>],
    tops: &'a [f64],
}

fn draw(topology: &Topology, sketch: &Sketch<'_>, full: f64) -> Geometry {
    let Sketch { links, rows, row_of, centers, tops } = *sketch;
    let mut geometry = Geometry {
        width: full,
        height: tops.last().copied().unwrap_or_default(),
        ..Geometry::default()
    };
    for (index, row) in rows.iter().enumerate() {
        for (slot, center) in row.slots.iter().zip(&centers[index]) {
            let Slot::Box(component) = *slot else { continue };
            let w = width(*slot);
            let mut rect = Rect { x: center - w / 2.0, y: tops[index], w, h: NODE_HEIGHT };
            if component.kind() == ComponentKind::Kernel {
                (rect.x, rect.w) = (MARGIN, full - 2.0 * MARGIN);
            }
            geometry.nodes.push(Node {
                component,
                rect,
                library: topology.member(component).is_some_and(|member| member.inside.is_some()),
            });
        }
    }
    geometry.frames = frames(topology, &geometry, full);
    geometry.cri_line = links.iter().find(|link| link.2 == Protocol::Cri).map(|link| {
        let lower = row_of[&link.0].max(row_of[&link.1]);
        let above = tops[lower.saturating_sub(1)] + NODE_HEIGHT;
        (above + tops[lower]) / 2.0
    });
    geometry.edges = (0..links.len()).map(|index| edge(sketch, &geometry, index)).collect();
    geometry
}

/// The outline of each process that has rooms drawn. The kubelet's is as wide as the drawing.
fn frames(topology: &Topology, geometry: &Geometry, full: f64) -> Vec<Frame> {
    let mut processes: Vec<Component> = topology.members().filter_map(|m| m.inside).collect();
    processes.dedup();
    let mut frames: Vec<Frame> = Vec::new();
    for process in processes {
        if frames.iter().any(|frame| frame.component == process) {
            continue;
        }
        let rooms = geometry
            .nodes
            .iter()
            .filter(|node| topology.process_of(node.component) == process)
            .map(|node| node.rect);
        let Some(mut rect) = rooms.reduce(union) else { continue };
        rect.x -= FRAME_PADDING;
        rect.w += 2.0 * FRAME_PADDING;
        rect.y -= FRAME_PADDING + FRAME_TITLE;
        rect.h += 2.0 * FRAME_PADDING + FRAME_TITLE;
        if process.layer() == Layer::Kubelet {
            (rect.x, rect.w) = (MARGIN, full - 2.0 * MARGIN);
        }
        frames.push(Frame { component: process, rect });
    }
    frames
}

fn union(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect { x, y, w: (a.x + a.w).max(b.x + b.w) - x, h: (a.y + a.h).max(b.y + b.h) - y }
}

/// Where the line leaves or enters a box: lines on one side share it, in the order of where they
/// come from.
fn port(sketch: &Sketch<'_>, geometry: &Geometry, index: usize, component: Component) -> f64 {
    let Sketch { links, rows, row_of, centers, .. } = *sketch;
    let Some(node) = geometry.node(component) else { return 0.0 };
    let other = |link: &(Component, Component, Protocol)| {
        if link.0 == component { link.1 } else { link.0 }
    };
    let side =
        |link: &(Component, Component, Protocol)| row_of[&other(link)].cmp(&row_of[&component]);
    let mine = side(&links[index]);
    let far = |link: &(Component, Component, Protocol)| {
        geometry.node(other(link)).map_or(0.0, |node| node.rect.center().x)
    };
    // The next point of the way: a passage in the neighbouring row, or the other box.
    let next = |i: usize| {
        let here = row_of[&component];
        let row = match side(&links[i]) {
            std::cmp::Ordering::Greater => Some(here + 1),
            std::cmp::Ordering::Less => here.checked_sub(1),
            std::cmp::Ordering::Equal => None,
        };
        let passage = row.and_then(|row| {
            let slot = rows.get(row)?.slots.iter().position(|s| *s == Slot::Passage(i))?;
            Some(centers[row][slot])
        });
        passage.unwrap_or_else(|| far(&links[i]))
    };
    if component.kind() == ComponentKind::Kernel {
        return next(index).min(node.rect.x + node.rect.w - PORT).max(node.rect.x + PORT);
    }
    let mut sharing: Vec<usize> = (0..links.len())
        .filter(|&i| {
            (links[i].0 == component || links[i].1 == component) && side(&links[i]) == mine
        })
        .collect();
    sharing.sort_by(|&a, &b| {
        let far = far(&links[a]).total_cmp(&far(&links[b]));
        next(a).total_cmp(&next(b)).then(far).then(a.cmp(&b))
    });
    let place = sharing.iter().position(|&i| i == index).unwrap_or_default() as f64;
    let count = sharing.len() as f64;
    let step = PORT.min((node.rect.w - 16.0) / count);
    node.rect.center().x + (place - (count - 1.0) / 2.0) * step
}

fn edge(sketch: &Sketch<'_>, geometry: &Geometry, index: usize) -> Edge {
    let Sketch { links, rows, row_of, centers, tops } = *sketch;
    let (from, to, protocol) = links[index];
    let (a, b) = (row_of[&from], row_of[&to]);
    let (xa, xb) = (port(sketch, geometry, index, from), port(sketch, geometry, index, to));
    let mut path = String::new();
    let label;
    let rect = |component| geometry.node(component).map_or(Rect::default(), |node| node.rect);
    if a == b && adjacent(&rows[a], from, to) {
        // Straight, from side to side.
        let y = tops[a] + NODE_HEIGHT / 2.0;
        let (left, right) = (rect(from), rect(to));
        let (x1, x2) =
            if left.x < right.x { (left.x + left.w, right.x) } else { (left.x, right.x + right.w) };
        let _ = write!(path, "M{x1:.0} {y:.0}L{x2:.0} {y:.0}");
        label = Point { x: (x1 + x2) / 2.0, y: y - NODE_HEIGHT / 2.0 - 4.0 };
    } else if a == b {
        // A bow over the row.
        let y = tops[a];
        let (ca, cb) = (rect(from).center().x, rect(to).center().x);
        let lean = if ca < cb { PORT / 2.0 } else { -PORT / 2.0 };
        let (x1, x2) = (ca + lean, cb - lean);
        let _ = write!(
            path,
            "M{x1:.0} {y:.0}C{x1:.0} {:.0} {x2:.0} {:.0} {x2:.0} {y:.0}",
            y - ARC,
            y - ARC
        );
        label = Point { x: (x1 + x2) / 2.0, y: y - ARC };
    } else {
        let down = a < b;
        let (start, end) =
            if down { (tops[a] + NODE_HEIGHT, tops[b]) } else { (tops[a], tops[b] + NODE_HEIGHT) };
        let mut at = Point { x: xa, y: start };
        let _ = write!(path, "M{:.0} {:.0}", at.x, at.y);
        let between: Vec<usize> =
            if down { (a + 1..b).collect() } else { (b + 1..a).rev().collect() };
        for row in between {
            let slot = rows[row].slots.iter().position(|slot| *slot == Slot::Passage(index));
            let Some(x) = slot.map(|slot| centers[row][slot]) else { continue };
            let (enter, leave) = if down {
                (tops[row], tops[row] + NODE_HEIGHT)
            } else {
                (tops[row] + NODE_HEIGHT, tops[row])
            };
            curve(&mut path, at, Point { x, y: enter });
            let _ = write!(path, "L{x:.0} {leave:.0}");
            at = Point { x, y: leave };
        }
        let last = Point { x: xb, y: end };
        curve(&mut path, at, last);
        label = Point { x: (at.x + last.x) / 2.0, y: (at.y + last.y) / 2.0 };
    }
    Edge { from, to, protocol, path, label }
}

/// Whether two boxes stand side by side.
fn adjacent(row: &Row, a: Component, b: Component) -> bool {
    let at = |component| row.slots.iter().position(|slot| *slot == Slot::Box(component));
    matches!((at(a), at(b)), (Some(a), Some(b)) if a.abs_diff(b) == 1)
}

/// Leaves and arrives vertically.
fn curve(path: &mut String, from: Point, to: Point) {
    let middle = (from.y + to.y) / 2.0;
    let _ =
        write!(path, "C{:.0} {middle:.0} {:.0} {middle:.0} {:.0} {:.0}", from.x, to.x, to.x, to.y);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dockershim() -> Topology {
        use Component::*;
        let mut topology = Topology::default();
        topology
            .add(ApiServer)
            .add_inside(Kubelet, PodWorkers)
            .add_inside(Kubelet, RuntimeManager)
            .add_inside(Kubelet, ImageManager)
            .add_inside(Kubelet, CriClient)
            .add_inside(Kubelet, Dockershim)
            .link(PodWorkers, RuntimeManager, Protocol::Function)
            .link(RuntimeManager, CriClient, Protocol::Function)
            .link(ImageManager, CriClient, Protocol::Function)
            .link(CriClient, Dockershim, Protocol::Cri)
            .link(Dockershim, Dockerd, Protocol::DockerApi)
            .link(Dockershim, Cni, Protocol::Cni)
            .link(Dockerd, Containerd, Protocol::Grpc)
            .link(Containerd, ContainerdShim, Protocol::Ttrpc)
            .link(ContainerdShim, Runc, Protocol::Exec)
            .link(Runc, Kernel, Protocol::Syscall);
        topology
    }

    fn at(width: f64) -> Geometry {
        layout(&Request { topology: &dockershim(), width, height: 600.0, takes_part: &|_| true })
    }

    #[test]
    fn boxes_do_not_overlap_and_stay_inside() {
        for width in [328.0, 480.0, 720.0, 1200.0] {
            let geometry = at(width);
            for (i, a) in geometry.nodes.iter().enumerate() {
                assert!(a.rect.x >= 0.0 && a.rect.x + a.rect.w <= width + 0.5, "{a:?} at {width}");
                for b in &geometry.nodes[i + 1..] {
                    let apart = a.rect.x + a.rect.w <= b.rect.x
                        || b.rect.x + b.rect.w <= a.rect.x
                        || a.rect.y + a.rect.h <= b.rect.y
                        || b.rect.y + b.rect.h <= a.rect.y;
                    assert!(apart, "{a:?} and {b:?} at {width}");
                }
            }
        }
    }

    #[test]
    fn layers_run_from_top_to_bottom() {
        let geometry = at(720.0);
        let y = |component| geometry.node(component).map(|node| node.rect.y);
        let order = [
            Component::ApiServer,
            Component::RuntimeManager,
            Component::CriClient,
            Component::Dockershim,
            Component::Dockerd,
            Component::Containerd,
            Component::ContainerdShim,
            Component::Runc,
            Component::Kernel,
        ];
        for pair in order.windows(2) {
            assert!(y(pair[0]) < y(pair[1]), "{pair:?}");
        }
        let line = geometry.cri_line;
        assert!(y(Component::CriClient) < line && line < y(Component::Dockershim));
    }

    #[test]
    fn dockershim_is_drawn_inside_the_kubelet() {
        let geometry = at(720.0);
        let frame = geometry.frames.iter().find(|f| f.component == Component::Kubelet);
        let shim = geometry.node(Component::Dockershim);
        let (Some(frame), Some(shim)) = (frame, shim) else { panic!("both are drawn") };
        assert!(frame.rect.y < shim.rect.y);
        assert!(shim.rect.y + shim.rect.h < frame.rect.y + frame.rect.h);
        assert!(shim.library);
    }

    #[test]
    fn the_same_request_gives_the_same_drawing() {
        assert_eq!(at(720.0), at(720.0));
    }
}
