//! What the address bar holds: enough to come back to this moment.
//!
//! ```text
//! #scenario=single-container&stack=both&step=42&detail=3&lang=zh&panel=debug&break=op:PullImage
//! ```
//!
//! A lesson and its page are in `lesson=` and `page=`, and what was chosen there in `choice=`.
//! Changes of the scenario are in `edits=`, as JSON; each breakpoint or watch has a `break=`.
//! A manifest of the user's own travels along as `manifest=`, as long as it is short enough for a
//! link. Whatever is not understood is left out and named.

use crate::model::point::Point;
use crate::model::study::Bookmark;
use crate::state::{Stacks, State, Tab};
use crate::text::Lang;
use scenario::{Edit, Stack};
use std::fmt::Write;
use std::rc::Rc;
use trace::Level;

/// The longest manifest that is put into a link, in bytes.
const MANIFEST_MAX: usize = 6_000;

/// Stands for a manifest that is too long for a link: it is the latest that the browser keeps.
pub const KEPT: &str = "manifest=kept";

/// The parts of a fragment; none where the link does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fragment {
    /// The key of a built-in scenario.
    pub scenario: Option<String>,
    /// The user's own manifest.
    pub manifest: Option<String>,
    /// Which stacks.
    pub stacks: Option<Stacks>,
    /// How many events have happened.
    pub step: Option<usize>,
    /// How deep one looks.
    pub detail: Option<Level>,
    /// The language.
    pub lang: Option<Lang>,
    /// The panel of the inspector.
    pub tab: Option<Tab>,
    /// What is changed about the scenario.
    pub edits: Rc<[Edit]>,
    /// The lesson and its page. The moment is that of the link, if it says one.
    pub lesson: Option<Bookmark>,
    /// Breakpoints and watches.
    pub points: Vec<Point>,
    /// What was not understood.
    pub bad: Vec<String>,
}

impl Fragment {
    /// Reads a fragment, with or without its `#`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut fragment = Self::default();
        let (mut lesson, mut page, mut choice) = (None, 1_usize, None);
        let text = text.strip_prefix('#').unwrap_or(text);
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = decode(value);
            let understood = match (name, value) {
                ("scenario", Some(value)) if scenario::find(&value).is_some() => {
                    fragment.scenario = Some(value);
                    true
                }
                ("manifest", Some(value)) if part != KEPT => {
                    fragment.manifest = Some(value);
                    true
                }
                ("stack", Some(value)) => {
                    fragment.stacks = Stacks::from_key(&value);
                    fragment.stacks.is_some()
                }
                ("step", Some(value)) => {
                    fragment.step = value.parse().ok();
                    fragment.step.is_some()
                }
                ("detail", Some(value)) => {
                    fragment.detail =
                        value.parse().ok().and_then(|number: u8| Level::try_from(number).ok());
                    fragment.detail.is_some()
                }
                ("lang", Some(value)) => {
                    fragment.lang = Lang::of(&value);
                    fragment.lang.is_some()
                }
                ("panel", Some(value)) => {
                    fragment.tab = Tab::from_key(&value);
                    fragment.tab.is_some()
                }
                ("lesson", Some(value)) if is_key(&value) => {
                    lesson = Some(value);
                    true
                }
                ("page", Some(value)) => match value.parse() {
                    Ok(number) => {
                        page = number;
                        true
                    }
                    Err(_) => false,
                },
                ("choice", Some(value)) => {
                    choice = value.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                    choice.is_some()
                }
                ("edits", Some(value)) => match serde_json::from_str::<Vec<Edit>>(&value) {
                    Ok(edits) => {
                        fragment.edits = edits.into();
                        true
                    }
                    Err(_) => false,
                },
                ("break", Some(value)) => match Point::from_key(&value) {
                    Some(point) => {
                        fragment.points.push(point);
                        true
                    }
                    None => false,
                },
                _ => false,
            };
            if !understood {
                fragment.bad.push(part.chars().take(40).collect());
            }
        }
        fragment.lesson = lesson.map(|id| Bookmark {
            id: id.into(),
            page: page.saturating_sub(1),
            choice,
            step: fragment.step,
        });
        fragment
    }

    /// What somebody works on, without the moment and the view: a manifest of any length or a
    /// scenario, and the changes.
    #[must_use]
    pub fn work_of(state: &State) -> String {
        let mut text = String::new();
        match &state.own {
            Some(own) => {
                text.push_str("manifest=");
                encode(own, &mut text);
            }
            None => {
                let _ = write!(text, "scenario={}", state.scenario_id());
            }
        }
        if !state.edits.is_empty()
            && let Ok(json) = serde_json::to_string(&*state.edits)
        {
            text.push_str("&edits=");
            encode(&json, &mut text);
        }
        text
    }

    /// The fragment of a state, without its `#`.
    #[must_use]
    pub fn of(state: &State) -> String {
        let mut text = match &state.own {
            _ if state.imported => String::new(),
            // Too long for a link; the browser keeps it.
            Some(own) if own.len() > MANIFEST_MAX => KEPT.to_owned(),
            _ => Self::work_of(state),
        };
        let _ = write!(
            text,
            "&stack={}&step={}&detail={}&lang={}",
            state.stacks.key(),
            state.cursor,
            state.level as u8,
            state.lang.key()
        );
        if let Some(study) = &state.study {
            let _ = write!(text, "&lesson={}&page={}", study.id, study.page + 1);
            if let Some(choice) = study.choice {
                let _ = write!(text, "&choice={}", choice + 1);
            }
        }
        if state.tab != Tab::default() {
            let _ = write!(text, "&panel={}", state.tab.key());
        }
        for point in &state.points {
            let (kind, what) = point.parts();
            let _ = write!(text, "&break={kind}:");
            encode(what, &mut text);
        }
        text
    }
}

