//! From words to fields: parameters, substitutions, splitting, file names.

use super::arith::{self, Variables};
use super::ast::{Operator, Part, Word};
use super::pattern::{PatternChar, is_special, matches};
use super::{Done, Flow, Shell};
use crate::process::Process;

/// How long a word may become, in characters.
const LENGTH_MAX: usize = 1 << 18;

/// Where a character of an expanded word comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The script: a pattern's characters are special, blanks were decided by the parser.
    Plain,
    /// An expansion: it is split, too.
    Expanded,
    /// Quotes: nothing is special.
    Quoted,
    /// Quotes with nothing between them: the field is there although it is empty.
    Nothing,
    /// Between two of `"$@"`.
    Boundary,
}

/// An expanded word before it is split.
#[derive(Default)]
pub(super) struct Words(Vec<(char, Origin)>);

impl Words {
    fn push(&mut self, text: &str, origin: Origin) {
        let room = LENGTH_MAX.saturating_sub(self.0.len());
        self.0.extend(text.chars().take(room).map(|c| (c, origin)));
    }

    fn mark(&mut self, origin: Origin) {
        self.0.push(('\0', origin));
    }

    /// The fields, at the separators in what was expanded.
    pub(super) fn split(self, separators: &str) -> Vec<Vec<PatternChar>> {
        let mut fields: Vec<Vec<PatternChar>> = Vec::new();
        let mut field: Option<Vec<PatternChar>> = None;
        for (c, origin) in self.0 {
            match origin {
                Origin::Boundary => fields.extend(Some(field.take().unwrap_or_default())),
                Origin::Nothing => {
                    field.get_or_insert_default();
                }
                Origin::Expanded if separators.contains(c) => {
                    if !c.is_whitespace() {
                        // Such a separator ends a field even if that is empty.
                        fields.push(field.take().unwrap_or_default());
                    } else {
                        fields.extend(field.take());
                    }
                }
                origin => field.get_or_insert_default().push((c, origin == Origin::Quoted)),
            }
        }
        fields.extend(field);
        fields
    }

    fn characters(self) -> impl Iterator<Item = PatternChar> {
        self.0.into_iter().filter_map(|(c, origin)| match origin {
            Origin::Nothing => None,
            Origin::Boundary => Some((' ', true)),
            origin => Some((c, origin == Origin::Quoted)),
        })
    }
}

impl Variables for Shell {
    fn get(&self, name: &str) -> i64 {
        arith::number(self.value(name)).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: i64) {
        // One that is read-only stays.
        let _ = Shell::set(self, name, value.to_string());
    }
}

impl Shell {
    /// Expands a word to one text, without splitting.
    pub(super) async fn text_of(&mut self, word: &Word) -> Result<String, Flow> {
        let mut words = Words::default();
        self.expand(word, false, &mut words).await?;
        Ok(words.characters().map(|(c, _)| c).collect())
    }

    /// Expands a word to a pattern.
    pub(super) async fn pattern_of(&mut self, word: &Word) -> Result<Vec<PatternChar>, Flow> {
        let mut words = Words::default();
        self.expand(word, false, &mut words).await?;
        Ok(words.characters().collect())
    }

