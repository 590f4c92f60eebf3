//! JSON text, written straight into a string: the payloads of a busy trace are many and small.

use std::fmt::Write;
use trace::Payload;

/// A JSON object that grows member by member.
pub(crate) struct Json(String);

impl Json {
    /// An object without members.
    pub(crate) fn object() -> Self {
        // Room for most of them, so that they seldom move.
        let mut text = String::with_capacity(160);
        text.push('{');
        Self(text)
    }

    fn key(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        string(&mut self.0, name);
        self.0.push(':');
    }

    /// A string.
    pub(crate) fn str(mut self, name: &str, value: &str) -> Self {
        self.key(name);
        string(&mut self.0, value);
        self
    }

    /// A string, unless it is empty.
    pub(crate) fn str_if(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.str(name, value) }
    }

    /// A whole number.
    pub(crate) fn num(mut self, name: &str, value: impl Into<i64>) -> Self {
        self.key(name);
        // Writing to a string does not fail.
        let _ = write!(self.0, "{}", value.into());
        self
    }

    /// A truth value.
    pub(crate) fn bool(self, name: &str, value: bool) -> Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// A value that is JSON text already.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        self.key(name);
        self.0.push_str(json);
        self
    }

    /// Another object.
    pub(crate) fn object_in(self, name: &str, value: Self) -> Self {
        self.raw(name, &value.text())
    }

    /// An array of strings.
    pub(crate) fn strs<T: AsRef<str>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.key(name);
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            string(&mut self.0, value.as_ref());
        }
        self.0.push(']');
        self
    }

    /// An array of objects.
    pub(crate) fn objects(mut self, name: &str, values: impl IntoIterator<Item = Self>) -> Self {
        self.key(name);
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.0.push_str(&value.text());
        }
        self.0.push(']');
        self
    }

    /// The object as text.
    pub(crate) fn text(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// The object as what travels with a call.
    pub(crate) fn payload(self) -> Payload {
        Payload::Json(self.text().into())
    }
}

/// Appends a string with its quotes.
fn string(out: &mut String, value: &str) {
    out.push('"');
    let plain = value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if plain {
        out.push_str(value);
    } else {
        for letter in value.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                letter if letter < ' ' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(letter));
                }
                letter => out.push(letter),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn text_is_json() {
        let text = Json::object()
            .str("quoted", "a \"b\" \\ \n \u{1}")
            .num("n", -3)
            .bool("yes", true)
            .strs("list", ["x", "y"])
            .objects("all", [Json::object(), Json::object().str("k", "ä")])
            .str_if("absent", "")
            .text();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "quoted": "a \"b\" \\ \n \u{1}", "n": -3, "yes": true, "list": ["x", "y"],
                "all": [{}, {"k": "ä"}]
            })
        );
    }
}
