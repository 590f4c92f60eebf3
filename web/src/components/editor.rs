//! The manifest editor: text with line numbers and marks, what is wrong with it, and how to run it.

use super::ui::{heading, icon, icons};
use super::{send, use_store};
use crate::state::{Action, State};
use crate::text::M;
use api::Unsimulated;
use api::manifest::{FieldNote, Problem};
use api::yaml::Position;
use std::rc::Rc;
use web_sys::{File, HtmlInputElement, HtmlTextAreaElement};
use yew::{
    Callback, Html, InputEvent, KeyboardEvent, TargetCast, UseReducerDispatcher, component, html,
    use_node_ref,
};

/// No manifest is larger (the API server's limit is about the same), and hardly a trace.
const MANIFEST_MAX: f64 = 1_000_000.0;
const TRACE_MAX: f64 = 64_000_000.0;

/// Reads a dropped or opened file: a manifest or a scenario into the editor, a trace onto the stage.
pub(super) fn read_file(file: File, dispatcher: UseReducerDispatcher<State>) {
    let max = if file.name().ends_with(".json") { TRACE_MAX } else { MANIFEST_MAX };
    if file.size() > max {
        dispatcher.dispatch(Action::RefuseFile);
        return;
    }
    yew::platform::spawn_local(async move {
        let text = wasm_bindgen_futures::JsFuture::from(file.text()).await;
        let Some(text) = text.ok().and_then(|text| text.as_string()) else {
            dispatcher.dispatch(Action::RefuseFile);
            return;
        };
        dispatcher.dispatch(Action::Import(text.into()));
    });
}

/// The editor.
#[component]
pub(super) fn Editor() -> Html {
    let store = use_store();
    let area = use_node_ref();
    let text = store.editor.text.clone();
    let lines = text.lines().count().max(1) + usize::from(text.ends_with('\n'));
    let oninput = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: InputEvent| {
            let area: HtmlTextAreaElement = event.target_unchecked_into();
            dispatcher.dispatch(Action::Edit(area.value().into()));
        })
    };
    let onkeydown = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                dispatcher.dispatch(Action::RunManifest);
            }
        })
    };
    let onfile = {
        let dispatcher = store.dispatcher();
        Callback::from(move |event: yew::Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                read_file(file, dispatcher.clone());
            }
        })
    };
    let errors: Vec<&Problem> = store.editor.errors().collect();
    let remarks: Vec<&Problem> = store.editor.remarks().collect();
    let item = |problem: &&Problem| {
        let start = problem.span.start;
        let (line, column) = (start.line.to_string(), start.column.to_string());
        let place = store.fill(M::ProblemAt, &[("line", &line), ("column", &column)]);
        let show = {
            let (area, text, span) = (area.clone(), text.clone(), problem.span);
            Callback::from(move |_: yew::MouseEvent| {
                if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                    let (from, to) = (utf16(&text, span.start), utf16(&text, span.end));
                    let _ = area.focus();
                    let _ = area.set_selection_range(from, to.max(from + 1));
                }
            })
        };
        html! {
            <li class="problem">
                <button type="button" class="problem__place" onclick={show}>{ place }</button>
                <span class="problem__message">{ problem.message.clone() }</span>
            </li>
        }
    };
    let note = |note: &FieldNote| {
        let start = note.span.start;
        let (line, column) = (start.line.to_string(), start.column.to_string());
        let place = store.fill(M::ProblemAt, &[("line", &line), ("column", &column)]);
        let reason = store.text(match note.reason {
            Unsimulated::Scheduling => M::UnsimulatedScheduling,
            Unsimulated::Storage => M::UnsimulatedStorage,
            Unsimulated::Windows => M::UnsimulatedWindows,
            Unsimulated::ServerSide => M::UnsimulatedServerSide,
            Unsimulated::Newer => M::UnsimulatedNewer,
        });
        html! {
            <li class="problem">
                <span>{ place }</span>
                <span class="problem__message"><code>{ note.path.clone() }</code>{ " " }{ reason }</span>
            </li>
        }
    };
    html! {
        <div class="editor">
            <p class="editor__hint">{ store.text(M::ManifestHint) }</p>
            <div class="editor__sheet">
                <ol class="editor__gutter" aria-hidden="true">
                    { for (1..=lines).map(|line| gutter_line(line, &errors, &remarks)) }
                </ol>
                <div class="editor__paper">
                    <pre class="editor__marks" aria-hidden="true">{ marks(&text, &errors, &remarks) }</pre>
                    <textarea
                        ref={area.clone()}
                        id="manifest-text"
                        class="editor__text"
                        aria-label={store.text(M::ManifestLabel)}
                        aria-invalid={(!errors.is_empty()).to_string()}
                        aria-describedby="manifest-problems"
                        autofocus={true}
                        spellcheck="false"
                        autocapitalize="off"
                        autocomplete="off"
                        wrap="off"
                        value={text.to_string()}
                        {oninput}
                        {onkeydown}
                    />
                </div>
            </div>
            <div class="editor__actions">
                <label class="button editor__file">
                    { icon(icons::LINK) }
                    <span>{ store.text(M::OpenFile) }</span>
                    <input class="visually-hidden" type="file" accept=".yaml,.yml,.json,.txt" onchange={onfile} />
                </label>
                <button
                    type="button"
                    class="button button--primary"
                    data-command="Run"
                    onclick={send(&store, Action::RunManifest)}
                >
                    { icon(icons::PLAY) }
                    <span>{ store.text(M::Run) }</span>
                    <kbd>{ store.text(M::RunKeys) }</kbd>
                </button>
            </div>
            <div class="editor__problems" id="manifest-problems" role="status">
                if store.editor.refused {
                    <p class="problem">{ store.text(M::FileTooBig) }</p>
                }
                if !errors.is_empty() {
                    { heading(store.text(M::Problems)) }
                    <ul class="problems problems--errors">{ for errors.iter().map(item) }</ul>
                    <p class="editor__keeps">{ store.text(M::ProblemsKeep) }</p>
                }
                if !remarks.is_empty() {
                    { heading(store.text(M::Remarks)) }
                    <ul class="problems">{ for remarks.iter().map(item) }</ul>
                }
                if !store.editor.unsimulated.is_empty() {
                    { heading(store.text(M::NotSimulated)) }
                    if errors.is_empty() {
                        <p class="editor__keeps">{ store.text(M::RunsAnyway) }</p>
                    }
                    <ul class="problems problems--notes">{ for store.editor.unsimulated.iter().map(note) }</ul>
                }
            </div>
        </div>
    }
}

