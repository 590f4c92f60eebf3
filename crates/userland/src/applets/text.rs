//! Programs that read and write text.

use super::regex::Regex;
use super::{Arguments, run_child};
use crate::process::{FILE_MAX, Fd, Process};
use crate::shell::number;
use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

/// How often `tail -f` looks for more.
const FOLLOW: Duration = Duration::from_secs(1);
/// The exit code of a program that `SIGPIPE` ends.
const BROKEN_PIPE: i32 = 141;

pub(super) fn echo(p: &Process) -> i32 {
    let mut args = p.args();
    let (mut newline, mut escapes) = (true, false);
    while let Some(flags) = args.first().and_then(|arg| arg.strip_prefix('-')) {
        if flags.is_empty() || !flags.chars().all(|flag| "neE".contains(flag)) {
            break;
        }
        for flag in flags.chars() {
            match flag {
                'n' => newline = false,
                flag => escapes = flag == 'e',
            }
        }
        args = &args[1..];
    }
    let text = args.join(" ");
    let mut text = if escapes {
        match text.split_once("\\c") {
            Some((text, _)) => {
                newline = false;
                unescape(text)
            }
            None => unescape(&text),
        }
    } else {
        text
    };
    if newline {
        text.push('\n');
    }
    i32::from(!p.print(&text))
}

/// The character of a code in digits, of which there are at most so many.
fn code(text: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize) -> char {
    let mut value = 0;
    for _ in 0..most {
        let Some(digit) = text.peek().and_then(|c| c.to_digit(radix)) else { break };
        value = value * radix + digit;
        text.next();
    }
    char::from_u32(value & 255).unwrap_or_default()
}

/// Backslash sequences as `echo -e` and `printf` have them.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let next = match rest.peek().copied() {
            Some(c @ '0'..='7') => {
                out.push(code(&mut rest, 8, if c == '0' { 4 } else { 3 }));
                continue;
            }
            Some('x') => {
                rest.next();
                out.push(code(&mut rest, 16, 2));
                continue;
            }
            next => next,
        };
        rest.next();
        match next {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('e') => out.push('\u{1b}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some('\\') | None => out.push('\\'),
            Some(c) => out.extend(['\\', c]),
        }
    }
    out
}

pub(super) fn printf(p: &Process) -> i32 {
    let Some((format, args)) = p.args().split_first() else {
        p.fail("usage: printf FORMAT [ARG...]");
        return 1;
    };
    let mut out = String::new();
    let mut args = args.iter();
    loop {
        let before = args.len();
        if !format_once(&unescape(format), &mut args, &mut out) {
            p.print(&out);
            return p.fail("invalid format");
        }
        // The format is used again as long as it takes arguments.
        if args.len() == 0 || args.len() == before || out.len() > FILE_MAX {
            break;
        }
    }
    i32::from(!p.print(&out))
}

fn format_once(format: &str, args: &mut std::slice::Iter<'_, String>, out: &mut String) -> bool {
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let mut flags = String::new();
        while let Some(c) = rest.peek().copied().filter(|c| "-+ 0#".contains(*c)) {
            flags.push(c);
            rest.next();
        }
        let mut count = |args: &mut std::slice::Iter<'_, String>| {
            let mut digits = String::new();
            while let Some(c) = rest.peek().copied().filter(|c| c.is_ascii_digit() || *c == '*') {
                rest.next();
                if c == '*' {
                    return args.next().and_then(|arg| arg.parse::<usize>().ok());
                }
                digits.push(c);
            }
            digits.parse::<usize>().ok()
        };
        let width = count(args).unwrap_or(0).min(1000);
        let precision = if rest.peek() == Some(&'.') {
            rest.next();
            let mut digits = String::new();
            while let Some(c) = rest.peek().copied().filter(char::is_ascii_digit) {
                digits.push(c);
                rest.next();
            }
            Some(digits.parse::<usize>().unwrap_or(0).min(1000))
        } else {
            None
        };
        let Some(kind) = rest.next() else { return false };
        let arg = args.next().map_or("", String::as_str);
        let integer = || match arg.strip_prefix(['\'', '"']) {
            Some(quoted) => quoted.chars().next().map_or(0, |c| i64::from(u32::from(c))),
            None => number(arg).unwrap_or_default(),
        };
        let text = match kind {
            's' => arg.chars().take(precision.unwrap_or(usize::MAX)).collect(),
            'b' => unescape(arg),
            'c' => arg.chars().take(1).collect(),
            'd' | 'i' | 'u' => {
                let value = integer();
                if flags.contains('+') && value >= 0 {
                    format!("+{value}")
                } else {
                    value.to_string()
                }
            }
            'x' => format!("{:x}", integer()),
            'X' => format!("{:X}", integer()),
            'o' => format!("{:o}", integer()),
            'f' | 'g' | 'e' => {
                let value = arg.parse::<f64>().unwrap_or_default();
                let digits = precision.unwrap_or(6);
                format!("{value:.digits$}")
            }
            _ => return false,
        };
        let missing = width.saturating_sub(text.chars().count());
        if flags.contains('-') {
            out.push_str(&text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else if flags.contains('0') && kind != 's' {
            let (sign, digits) = match text.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", text.as_str()),
            };
            out.push_str(sign);
            out.extend(std::iter::repeat_n('0', missing));
            out.push_str(digits);
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(&text);
        }
    }
    true
}

