//! From text to trees, within limits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::resolve::resolve_plain;
use super::{Entry, Kind, Node, Position, Span};
use crate::problem::{Problem, Severity};

/// How much a text may demand before it is refused.
///
/// The work that a text can cause is bounded by `bytes` and `nodes`, whatever it contains.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The length of the text. A longer one is refused unread.
    pub bytes: usize,
    /// How deep sequences and mappings may nest.
    pub depth: usize,
    /// How many values all documents may have together, with every alias counted as what it stands for.
    pub nodes: usize,
}

impl Default for Limits {
    /// 1 MiB (etcd, behind the API server, takes 1.5 MiB), 64 levels and 50,000 values.
    fn default() -> Limits {
        Limits { bytes: 1 << 20, depth: 64, nodes: 50_000 }
    }
}

/// What a text holds: its documents as far as they can be read, and what is wrong.
#[derive(Debug, Default)]
pub struct Documents {
    /// The documents that are complete. Empty ones are left out.
    pub nodes: Vec<Node>,
    /// Duplicate keys, and the place where reading had to stop.
    pub problems: Vec<Problem>,
}

/// Reads a text that holds one document. An empty text is null.
///
/// # Errors
/// The first thing that is wrong with the text, or that it has a second document.
pub fn parse(text: &str, limits: &Limits) -> Result<Node, Problem> {
    let documents = parse_all(text, limits);
    if let Some(problem) = documents.problems.into_iter().next() {
        return Err(problem);
    }
    let mut nodes = documents.nodes.into_iter();
    let start = Position { line: 1, column: 1 };
    let empty = Node { kind: Kind::Null, span: Span { start, end: start } };
    let first = nodes.next().unwrap_or(empty);
    match nodes.next() {
        None => Ok(first),
        Some(second) => Err(error(second.span, "there should be one document here, not several")),
    }
}

/// Reads a text that holds any number of documents.
pub fn parse_all(text: &str, limits: &Limits) -> Documents {
    let mut builder = Builder::new(*limits);
    if let Err(problem) = builder.read(text) {
        builder.done.problems.push(problem);
    }
    builder.done
}

/// A value with what it weighs, so that an alias to it need not be measured again.
#[derive(Clone)]
struct Measured {
    node: Node,
    size: usize,
    height: usize,
}

/// A sequence or mapping whose end has not come yet.
struct Open {
    /// The anchor's number, 0 for none.
    anchor: usize,
    start: Marker,
    size: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Span)>, merge: Vec<Entry> },
}

struct Builder {
    limits: Limits,
    nodes: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Measured>,
    done: Documents,
    /// How many characters of the text the events so far cover.
    read_to: usize,
    /// How far lines have been moved to the right of where they stand in the original.
    shifts: BTreeMap<u32, u32>,
}

/// How many duplicate keys are reported: the first ones are as good as all.
const DUPLICATES_MAX: usize = 100;

impl Builder {
    fn new(limits: Limits) -> Builder {
        Builder {
            limits,
            nodes: 0,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            done: Documents::default(),
            read_to: 0,
            shifts: BTreeMap::new(),
        }
    }

    fn read(&mut self, text: &str) -> Result<(), Problem> {
        if text.len() > self.limits.bytes {
            let message = format!(
                "the text has {} bytes; at most {} are read",
                text.len(),
                self.limits.bytes
            );
            let start = Position { line: 1, column: 1 };
            return Err(error(Span { start, end: start }, &message));
        }
        // The parser looks at all of a `[…]` or `{…}` before it says anything of it, so that its values are
        // counted beforehand. Commas elsewhere are counted too; there is room for them.
        let marks = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        if marks > 3 * self.limits.nodes {
            let at = Position { line: 1, column: 1 };
            return self.reserve(marks, Span { start: at, end: at });
        }
        let original = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut text = Cow::Borrowed(original);
        // A second attempt costs as much as the first: together they may not cost much more than one.
        // Moving lines copies all of the text, however early the parser stopped: hence the third bound.
        let mut bytes = 8 * self.limits.bytes;
        let mut nodes = 4 * self.limits.nodes;
        let mut attempts = 100_u32;
        loop {
            let Some(scan) = self.attempt(&text)? else {
                return Ok(());
            };
            bytes = bytes.saturating_sub(scan.marker().index());
            nodes = nodes.saturating_sub(self.nodes);
            attempts -= 1;
            let may_try = bytes > 0 && nodes > 0 && attempts > 0;
            let mended =
                may_try.then(|| self.indent(&text, &scan).or_else(|| apostrophes(&text, &scan)));
            let Some(mended) = mended.flatten() else {
                let at = within_text(original, self.position(*scan.marker()));
                let message = format!("not valid YAML: {}", plain(scan.info()));
                return Err(error(Span { start: at, end: at }, &message));
            };
            text = Cow::Owned(mended);
            *self =
                Builder { shifts: std::mem::take(&mut self.shifts), ..Builder::new(self.limits) };
        }
    }

