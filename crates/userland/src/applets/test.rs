//! `test` and `expr`: conditions and values of words.

use crate::applets::regex::Regex;
use crate::files::Kind;
use crate::process::Process;
use crate::shell::{PatternChar, matches, number};

/// `test`, `[`, `[[`.
pub(super) fn test(p: &Process) -> i32 {
    let mut words: Vec<&str> = p.args().iter().map(String::as_str).collect();
    let end = match p.name() {
        "[" => Some("]"),
        "[[" => Some("]]"),
        _ => None,
    };
    if let Some(end) = end
        && words.pop() != Some(end)
    {
        p.fail(&format!("missing {end}"));
        return 2;
    }
    let mut reader = Reader { p, words: &words, at: 0, depth: 0, patterns: end == Some("]]") };
    if words.is_empty() {
        return 1;
    }
    let value = reader.either();
    match value {
        Ok(value) if reader.at == words.len() => i32::from(!value),
        Ok(_) => {
            p.fail(&format!("{}: unknown operand", words[reader.at]));
            2
        }
        Err(error) => {
            p.fail(&error);
            2
        }
    }
}

struct Reader<'a> {
    p: &'a Process,
    words: &'a [&'a str],
    at: usize,
    depth: u32,
    /// Whether `==` takes a pattern, as in `[[`.
    patterns: bool,
}