/// Standard input, or files that are read one after the other.
struct Inputs {
    process: Process,
    files: Vec<String>,
    next: usize,
    failed: bool,
}

/// Descriptor 0 of the process that reads.
const IN: u32 = 0;

impl Inputs {
    fn new(p: &Process, files: &[String]) -> Self {
        let files = if files.is_empty() { vec!["-".to_owned()] } else { files.to_vec() };
        Self { process: p.clone(), files, next: 0, failed: false }
    }

    /// Opens the next file; its name, or none after the last.
    fn open(&mut self, p: &Process) -> Option<String> {
        while let Some(file) = self.files.get(self.next).cloned() {
            self.next += 1;
            if file == "-" {
                self.process.fds.insert(IN, p.fds.get(&0).cloned().unwrap_or(Fd::Empty));
                return Some(file);
            }
            let opened = p.real(&file).and_then(|real| p.read_real(&real).map(|_| real));
            match opened {
                Ok(real) => {
                    self.process.fds.insert(IN, Fd::File(real.into(), Rc::new(Cell::new(0))));
                    return Some(file);
                }
                Err(error) => {
                    p.fail(&format!("{}{error}", prefix(p, &file)));
                    self.failed = true;
                }
            }
        }
        None
    }

    async fn line(&self) -> Option<String> {
        self.process.read_line(IN).await
    }

    async fn bytes(&self) -> Option<Vec<u8>> {
        self.process.read(IN, 1 << 16).await
    }

    async fn all(&self) -> String {
        self.process.read_all(IN).await
    }

    /// The lines of all inputs.
    async fn lines(&mut self, p: &Process) -> Vec<String> {
        let mut lines = Vec::new();
        while self.open(p).is_some() {
            let text = self.all().await;
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }
}

/// What stands in front of the reason why a file could not be opened: coreutils say it otherwise
/// than busybox.
fn prefix(p: &Process, file: &str) -> String {
    match crate::image::base(&p.surroundings.image) {
        crate::image::Base::Debian => format!("{file}: "),
        _ => format!("can't open '{file}': "),
    }
}

/// `cat`, `tac`, `rev`.
pub(super) async fn cat(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut inputs = Inputs::new(p, &args.rest);
    if p.name() != "cat" {
        let mut lines = inputs.lines(p).await;
        if p.name() == "tac" {
            lines.reverse();
        } else {
            lines.iter_mut().for_each(|line| *line = line.chars().rev().collect());
        }
        for line in &lines {
            p.say(line);
        }
        return i32::from(inputs.failed);
    }
    let mut count = 0;
    while inputs.open(p).is_some() {
        if args.has('n') {
            while let Some(line) = inputs.line().await {
                count += 1;
                p.say(&format!("{count:6}\t{line}"));
            }
            continue;
        }
        while let Some(bytes) = inputs.bytes().await {
            if !p.write_bytes(1, &bytes) {
                return BROKEN_PIPE;
            }
            p.step().await;
        }
    }
    i32::from(inputs.failed)
}

/// A count with `k` or `M` behind it.
fn count_of(text: &str) -> usize {
    let (digits, unit) = match text.trim_end_matches('B').char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1024),
        Some((at, 'M')) => (&text[..at], 1024 * 1024),
        _ => (text, 1),
    };
    digits.trim_start_matches(['+', '-']).parse::<usize>().unwrap_or(0).saturating_mul(unit)
}

