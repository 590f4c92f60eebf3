//! What the page says, in every language that it speaks.
//!
//! Both languages of a text stand beside each other, so that a missing one does not compile.

mod captions;
mod messages;

pub use captions::{CAPTIONS, Caption, caption, duration_text, glue, shorten, sync_steps};
pub use messages::M;

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The tag for `<html lang>`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }

    /// The key in links.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The language's name in itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "简体中文",
        }
    }

    /// The language of a tag or key: `zh`, `zh-CN`, `en-GB`.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let short = tag.split('-').next().unwrap_or(tag);
        Self::ALL.into_iter().find(|lang| lang.key().eq_ignore_ascii_case(short))
    }

    /// One of two texts.
    #[must_use]
    pub const fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// The word for an error, with its code where that says more.
#[must_use]
pub fn error_word(code: &str, lang: Lang) -> String {
    let word = M::Error.text(lang);
    if code.is_empty() || code.eq_ignore_ascii_case("error") {
        word.to_owned()
    } else {
        format!("{word} {code}")
    }
}

/// Fills `{name}` with values. A name without a value stays as it is, for a test to find.
#[must_use]
pub fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}') {
            Some((name, tail)) => {
                match value(name) {
                    Some(value) => text.push_str(&value),
                    None => {
                        text.push('{');
                        text.push_str(name);
                        text.push('}');
                    }
                }
                rest = tail;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let value = |name: &str| (name == "pod").then(|| "web".to_owned());
        assert_eq!(fill("{pod} of {x}, {", value), "web of {x}, {");
    }

    #[test]
    fn tags_name_languages() {
        assert_eq!(Lang::of("zh-CN"), Some(Lang::Zh));
        assert_eq!(Lang::of("EN-gb"), Some(Lang::En));
        assert_eq!(Lang::of("fr"), None);
    }
}