const BINARY: [&str; 12] =
    ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "=~", "<", ">"];

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += usize::from(word.is_some());
        word
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.words.get(self.at).is_some_and(|word| words.contains(word));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<bool, String> {
        let mut value = self.both()?;
        while self.eat(&["-o", "||"]) {
            value |= self.both()?;
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut value = self.not()?;
        while self.eat(&["-a", "&&"]) {
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > 40 {
            return Err("expression is nested too deeply".to_owned());
        }
        let left = self.words.len() - self.at;
        let is_binary = |at: usize| self.words.get(at).is_some_and(|word| BINARY.contains(word));
        let value = if left > 1 && self.words[self.at] == "!" && !is_binary(self.at + 1) {
            self.at += 1;
            !self.not()?
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn primary(&mut self) -> Result<bool, String> {
        let operator = self.words.get(self.at + 1).copied().unwrap_or_default();
        if BINARY.contains(&operator) && self.at + 2 < self.words.len() {
            let (left, right) = (self.words[self.at], self.words[self.at + 2]);
            self.at += 3;
            return self.compare(left, operator, right);
        }
        let Some(word) = self.next() else { return Err("argument expected".to_owned()) };
        if word == "(" && self.at < self.words.len() {
            let value = self.either()?;
            return if self.eat(&[")"]) { Ok(value) } else { Err("closing paren expected".into()) };
        }
        let letter = word.strip_prefix('-').filter(|rest| rest.chars().count() == 1);
        let (Some(letter), true) = (letter, self.at < self.words.len()) else {
            return Ok(!word.is_empty());
        };
        let p = self.p;
        let Some(operand) = self.next() else { return Ok(true) };
        let kind = p.stat(operand);
        Ok(match letter {
            "z" => operand.is_empty(),
            "n" => !operand.is_empty(),
            "e" | "r" | "O" | "G" => kind.is_some(),
            "w" => kind.is_some() && !p.surroundings.readonly_rootfs,
            "f" => matches!(kind, Some(Kind::File(_) | Kind::Program)),
            "d" => kind == Some(Kind::Directory),
            "x" => matches!(kind, Some(Kind::Program | Kind::Directory)),
            "s" => matches!(kind, Some(Kind::File(1..) | Kind::Program | Kind::Directory)),
            "c" => kind == Some(Kind::Device),
            "L" | "h" => p.link_at(operand).is_some(),
            "t" => operand.parse().is_ok_and(|fd| p.is_terminal(fd)),
            "b" | "p" | "S" | "u" | "g" | "k" => false,
            _ => return Err(format!("-{letter}: unknown operand")),
        })
    }

    fn compare(&self, left: &str, operator: &str, right: &str) -> Result<bool, String> {
        let value = |text: &str| number(text).ok_or_else(|| format!("invalid number '{text}'"));
        let equal = || {
            if self.patterns {
                let pattern: Vec<PatternChar> = right.chars().map(|c| (c, false)).collect();
                matches(&pattern, &left.chars().collect::<Vec<_>>())
            } else {
                left == right
            }
        };
        Ok(match operator {
            "=" | "==" => equal(),
            "!=" => !equal(),
            "<" => left < right,
            ">" => left > right,
            "=~" => Regex::new(right, true, false)?.is_match(left),
            "-eq" => value(left)? == value(right)?,
            "-ne" => value(left)? != value(right)?,
            "-lt" => value(left)? < value(right)?,
            "-le" => value(left)? <= value(right)?,
            "-gt" => value(left)? > value(right)?,
            _ => value(left)? >= value(right)?,
        })
    }
}

/// `expr`: one operation after the other, from the left.
pub(super) fn expr(p: &Process) -> i32 {
    let words: Vec<&str> = p.args().iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["length", text] => Ok(text.chars().count().to_string()),
        ["substr", text, from, count] => {
            let (from, count) = (from.parse().unwrap_or(1_usize), count.parse().unwrap_or(0));
            Ok(text.chars().skip(from.saturating_sub(1)).take(count).collect())
        }
        [text, ":", pattern] => Regex::new(&format!("^{pattern}"), false, false).map(|regex| {
            let text: Vec<char> = text.chars().collect();
            match regex.find(&text, 0).map(|found| found.0) {
                Some([_, Some((from, to)), ..]) => text[from..to].iter().collect(),
                Some([Some((_, to)), ..]) => to.to_string(),
                _ => "0".to_owned(),
            }
        }),
        [] => Err("missing operand".to_owned()),
        words => fold(words),
    };
    match result {
        Ok(value) => {
            p.say(&value);
            i32::from(value.is_empty() || value == "0")
        }
        Err(error) => {
            p.fail(&error);
            2
        }
    }
}

/// The value of words with operators between them; `*`, `/` and `%` bind most.
fn fold(words: &[&str]) -> Result<String, String> {
    const LEVELS: [&[&str]; 5] =
        [&["|"], &["&"], &["=", "!=", "<", "<=", ">", ">="], &["+", "-"], &["*", "/", "%"]];
    fn level(words: &[&str], levels: &[&[&str]]) -> Result<String, String> {
        let Some((operators, tighter)) = levels.split_first() else {
            return match words {
                [word] => Ok((*word).to_owned()),
                _ => Err("syntax error".to_owned()),
            };
        };
        // The last operator of this level splits what is to be computed.
        match words.iter().rposition(|word| operators.contains(word)) {
            Some(at) if at > 0 && at + 1 < words.len() => {
                let left = level(&words[..at], levels)?;
                let right = level(&words[at + 1..], tighter)?;
                apply(&left, words[at], &right)
            }
            _ => level(words, tighter),
        }
    }
    level(words, &LEVELS)
}

fn apply(left: &str, operator: &str, right: &str) -> Result<String, String> {
    let empty = |text: &str| text.is_empty() || text == "0";
    let (a, b) = (left.parse::<i64>(), right.parse::<i64>());
    let truth = |value: bool| Ok(i32::from(value).to_string());
    match operator {
        "|" => return Ok(if empty(left) { right } else { left }.to_owned()),
        "&" => return Ok(if empty(left) || empty(right) { "0" } else { left }.to_owned()),
        _ => {}
    }
    let (Ok(a), Ok(b)) = (a, b) else {
        return match operator {
            "=" => truth(left == right),
            "!=" => truth(left != right),
            "<" => truth(left < right),
            "<=" => truth(left <= right),
            ">" => truth(left > right),
            ">=" => truth(left >= right),
            _ => Err("non-numeric argument".to_owned()),
        };
    };
    Ok(match operator {
        "=" => return truth(a == b),
        "!=" => return truth(a != b),
        "<" => return truth(a < b),
        "<=" => return truth(a <= b),
        ">" => return truth(a > b),
        ">=" => return truth(a >= b),
        "+" => a.wrapping_add(b),
        "-" => a.wrapping_sub(b),
        "*" => a.wrapping_mul(b),
        _ if b == 0 => return Err("division by zero".to_owned()),
        "/" => a.wrapping_div(b),
        _ => a.wrapping_rem(b),
    }
    .to_string())
}