/// The old form `-5` as `-n 5`.
fn modern(p: &Process) -> Process {
    let mut p = p.clone();
    for arg in p.argv.iter_mut().skip(1) {
        let digits = arg.strip_prefix('-').filter(|rest| !rest.is_empty());
        if digits.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit())) {
            *arg = format!("-n{}", arg.trim_start_matches('-'));
        }
    }
    p
}

pub(super) async fn head(p: &Process) -> i32 {
    let p = &modern(p);
    let args = Arguments::of(p, "nc");
    let mut inputs = Inputs::new(p, &args.rest);
    while inputs.open(p).is_some() {
        if let Some(count) = args.value('c') {
            let mut left = count_of(count);
            while left > 0 {
                let Some(bytes) = inputs.process.read(IN, left.min(1 << 16)).await else { break };
                left -= bytes.len();
                p.write_bytes(1, &bytes);
            }
            continue;
        }
        let lines = args.value('n').unwrap_or("10");
        if lines.starts_with('-') {
            let all = inputs.all().await;
            let all: Vec<&str> = all.lines().collect();
            let keep = all.len().saturating_sub(count_of(lines));
            for line in &all[..keep] {
                p.say(line);
            }
            continue;
        }
        for _ in 0..count_of(lines) {
            let Some(line) = inputs.line().await else { break };
            if !p.say(&line) {
                return BROKEN_PIPE;
            }
        }
    }
    i32::from(inputs.failed)
}

pub(super) async fn tail(p: &Process) -> i32 {
    let p = &modern(p);
    let args = Arguments::of(p, "nc");
    let follow = args.has('f') || args.has('F');
    let retry = args.has('F');
    let last = args.value('n').unwrap_or("10").to_owned();
    // How much of each file was written.
    let mut done: Vec<(String, usize)> = Vec::new();
    let mut failed = false;
    let files = if args.rest.is_empty() { vec!["-".to_owned()] } else { args.rest.clone() };
    for file in &files {
        let text = if file == "-" {
            p.read_all(0).await
        } else {
            match p.read_file(file) {
                Ok(text) => text.to_string(),
                Err(error) => {
                    p.fail(&format!("{}{error}", prefix(p, file)));
                    failed = true;
                    if follow && retry {
                        done.push((file.clone(), 0));
                    }
                    continue;
                }
            }
        };
        if files.len() > 1 {
            p.say(&format!("==> {file} <=="));
        }
        let end = match args.value('c') {
            Some(count) => {
                text.chars().rev().take(count_of(count)).collect::<Vec<_>>().iter().rev().collect()
            }
            None => {
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                let from = match last.strip_prefix('+') {
                    Some(from) => count_of(from).saturating_sub(1).min(lines.len()),
                    None => lines.len().saturating_sub(count_of(&last)),
                };
                lines[from..].concat()
            }
        };
        p.print(&end);
        if file != "-" {
            done.push((file.clone(), text.len()));
        }
    }
    if !follow || (done.is_empty() && failed) {
        return i32::from(failed);
    }
    if done.is_empty() {
        // `/dev/null` has no more, ever.
        std::future::pending::<()>().await;
    }
    loop {
        p.sleep(FOLLOW).await;
        for (file, length) in &mut done {
            let Ok(text) = p.read_file(file) else { continue };
            if text.len() < *length {
                *length = 0;
            }
            if let Some(more) = text.get(*length..).filter(|more| !more.is_empty()) {
                *length = text.len();
                if !p.print(more) {
                    return BROKEN_PIPE;
                }
            }
        }
    }
}

pub(super) async fn wc(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut inputs = Inputs::new(p, &args.rest);
    let all = !["l", "w", "c", "m"].iter().any(|flag| args.flags.contains(flag));
    let mut total = [0; 3];
    let mut files = 0;
    let line = |counts: [usize; 3], name: &str| {
        let wanted = [('l', counts[0]), ('w', counts[1]), ('c', counts[2])];
        let shown = wanted
            .iter()
            .filter(|(flag, _)| all || args.has(*flag) || (*flag == 'c' && args.has('m')));
        let shown: Vec<String> = shown.map(|(_, count)| count.to_string()).collect();
        let name = if name == "-" { String::new() } else { format!(" {name}") };
        p.say(&format!("{}{name}", shown.join(" ")));
    };
    while let Some(name) = inputs.open(p) {
        let text = inputs.all().await;
        let counts = [text.matches('\n').count(), text.split_whitespace().count(), text.len()];
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
        files += 1;
        line(counts, &name);
    }
    if files > 1 {
        line(total, "total");
    }
    i32::from(inputs.failed)
}

