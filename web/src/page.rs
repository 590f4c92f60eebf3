//! The document around the app: its root, its theme and language, its address, its last words.

use crate::fragment::{Fragment, KEPT};
use crate::model::study::Progress;
use crate::state::Theme;
use crate::text::Lang;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, Element, HtmlElement, Window};

/// Where the browser keeps the theme, the language, the progress and the latest work.
const THEME_KEY: &str = "shimscope.theme";
const LANG_KEY: &str = "shimscope.lang";
const LESSONS_KEY: &str = "shimscope.lessons";
const RECENT_KEY: &str = "shimscope.recent";
/// How many pieces of work are kept.
const RECENT_MAX: usize = 8;

/// The window.
///
/// # Panics
/// Outside a page.
#[must_use]
pub fn window() -> Window {
    web_sys::window().expect("the app runs in a page")
}

/// The document.
///
/// # Panics
/// Outside a page.
#[must_use]
pub fn document() -> Document {
    window().document().expect("a page has a document")
}

/// The element that the app is drawn in. The shell that was there before the app goes.
///
/// # Panics
/// If the page is not ours.
#[must_use]
pub fn root() -> Element {
    let root = document().get_element_by_id("app").expect("index.html has #app");
    root.set_inner_html("");
    root
}

/// What the address says.
#[must_use]
pub fn fragment() -> Fragment {
    let hash = window().location().hash().unwrap_or_default();
    match recent().first() {
        Some((_, kept)) if hash.contains(KEPT) => Fragment::parse(&hash.replacen(KEPT, kept, 1)),
        _ => Fragment::parse(&hash),
    }
}

/// The latest work, newest first: what it is called, and its part of a link.
#[must_use]
pub fn recent() -> Vec<(String, String)> {
    let kept = stored(RECENT_KEY).and_then(|text| serde_json::from_str(&text).ok());
    kept.unwrap_or_default()
}

/// Keeps a piece of work as the latest.
pub fn remember(title: String, work: String) {
    let mut list = recent();
    list.retain(|(_, known)| *known != work);
    list.insert(0, (title, work));
    list.truncate(RECENT_MAX);
    store(RECENT_KEY, &serde_json::to_string(&list).unwrap_or_default());
}

/// Keeps no work any more.
pub fn forget() {
    store(RECENT_KEY, "[]");
}

/// Puts a fragment into the address, without a step in the history. Browsers refuse when that
/// happens too often; the next one will do.
pub fn set_fragment(fragment: &str) {
    if let Ok(history) = window().history() {
        let hash = format!("#{fragment}");
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&hash));
    }
}

/// The language to begin with: the one chosen before, or the browser's.
#[must_use]
pub fn lang() -> Lang {
    let kept = stored(LANG_KEY).as_deref().and_then(Lang::of);
    kept.or_else(|| window().navigator().language().as_deref().and_then(Lang::of))
        .unwrap_or_default()
}

/// How far somebody has come in the lessons.
#[must_use]
pub fn progress() -> Progress {
    stored(LESSONS_KEY).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Keeps how far somebody has come in the lessons.
pub fn keep_progress(progress: &Progress) {
    store(LESSONS_KEY, &serde_json::to_string(progress).unwrap_or_default());
}

/// The text of a file that lies beside the page.
///
/// # Errors
/// What the browser or the server said instead.
pub async fn fetch_text(path: &str) -> Result<String, String> {
    let failed = |_: JsValue| format!("{path}: no answer");
    let response = JsFuture::from(window().fetch_with_str(path)).await.map_err(failed)?;
    let response: web_sys::Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("{path}: {}", response.status()));
    }
    let text = JsFuture::from(response.text().map_err(failed)?).await.map_err(failed)?;
    text.as_string().ok_or_else(|| format!("{path} is no text"))
}

/// The theme to begin with.
#[must_use]
pub fn theme() -> Theme {
    stored(THEME_KEY).map_or(Theme::System, |key| Theme::from_key(&key))
}

/// Shows and keeps the language and the theme.
pub fn dress(lang: Lang, theme: Theme) {
    let Some(html) = document().document_element() else { return };
    let _ = html.set_attribute("lang", lang.tag());
    let _ = html.set_attribute("data-theme", theme.key());
    store(LANG_KEY, lang.key());
    store(THEME_KEY, theme.key());
}

/// Keeps a text, if the browser lets us.
fn store(key: &str, text: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(key, text);
    }
}

fn stored(key: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(key).ok()?
}

/// Moves the keyboard's focus.
pub fn focus(id: &str) {
    let element = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlElement>().ok());
    if let Some(element) = element {
        let _ = element.focus();
    }
}

/// Whether the address asks for a panic, so that a test can see what a panic looks like.
#[must_use]
pub fn panic_wanted() -> bool {
    window().location().search().is_ok_and(|query| query == "?panic")
}

/// Shows a panic to the user: what happened, and a link that starts over at the same moment.
pub fn show_panics() {
    yew::set_custom_panic_hook(Box::new(|info| {
        let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
        let Some(box_) = document.get_element_by_id("panic") else { return };
        if let Some(message) = document.get_element_by_id("panic-message") {
            message.set_text_content(Some(&info.to_string()));
        }
        if let (Some(link), Some(window)) =
            (document.get_element_by_id("panic-reload"), web_sys::window())
        {
            let location = window.location();
            let hash = location.hash().unwrap_or_default();
            // Another query than now: a link to the very same address would not load anything.
            let times = location.search().unwrap_or_default();
            let times = times.strip_prefix("?again=").and_then(|n| n.parse::<u32>().ok());
            let again = times.unwrap_or_default().wrapping_add(1);
            let _ = link.set_attribute("href", &format!("?again={again}{hash}"));
        }
        let _ = box_.remove_attribute("hidden");
        if let Some(app) = document.get_element_by_id("app") {
            let _ = app.set_attribute("inert", "");
        }
        let link = document.get_element_by_id("panic-reload");
        if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
            let _ = link.focus();
        }
    }));
}
