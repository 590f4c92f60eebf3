//! Regular expressions, basic and extended, by backtracking.
//!
//! # What we simplify
//! There are no back-references, and of several matches at one place the first is taken that
//! backtracking finds, not the longest.

use crate::shell::in_class;

/// How many steps a match may take before it counts as none.
const STEPS_MAX: u32 = 100_000;

/// How deep a match may nest, one repetition of a group in the other, before it counts as none.
const DEPTH_MAX: u32 = 400;

/// A compiled expression: alternatives.
pub(crate) struct Regex {
    alternatives: Vec<Vec<Item>>,
    ignore_case: bool,
}

struct Item {
    atom: Atom,
    min: u32,
    max: u32,
}

enum Atom {
    Char(char),
    Any,
    Set(bool, Vec<SetItem>),
    Start,
    End,
    Word,
    Group(Vec<Vec<Item>>, usize),
}

enum SetItem {
    Range(char, char),
    Class(String),
}

struct Compiler<'a> {
    text: &'a [char],
    at: usize,
    extended: bool,
    groups: usize,
    depth: u32,
}

impl Regex {
    /// # Errors
    /// In grep's words.
    pub(crate) fn new(text: &str, extended: bool, ignore_case: bool) -> Result<Self, String> {
        let text: Vec<char> = text.chars().collect();
        let mut compiler = Compiler { text: &text, at: 0, extended, groups: 0, depth: 0 };
        let alternatives = compiler.alternatives()?;
        if compiler.at < text.len() {
            return Err("Unmatched ( or \\(".to_owned());
        }
        Ok(Self { alternatives, ignore_case })
    }

    /// A text that is searched for as it is.
    pub(crate) fn fixed(text: &str, ignore_case: bool) -> Self {
        let items = text.chars().map(|c| Item { atom: Atom::Char(c), min: 1, max: 1 });
        Self { alternatives: vec![items.collect()], ignore_case }
    }

    /// The first match from a place on: where it begins and ends, and its groups.
    pub(crate) fn find(&self, text: &[char], from: usize) -> Option<Found> {
        let mut matcher =
            Matcher { text, groups: [None; 10], ignore_case: self.ignore_case, steps: 0, depth: 0 };
        (from..=text.len()).find_map(|start| {
            let mut end = None;
            let matched = matcher.any(&self.alternatives, start, &mut |_, at| {
                end = Some(at);
                true
            });
            matched.then(|| {
                matcher.groups[0] = Some((start, end.unwrap_or(start)));
                Found(matcher.groups)
            })
        })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.find(&text.chars().collect::<Vec<_>>(), 0).is_some()
    }
}

/// A match: what each group matched; the first is all of it.
pub(crate) struct Found(pub(crate) [Option<(usize, usize)>; 10]);