pub(super) async fn grep(p: &Process) -> i32 {
    let args = Arguments::of(p, "efmABC");
    let mut rest = args.rest.clone();
    let pattern = match args.value('e') {
        Some(pattern) => pattern.to_owned(),
        None if rest.is_empty() => {
            p.fail("usage: grep [-HhnlLoqvsrRiwFE] PATTERN [FILE]...");
            return 2;
        }
        None => rest.remove(0),
    };
    let extended = args.has('E') || args.has('P') || p.name() == "egrep";
    let regexes: Result<Vec<Regex>, String> = pattern
        .split('\n')
        .map(|pattern| {
            if args.has('F') || p.name() == "fgrep" {
                return Ok(Regex::fixed(pattern, args.has('i')));
            }
            let pattern = match (args.has('x'), args.has('w')) {
                (true, _) => format!("^{pattern}$"),
                (_, true) => format!("\\b{pattern}\\b"),
                _ => pattern.to_owned(),
            };
            Regex::new(&pattern, extended, args.has('i'))
        })
        .collect();
    let regexes = match regexes {
        Ok(regexes) => regexes,
        Err(error) => {
            p.fail(&format!("bad regex '{pattern}': {error}"));
            return 2;
        }
    };
    if args.has('r') || args.has('R') {
        rest = if rest.is_empty() { vec![".".to_owned()] } else { rest };
        rest = rest
            .iter()
            .flat_map(|path| super::file::below(p, path))
            .filter(|path| !p.is_dir(path))
            .collect();
    }
    let with_names = (rest.len() > 1 || args.has('H') || args.has('r')) && !args.has('h');
    let most = args.value('m').map_or(usize::MAX, count_of);
    let mut inputs = Inputs::new(p, &rest);
    let mut any = false;
    while let Some(name) = inputs.open(p) {
        let mut number = 0;
        let mut count = 0;
        let own = if with_names { format!("{name}:") } else { String::new() };
        while let Some(line) = inputs.line().await {
            number += 1;
            let characters: Vec<char> = line.chars().collect();
            let found = regexes.iter().find_map(|regex| regex.find(&characters, 0));
            if found.is_some() == args.has('v') {
                continue;
            }
            any = true;
            count += 1;
            if args.has('q') {
                return 0;
            }
            if args.has('l') || args.has('c') {
                continue;
            }
            let at = if args.has('n') { format!("{number}:") } else { String::new() };
            if args.has('o') {
                let mut from = 0;
                for regex in &regexes {
                    while let Some((start, end)) =
                        regex.find(&characters, from).and_then(|found| found.0[0])
                    {
                        if end > start {
                            let part: String = characters[start..end].iter().collect();
                            p.say(&format!("{own}{at}{part}"));
                        }
                        from = end.max(start + 1);
                        if from > characters.len() {
                            break;
                        }
                    }
                }
            } else if !p.say(&format!("{own}{at}{line}")) {
                return BROKEN_PIPE;
            }
            if count >= most {
                break;
            }
        }
        if args.has('c') {
            p.say(&format!("{own}{count}"));
        } else if args.has('l') && count > 0 {
            p.say(&name);
        }
    }
    if inputs.failed && !args.has('s') { 2 } else { i32::from(!any) }
}

/// A command of `sed`.
struct SedCommand {
    /// A line, the last one (`usize::MAX`), or a pattern; and the same for the end of a range.
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    action: SedAction,
    /// Whether a range has begun.
    inside: Cell<bool>,
}

enum Address {
    Line(usize),
    Last,
    Pattern(Regex),
}

enum SedAction {
    Substitute { regex: Regex, with: String, all: bool, print: bool },
    Delete,
    Print,
    Quit,
    Append(String),
    Insert(String),
    Change(String),
}