fn gutter_line(line: usize, errors: &[&Problem], remarks: &[&Problem]) -> Html {
    let on = |problems: &[&Problem]| problems.iter().any(|p| p.span.start.line as usize == line);
    let class = match (on(errors), on(remarks)) {
        (true, _) => Some("is-wrong"),
        (_, true) => Some("is-remarkable"),
        _ => None,
    };
    html! { <li {class}>{ line }</li> }
}

/// The text again, invisible, with what is wrong underlined.
fn marks(text: &Rc<str>, errors: &[&Problem], remarks: &[&Problem]) -> Html {
    let mut spans: Vec<(usize, usize, &'static str)> = errors
        .iter()
        .map(|problem| (problem, "mark--error"))
        .chain(remarks.iter().map(|problem| (problem, "mark--remark")))
        .map(|(problem, class)| {
            let from = offset(text, problem.span.start);
            let next = text[from..].chars().next().map_or(0, char::len_utf8);
            let to = offset(text, problem.span.end).max(from + next);
            (from, to, class)
        })
        .collect();
    spans.sort_unstable();
    let mut at = 0;
    let mut pieces = Vec::new();
    for (from, to, class) in spans {
        if from < at {
            continue;
        }
        pieces.push(html! { { text[at..from].to_owned() } });
        // A mark over many lines would hide where it begins.
        let to = text[from..to].find('\n').map_or(to, |end| (from + end).max(from + 1));
        let to = floor(text, to);
        pieces.push(html! { <mark {class}>{ text[from..to].to_owned() }</mark> });
        at = to;
    }
    pieces.push(html! { { format!("{}\n", &text[at..]) } });
    html! { { for pieces } }
}

/// The nearest character boundary at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The offset in bytes of a line and column, both counted from 1.
fn offset(text: &str, position: Position) -> usize {
    let line_start = match position.line.checked_sub(2) {
        None => 0,
        Some(nth) => {
            let end = text.match_indices('\n').nth(nth as usize);
            end.map_or(text.len(), |(at, _)| at + 1)
        }
    };
    let column = position.column.saturating_sub(1) as usize;
    let rest = &text[line_start..];
    let line = rest.split('\n').next().unwrap_or_default();
    line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

/// The same in the units that the browser counts in.
fn utf16(text: &str, position: Position) -> u32 {
    text[..offset(text, position)].encode_utf16().count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_text_are_found() {
        let at = |line, column| offset("ab\n中文x\n", Position { line, column });
        assert_eq!(at(1, 1), 0);
        assert_eq!(at(1, 9), 2);
        assert_eq!(at(2, 2), 6);
        assert_eq!(at(3, 1), 11);
        assert_eq!(at(9, 9), 11);
        assert_eq!(utf16("ab\n中文x\n", Position { line: 2, column: 3 }), 5);
    }
}