/// Whether a text can be the name of a lesson's file.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Percent-encodes all but what a fragment may hold unencoded and we do not use ourselves.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The stacks' keys in links: `dockershim`, `dockershim+containerd`; `both` is short for the latter.
impl Stacks {
    /// The key.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::One(stack) => stack.key().to_owned(),
            Self::BOTH => "both".to_owned(),
            Self::Two(left, right) => format!("{}+{}", left.key(), right.key()),
        }
    }

    /// The stacks of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        if key == "both" {
            return Some(Self::BOTH);
        }
        let (left, right) = match key.split_once('+') {
            Some((left, right)) => (left, Some(Stack::from_key(right)?)),
            None => (key, None),
        };
        Some(Self::of(Stack::from_key(left)?, right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_read_back() {
        let text = "scenario=single-container&stack=both&step=42&detail=3&lang=zh";
        let fragment = Fragment::parse(text);
        assert_eq!(fragment.scenario.as_deref(), Some("single-container"));
        assert_eq!(fragment.stacks, Some(Stacks::BOTH));
        assert_eq!(fragment.step, Some(42));
        assert_eq!(fragment.detail, Some(Level::Hops));
        assert_eq!(fragment.lang, Some(Lang::Zh));
        assert!(fragment.bad.is_empty());
        let pair = Stacks::of(Stack::Dockershim, Some(Stack::ALL[2]));
        assert_eq!(Stacks::from_key(&pair.key()), Some(pair));
        assert_eq!(Stacks::from_key("dockershim+nope"), None);
        let text = "panel=debug&break=op:PullImage&break=error:&edits=%5B%7B%22step%22:%7B%22at%22:%221s%22,%22do%22:%7B%22deletePod%22:%7B%22name%22:%22web%22%7D%7D%7D%7D%5D";
        let fragment = Fragment::parse(text);
        assert_eq!(fragment.tab, Some(Tab::Debug));
        assert_eq!(fragment.points, [Point::Op("PullImage".into()), Point::Error]);
        assert!(matches!(&*fragment.edits, [Edit::Step(_)]));
        assert!(fragment.bad.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let fragment = Fragment::parse("#scenario=nope&detail=9&step=-1&x&lang=en&manifest=%zz");
        assert_eq!(fragment.bad, ["scenario=nope", "detail=9", "step=-1", "x", "manifest=%zz"]);
        assert_eq!(fragment.lang, Some(Lang::En));
    }

    #[test]
    fn manifests_survive_the_link() {
        let manifest = "kind: Pod # 中文 & 100%\n";
        let mut text = String::new();
        encode(manifest, &mut text);
        assert!(!text.contains(['&', '#', '\n', ' ']));
        assert_eq!(decode(&text).as_deref(), Some(manifest));
    }
}