impl Compiler<'_> {
    /// Whether an operator stands here that the two kinds of expressions write differently.
    fn operator(&self, c: char) -> bool {
        if self.extended {
            self.text.get(self.at) == Some(&c)
        } else {
            self.text.get(self.at) == Some(&'\\') && self.text.get(self.at + 1) == Some(&c)
        }
    }

    fn skip_operator(&mut self) {
        self.at += if self.extended { 1 } else { 2 };
    }

    fn alternatives(&mut self) -> Result<Vec<Vec<Item>>, String> {
        self.depth += 1;
        if self.depth > 20 {
            return Err("Regular expression too big".to_owned());
        }
        let mut all = vec![self.sequence()?];
        while self.operator('|') {
            self.skip_operator();
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(all)
    }

    fn sequence(&mut self) -> Result<Vec<Item>, String> {
        let mut items: Vec<Item> = Vec::new();
        while let Some(&c) = self.text.get(self.at) {
            if self.operator('|') || self.operator(')') {
                break;
            }
            let atom = if self.operator('(') {
                self.skip_operator();
                self.groups += 1;
                let number = self.groups;
                let inner = self.alternatives()?;
                if !self.operator(')') {
                    return Err("Unmatched ( or \\(".to_owned());
                }
                self.skip_operator();
                Atom::Group(inner, number)
            } else {
                self.at += 1;
                match c {
                    '.' => Atom::Any,
                    '^' if items.is_empty() || self.extended => Atom::Start,
                    '$' if self.at == self.text.len() || self.extended || self.operator(')') => {
                        Atom::End
                    }
                    '[' => self.set()?,
                    '*' if items.is_empty() => Atom::Char('*'),
                    '\\' => {
                        let next = self.text.get(self.at).copied();
                        self.at += 1;
                        match next {
                            None => return Err("Trailing backslash".to_owned()),
                            Some('n') => Atom::Char('\n'),
                            Some('t') => Atom::Char('\t'),
                            Some('b' | '<' | '>') => Atom::Word,
                            Some('w') => Atom::Set(
                                false,
                                vec![SetItem::Class("alnum".into()), SetItem::Range('_', '_')],
                            ),
                            Some('s') => Atom::Set(false, vec![SetItem::Class("space".into())]),
                            Some('d') => Atom::Set(false, vec![SetItem::Class("digit".into())]),
                            Some(c) => Atom::Char(c),
                        }
                    }
                    c => Atom::Char(c),
                }
            };
            let (min, max) = self.repetition()?;
            items.push(Item { atom, min, max });
        }
        Ok(items)
    }

    fn repetition(&mut self) -> Result<(u32, u32), String> {
        let bounds = if self.text.get(self.at) == Some(&'*') {
            self.at += 1;
            (0, u32::MAX)
        } else if self.operator('+') {
            self.skip_operator();
            (1, u32::MAX)
        } else if self.operator('?') {
            self.skip_operator();
            (0, 1)
        } else if self.operator('{') {
            self.skip_operator();
            let rest: String = self.text[self.at..].iter().collect();
            let end = if self.extended { "}" } else { "\\}" };
            let Some((inside, _)) = rest.split_once(end) else {
                return Err("Unmatched { or \\{".to_owned());
            };
            self.at += inside.chars().count() + end.len();
            let wrong = |_| "Invalid content of \\{\\}".to_owned();
            match inside.split_once(',') {
                None => {
                    let count = inside.parse().map_err(wrong)?;
                    (count, count)
                }
                Some((min, "")) => (min.parse().map_err(wrong)?, u32::MAX),
                Some((min, max)) => (min.parse().unwrap_or(0), max.parse().map_err(wrong)?),
            }
        } else {
            (1, 1)
        };
        Ok(bounds)
    }

    fn set(&mut self) -> Result<Atom, String> {
        let negated = self.text.get(self.at) == Some(&'^');
        self.at += usize::from(negated);
        let first = self.at;
        let mut items = Vec::new();
        loop {
            let Some(&c) = self.text.get(self.at) else {
                return Err("Unmatched [, [^, [:, [., or [=".to_owned());
            };
            if c == ']' && self.at > first {
                self.at += 1;
                return Ok(Atom::Set(negated, items));
            }
            if c == '[' && self.text.get(self.at + 1) == Some(&':') {
                let rest: String = self.text[self.at + 2..].iter().collect();
                if let Some((class, _)) = rest.split_once(":]") {
                    self.at += class.chars().count() + 4;
                    items.push(SetItem::Class(class.to_owned()));
                    continue;
                }
            }
            let high = self.text.get(self.at + 2).copied().filter(|&high| high != ']');
            match (self.text.get(self.at + 1), high) {
                (Some('-'), Some(high)) => {
                    items.push(SetItem::Range(c, high));
                    self.at += 3;
                }
                _ => {
                    items.push(SetItem::Range(c, c));
                    self.at += 1;
                }
            }
        }
    }
}

struct Matcher<'a> {
    text: &'a [char],
    groups: [Option<(usize, usize)>; 10],
    ignore_case: bool,
    steps: u32,
    depth: u32,
}

/// What has to match after what is being matched.
type Then<'t, 'a> = &'t mut dyn FnMut(&mut Matcher<'a>, usize) -> bool;

impl<'a> Matcher<'a> {
    fn any(&mut self, alternatives: &[Vec<Item>], at: usize, then: Then<'_, 'a>) -> bool {
        alternatives.iter().any(|items| self.items(items, 0, at, then))
    }

    /// Matches what is left of a sequence, whose first item has matched `count` times already.
    fn items(&mut self, items: &[Item], count: u32, at: usize, then: Then<'_, 'a>) -> bool {
        if self.depth == DEPTH_MAX {
            return false;
        }
        self.depth += 1;
        let matched = self.items_here(items, count, at, then);
        self.depth -= 1;
        matched
    }

    /// Takes a step, if there is one left.
    fn step(&mut self) -> bool {
        self.steps += 1;
        self.steps <= STEPS_MAX
    }

