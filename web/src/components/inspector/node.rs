//! The node: processes, files, namespaces, control groups, mounts, images.

use super::super::Store;
use super::super::ui::{empty, moment, plain};
use super::seek;
use crate::model::point::Point;
use crate::model::tree::processes;
use crate::state::Action;
use crate::text::M;
use trace::listing::short;
use trace::{FileContent, FileView, Frame, Trace};
use yew::{Html, html};

/// The panel.
pub(super) fn node(store: &Store) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    let trace = run.trace();
    let frame = store.frame();
    html! {
        <>
            { part(store, M::ProcessTree, frame.processes.len(), true, process_tree(store, &frame)) }
            { part(store, M::Files, frame.files.len(), true, files(store, trace, &frame)) }
            { part(store, M::Namespaces, frame.namespaces.len(), false, namespaces(&frame)) }
            { part(store, M::Images, frame.images.len(), false, images(&frame)) }
            { part(store, M::Mounts, frame.mounts.len(), false, lines(frame.mounts.values().map(|mount| {
                (mount.target.to_string(), format!("{} ({})", mount.source, mount.fs_type))
            }))) }
            { part(store, M::Cgroups, frame.cgroups.len(), false, lines(
                frame.cgroups.iter().map(|path| (path.to_string(), String::new()))
            )) }
        </>
    }
}

fn part(store: &Store, name: M, count: usize, open: bool, body: Html) -> Html {
    html! {
        <details class="details" open={open}>
            <summary>
                { store.text(name) }
                <span class="details__note">{ format!(" {count}") }</span>
            </summary>
            if count == 0 { { empty(store.text(M::Nothing)) } } else { { body } }
        </details>
    }
}

fn process_tree(store: &Store, frame: &Frame) -> Html {
    let branches = processes(frame, |_| true);
    if branches.is_empty() {
        return empty(store.text(M::NoProcesses));
    }
    html! {
        <ul class="tree">
            { for branches.iter().map(|branch| {
                let process = &branch.process;
                let own = !process.container_id.is_empty();
                let namespaces: Vec<String> = process
                    .namespaces
                    .iter()
                    .map(|(kind, id)| format!("{}:[{id}]", kind.as_str()))
                    .collect();
                html! {
                    <li class={if own { "tree__row is-contained" } else { "tree__row" }} style={format!("--depth:{}", branch.depth)}>
                        <span class="tree__pid">{ process.pid }</span>
                        <span class="tree__argv">{ process.argv.join(" ") }</span>
                        if !namespaces.is_empty() {
                            <span class="tree__namespaces">{ namespaces.join(" ") }</span>
                        }
                    </li>
                }
            }) }
        </ul>
    }
}

fn files(store: &Store, trace: &Trace, frame: &Frame) -> Html {
    let file = |(path, view): (&std::rc::Rc<str>, &FileView)| {
        let at = moment(trace.event(view.written_by).at);
        let point = Point::File(path.clone());
        let written = store.fill(M::WrittenBy, &[("time", &at)]);
        let body = match &view.content {
            FileContent::Text(text) => plain(store.text(M::Files), text),
            FileContent::Symlink(to) => {
                html! { <p>{ store.fill(M::SymlinkTo, &[("path", to)]) }</p> }
            }
            FileContent::Directory => html! { <p>{ store.text(M::Directory) }</p> },
        };
        html! {
            <li key={path.to_string()}>
                <details class="file">
                    <summary class="file__path">{ path.to_string() }</summary>
                    { body }
                    <button type="button" class="button button--link" onclick={super::super::send(store, Action::Point(point.clone()))}>
                        { store.text(if store.points.contains(&point) { M::Unwatch } else { M::WatchFile }) }
                    </button>
                    { " · " }
                    <button type="button" class="button button--link" onclick={seek(store, view.written_by)}>
                        { written }
                    </button>
                </details>
            </li>
        }
    };
    html! { <ul class="files">{ for frame.files.iter().map(file) }</ul> }
}

fn namespaces(frame: &Frame) -> Html {
    lines(frame.namespaces.values().map(|view| {
        let namespace = &view.namespace;
        let mut note: Vec<String> = view
            .addresses
            .iter()
            .map(|(interface, address)| format!("{interface} {address}"))
            .collect();
        if !namespace.path.is_empty() {
            note.push(namespace.path.to_string());
        }
        (format!("{}:[{}]", namespace.kind.as_str(), namespace.id), note.join(" · "))
    }))
}

fn images(frame: &Frame) -> Html {
    lines(frame.images.values().map(|image| {
        let megabytes = image.size as f64 / 1e6;
        let note = format!("{} · {megabytes:.1} MB · {}", short(&image.id), image.store.name());
        (image.references.join(", "), note)
    }))
}

/// Rows of a name and a note.
fn lines(rows: impl Iterator<Item = (String, String)>) -> Html {
    let rows: Vec<Html> = rows
        .map(|(name, note)| {
            html! {
                <li><code>{ name }</code>{ " " }<span class="rows__note">{ note }</span></li>
            }
        })
        .collect();
    html! { <ul class="rows">{ for rows }</ul> }
}