pub(super) async fn sed(p: &Process) -> i32 {
    let args = Arguments::of(p, "e");
    let mut rest = args.rest.clone();
    let script = match args.value('e') {
        Some(script) => script.to_owned(),
        None if rest.is_empty() => return p.fail("no command"),
        None => rest.remove(0),
    };
    let extended = args.has('E') || args.has('r');
    let commands = match sed_commands(&script, extended) {
        Ok(commands) => commands,
        Err(error) => return p.fail(&error),
    };
    let in_place = args.has('i');
    let mut inputs = Inputs::new(p, &rest);
    while let Some(name) = inputs.open(p) {
        let mut out = String::new();
        let mut number = 0;
        let mut next = inputs.line().await;
        while let Some(line) = next {
            next = inputs.line().await;
            number += 1;
            let quit = sed_line(&commands, line, number, next.is_none(), args.has('n'), &mut out);
            if !in_place {
                if !p.print(&out) {
                    return BROKEN_PIPE;
                }
                out.clear();
            }
            if quit {
                break;
            }
        }
        if in_place && let Err(error) = p.write_file(&name, &out) {
            return p.fail(&format!("{name}: {error}"));
        }
    }
    i32::from(inputs.failed)
}

/// Runs the commands on a line; true to stop after it.
fn sed_line(
    commands: &[SedCommand],
    mut line: String,
    number: usize,
    is_last: bool,
    quiet: bool,
    out: &mut String,
) -> bool {
    let mut after = String::new();
    let mut quit = false;
    for command in commands {
        let hits = |address: &Address, line: &str| match address {
            Address::Line(own) => *own == number,
            Address::Last => is_last,
            Address::Pattern(regex) => regex.is_match(line),
        };
        let selected = match (&command.from, &command.to) {
            (None, _) => true,
            (Some(from), None) => hits(from, &line),
            (Some(from), Some(to)) => {
                if command.inside.get() {
                    let past = matches!(to, Address::Line(end) if *end < number);
                    command.inside.set(!hits(to, &line) && !past);
                    !past
                } else if hits(from, &line) {
                    let single = matches!(to, Address::Line(end) if *end <= number);
                    command.inside.set(!single);
                    true
                } else {
                    false
                }
            }
        };
        if selected == command.negated {
            continue;
        }
        match &command.action {
            SedAction::Delete => {
                out.push_str(&after);
                return false;
            }
            SedAction::Print => {
                let _ = writeln!(out, "{line}");
            }
            SedAction::Quit => quit = true,
            SedAction::Append(text) => {
                let _ = writeln!(after, "{text}");
            }
            SedAction::Insert(text) => {
                let _ = writeln!(out, "{text}");
            }
            SedAction::Change(text) => {
                let _ = writeln!(out, "{text}");
                return false;
            }
            SedAction::Substitute { regex, with, all, print } => {
                if let Some(changed) = substitute(&line, regex, with, *all) {
                    line = changed;
                    if *print {
                        let _ = writeln!(out, "{line}");
                    }
                }
            }
        }
    }
    if !quiet {
        let _ = writeln!(out, "{line}");
    }
    out.push_str(&after);
    quit
}

/// The line with what matches replaced; none if nothing does.
fn substitute(line: &str, regex: &Regex, with: &str, all: bool) -> Option<String> {
    let text: Vec<char> = line.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    let mut found_any = false;
    while at <= text.len() {
        let Some(found) = regex.find(&text, at) else { break };
        let Some((start, end)) = found.0[0] else { break };
        found_any = true;
        out.extend(&text[at..start]);
        let mut rest = with.chars();
        while let Some(c) = rest.next() {
            let group = match c {
                '&' => Some(0),
                '\\' => match rest.next() {
                    Some('n') => {
                        out.push('\n');
                        None
                    }
                    Some('t') => {
                        out.push('\t');
                        None
                    }
                    Some(c) => match c.to_digit(10) {
                        Some(digit) => Some(digit as usize),
                        None => {
                            out.push(c);
                            None
                        }
                    },
                    None => None,
                },
                c => {
                    out.push(c);
                    None
                }
            };
            if let Some((from, to)) = group.and_then(|group| found.0[group]) {
                out.extend(&text[from..to]);
            }
        }
        at = end;
        if end == start {
            out.extend(text.get(at));
            at += 1;
        }
        if !all || out.len() > FILE_MAX {
            break;
        }
    }
    out.extend(text.get(at..).unwrap_or_default());
    found_any.then_some(out)
}

