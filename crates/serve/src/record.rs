//! A trace file that grows while things happen.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use trace::{Event, Header, Time};

/// What stands behind the last event, so that the file is a whole trace after every flush.
const END: &[u8] = b"]}\n";

/// The writer.
pub(crate) struct Recorder {
    file: BufWriter<File>,
    /// The moment that the trace begins at.
    begin: Time,
    empty: bool,
}

impl Recorder {
    /// Begins a trace in a file, in place of what was there.
    pub(crate) fn create(path: &Path, header: &Header, begin: Time) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("creating the trace {}", path.display()))?;
        let mut recorder = Self { file: BufWriter::new(file), begin, empty: true };
        recorder.file.write_all(b"{\"header\":")?;
        serde_json::to_writer(&mut recorder.file, header)?;
        recorder.file.write_all(b",\"events\":[")?;
        recorder.file.write_all(END)?;
        recorder.file.flush()?;
        Ok(recorder)
    }

    /// Adds events, whose times become relative to the beginning.
    pub(crate) fn append(&mut self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        let mut events = events.into_iter().peekable();
        if events.peek().is_none() {
            return Ok(());
        }
        self.file.seek(SeekFrom::End(-(END.len() as i64)))?;
        for mut event in events {
            event.at = Time::ZERO + event.at.since(self.begin);
            self.file.write_all(if self.empty { b"\n" } else { b",\n" })?;
            self.empty = false;
            serde_json::to_writer(&mut self.file, &event)?;
        }
        self.file.write_all(END)?;
        self.file.flush()?;
        Ok(())
    }
}
