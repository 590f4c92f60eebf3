//! Objects as text: compact JSON, and YAML as `kubectl get -o yaml` prints it.

use std::fmt::Write;

use crate::Json;
use crate::value::{Value, View, each_printed};

/// The value as one line of JSON, fields in alphabetical order.
pub fn to_json(value: &dyn Value) -> String {
    let mut out = String::new();
    json(value, &mut out);
    out
}

fn json(value: &dyn Value, out: &mut String) {
    match value.view() {
        View::Null => out.push_str("null"),
        View::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        View::Int(value) => write(out, format_args!("{value}")),
        View::Str(value) => quoted(value, out),
        View::Json(value) => raw(value, out),
        View::List(list) => {
            out.push('[');
            for index in 0..list.count() {
                comma(index == 0, out);
                json(list.at(index), out);
            }
            out.push(']');
        }
        View::Map(map) => {
            let mut first = true;
            out.push('{');
            map.each(&mut |key, value| entry(&mut first, key, value, out));
            out.push('}');
        }
        View::Object(object) => {
            let mut first = true;
            out.push('{');
            each_printed(object, &mut |key, value| entry(&mut first, key, value, out));
            out.push('}');
        }
    }
}

fn entry(first: &mut bool, key: &str, value: &dyn Value, out: &mut String) {
    comma(std::mem::take(first), out);
    quoted(key, out);
    out.push(':');
    json(value, out);
}

pub(crate) fn raw(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Int(value) => write(out, format_args!("{value}")),
        Json::Float(value) => write(out, format_args!("{value}")),
        Json::Str(value) => quoted(value, out),
        Json::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(index == 0, out);
                raw(item, out);
            }
            out.push(']');
        }
        Json::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                comma(index == 0, out);
                quoted(key, out);
                out.push(':');
                raw(value, out);
            }
            out.push('}');
        }
    }
}

fn comma(first: bool, out: &mut String) {
    if !first {
        out.push(',');
    }
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}

/// Strings as a JSON array.
pub(crate) fn strings(items: &[String]) -> String {
    let mut out = "[".to_owned();
    for (index, item) in items.iter().enumerate() {
        comma(index == 0, &mut out);
        quoted(item, &mut out);
    }
    out.push(']');
    out
}

/// `text` as a JSON string, which is also a double-quoted YAML one and, for plain text, Go's `%q`.
pub(crate) fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' => write(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Plain data as one line of JSON.
#[cfg(test)]
pub(crate) fn json_of(value: &Json) -> String {
    let mut out = String::new();
    raw(value, &mut out);
    out
}