    /// Expands the parts of a word.
    pub(super) fn expand<'a>(
        &'a mut self,
        word: &'a Word,
        quoted: bool,
        out: &'a mut Words,
    ) -> Done<'a> {
        Box::pin(async move {
            let expanded = if quoted { Origin::Quoted } else { Origin::Expanded };
            for (number, part) in word.iter().enumerate() {
                match part {
                    Part::Plain(text) => {
                        let rest = text.strip_prefix('~').filter(|rest| {
                            number == 0 && (rest.is_empty() || rest.starts_with('/'))
                        });
                        match rest {
                            Some(rest) => {
                                let home = match self.value("HOME") {
                                    "" => "/root",
                                    home => home,
                                };
                                out.push(home, Origin::Quoted);
                                out.push(rest, Origin::Plain);
                            }
                            None => out.push(text, Origin::Plain),
                        }
                    }
                    Part::Quoted(text) => {
                        if text.is_empty() {
                            out.mark(Origin::Nothing);
                        }
                        out.push(text, Origin::Quoted);
                    }
                    Part::Double(parts) => {
                        let is_all = |part: &Part| matches!(part, Part::Parameter(name, Operator::None) if name == "@");
                        if !(self.args.is_empty() && parts.len() == 1 && is_all(&parts[0])) {
                            out.mark(Origin::Nothing);
                        }
                        self.expand(parts, true, out).await?;
                    }
                    Part::Parameter(name, Operator::None) if matches!(name.as_str(), "@" | "*") => {
                        self.all_args(name == "@", quoted, out);
                    }
                    Part::Parameter(name, operator) => {
                        self.parameter(name, operator, quoted, out).await?;
                    }
                    Part::Substitution(list) => {
                        let text = self.output_of(list).await?;
                        out.push(&text, expanded);
                    }
                    Part::Arithmetic(word) => {
                        let text = self.text_of(word).await?;
                        match arith::evaluate(&text, self) {
                            Ok(value) => out.push(&value.to_string(), expanded),
                            Err(error) => return Err(self.give_up(&error)),
                        }
                    }
                }
            }
            if out.0.len() >= LENGTH_MAX {
                return Err(self.give_up("out of memory"));
            }
            Ok(())
        })
    }

    fn all_args(&self, separately: bool, quoted: bool, out: &mut Words) {
        let origin = if quoted { Origin::Quoted } else { Origin::Expanded };
        let separator = self.value("IFS").chars().next().unwrap_or(' ');
        for (number, arg) in self.args.iter().enumerate() {
            if number > 0 && (separately || !quoted) {
                out.mark(Origin::Boundary);
            } else if number > 0 {
                out.push(&separator.to_string(), origin);
            }
            if quoted {
                out.mark(Origin::Nothing);
            }
            out.push(arg, origin);
        }
    }

    /// The value of a parameter; none where it is not set.
    fn parameter_value(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "#" => Some(self.args.len().to_string()),
            "$" => Some(self.own_pid.to_string()),
            "!" => match self.process.node.own_pid(self.last_job) {
                Some(pid) => Some(pid.to_string()),
                None => (self.last_job > 0).then(|| self.last_job.to_string()),
            },
            "0" => Some(self.zero.clone()),
            "@" | "*" => (!self.args.is_empty()).then(|| self.args.join(" ")),
            "-" => Some(String::new()),
            "PPID" => Some("0".to_owned()),
            "RANDOM" => {
                Some(self.process.ctx.sim().random_below("shell/random", 32_768).to_string())
            }
            "SECONDS" => Some(self.process.ctx.now().as_millis().div_euclid(1000).to_string()),
            name => match name.parse::<usize>() {
                Ok(number) => self.args.get(number.wrapping_sub(1)).cloned(),
                Err(_) => self.variables.get(name)?.value.clone(),
            },
        }
    }

    async fn parameter(
        &mut self,
        name: &str,
        operator: &Operator,
        quoted: bool,
        out: &mut Words,
    ) -> Result<(), Flow> {
        let origin = if quoted { Origin::Quoted } else { Origin::Expanded };
        let value = self.parameter_value(name);
        if value.is_none() && self.options.nounset && !matches!(operator, Operator::Default(..)) {
            return Err(self.give_up(&format!("{name}: parameter not set")));
        }
        match operator {
            Operator::None => out.push(&value.unwrap_or_default(), origin),
            Operator::Length => {
                let length = value.unwrap_or_default().chars().count();
                out.push(&length.to_string(), origin);
            }
            Operator::Default(kind, colon, word) => {
                let is_set = value.as_ref().is_some_and(|value| !colon || !value.is_empty());
                match (kind, is_set) {
                    ('+', true) | ('-', false) => self.expand(word, quoted, out).await?,
                    ('+', false) => {}
                    ('=', false) => {
                        let text = self.text_of(word).await?;
                        self.set(name, text.clone())?;
                        out.push(&text, origin);
                    }
                    ('?', false) => {
                        let text = self.text_of(word).await?;
                        let text = match (text.as_str(), colon) {
                            ("", true) => "parameter not set or null",
                            ("", false) => "parameter not set",
                            (text, _) => text,
                        };
                        return Err(self.give_up(&format!("{name}: {text}")));
                    }
                    _ => out.push(&value.unwrap_or_default(), origin),
                }
            }
            Operator::Trim(side, longest, word) => {
                let pattern = self.pattern_of(word).await?;
                let value: Vec<char> = value.unwrap_or_default().chars().collect();
                let kept = trim(&value, &pattern, *side == '#', *longest);
                out.push(&kept.iter().collect::<String>(), origin);
            }
            Operator::Replace(all, word, with) => {
                let pattern = self.pattern_of(word).await?;
                let with = self.text_of(with).await?;
                let value: Vec<char> = value.unwrap_or_default().chars().collect();
                out.push(&replace(&value, &pattern, &with, *all), origin);
            }
            Operator::Slice(offset, length) => {
                let value: Vec<char> = value.unwrap_or_default().chars().collect();
                let offset = self.arithmetic_of(offset).await?;
                let length = match length {
                    Some(length) => Some(self.arithmetic_of(length).await?),
                    None => None,
                };
                let count = value.len() as i64;
                let from = if offset < 0 { count + offset } else { offset }.clamp(0, count);
                let to = match length {
                    None => count,
                    Some(length) if length < 0 => count.saturating_add(length),
                    Some(length) => from.saturating_add(length),
                };
                let to = to.clamp(from, count);
                let slice = &value[from as usize..to as usize];
                out.push(&slice.iter().collect::<String>(), origin);
            }
        }
        Ok(())
    }

    async fn arithmetic_of(&mut self, word: &Word) -> Result<i64, Flow> {
        let text = self.text_of(word).await?;
        arith::evaluate(&text, self).map_err(|error| self.give_up(&error))
    }
}

