//! What the page shows before its program has arrived is what the program then shows.

#![cfg(not(target_arch = "wasm32"))]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use web::components::FirstFrame;
use yew::LocalServerRenderer;

#[test]
fn the_page_carries_the_first_frame() {
    let mut render = pin!(LocalServerRenderer::<FirstFrame>::new().hydratable(false).render());
    let Poll::Ready(html) = render.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the drawing waits for nothing");
    };
    expect_test::expect_file!["../first-frame.html"].assert_eq(&(html + "\n"));
}