    /// Reads the text as far as the parser can, and gives what stopped it.
    fn attempt(&mut self, text: &str) -> Result<Option<ScanError>, Problem> {
        let mut parser = Parser::new(StrInput::new(text));
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    self.event(event, span)?;
                    self.read_to = self.read_to.max(span.end.index());
                }
                Err(scan) => return Ok(Some(scan)),
            }
        }
        Ok(None)
    }

    /// The text with its lines moved to the right where the parser wants them there and Kubernetes does not.
    ///
    /// YAML 1.2 wants all lines of a `[…]`, a `{…}` or a quoted string indented like any other value. The
    /// parser of Kubernetes does not care, and many a manifest closes a bracket right below its key. Nothing
    /// if something else is wrong.
    fn indent(&mut self, text: &str, scan: &ScanError) -> Option<String> {
        if !scan.info().starts_with("invalid indentation") {
            return None;
        }
        let offset = |index: usize| text.char_indices().nth(index).map(|(offset, _)| offset);
        let at = offset(scan.marker().index())?;
        let is_flow = |open: &&Open| {
            offset(open.start.index()).is_some_and(|start| text[start..].starts_with(['[', '{']))
        };
        let start = if scan.info().ends_with("quoted scalar") {
            at
        } else if let Some(open) = self.open.iter().find(is_flow) {
            offset(open.start.index())?
        } else {
            // It has begun, but the parser has not said so yet.
            let from = offset(self.read_to)?;
            from + text.get(from..at)?.find(['[', '{'])?
        };
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let column = text[line_start..start].chars().count();
        let mut line = text[..start].matches('\n').count() as u32 + 1;
        if column == 0 || self.shifts.contains_key(&(line + 1)) {
            return None;
        }
        let rest = &text[start..];
        let (inside, after) = rest.split_at(flow_length(rest));
        let mut indented = text[..start].to_owned();
        for part in inside.split_inclusive('\n') {
            indented.push_str(part);
            if part.ends_with('\n') {
                line += 1;
                *self.shifts.entry(line).or_default() += column as u32;
                indented.extend(std::iter::repeat_n(' ', column));
            }
            if indented.len() > 2 * self.limits.bytes {
                return None;
            }
        }
        indented.push_str(after);
        Some(indented)
    }

    fn position(&self, marker: Marker) -> Position {
        let line = marker.line() as u32;
        let shift = self.shifts.get(&line).copied().unwrap_or(0);
        Position { line, column: (marker.col() as u32).saturating_sub(shift) + 1 }
    }

    fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), Problem> {
        let place = Span { start: self.position(span.start), end: self.position(span.end) };
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let kind = scalar(&text, style, tag.as_deref());
                let is_merge = style == ScalarStyle::Plain && text == "<<";
                self.add(
                    Measured { node: Node { kind, span: place }, size: 1, height: 0 },
                    anchor,
                    is_merge,
                )?;
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(anchor, span.start, Content::List(Vec::new()))?
            }
            Event::MappingStart(anchor, _) => {
                let content = Content::Map { entries: Vec::new(), key: None, merge: Vec::new() };
                self.begin(anchor, span.start, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place)?,
            Event::Alias(anchor) => {
                let Some(measured) = self.anchors.get(&anchor) else {
                    return Err(error(
                        place,
                        "this alias stands for a value that contains the alias",
                    ));
                };
                let (size, height) = (measured.size, measured.height);
                self.reserve(size, place)?;
                if self.open.len() + height > self.limits.depth {
                    return Err(self.too_deep(place));
                }
                let measured = self.anchors[&anchor].clone();
                self.put(measured, false)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Takes from the budget.
    fn reserve(&mut self, size: usize, place: Span) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > self.limits.nodes {
            let message = format!(
                "document contains excessive aliasing, or simply too much: more than {} values",
                self.limits.nodes
            );
            return Err(error(place, &message));
        }
        Ok(())
    }

    fn too_deep(&self, place: Span) -> Problem {
        error(place, &format!("exceeded max depth: more than {} levels", self.limits.depth))
    }

    fn begin(&mut self, anchor: usize, start: Marker, content: Content) -> Result<(), Problem> {
        let at = self.position(start);
        if self.open.len() >= self.limits.depth {
            return Err(self.too_deep(Span { start: at, end: at }));
        }
        self.open.push(Open { anchor, start, size: 1, height: 0, content });
        self.reserve(1, Span { start: at, end: at })
    }

    fn end(&mut self, place: Span) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let start = self.position(open.start);
        let (kind, last) = match open.content {
            Content::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::List(items), last)
            }
            Content::Map { mut entries, merge, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                self.without_duplicates(&mut entries);
                if !merge.is_empty() {
                    let mut known: BTreeSet<String> =
                        entries.iter().map(|entry| entry.key.clone()).collect();
                    entries
                        .extend(merge.into_iter().filter(|entry| known.insert(entry.key.clone())));
                }
                (Kind::Map(entries), last)
            }
        };
        // A block collection ends where its last value does; the parser notices only later.
        let end =
            if place.start == place.end { last.unwrap_or(start).max(start) } else { place.end };
        let node = Node { kind, span: Span { start, end } };
        let measured = Measured { node, size: open.size, height: open.height };
        self.anchor(open.anchor, &measured)?;
        self.put(measured, false)
    }

    /// Drops all but the first entry of each key and reports the others.
    fn without_duplicates(&mut self, entries: &mut Vec<Entry>) {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|&a, &b| entries[a].key.cmp(&entries[b].key).then(a.cmp(&b)));
        let mut twice: Vec<usize> = order
            .windows(2)
            .filter(|pair| entries[pair[0]].key == entries[pair[1]].key)
            .map(|pair| pair[1])
            .collect();
        if twice.is_empty() {
            return;
        }
        twice.sort_unstable();
        let mut twice = twice.into_iter().peekable();
        let mut index = 0;
        entries.retain(|entry| {
            let is_first = twice.next_if_eq(&index).is_none();
            index += 1;
            if !is_first && self.done.problems.len() < DUPLICATES_MAX {
                let mut key = String::new();
                crate::print::quoted(&entry.key, &mut key);
                let message = format!("key {key} already set in map");
                self.done.problems.push(error(entry.key_span, &message));
            }
            is_first
        });
    }

    /// Remembers what an anchor stands for.
    fn anchor(&mut self, anchor: usize, measured: &Measured) -> Result<(), Problem> {
        if anchor != 0 {
            self.reserve(measured.size, measured.node.span)?;
            self.anchors.insert(anchor, measured.clone());
        }
        Ok(())
    }

    fn add(&mut self, measured: Measured, anchor: usize, is_merge: bool) -> Result<(), Problem> {
        self.reserve(1, measured.node.span)?;
        self.anchor(anchor, &measured)?;
        self.put(measured, is_merge)
    }

    /// Puts a value where the text has come to.
    fn put(&mut self, measured: Measured, is_merge: bool) -> Result<(), Problem> {
        let Measured { node, size, height } = measured;
        let Some(open) = self.open.last_mut() else {
            if !node.is_null() {
                self.done.nodes.push(node);
            }
            return Ok(());
        };
        open.size = open.size.saturating_add(size);
        open.height = open.height.max(height + 1);
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, merge } => match key.take() {
                None => {
                    let name = if is_merge { Some(MERGE.to_owned()) } else { key_text(&node.kind) };
                    let Some(name) = name else {
                        let message =
                            format!("a key must be a string here, not {}", node.kind_in_words());
                        return Err(error(node.span, &message));
                    };
                    *key = Some((name, node.span));
                }
                Some((name, _)) if name == MERGE => merge.extend(mergeable(node)?),
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
            },
        }
        Ok(())
    }
}