fn sed_commands(script: &str, extended: bool) -> Result<Vec<SedCommand>, String> {
    let text: Vec<char> = script.chars().collect();
    let mut at = 0;
    let mut commands = Vec::new();
    let skip = |at: &mut usize| {
        while text.get(*at).is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | ';' | '{' | '}')) {
            *at += 1;
        }
    };
    loop {
        skip(&mut at);
        if at >= text.len() {
            return Ok(commands);
        }
        let from = sed_address(&text, &mut at, extended)?;
        let to = if text.get(at) == Some(&',') {
            at += 1;
            sed_address(&text, &mut at, extended)?
        } else {
            None
        };
        skip(&mut at);
        let negated = text.get(at) == Some(&'!');
        at += usize::from(negated);
        let Some(&letter) = text.get(at) else { return Err("missing command".to_owned()) };
        at += 1;
        let action = match letter {
            's' => sed_substitution(&text, &mut at, extended)?,
            'd' => SedAction::Delete,
            'p' => SedAction::Print,
            'q' => SedAction::Quit,
            'a' | 'i' | 'c' => {
                while text.get(at).is_some_and(|c| matches!(c, ' ' | '\\' | '\n')) {
                    at += 1;
                }
                let line: String = text[at..].iter().take_while(|c| **c != '\n').collect();
                at += line.chars().count();
                match letter {
                    'a' => SedAction::Append(line),
                    'i' => SedAction::Insert(line),
                    _ => SedAction::Change(line),
                }
            }
            other => return Err(format!("unsupported command {other}")),
        };
        commands.push(SedCommand { from, to, negated, action, inside: Cell::new(false) });
    }
}

fn sed_address(text: &[char], at: &mut usize, extended: bool) -> Result<Option<Address>, String> {
    match text.get(*at) {
        Some('$') => {
            *at += 1;
            Ok(Some(Address::Last))
        }
        Some(c) if c.is_ascii_digit() => {
            let digits: String = text[*at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            *at += digits.len();
            Ok(Some(Address::Line(digits.parse().unwrap_or(usize::MAX))))
        }
        Some('/') => {
            *at += 1;
            let pattern = delimited(text, at, '/')?;
            Regex::new(&pattern, extended, false).map(|regex| Some(Address::Pattern(regex)))
        }
        _ => Ok(None),
    }
}

/// The text up to an unescaped delimiter.
fn delimited(text: &[char], at: &mut usize, delimiter: char) -> Result<String, String> {
    let mut out = String::new();
    loop {
        let Some(&c) = text.get(*at) else { return Err("unterminated pattern".to_owned()) };
        *at += 1;
        match c {
            c if c == delimiter => return Ok(out),
            '\\' => {
                let Some(&next) = text.get(*at) else { return Err("unterminated pattern".into()) };
                *at += 1;
                if next != delimiter {
                    out.push('\\');
                }
                out.push(next);
            }
            c => out.push(c),
        }
    }
}

fn sed_substitution(text: &[char], at: &mut usize, extended: bool) -> Result<SedAction, String> {
    let Some(&delimiter) = text.get(*at) else { return Err("bad substitution".to_owned()) };
    *at += 1;
    let pattern = delimited(text, at, delimiter)?;
    let with = delimited(text, at, delimiter)?;
    let (mut all, mut print, mut fold) = (false, false, false);
    while let Some(flag) = text.get(*at).filter(|c| "gpiI".contains(**c)) {
        match flag {
            'g' => all = true,
            'p' => print = true,
            _ => fold = true,
        }
        *at += 1;
    }
    let regex = Regex::new(&pattern, extended, fold)?;
    Ok(SedAction::Substitute { regex, with, all, print })
}

pub(super) async fn sort(p: &Process) -> i32 {
    let args = Arguments::of(p, "kt");
    let mut inputs = Inputs::new(p, &args.rest);
    let mut lines = inputs.lines(p).await;
    let field = args.value('k').and_then(|key| {
        key.split([',', '.', 'n', 'r']).next().and_then(|digits| digits.parse::<usize>().ok())
    });
    let separator = args.value('t').and_then(|text| text.chars().next());
    let key = |line: &str| -> String {
        let Some(field) = field else { return line.to_owned() };
        let part = match separator {
            Some(separator) => line.split(separator).nth(field - 1),
            None => line.split_whitespace().nth(field.saturating_sub(1)),
        };
        part.unwrap_or_default().to_owned()
    };
    if args.has('n') {
        let value = |line: &str| {
            let key = key(line);
            let digits: String = key
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_digit() || "-.".contains(*c))
                .collect();
            digits.parse::<f64>().unwrap_or_default()
        };
        lines.sort_by(|a, b| value(a).total_cmp(&value(b)));
    } else {
        lines.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.cmp(b)));
    }
    if args.has('r') {
        lines.reverse();
    }
    if args.has('u') {
        lines.dedup();
    }
    for line in &lines {
        p.say(line);
    }
    i32::from(inputs.failed)
}

