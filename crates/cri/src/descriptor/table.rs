//! Everything that the descriptors know, as a table to compare with another one.

use std::fmt::Write as _;

use super::{Enum, Field, Label, enums, messages, services};

/// CRI as a table of tab-separated values: methods, enum values, fields, and messages without
/// fields, in the order of definition.
///
/// Two implementations of CRI can talk to each other exactly if their tables have the same rows.
pub fn wire_table() -> String {
    let mut out = String::from("kind\towner\tname\tnumber\ttype\tlabel_or_output\toneof_or_mode\n");
    write_table(&mut out).expect("writing to a String does not fail");
    out
}

fn write_table(out: &mut String) -> std::fmt::Result {
    for service in services() {
        for method in &service.methods {
            let (name, request, response) = (method.name, method.request, method.response);
            let mode = if method.server_streaming { "server-stream" } else { "unary" };
            writeln!(out, "rpc\t{}\t{name}\t\t{request}\t{response}\t{mode}", service.name)?;
        }
    }
    for enumeration in enums().iter().filter(|enumeration| scope(enumeration).is_none()) {
        enum_rows(enumeration, out)?;
    }
    for message in messages() {
        let nested = enums().iter().filter(|inner| scope(inner) == Some(message.name));
        nested.clone().try_for_each(|enumeration| enum_rows(enumeration, out))?;
        for field in &message.fields {
            let (kind, label) = columns(field);
            let (name, number) = (field.name, field.number);
            writeln!(out, "field\t{}\t{name}\t{number}\t{kind}\t{label}\t", message.name)?;
        }
        if message.fields.is_empty() {
            writeln!(out, "message\t{}\t\t\t\t\t", message.name)?;
        }
    }
    Ok(())
}

/// The message in which an enum is defined.
fn scope(enumeration: &Enum) -> Option<&'static str> {
    enumeration.name.split_once('.').map(|(message, _)| message)
}

fn enum_rows(enumeration: &Enum, out: &mut String) -> std::fmt::Result {
    enumeration.values.iter().try_for_each(|(name, number)| {
        writeln!(out, "enum\t{}\t{name}\t{number}\t\t\t", enumeration.name)
    })
}

fn columns(field: &Field) -> (String, &'static str) {
    match field.label {
        Label::Singular => (field.kind.to_string(), "singular"),
        Label::Repeated => (field.kind.to_string(), "repeated"),
        Label::Map => (format!("string,{}", field.kind), "map"),
    }
}
