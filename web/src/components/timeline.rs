//! The timeline: lanes in virtual time, and a handle to move through it.

use super::ui::moment;
use super::use_store;
use crate::model::point::Point;
use crate::model::run::Run;
use crate::model::timeline::{Lane, LaneKind, Timeline};
use crate::state::Action;
use crate::text::{Lang, M, caption, fill};
use std::rc::Rc;
use trace::Level;
use web_sys::Element;
use yew::{
    Callback, Html, PointerEvent, Properties, TargetCast, classes, component, html, use_memo,
    use_mut_ref, use_node_ref,
};

/// The margin on both sides of a zoomed run of SyncPod, as a part of its length.
const ZOOM_MARGIN: f64 = 0.08;
/// How many marks of breakpoints find room side by side.
const STOP_PLACES: f64 = 400.0;
/// A stretch narrower than this part of the width has no room for words.
const WORDS_MIN: f64 = 0.045;

/// What it shows.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The run that the steps follow.
    pub run: Rc<Run>,
    /// How many of its events have happened.
    pub cursor: usize,
    /// How deep one looks; the handle goes from step to step.
    pub level: Level,
    /// The language.
    pub lang: Lang,
    /// Whether only the current run of SyncPod is shown.
    pub chapter: bool,
    /// Breakpoints and watches, whose places are marked.
    pub points: Vec<Point>,
}

/// The window of places that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    from: f64,
    to: f64,
}

impl Window {
    fn of(timeline: &Timeline, cursor: usize, chapter: bool) -> Self {
        let all = Self { from: 0.0, to: 1.0 };
        if !chapter {
            return all;
        }
        timeline.chapter(cursor).map_or(all, |(from, to)| {
            let (from, to) = (timeline.place(from), timeline.place(to));
            let margin = ((to - from) * ZOOM_MARGIN).max(0.001);
            Self { from: (from - margin).max(0.0), to: (to + margin).min(1.0) }
        })
    }

    fn share(self, place: f64) -> f64 {
        (place - self.from) / (self.to - self.from).max(1e-9)
    }

    fn place(self, share: f64) -> f64 {
        share.mul_add(self.to - self.from, self.from)
    }
}

/// The timeline.
#[component]
pub(super) fn TimelineView(props: &Props) -> Html {
    let store = use_store();
    let track = use_node_ref();
    let dragging = use_mut_ref(|| false);
    let Props { run, cursor, level, lang, chapter, points } = props;
    let text = |message: M| message.text(*lang);
    let timeline = &run.timeline;
    let window = Window::of(timeline, *cursor, *chapter);
    let key = (Rc::as_ptr(run) as usize, (window.from.to_bits(), window.to.to_bits()), *lang);
    let lanes = use_memo(key, |_| lanes(&run.timeline, window, *lang));
    let stops = use_memo((run.clone(), points.clone()), |(run, points)| {
        points.iter().flat_map(|point| point.cursors(run)).collect::<Vec<_>>()
    });
    let at = window.share(timeline.place(*cursor)).clamp(0.0, 1.0);

    let seek = {
        let (dispatcher, run, level) = (store.dispatcher(), run.clone(), *level);
        let track = track.clone();
        move |event: &PointerEvent| {
            let Some(track) = track.cast::<Element>() else { return };
            let rect = track.get_bounding_client_rect();
            let share = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
            let place = window.place(share.clamp(0.0, 1.0));
            let cursor = run.snap(run.timeline.cursor(place), level);
            dispatcher.dispatch(Action::Seek(cursor));
        }
    };
    let down = {
        let (seek, dragging) = (seek.clone(), dragging.clone());
        Callback::from(move |event: PointerEvent| {
            if event.button() == 0 {
                *dragging.borrow_mut() = true;
                if let Some(target) = event.target_dyn_into::<Element>() {
                    let _ = target.set_pointer_capture(event.pointer_id());
                }
                seek(&event);
            }
        })
    };
    let moved = {
        let dragging = dragging.clone();
        Callback::from(move |event: PointerEvent| {
            if *dragging.borrow() {
                seek(&event);
            }
        })
    };
    let up = Callback::from(move |_: PointerEvent| *dragging.borrow_mut() = false);
    let position = run.position(*cursor, *level);
    let now = run.current(*cursor, *level);
    let value = now.map_or_else(
        || text(M::Beginning).to_owned(),
        |id| {
            let at = moment(run.trace().event(id).at);
            format!("{at}: {}", caption(run.trace(), id, *lang))
        },
    );
    html! {
        <div class="timeline">
            <h2 class="visually-hidden">{ text(M::Timeline) }</h2>
            <div class="timeline__body">
                { names(timeline, *lang) }
                <div
                    class="timeline__track"
                    ref={track}
                    role="slider"
                    tabindex="0"
                    aria-label={text(M::TimelinePosition)}
                    aria-valuemin="0"
                    aria-valuemax={run.steps(*level).len().to_string()}
                    aria-valuenow={position.to_string()}
                    aria-valuetext={value}
                    onpointerdown={down}
                    onpointermove={moved}
                    onpointerup={up.clone()}
                    onpointercancel={up}
                >
                    { (*lanes).clone() }
                    { stop_marks(timeline, window, &stops) }
                    <div class="timeline__hand" style={format!("--at:{at:.5}")}></div>
                </div>
            </div>
        </div>
    }
}