/// What is left of a text when what a pattern matches at one side is taken away.
fn trim<'a>(
    value: &'a [char],
    pattern: &[PatternChar],
    in_front: bool,
    longest: bool,
) -> &'a [char] {
    let count = value.len();
    let mut lengths: Vec<usize> = (0..=count).collect();
    if longest {
        lengths.reverse();
    }
    // A pattern without anything special has only one length.
    if !is_special(pattern) {
        lengths.retain(|&length| length == pattern.len());
    }
    for length in lengths {
        let (part, rest) = if in_front {
            (&value[..length], &value[length..])
        } else {
            (&value[count - length..], &value[..count - length])
        };
        if matches(pattern, part) {
            return rest;
        }
    }
    value
}

fn replace(value: &[char], pattern: &[PatternChar], with: &str, all: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < value.len() {
        let longest = (at + 1..=value.len()).rev().find(|&end| matches(pattern, &value[at..end]));
        match longest {
            Some(end) => {
                out.push_str(with);
                at = end;
                if !all {
                    break;
                }
            }
            None => {
                out.push(value[at]);
                at += 1;
            }
        }
    }
    out.extend(&value[at..]);
    out
}

impl Process {
    /// The paths that a pattern matches, in order.
    pub(crate) fn glob(&self, pattern: &[PatternChar]) -> Vec<String> {
        let parts: Vec<&[PatternChar]> = pattern.split(|&(c, _)| c == '/').collect();
        let rooted = pattern.first().is_some_and(|&(c, _)| c == '/');
        let mut paths = vec![String::new()];
        for (number, part) in parts.iter().enumerate() {
            if number == 0 && rooted {
                continue;
            }
            let plain: String = part.iter().map(|&(c, _)| c).collect();
            let join = |path: &String, name: &str| {
                if number == 0 { name.to_owned() } else { format!("{path}/{name}") }
            };
            if !is_special(part) {
                paths = paths.iter().map(|path| join(path, &plain)).collect();
                continue;
            }
            let mut next = Vec::new();
            for path in &paths {
                let directory = match (path.as_str(), number) {
                    (_, 0) => ".",
                    ("", _) => "/",
                    (path, _) => path,
                };
                for name in self.list(directory).unwrap_or_default() {
                    let hidden = name.starts_with('.') && !plain.starts_with('.');
                    if !hidden && matches(part, &name.chars().collect::<Vec<_>>()) {
                        next.push(join(path, &name));
                    }
                }
            }
            paths = next;
        }
        paths.retain(|path| self.exists(path));
        paths
    }
}
