//! The call: what was asked, what was answered, as the wire carried it.

use super::super::Store;
use super::super::ui::{badge, code, empty, heading, icons, json, plain};
use super::current;
use crate::text::{M, duration_text, error_word, shorten};
use trace::listing::describe;
use trace::{EventId, Outcome, Payload, What};
use yew::{Html, html};

/// The panel.
pub(super) fn call(store: &Store) -> Html {
    let Some((run, id)) = store.leading().zip(current(store)) else {
        return empty(store.text(M::Beginning));
    };
    let trace = run.trace();
    let event = trace.event(id);
    let (call_id, effect) = match &event.what {
        What::Call(_) => (Some(id), false),
        What::Return(answer) => (Some(answer.call), false),
        What::Effect(_) => (event.parent, true),
    };
    html! {
        <>
            if effect {
                { heading(store.text(M::EffectHere)) }
                <p class="inspector__effect">{ describe(trace, event) }</p>
            }
            { match call_id {
                Some(id) => html! {
                    <>
                        if effect { { heading(store.text(M::DuringCall)) } }
                        { details(store, id) }
                    </>
                },
                None => empty(store.text(M::NoCall)),
            } }
        </>
    }
}

fn details(store: &Store, id: EventId) -> Html {
    let Some(run) = store.leading() else { return Html::default() };
    let trace = run.trace();
    let event = trace.event(id);
    let Some(call) = event.as_call() else { return Html::default() };
    // What is still to come is not shown: at this moment nobody knows it.
    let answer = trace.return_of(id).filter(|(at, ..)| at.index() < store.cursor);
    let row = |name: M, value: Html| html! { <><dt>{ store.text(name) }</dt><dd>{ value }</dd></> };
    let outcome = match &answer {
        None => html! { <span class="facts__open">{ store.text(M::NotReturned) }</span> },
        Some((_, at, answer)) => {
            let took = duration_text(at.at.since(event.at));
            let took = store.fill(M::Took, &[("time", &took)]);
            match &answer.outcome {
                Outcome::Ok => {
                    html! { <>{ badge("ok", icons::CHECK, store.text(M::Ok)) }{ " " }{ took }</> }
                }
                Outcome::Error { code, message } => html! {
                    <>
                        { badge("error", icons::ERROR, error_word(code, store.lang)) }
                        { " " }{ took }
                        <p class="facts__message">{ message.clone() }</p>
                    </>
                },
            }
        }
    };
    html! {
        <>
            <h2 class="inspector__op">{ shorten(&call.op) }</h2>
            <dl class="facts">
                { row(M::From, html! { { call.from.name() } }) }
                { row(M::To, html! { { call.to.name() } }) }
                { row(M::Protocol, html! { { call.protocol.name() } }) }
                { row(M::Outcome, outcome) }
            </dl>
            { heading(store.text(M::Request)) }
            { payload(store, M::Request, &call.request) }
            if let Some((_, _, answer)) = answer {
                { heading(store.text(M::Response)) }
                { payload(store, M::Response, &answer.response) }
            }
        </>
    }
}

fn payload(store: &Store, name: M, payload: &Payload) -> Html {
    let label = store.text(name);
    match payload {
        Payload::None => empty(store.text(M::NoPayload)),
        Payload::Proto { message, bytes } => {
            let value = cri::descriptor::to_json(message, bytes);
            html! {
                <>
                    <p class="payload__type">{ message.to_string() }</p>
                    { match value {
                        Ok(value) => json(label, &value.to_string()),
                        Err(problem) => plain(label, &problem.to_string()),
                    } }
                    <details class="details">
                        <summary>
                            { store.text(M::AsBytes) }
                            <span class="details__note">{ format!(" {}", bytes.len()) }</span>
                        </summary>
                        { bytes_table(store, message, bytes) }
                    </details>
                </>
            }
        }
        Payload::Http { method, path, query, body } => html! {
            <>
                { plain(label, &http_line(method, path, query)) }
                if let Some(body) = body { { json(label, body) } }
            </>
        },
        Payload::HttpResponse { status, body } => html! {
            <>
                { plain(label, &format!("HTTP/1.1 {status}")) }
                if let Some(body) = body { { json(label, body) } }
            </>
        },
        Payload::Exec { argv, env, stdin } => html! {
            <>
                { plain(store.text(M::Arguments), &argv.join(" ")) }
                if !env.is_empty() {
                    <p class="payload__type">{ store.text(M::Environment) }</p>
                    { plain(store.text(M::Environment), &env.join("\n")) }
                }
                if let Some(stdin) = stdin {
                    <p class="payload__type">{ store.text(M::StandardInput) }</p>
                    { json(store.text(M::StandardInput), stdin) }
                }
            </>
        },
        Payload::Json(text) => json(label, text),
        Payload::Text(text) => plain(label, text),
    }
}

fn http_line(method: &str, path: &str, query: &[(trace::Text, String)]) -> String {
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{method} {path}{mark}{}", query.join("&"))
}

/// Each field of a message with the bytes that it is made of.
fn bytes_table(store: &Store, message: &str, bytes: &[u8]) -> Html {
    let rows = match cri::descriptor::annotate(message, bytes) {
        Ok(rows) => rows,
        Err(problem) => return code(store.text(M::AsBytes), html! { { problem.to_string() } }),
    };
    let row = |row: &cri::descriptor::Annotated| {
        // The fields of a message follow one level deeper; only its own first bytes stand here.
        let own = if row.value.is_empty() {
            row.range.start..row.payload.start
        } else {
            row.range.clone()
        };
        let hex: Vec<String> =
            bytes[own.clone()].iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let more = if own.len() > 16 { " …" } else { "" };
        html! {
            <tr>
                <td class="bytes__hex">{ hex.join(" ") }{ more }</td>
                <td class="bytes__name" style={format!("--depth:{}", row.depth)}>
                    { row.name.unwrap_or("?") }
                    <span class="bytes__number">{ format!(" {}", row.number) }</span>
                    <span class="bytes__type">{ format!(" {}", row.type_name) }</span>
                </td>
                <td class="bytes__value">{ row.value.clone() }</td>
            </tr>
        }
    };
    html! {
        <div class="bytes" tabindex="0" role="group" aria-label={store.text(M::AsBytes)}>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{ store.text(M::Bytes) }</th>
                        <th scope="col" colspan="2">{ store.text(M::Meaning) }</th>
                    </tr>
                </thead>
                <tbody>{ for rows.iter().map(row) }</tbody>
            </table>
        </div>
    }
}