/// Where playing stops.
fn stop_marks(timeline: &Timeline, window: Window, stops: &[usize]) -> Html {
    // Marks that would lie on one another are drawn once.
    let mut places: Vec<u32> = stops
        .iter()
        .map(|&cursor| window.share(timeline.place(cursor)))
        .filter(|share| (0.0..=1.0).contains(share))
        .map(|share| (share * STOP_PLACES) as u32)
        .collect();
    places.sort_unstable();
    places.dedup();
    html! {
        <div class="timeline__stops" aria-hidden="true">
            { for places.iter().map(|place| html! {
                <span class="stop-mark" style={format!("--at:{:.4}", f64::from(*place) / STOP_PLACES)}></span>
            }) }
        </div>
    }
}

/// The names of the lanes, beside them.
fn names(timeline: &Timeline, lang: Lang) -> Html {
    let name = |lane: &Lane| {
        let (name, class) = match lane.kind {
            LaneKind::Sync => (M::LaneSync.text(lang), ""),
            LaneKind::Cri => (M::LaneCri.text(lang), ""),
            LaneKind::Pod(_) => (lane.name.as_str(), "is-pod"),
            LaneKind::Container => (lane.name.as_str(), "is-container"),
        };
        html! { <li {class}>{ name.to_owned() }</li> }
    };
    html! {
        <ul class="timeline__names" aria-hidden="true">{ for timeline.lanes.iter().map(name) }</ul>
    }
}

fn lanes(timeline: &Timeline, window: Window, lang: Lang) -> Html {
    let style = |from: f64, to: f64| {
        let (from, to) = (window.share(from).clamp(0.0, 1.0), window.share(to).clamp(0.0, 1.0));
        format!("--from:{from:.5};--to:{to:.5}")
    };
    let visible = |from: f64, to: f64| to >= window.from && from <= window.to;
    let lane = |lane: &Lane| {
        let segments = lane.segments.iter().filter_map(|segment| {
            let (from, to) = (timeline.place(segment.from), timeline.place(segment.to));
            let wide = window.share(to) - window.share(from) > WORDS_MIN;
            visible(from, to).then(|| {
                html! {
                    <span
                        class={classes!("segment", format!("segment--{}", segment.class))}
                        style={style(from, to)}
                        title={segment.label.clone()}
                    >
                        if wide { { segment.label.clone() } }
                    </span>
                }
            })
        });
        html! { <div class="lane">{ for segments }</div> }
    };
    let breaks = timeline.breaks.iter().filter(|b| visible(b.from, b.to)).map(|b| {
        let title = fill(M::NothingFor.text(lang), |_| Some(b.length.clone()));
        let wide = window.share(b.to) - window.share(b.from) > WORDS_MIN;
        html! {
            <span class="break" style={style(b.from, b.to)} {title}>
                <span class="break__length">{ if wide { b.length.clone() } else { String::new() } }</span>
            </span>
        }
    });
    let errors = timeline.errors.iter().map(|cursor| timeline.place(*cursor));
    let errors = errors.filter(|&at| visible(at, at)).map(|at| {
        html! { <span class="error-mark" style={style(at, at)} title={M::Error.text(lang)}>{ "✕" }</span> }
    });
    html! {
        <div class="timeline__lanes" aria-hidden="true">
            { for timeline.lanes.iter().map(lane) }
            <div class="timeline__marks">{ for breaks }{ for errors }</div>
        </div>
    }
}