    fn items_here(
        &mut self,
        mut items: &[Item],
        count: u32,
        mut at: usize,
        then: Then<'_, 'a>,
    ) -> bool {
        if !self.step() {
            return false;
        }
        // What stands once leaves no choice.
        while let Some((item, rest)) = items.split_first()
            && (item.min, item.max) == (1, 1)
            && !matches!(item.atom, Atom::Group(..))
        {
            let Some(end) = self.one(&item.atom, at) else { return false };
            (items, at) = (rest, end);
        }
        let Some((item, rest)) = items.split_first() else { return then(self, at) };
        if let Atom::Group(inner, number) = &item.atom {
            if count < item.max {
                let before = self.groups;
                let again = self.any(inner, at, &mut |matcher, end| {
                    // A turn that takes nothing would never end.
                    if end == at && count >= item.min {
                        return false;
                    }
                    if let Some(group) = matcher.groups.get_mut(*number) {
                        *group = Some((at, end));
                    }
                    matcher.items(items, count + 1, end, then)
                });
                if again {
                    return true;
                }
                self.groups = before;
            }
            return count >= item.min && self.items(rest, 0, at, then);
        }
        // Of single characters, as many as possible first, without recursion.
        let mut ends = vec![at];
        let mut end = at;
        while (ends.len() as u64) <= u64::from(item.max) {
            let Some(next) = self.one(&item.atom, end) else { break };
            if !self.step() {
                return false;
            }
            ends.push(next);
            if next == end {
                break;
            }
            end = next;
        }
        let min = item.min as usize;
        while ends.len() > min {
            let Some(end) = ends.pop() else { break };
            if self.items(rest, 0, end, then) {
                return true;
            }
        }
        false
    }

    /// The end of one atom that is no group.
    fn one(&self, atom: &Atom, at: usize) -> Option<usize> {
        let is_word =
            |at: usize| self.text.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
        match atom {
            Atom::Start => return (at == 0).then_some(at),
            Atom::End => return (at == self.text.len()).then_some(at),
            Atom::Word => {
                return (is_word(at) != (at > 0 && is_word(at - 1))).then_some(at);
            }
            _ => {}
        }
        let &c = self.text.get(at)?;
        let fold = |c: char| if self.ignore_case { c.to_ascii_lowercase() } else { c };
        let matched = match atom {
            Atom::Any => true,
            Atom::Char(own) => fold(*own) == fold(c),
            Atom::Set(negated, items) => {
                let has = |c: char| {
                    items.iter().any(|item| match item {
                        SetItem::Range(low, high) => (*low..=*high).contains(&c),
                        SetItem::Class(class) => in_class(class, c),
                    })
                };
                let found = has(c)
                    || (self.ignore_case
                        && (has(c.to_ascii_lowercase()) || has(c.to_ascii_uppercase())));
                found != *negated
            }
            _ => false,
        };
        matched.then_some(at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_expression_costs_it_ends() {
        let long = "ab".repeat(200_000);
        let is_match = |pattern| Regex::new(pattern, true, false).unwrap().is_match(&long);
        assert!(is_match("(ab)"));
        assert!(!is_match("^(ab)*$"));
        assert!(!is_match(".*.*.*.*x"));
        assert!(!is_match("(a|b|ab)*c"));
        let same = "a".repeat(20_000);
        assert!(Regex::fixed(&same, false).is_match(&same));
    }

    #[test]
    fn expressions_match() {
        for (pattern, extended, text, expected) in [
            ("a", false, "bab", true),
            ("^a", false, "ba", false),
            ("a$", false, "ba", true),
            ("a.*c", false, "xabbcx", true),
            ("a+", false, "a+", true),
            ("a+b", true, "aaab", true),
            ("(ab|cd)+$", true, "abcdab", true),
            ("\\(ab\\)*x", false, "ababx", true),
            ("[0-9]{2,3}$", true, "a12", true),
            ("^[0-9]{2}$", true, "123", false),
            ("[^[:space:]]x", false, " x", false),
            ("(a*)*b", true, "aaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("\\.", false, "ab", false),
        ] {
            let regex = Regex::new(pattern, extended, false).unwrap();
            assert_eq!(regex.is_match(text), expected, "{pattern} on {text}");
        }
        assert!(Regex::new("(a", true, false).is_err());
        assert!(Regex::new("[a", true, false).is_err());
    }
}