/// The key that merges another mapping in. The character in front keeps it apart from a quoted `"<<"`.
const MERGE: &str = "\u{0}<<";

/// The entries that a merge brings, the ones that win first.
fn mergeable(node: Node) -> Result<Vec<Entry>, Problem> {
    match node.kind {
        Kind::Map(entries) => Ok(entries),
        Kind::List(items) => {
            let mut merged = Vec::new();
            for item in items {
                match item.kind {
                    Kind::Map(entries) => merged.extend(entries),
                    _ => return Err(error(item.span, MERGE_WRONG)),
                }
            }
            Ok(merged)
        }
        _ => Err(error(node.span, MERGE_WRONG)),
    }
}

const MERGE_WRONG: &str = "map merge requires map or sequence of maps as the value";

/// A key as the JSON that Kubernetes makes of YAML has it.
fn key_text(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Str(text) => Some(text.clone()),
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Int(value) => Some(value.to_string()),
        Kind::Float(value) => Some(value.to_string()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// A scalar's value: what its tag says, else what its style and text say.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    let is_text = match tag {
        Some(tag) if tag.is_yaml_core_schema() => tag.suffix == "str" || tag.suffix == "binary",
        Some(_) => true,
        None => style != ScalarStyle::Plain,
    };
    if is_text { Kind::Str(text.to_owned()) } else { resolve_plain(text) }
}

