//! From text to commands: a recursive-descent parser.
//!
//! It reads one complete command at a time, as shells do, so that a mistake further down is found
//! only when what stands above it has run.

use super::ast::{
    AndOr, Command, Compound, List, Operator, Part, Pipeline, Redirect, RedirectKind, Simple, Word,
};
use std::cell::RefCell;
use std::rc::Rc;

/// How deep commands may be nested in each other.
const DEPTH_MAX: u32 = 40;

/// A script that is being read.
pub(crate) struct Parser {
    text: Vec<char>,
    at: usize,
    line: usize,
    depth: u32,
    here: Vec<Here>,
}

/// A here-document whose text has not come yet.
struct Here {
    body: Rc<RefCell<Word>>,
    end: String,
    quoted: bool,
    strip_tabs: bool,
}

/// A syntax error, in ash's words, without the shell's name.
pub(crate) type Mistake = String;

/// Where a word ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// At a blank or an operator.
    Blank,
    /// At `}`.
    Brace,
    /// At `}` or `/`.
    Slash,
    /// At `}` or `:`.
    Colon,
    /// At `"`.
    Quote,
    /// At the end of the text.
    End,
}

const RESERVED: [&str; 15] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "{",
    "}", "!",
];

impl Parser {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.chars().collect(), at: 0, line: 1, depth: 0, here: Vec::new() }
    }

    /// The next complete command; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<List>, Mistake> {
        self.newlines();
        if self.peek().is_none() {
            return Ok(None);
        }
        let mut list = Vec::new();
        loop {
            list.push(self.and_or()?);
            self.blanks();
            match self.peek() {
                None => break,
                Some('\n') => {
                    self.newline();
                    break;
                }
                Some(_) if self.starts_command() => {}
                Some(_) => return Err(self.unexpected()),
            }
        }
        Ok(Some(Rc::new(list)))
    }

    /// Whether nothing follows, not even the end of a line.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Whether the last character of the text was the end of a line.
    pub(crate) fn ended_with_newline(&self) -> bool {
        self.text.last() == Some(&'\n')
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek();
        if next == Some('\n') {
            self.line += 1;
        }
        self.at += usize::from(next.is_some());
        next
    }

    fn eat(&mut self, text: &str) -> bool {
        let mut ahead = 0;
        for wanted in text.chars() {
            if self.peek_at(ahead) != Some(wanted) {
                return false;
            }
            ahead += 1;
        }
        self.at += ahead;
        true
    }

    /// The mistake of something that does not belong where it stands.
    fn unexpected(&self) -> Mistake {
        let line = self.line;
        match self.peek() {
            None => format!("line {line}: syntax error: unexpected end of file"),
            Some('\n') => format!("line {line}: syntax error: unexpected newline"),
            Some(first) => {
                let what = match self.bare_word() {
                    word if word.is_empty() => first.to_string(),
                    word => word,
                };
                let what = match what.as_str() {
                    ";" if self.peek_at(1) == Some(';') => ";;",
                    "&" if self.peek_at(1) == Some('&') => "&&",
                    "|" if self.peek_at(1) == Some('|') => "||",
                    what => what,
                };
                format!("line {line}: syntax error: unexpected \"{what}\"")
            }
        }
    }

    /// Skips blanks, line continuations and comments.
    fn blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(' ' | '\t' | '\r'), _) => self.at += 1,
                (Some('\\'), Some('\n')) => {
                    self.at += 1;
                    self.bump();
                }
                (Some('#'), _) => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Takes the end of a line, and the here-documents that follow it.
    fn newline(&mut self) {
        self.bump();
        for here in std::mem::take(&mut self.here) {
            let mut body = String::new();
            loop {
                let mut line = String::new();
                let ended = loop {
                    match self.bump() {
                        Some('\n') => break true,
                        Some(c) => line.push(c),
                        None => break false,
                    }
                };
                let line = if here.strip_tabs { line.trim_start_matches('\t') } else { &line };
                if line == here.end || (!ended && line.is_empty()) {
                    break;
                }
                body.push_str(line);
                if !ended {
                    break;
                }
                body.push('\n');
            }
            let word = if here.quoted {
                vec![Part::Quoted(body)]
            } else {
                // A mistake inside stays text.
                let mut inner = Self { depth: self.depth, line: self.line, ..Self::new(&body) };
                inner.parts(Until::End).unwrap_or_else(|_| vec![Part::Quoted(body)])
            };
            *here.body.borrow_mut() = vec![Part::Double(word)];
        }
    }

    /// Skips blanks and ends of lines.
    fn newlines(&mut self) {
        self.blanks();
        while self.peek() == Some('\n') {
            self.newline();
            self.blanks();
        }
    }

    /// The word that begins here, if it is all plain text; otherwise empty.
    fn bare_word(&self) -> String {
        let mut word = String::new();
        for &c in &self.text[self.at..] {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' | '"' | '\\' | '$' | '`' => return String::new(),
                c => word.push(c),
            }
        }
        word
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.bare_word() == word;
        if found {
            self.at += word.chars().count();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Mistake> {
        self.newlines();
        if self.eat_word(word) {
            return Ok(());
        }
        Err(format!("{} (expecting \"{word}\")", self.unexpected()))
    }

    fn starts_command(&self) -> bool {
        match self.peek() {
            None | Some('\n' | ';' | '&' | '|' | ')') => false,
            Some(_) => {
                let word = self.bare_word();
                let ends = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];
                !ends.contains(&word.as_str())
            }
        }
    }

    /// Commands up to something that cannot begin one.
    fn list(&mut self) -> Result<List, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("line {}: commands are nested too deeply", self.line));
        }
        let mut list = Vec::new();
        self.newlines();
        while self.starts_command() {
            list.push(self.and_or()?);
            self.newlines();
        }
        self.depth -= 1;
        if list.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Rc::new(list))
    }

    /// Pipelines, with the `;` or `&` that ends them.
    fn and_or(&mut self) -> Result<Rc<AndOr>, Mistake> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let and = if self.eat("&&") {
                true
            } else if self.eat("||") {
                false
            } else {
                break;
            };
            self.newlines();
            rest.push((and, self.pipeline()?));
        }
        let background = self.peek() == Some('&');
        if background || (self.peek() == Some(';') && self.peek_at(1) != Some(';')) {
            self.at += 1;
        }
        Ok(Rc::new(AndOr { first, rest, background }))
    }

    fn pipeline(&mut self) -> Result<Pipeline, Mistake> {
        let negated = self.eat_word("!");
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some('|') || self.peek_at(1) == Some('|') {
                return Ok(Pipeline { negated, commands });
            }
            self.at += 1;
            self.newlines();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Rc<Command>, Mistake> {
        self.blanks();
        let compound = match self.compound()? {
            Some(compound) => compound,
            None => return self.simple(),
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Rc::new(Command::Compound(compound, redirects)))
    }

    fn compound(&mut self) -> Result<Option<Compound>, Mistake> {
        if self.peek() == Some('(') {
            self.at += 1;
            let list = self.list()?;
            self.newlines();
            if !self.eat(")") {
                return Err(format!("{} (expecting \")\")", self.unexpected()));
            }
            return Ok(Some(Compound::Subshell(list)));
        }
        let word = self.bare_word();
        if !RESERVED.contains(&word.as_str()) {
            return Ok(None);
        }
        self.at += word.len();
        Ok(Some(match word.as_str() {
            "{" => {
                let list = self.list()?;
                self.expect_word("}")?;
                Compound::Group(list)
            }
            "if" => self.if_clause()?,
            "while" | "until" => {
                let condition = self.list()?;
                Compound::While(condition, self.do_group()?, word == "until")
            }
            "for" => self.for_clause()?,
            "case" => self.case_clause()?,
            _ => {
                self.at -= word.len();
                return Err(self.unexpected());
            }
        }))
    }

    fn do_group(&mut self) -> Result<List, Mistake> {
        self.expect_word("do")?;
        let list = self.list()?;
        self.expect_word("done")?;
        Ok(list)
    }

    fn if_clause(&mut self) -> Result<Compound, Mistake> {
        let mut branches = Vec::new();
        loop {
            let condition = self.list()?;
            self.expect_word("then")?;
            branches.push((condition, self.list()?));
            self.newlines();
            if self.eat_word("elif") {
                continue;
            }
            let otherwise = if self.eat_word("else") { Some(self.list()?) } else { None };
            self.expect_word("fi")?;
            return Ok(Compound::If(branches, otherwise));
        }
    }

    fn for_clause(&mut self) -> Result<Compound, Mistake> {
        self.blanks();
        let name = self.bare_word();
        if !is_name(&name) {
            return Err(format!("line {}: syntax error: bad for loop variable", self.line));
        }
        self.at += name.len();
        self.newlines();
        let words = if self.eat_word("in") {
            let mut words = Vec::new();
            loop {
                self.blanks();
                match self.word()? {
                    Some(word) => words.push(word),
                    None => break Some(words),
                }
            }
        } else {
            None
        };
        self.blanks();
        self.eat(";");
        Ok(Compound::For(name, words, self.do_group()?))
    }

    fn case_clause(&mut self) -> Result<Compound, Mistake> {
        self.blanks();
        let Some(subject) = self.word()? else { return Err(self.unexpected()) };
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.eat_word("esac") {
                return Ok(Compound::Case(subject, arms));
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let Some(pattern) = self.word()? else { return Err(self.unexpected()) };
                patterns.push(pattern);
                self.blanks();
                if !self.eat("|") {
                    break;
                }
            }
            if !self.eat(")") {
                return Err(format!("{} (expecting \")\")", self.unexpected()));
            }
            self.newlines();
            let body = if self.starts_command() { self.list()? } else { List::default() };
            arms.push((patterns, body));
            self.newlines();
            if !self.eat(";;") && self.bare_word() != "esac" {
                return Err(format!("{} (expecting \";;\")", self.unexpected()));
            }
        }
    }

    fn simple(&mut self) -> Result<Rc<Command>, Mistake> {
        let mut simple = Simple::default();
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
                continue;
            }
            if simple.words.is_empty()
                && let Some(name) = self.assignment()
            {
                let value = self.word()?.unwrap_or_default();
                simple.assignments.push((name, value));
                continue;
            }
            let Some(word) = self.word()? else { break };
            if simple.words.is_empty() && simple.assignments.is_empty() {
                // `name()`
                self.blanks();
                if let ([Part::Plain(name)], Some('(')) = (word.as_slice(), self.peek()) {
                    self.at += 1;
                    self.blanks();
                    if !is_name(&name.replace('-', "_")) || !self.eat(")") {
                        return Err(self.unexpected());
                    }
                    self.newlines();
                    let body = self.command()?;
                    return Ok(Rc::new(Command::Function(name.clone(), body)));
                }
            }
            simple.words.push(word);
        }
        let nothing =
            simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty();
        if nothing { Err(self.unexpected()) } else { Ok(Rc::new(Command::Simple(simple))) }
    }

    /// The name in front of a `=`, if an assignment begins here.
    fn assignment(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|&c| !(c.is_ascii_alphanumeric() || c == '_'))?;
        let name: String = rest[..end].iter().collect();
        (rest[end] == '=' && is_name(&name)).then(|| {
            self.at += end + 1;
            name
        })
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, Mistake> {
        self.blanks();
        let digits = self.text[self.at..].iter().take_while(|c| c.is_ascii_digit()).count();
        let operator = self.peek_at(digits);
        if !matches!(operator, Some('<' | '>')) {
            return Ok(None);
        }
        let number: String = self.text[self.at..self.at + digits].iter().collect();
        self.at += digits + 1;
        let reads = operator == Some('<');
        let fd = number.parse().unwrap_or(u32::from(!reads));
        if reads && self.eat("<") {
            return self.here(fd).map(Some);
        }
        let duplicate = self.eat("&");
        let append = !reads && !duplicate && self.eat(">");
        if !append && !duplicate {
            // `>|` and `<>`
            let _ = self.eat("|") || self.eat(">");
        }
        self.blanks();
        let Some(word) = self.word()? else { return Err(self.unexpected()) };
        let kind = match (reads, duplicate, append) {
            (_, true, _) => RedirectKind::Duplicate(word),
            (true, ..) => RedirectKind::Read(word),
            (false, _, true) => RedirectKind::Append(word),
            (false, ..) => RedirectKind::Write(word),
        };
        Ok(Some(Redirect { fd, kind }))
    }

    fn here(&mut self, fd: u32) -> Result<Redirect, Mistake> {
        let strip_tabs = self.eat("-");
        self.blanks();
        let Some(word) = self.word()? else { return Err(self.unexpected()) };
        let mut end = String::new();
        let mut quoted = false;
        for part in word {
            match part {
                Part::Plain(text) => end.push_str(&text),
                Part::Quoted(text) => {
                    quoted = true;
                    end.push_str(&text);
                }
                Part::Double(parts) => {
                    quoted = true;
                    for part in parts {
                        if let Part::Quoted(text) = part {
                            end.push_str(&text);
                        }
                    }
                }
                _ => return Err(self.unexpected()),
            }
        }
        let body: Rc<RefCell<Word>> = Rc::default();
        self.here.push(Here { body: body.clone(), end, quoted, strip_tabs });
        Ok(Redirect { fd, kind: RedirectKind::Here(body) })
    }

    /// A word; none where something else stands.
    fn word(&mut self) -> Result<Option<Word>, Mistake> {
        let start = self.at;
        let parts = self.parts(Until::Blank)?;
        Ok((self.at > start).then_some(parts))
    }

    fn parts(&mut self, until: Until) -> Result<Word, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("line {}: words are nested too deeply", self.line));
        }
        let mut parts = Vec::new();
        let mut text = String::new();
        // Inside quotes, blanks and most backslashes are text, and nothing is a pattern.
        let in_quotes = matches!(until, Until::Quote | Until::End);
        let flush = |text: &mut String, parts: &mut Word| {
            if !text.is_empty() {
                let text = std::mem::take(text);
                parts.push(if in_quotes { Part::Quoted(text) } else { Part::Plain(text) });
            }
        };
        loop {
            let Some(c) = self.peek() else {
                match until {
                    Until::Blank | Until::End => break,
                    Until::Quote => return Err(self.unterminated("quoted string")),
                    _ => return Err(self.unterminated("\"${\"")),
                }
            };
            match (c, until) {
                (
                    ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')',
                    Until::Blank,
                ) => break,
                ('}', Until::Brace | Until::Slash | Until::Colon) => break,
                ('/', Until::Slash) | (':', Until::Colon) | ('"', Until::Quote) => break,
                ('\\', _) => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        None => text.push('\\'),
                        Some(next) if in_quotes => {
                            // Kubernetes' documentation has `\'` in double quotes, which stays.
                            let stands_for_itself = matches!(next, '$' | '`' | '\\')
                                || (next == '"' && until == Until::Quote);
                            if !stands_for_itself {
                                text.push('\\');
                            }
                            text.push(next);
                        }
                        Some(next) => {
                            flush(&mut text, &mut parts);
                            parts.push(Part::Quoted(next.to_string()));
                        }
                    }
                }
                ('\'', _) if !in_quotes => {
                    flush(&mut text, &mut parts);
                    self.at += 1;
                    let mut quoted = String::new();
                    loop {
                        match self.bump() {
                            Some('\'') => break,
                            Some(c) => quoted.push(c),
                            None => return Err(self.unterminated("quoted string")),
                        }
                    }
                    parts.push(Part::Quoted(quoted));
                }
                ('"', _) if !in_quotes => {
                    flush(&mut text, &mut parts);
                    self.at += 1;
                    let inner = self.parts(Until::Quote)?;
                    self.at += 1;
                    parts.push(Part::Double(inner));
                }
                ('$', _) => {
                    self.at += 1;
                    match self.dollar()? {
                        Some(part) => {
                            flush(&mut text, &mut parts);
                            parts.push(part);
                        }
                        None => text.push('$'),
                    }
                }
                ('`', _) => {
                    flush(&mut text, &mut parts);
                    parts.push(self.backquoted()?);
                }
                (c, _) => {
                    self.bump();
                    text.push(c);
                }
            }
        }
        flush(&mut text, &mut parts);
        self.depth -= 1;
        Ok(parts)
    }

    fn unterminated(&self, what: &str) -> Mistake {
        format!("line {}: syntax error: unterminated {what}", self.line)
    }

    fn backquoted(&mut self) -> Result<Part, Mistake> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            match self.bump() {
                Some('`') => break,
                Some('\\') => match self.bump() {
                    Some(c @ ('`' | '\\' | '$')) => inner.push(c),
                    Some(c) => inner.extend(['\\', c]),
                    None => return Err(self.unterminated("quoted string")),
                },
                Some(c) => inner.push(c),
                None => return Err(self.unterminated("quoted string")),
            }
        }
        let mut parser = Self { depth: self.depth, line: self.line, ..Self::new(&inner) };
        let mut list = Vec::new();
        while let Some(next) = parser.next()? {
            list.extend(next.iter().cloned());
        }
        Ok(Part::Substitution(Rc::new(list)))
    }

    /// What a `$` begins; none if it is only a `$`.
    fn dollar(&mut self) -> Result<Option<Part>, Mistake> {
        let Some(c) = self.peek() else { return Ok(None) };
        if c == '(' {
            self.at += 1;
            if self.peek() == Some('(')
                && let Some(part) = self.arithmetic()?
            {
                return Ok(Some(part));
            }
            self.newlines();
            let list = if self.peek() == Some(')') { List::default() } else { self.list()? };
            self.newlines();
            if !self.eat(")") {
                return Err(format!("{} (expecting \")\")", self.unexpected()));
            }
            return Ok(Some(Part::Substitution(list)));
        }
        if c == '{' {
            self.at += 1;
            return self.braced().map(Some);
        }
        let name = self.parameter_name(false);
        Ok((!name.is_empty()).then_some(Part::Parameter(name, Operator::None)))
    }

    /// The name of a parameter; digits beyond the first only in braces.
    fn parameter_name(&mut self, braced: bool) -> String {
        let rest = &self.text[self.at..];
        let count = match rest.first() {
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count()
            }
            Some(c) if c.is_ascii_digit() && braced => {
                rest.iter().take_while(|c| c.is_ascii_digit()).count()
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(*c) => 1,
            _ => 0,
        };
        let name = rest[..count].iter().collect();
        self.at += count;
        name
    }

    fn braced(&mut self) -> Result<Part, Mistake> {
        let bad = |parser: &Self| format!("line {}: syntax error: bad substitution", parser.line);
        if self.peek() == Some('#') && self.peek_at(1).is_some_and(|c| c != '}') {
            self.at += 1;
            let name = self.parameter_name(true);
            if name.is_empty() || !self.eat("}") {
                return Err(bad(self));
            }
            return Ok(Part::Parameter(name, Operator::Length));
        }
        let name = self.parameter_name(true);
        if name.is_empty() {
            return Err(bad(self));
        }
        let colon = self.eat(":");
        let operator = match self.peek() {
            Some('}') if !colon => Operator::None,
            Some(c @ ('-' | '=' | '?' | '+')) => {
                self.at += 1;
                Operator::Default(c, colon, self.parts(Until::Brace)?)
            }
            Some(_) if colon => {
                let offset = self.parts(Until::Colon)?;
                let length = if self.eat(":") { Some(self.parts(Until::Brace)?) } else { None };
                Operator::Slice(offset, length)
            }
            Some(c @ ('#' | '%')) => {
                self.at += 1;
                let longest = self.eat(c.encode_utf8(&mut [0; 4]));
                Operator::Trim(c, longest, self.parts(Until::Brace)?)
            }
            Some('/') => {
                self.at += 1;
                let all = self.eat("/");
                let pattern = self.parts(Until::Slash)?;
                let with = if self.eat("/") { self.parts(Until::Brace)? } else { Vec::new() };
                Operator::Replace(all, pattern, with)
            }
            _ => return Err(bad(self)),
        };
        if !self.eat("}") {
            return Err(bad(self));
        }
        Ok(Part::Parameter(name, operator))
    }

    /// `((…))` after the `$`; none if it turns out to be a subshell in a substitution.
    fn arithmetic(&mut self) -> Result<Option<Part>, Mistake> {
        let start = self.at + 1;
        let mut depth = 0;
        let mut end = start;
        loop {
            match self.text.get(end) {
                Some('(') => depth += 1,
                Some(')') if depth == 0 => break,
                Some(')') => depth -= 1,
                Some(_) => {}
                None => return Err(self.unterminated("arithmetic expression")),
            }
            end += 1;
        }
        if self.text.get(end + 1) != Some(&')') {
            return Ok(None);
        }
        let inner: String = self.text[start..end].iter().collect();
        self.line += inner.matches('\n').count();
        self.at = end + 2;
        let mut parser = Self { depth: self.depth, line: self.line, ..Self::new(&inner) };
        parser.parts(Until::End).map(|word| Some(Part::Arithmetic(word)))
    }
}

/// Whether a text can be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
