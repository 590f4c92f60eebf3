//! Arithmetic: `$((…))`, with variables, assignments and C's operators.

/// How deep an expression may be nested.
const DEPTH_MAX: u32 = 40;

/// The variables that an expression reads and writes.
pub(crate) trait Variables {
    fn get(&self, name: &str) -> i64;
    fn set(&mut self, name: &str, value: i64);
}

/// The value of an expression.
///
/// # Errors
/// In ash's words.
pub(crate) fn evaluate(text: &str, variables: &mut dyn Variables) -> Result<i64, String> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, depth: 0, skip: 0, variables };
    reader.blanks();
    if reader.at == reader.text.len() {
        return Ok(0);
    }
    let value = reader.assignment()?;
    reader.blanks();
    if reader.at == reader.text.len() { Ok(value) } else { Err(reader.wrong()) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    /// Above 0 in a branch that is not taken.
    skip: u32,
    variables: &'a mut dyn Variables,
}

/// The binary operators, those that bind least first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Reader<'_> {
    fn wrong(&self) -> String {
        "arithmetic syntax error".to_owned()
    }

    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, operator: &str) -> bool {
        self.blanks();
        let found = self.text[self.at..].starts_with(operator.as_bytes());
        if found {
            self.at += operator.len();
        }
        found
    }

    fn name(&mut self) -> Option<String> {
        self.blanks();
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count();
        let name = String::from_utf8_lossy(&rest[..length]).into_owned();
        super::parse::is_name(&name).then(|| {
            self.at += length;
            name
        })
    }

    fn assignment(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("expression is nested too deeply".to_owned());
        }
        let start = self.at;
        if let Some(name) = self.name() {
            for operator in ["<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "="] {
                let before = self.at;
                if !self.eat(operator) {
                    continue;
                }
                if operator == "=" && self.text.get(self.at) == Some(&b'=') {
                    self.at = before;
                    break;
                }
                let right = self.assignment()?;
                let value = match operator.strip_suffix('=') {
                    Some("") | None => right,
                    Some(operator) => self.apply(operator, self.variables.get(&name), right)?,
                };
                if self.skip == 0 {
                    self.variables.set(&name, value);
                }
                self.depth -= 1;
                return Ok(value);
            }
            self.at = start;
        }
        let value = self.conditional()?;
        self.depth -= 1;
        Ok(value)
    }

    fn conditional(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let yes = self.unless(condition == 0, Self::assignment)?;
        if !self.eat(":") {
            return Err(self.wrong());
        }
        let no = self.unless(condition != 0, Self::assignment)?;
        Ok(if condition == 0 { no } else { yes })
    }

    /// Reads something without effect if `skip`.
    fn unless(
        &mut self,
        skip: bool,
        read: impl FnOnce(&mut Self) -> Result<i64, String>,
    ) -> Result<i64, String> {
        self.skip += u32::from(skip);
        let value = read(self);
        self.skip -= u32::from(skip);
        value
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        'next: loop {
            self.blanks();
            for operator in *operators {
                let rest = &self.text[self.at..];
                if !rest.starts_with(operator.as_bytes()) {
                    continue;
                }
                let next = rest.get(operator.len()).copied().unwrap_or_default();
                // The beginning of a longer operator, or an assignment.
                let longer = match *operator {
                    "|" | "&" | "<" | ">" => next == operator.as_bytes()[0] || next == b'=',
                    "==" | "!=" | "<=" | ">=" | "||" | "&&" => false,
                    _ => next == b'=',
                };
                if longer {
                    continue;
                }
                self.at += operator.len();
                let decided = match *operator {
                    "||" => left != 0,
                    "&&" => left == 0,
                    _ => false,
                };
                let right = self.unless(decided, |reader| reader.binary(level + 1))?;
                left = self.apply(operator, left, right)?;
                continue 'next;
            }
            return Ok(left);
        }
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Result<i64, String> {
        Ok(match operator {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<<" => left.wrapping_shl(right as u32),
            ">>" => left.wrapping_shr(right as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            _ if right == 0 && self.skip > 0 => 0,
            _ if right == 0 => return Err("divide by zero".to_owned()),
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn unary(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("expression is nested too deeply".to_owned());
        }
        let value = self.operand()?;
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self) -> Result<i64, String> {
        for (operator, step) in [("++", 1), ("--", -1)] {
            if self.eat(operator) {
                let Some(name) = self.name() else { return Err(self.wrong()) };
                return Ok(self.step(&name, step));
            }
        }
        if self.eat("!") {
            return Ok(i64::from(self.unary()? == 0));
        }
        if self.eat("~") {
            return Ok(!self.unary()?);
        }
        if self.eat("-") {
            return Ok(self.unary()?.wrapping_neg());
        }
        if self.eat("+") {
            return self.unary();
        }
        if self.eat("(") {
            let value = self.assignment()?;
            return if self.eat(")") { Ok(value) } else { Err(self.wrong()) };
        }
        if let Some(name) = self.name() {
            let value = self.variables.get(&name);
            for (operator, step) in [("++", 1), ("--", -1)] {
                if self.eat(operator) {
                    self.step(&name, step);
                }
            }
            return Ok(value);
        }
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
        let digits = String::from_utf8_lossy(&rest[..length]);
        let Some(number) = number(&digits) else { return Err(self.wrong()) };
        self.at += length;
        Ok(number)
    }

    /// Changes a variable and gives its new value.
    fn step(&mut self, name: &str, by: i64) -> i64 {
        let value = self.variables.get(name).wrapping_add(by);
        if self.skip == 0 {
            self.variables.set(name, value);
        }
        value
    }
}

/// A number as C has it: decimal, `0x` hexadecimal, `0` octal.
pub(crate) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        i64::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Variables for BTreeMap<String, i64> {
        fn get(&self, name: &str) -> i64 {
            Self::get(self, name).copied().unwrap_or_default()
        }

        fn set(&mut self, name: &str, value: i64) {
            self.insert(name.to_owned(), value);
        }
    }

    #[test]
    fn expressions_have_values() {
        let mut variables = BTreeMap::from([("i".to_owned(), 4)]);
        for (text, expected) in [
            ("", Ok(0)),
            ("1 + 2 * 3", Ok(7)),
            ("(1+2)*3", Ok(9)),
            ("10 - 3 - 2", Ok(5)),
            ("i * i", Ok(16)),
            ("i++", Ok(4)),
            ("i", Ok(5)),
            ("i += 2", Ok(7)),
            ("i == 7 ? 1 : 0", Ok(1)),
            ("0 && (i = 100)", Ok(0)),
            ("i", Ok(7)),
            ("1 << 4 | 1", Ok(17)),
            ("0x10 + 010", Ok(24)),
            ("-3 % 2", Ok(-1)),
            ("!0 && 5 > 4", Ok(1)),
            ("1 / 0", Err("divide by zero".to_owned())),
            ("1 +", Err("arithmetic syntax error".to_owned())),
            ("2 3", Err("arithmetic syntax error".to_owned())),
        ] {
            assert_eq!(evaluate(text, &mut variables), expected, "{text:?}");
        }
    }
}