pub(super) async fn uniq(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut inputs = Inputs::new(p, &args.rest);
    let lines = inputs.lines(p).await;
    for group in lines.chunk_by(|a, b| a == b) {
        let count = group.len();
        if (args.has('d') && count < 2) || (args.has('u') && count > 1) {
            continue;
        }
        if args.has('c') {
            p.say(&format!("{count:7} {}", group[0]));
        } else {
            p.say(&group[0]);
        }
    }
    i32::from(inputs.failed)
}

/// A list such as `1,3-5`.
fn selected(list: &str, number: usize) -> bool {
    list.split(',').any(|part| match part.split_once('-') {
        None => part.parse() == Ok(number),
        Some((from, to)) => {
            from.parse().unwrap_or(1) <= number && number <= to.parse().unwrap_or(usize::MAX)
        }
    })
}

pub(super) async fn cut(p: &Process) -> i32 {
    let args = Arguments::of(p, "dfcb");
    let delimiter = args.value('d').and_then(|text| text.chars().next()).unwrap_or('\t');
    let mut inputs = Inputs::new(p, &args.rest);
    while inputs.open(p).is_some() {
        while let Some(line) = inputs.line().await {
            let kept = if let Some(list) = args.value('f') {
                if line.contains(delimiter) {
                    let fields = line.split(delimiter).enumerate();
                    let fields = fields.filter(|(number, _)| selected(list, number + 1));
                    let fields: Vec<&str> = fields.map(|(_, field)| field).collect();
                    fields.join(&delimiter.to_string())
                } else {
                    line
                }
            } else {
                let list = args.value('c').or(args.value('b')).unwrap_or_default();
                let characters = line.chars().enumerate();
                characters.filter(|(at, _)| selected(list, at + 1)).map(|(_, c)| c).collect()
            };
            if !p.say(&kept) {
                return BROKEN_PIPE;
            }
        }
    }
    i32::from(inputs.failed)
}

/// The characters of a set of `tr`.
fn set_of(text: &str) -> Vec<char> {
    let mut text = unescape(text);
    for (class, range) in [
        ("[:upper:]", "A-Z"),
        ("[:lower:]", "a-z"),
        ("[:digit:]", "0-9"),
        ("[:space:]", " \t\n\r"),
        ("[:alpha:]", "A-Za-z"),
        ("[:alnum:]", "A-Za-z0-9"),
    ] {
        text = text.replace(class, range);
    }
    let text: Vec<char> = text.chars().collect();
    let mut set = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text.get(at + 1) == Some(&'-') && at + 2 < text.len() && text[at + 2] >= text[at] {
            set.extend((text[at]..=text[at + 2]).take(256));
            at += 3;
        } else {
            set.push(text[at]);
            at += 1;
        }
    }
    set
}

pub(super) async fn tr(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let Some(first) = args.rest.first() else { return p.fail("missing operand") };
    let from = set_of(first);
    let to = args.rest.get(1).map_or(Vec::new(), |text| set_of(text));
    let complement = args.has('c') || args.has('C');
    let mut last = None;
    while let Some(bytes) = p.read(0, 1 << 16).await {
        let mut out = String::new();
        for c in String::from_utf8_lossy(&bytes).chars() {
            let at = from.iter().position(|own| *own == c);
            let hit = at.is_some() != complement;
            let c = match (hit, args.has('d')) {
                (false, _) => c,
                (true, true) => continue,
                (true, false) => match to.get(at.unwrap_or(usize::MAX)).or(to.last()) {
                    Some(with) => *with,
                    None => c,
                },
            };
            if args.has('s') && hit && last == Some(c) {
                continue;
            }
            last = Some(c);
            out.push(c);
        }
        if !p.print(&out) {
            return BROKEN_PIPE;
        }
    }
    0
}

pub(super) async fn tee(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut files = Vec::new();
    let mut status = 0;
    for file in &args.rest {
        match p.create(file, args.has('a')) {
            Ok(real) => files.push(real),
            Err(error) => status = p.fail(&format!("{file}: {error}")),
        }
    }
    while let Some(bytes) = p.read(0, 1 << 16).await {
        p.write_bytes(1, &bytes);
        for file in &files {
            if let Err(error) = p.append_real(file, &String::from_utf8_lossy(&bytes)) {
                status = p.fail(error);
            }
        }
    }
    status
}