/// The parser's words, in plainer ones where they need a hint.
fn plain(info: &str) -> String {
    let hint = if info.starts_with("tab") || info.ends_with(" tab") {
        "a tab stands where only spaces may indent"
    } else if info.starts_with("mapping values are not allowed") {
        "a second `: ` on one line, or the line is indented too far"
    } else if info.starts_with("while parsing a block mapping")
        || info.starts_with("simple key expect")
    {
        "expected `key: value`; is the indentation right, or a `:` missing?"
    } else if info.starts_with("while parsing a block collection") {
        "expected `- item`; is the indentation right?"
    } else if info.contains("quoted scalar, found unexpected end")
        || info.ends_with("in quoted scalar")
    {
        "is a closing quotation mark missing?"
    } else {
        return info.to_owned();
    };
    format!("{info} ({hint})")
}

/// The parser notices some mistakes only at the start of a later line, or after the last one: those are moved
/// back to the end of the last line that has something on it.
fn within_text(text: &str, at: Position) -> Position {
    let lines = text.lines().take(at.line as usize);
    let mut last = at;
    for (index, line) in lines.enumerate() {
        let line_number = index as u32 + 1;
        if line_number == at.line && at.column > 1 {
            return at;
        }
        if line_number < at.line && !line.trim().is_empty() {
            last =
                Position { line: line_number, column: line.trim_end().chars().count() as u32 + 1 };
        }
    }
    let line_is_blank = text
        .lines()
        .nth((at.line as usize).saturating_sub(1))
        .is_none_or(|line| line.trim().is_empty());
    if line_is_blank { last } else { at }
}

/// The text with `'` for `\'` in the string in double quotes that the parser stopped at. YAML does not
/// know that escape; the parser of Kubernetes does. Nothing if something else is wrong.
fn apostrophes(text: &str, scan: &ScanError) -> Option<String> {
    if !scan.info().ends_with("unknown escape character") {
        return None;
    }
    let (start, _) = text.char_indices().nth(scan.marker().index())?;
    let (before, rest) = text.split_at(start);
    let (string, after) = rest.split_at(flow_length(rest));
    let mut mended = before.to_owned();
    let mut chars = string.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\'')) => {}
            ('\\', _) => {
                mended.push(c);
                mended.extend(chars.next());
            }
            _ => mended.push(c),
        }
    }
    mended.push_str(after);
    (mended.len() < text.len()).then_some(mended)
}

/// How long the `[…]`, `{…}` or quoted string is with which a text begins; all of the text if it has no end.
fn flow_length(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut is_comment = false;
    let mut previous = '[';
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            _ if is_comment => is_comment = c != '\n',
            (Some('"'), '\\') => {
                chars.next();
            }
            (Some(open), _) if c == open => {
                quote = None;
                if depth == 0 {
                    return at + 1;
                }
            }
            (Some(_), _) => {}
            // Within a word, a quotation mark is an apostrophe and a hash is a hash.
            (None, '"' | '\'') if previous.is_whitespace() || "[{,:".contains(previous) => {
                quote = Some(c)
            }
            (None, '#') if previous.is_whitespace() => is_comment = true,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        previous = c;
    }
    text.len()
}

pub(super) fn error(span: Span, message: &str) -> Problem {
    Problem { span, path: String::new(), message: message.to_owned(), severity: Severity::Error }
}
