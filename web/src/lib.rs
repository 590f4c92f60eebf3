//! The page: a debugger for pod start-up.
//!
//! * [`state`] is what the page is about, [`command`] what a user can ask of it, [`fragment`] what
//!   of it a link holds.
//! * [`model`] computes what there is to see from a trace; [`text`] says it in English and
//!   Simplified Chinese.
//! * [`components`] draw it.
//!
//! What is on the screen is a function of the trace and the cursor: no view holds anything of the
//! simulation.

pub mod command;
pub mod components;
pub mod fragment;
pub mod model;
pub mod page;
pub mod state;
pub mod text;

/// Starts the page.
pub fn start() {
    page::show_panics();
    yew::Renderer::<components::App>::with_root(page::root()).render();
}
