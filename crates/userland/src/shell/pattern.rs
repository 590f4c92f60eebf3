//! Patterns: `*`, `?` and `[…]`.

/// A character of a pattern, and whether it was quoted, so that it only stands for itself.
pub(crate) type PatternChar = (char, bool);

/// Whether a pattern has anything special in it.
pub(crate) fn is_special(pattern: &[PatternChar]) -> bool {
    pattern.iter().any(|&(c, quoted)| !quoted && matches!(c, '*' | '?' | '['))
}

/// Whether a pattern matches a whole text.
pub(crate) fn matches(pattern: &[PatternChar], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not fit.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(('*', false)) => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            None if t == text.len() => return true,
            Some(_) if t < text.len() => {
                if let Some(length) = one(&pattern[p..], text[t]) {
                    p += length;
                    t += 1;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

/// How long the part of the pattern is that matches one character; none if it does not.
fn one(pattern: &[PatternChar], c: char) -> Option<usize> {
    match pattern[0] {
        ('?', false) => Some(1),
        ('[', false) => match bracket(pattern, c) {
            Some((true, length)) => Some(length),
            Some((false, _)) => None,
            None => (c == '[').then_some(1),
        },
        (own, _) => (own == c).then_some(1),
    }
}

/// Whether a bracket expression has a character, and how long it is; none if it has no end.
fn bracket(pattern: &[PatternChar], c: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = matches!(pattern.get(at), Some(('!' | '^', false)));
    at += usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        let &(low, _) = pattern.get(at)?;
        if low == ']' && at > first {
            return Some((found != negated, at + 1));
        }
        if low == '[' && matches!(pattern.get(at + 1), Some((':', _))) {
            let rest = &pattern[at + 2..];
            let end = rest.iter().position(|&(c, _)| c == ':')?;
            let class: String = rest[..end].iter().map(|&(c, _)| c).collect();
            found |= in_class(&class, c);
            at += end + 4;
            continue;
        }
        let range = matches!(pattern.get(at + 1), Some(('-', false)))
            && pattern.get(at + 2).is_some_and(|&(c, _)| c != ']');
        if range {
            let &(high, _) = pattern.get(at + 2)?;
            found |= (low..=high).contains(&c);
            at += 3;
        } else {
            found |= low == c;
            at += 1;
        }
    }
}

pub(crate) fn in_class(class: &str, c: char) -> bool {
    match class {
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_alphanumeric(),
        "space" => c.is_whitespace(),
        "blank" => matches!(c, ' ' | '\t'),
        "upper" => c.is_uppercase(),
        "lower" => c.is_lowercase(),
        "punct" => c.is_ascii_punctuation(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let check = |pattern: &str, text: &str| {
            let pattern: Vec<_> = pattern.chars().map(|c| (c, false)).collect();
            matches(&pattern, &text.chars().collect::<Vec<_>>())
        };
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("?[0-9]", "a7", true),
            ("[!0-9]", "7", false),
            ("[[:alpha:]]x", "qx", true),
            ("[a", "[a", true),
            ("*.txt", "a.txt", true),
        ] {
            assert_eq!(check(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }
}