pub(super) async fn seq(p: &Process) -> i32 {
    let args = Arguments::of(p, "s");
    // Negative numbers look like options.
    let numbers = p.args().iter().filter(|arg| arg.parse::<f64>().is_ok());
    let numbers: Vec<i64> = numbers.filter_map(|arg| arg.parse().ok()).collect();
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] => (*first, *step, *last),
        _ => return p.fail("usage: seq [FIRST [INC]] LAST"),
    };
    if step == 0 {
        return p.fail("invalid increment '0'");
    }
    let separator = args.value('s').unwrap_or("\n");
    let mut value = first;
    let mut out = String::new();
    while if step > 0 { value <= last } else { value >= last } {
        if value != first {
            out.push_str(separator);
        }
        let _ = write!(out, "{value}");
        if out.len() > 4096 {
            if !p.print(&out) {
                return BROKEN_PIPE;
            }
            out.clear();
            p.step().await;
        }
        let Some(next) = value.checked_add(step) else { break };
        value = next;
    }
    let any = if step > 0 { first <= last } else { first >= last };
    i32::from(!p.print(&if any { out + "\n" } else { out }))
}

pub(super) async fn yes(p: &Process) -> i32 {
    let word = if p.args().is_empty() { "y".to_owned() } else { p.args().join(" ") };
    while p.say(&word) {
        p.step().await;
    }
    BROKEN_PIPE
}

pub(super) async fn xargs(p: Process) -> i32 {
    let args = Arguments::of(&p, "nI");
    let text = p.read_all(0).await;
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let command = if args.rest.is_empty() { vec!["echo".to_owned()] } else { args.rest.clone() };
    let most = args.value('n').map_or(usize::MAX, count_of).max(1);
    if words.is_empty() && args.has('r') {
        return 0;
    }
    let mut status = 0;
    loop {
        let now: Vec<String> = words.drain(..most.min(words.len())).collect();
        let argv = match args.value('I') {
            Some(mark) => {
                let all = now.join(" ");
                command.iter().map(|word| word.replace(mark, &all)).collect()
            }
            None => command.iter().cloned().chain(now).collect(),
        };
        status = run_child(&p, argv).await.max(status);
        if words.is_empty() {
            return if status == 0 { 0 } else { 123 };
        }
    }
}

pub(super) async fn base64(p: &Process) -> i32 {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let args = Arguments::of(p, "w");
    let mut inputs = Inputs::new(p, &args.rest);
    let mut text = String::new();
    while inputs.open(p).is_some() {
        text.push_str(&inputs.all().await);
    }
    if args.has('d') || args.has('D') {
        let mut bits = 0_u32;
        let mut count = 0;
        let mut bytes = Vec::new();
        for c in text.bytes() {
            let Some(digit) = DIGITS.iter().position(|own| *own == c) else { continue };
            bits = bits << 6 | digit as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        p.write_bytes(1, &bytes);
        return 0;
    }
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(char::from(DIGITS[(word >> (18 - 6 * digit)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    p.say(&out);
    i32::from(inputs.failed)
}

/// Something that looks like a checksum and follows from the text; it is none.
pub(super) async fn checksum(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut inputs = Inputs::new(p, &args.rest);
    let words = if p.name() == "md5sum" { 2 } else { 4 };
    while let Some(name) = inputs.open(p) {
        let text = inputs.all().await;
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in text.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        let mut sum = String::new();
        for _ in 0..words {
            state = (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let _ = write!(sum, "{state:016x}");
        }
        p.say(&format!("{sum}  {name}"));
    }
    i32::from(inputs.failed)
}

/// `basename`, `dirname`.
pub(super) fn path_part(p: &Process) -> i32 {
    let Some(path) = p.args().first() else { return p.fail("missing operand") };
    let path = path.trim_end_matches('/');
    let part = match (p.name(), path.rsplit_once('/')) {
        ("basename", Some((_, name))) => name,
        ("dirname", Some(("", _))) => "/",
        ("dirname", Some((parent, _))) => parent,
        ("dirname", None) => ".",
        _ => path,
    };
    let suffix = p.args().get(1).map_or("", String::as_str);
    p.say(part.strip_suffix(suffix).filter(|rest| !rest.is_empty()).unwrap_or(part));
    0
}
