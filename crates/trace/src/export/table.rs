//! A table for documentation.

use super::spans;
use crate::{Level, Trace};
use std::fmt::Write;

/// A Markdown table of the calls up to a detail level.
#[must_use]
pub fn markdown(trace: &Trace, level: Level) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut table = String::from(
        "| seconds | from | to | operation | protocol | result |\n| ---: | --- | --- | --- | --- | --- |\n",
    );
    for span in spans(trace, level) {
        let call = span.call;
        let _ = writeln!(
            table,
            "| {} | {} | {} | `{}`{} | {} | {} |",
            span.start,
            call.from.name(),
            call.to.name(),
            cell(&call.op),
            if call.glue.is_some() { " (glue)" } else { "" },
            call.protocol.name(),
            cell(&span.result()),
        );
    }
    table
}
