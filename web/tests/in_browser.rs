//! What only a browser can tell: the page draws itself, follows keys, and keeps what it is told to.
#![cfg(target_arch = "wasm32")]

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web::page;
use web::state::Theme;
use web::text::Lang;
use web_sys::{Element, KeyboardEvent, KeyboardEventInit};

wasm_bindgen_test_configure!(run_in_browser);

/// The first element that a selector finds, once it is there.
async fn find(selector: &str) -> Element {
    for _ in 0..500 {
        if let Ok(Some(element)) = page::document().query_selector(selector) {
            return element;
        }
        TimeoutFuture::new(10).await;
    }
    panic!("{selector} never appeared");
}

/// Waits until an attribute of an element has a value.
async fn wait_for(selector: &str, attribute: &str, value: &str) {
    let mut seen = None;
    for _ in 0..500 {
        seen = find(selector).await.get_attribute(attribute);
        if seen.as_deref() == Some(value) {
            return;
        }
        TimeoutFuture::new(10).await;
    }
    panic!("{attribute} of {selector} is {seen:?}, not {value:?}");
}

fn press(key: &str) {
    let init = KeyboardEventInit::new();
    init.set_key(key);
    init.set_bubbles(true);
    let event = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init);
    let event = event.expect("a keyboard event");
    page::window().dispatch_event(&event).expect("the window takes events");
}

#[wasm_bindgen_test]
fn language_and_theme_are_shown_and_kept() {
    page::dress(Lang::Zh, Theme::Dark);
    let html = page::document().document_element().expect("a page has a root");
    assert_eq!(html.get_attribute("lang").as_deref(), Some("zh-Hans"));
    assert_eq!(html.get_attribute("data-theme").as_deref(), Some("dark"));
    assert_eq!((page::lang(), page::theme()), (Lang::Zh, Theme::Dark));
    page::dress(Lang::En, Theme::System);
    assert_eq!((page::lang(), page::theme()), (Lang::En, Theme::System));
}

#[wasm_bindgen_test]
async fn the_page_draws_itself_and_steps_by_key() {
    let app = page::document().create_element("div").expect("an element");
    app.set_id("app");
    let body = page::document().body().expect("a page has a body");
    body.append_child(&app).expect("the body takes it");
    web::start();
    wait_for("[role=slider]", "aria-valuenow", "0").await;
    press("ArrowRight");
    press("ArrowRight");
    wait_for("[role=slider]", "aria-valuenow", "2").await;
    press("ArrowLeft");
    wait_for("[role=slider]", "aria-valuenow", "1").await;
    press("l");
    wait_for("html", "lang", "zh-Hans").await;
    let caption = find("#caption").await.text_content().unwrap_or_default();
    assert!(caption.chars().any(|c| ('\u{4e00}'..'\u{a000}').contains(&c)), "{caption}");
}
