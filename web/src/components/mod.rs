//! The views. Each takes what it shows as properties and sends actions; none holds anything of the
//! simulation.

mod app;
mod caption;
mod compare;
mod controls;
mod dialogs;
mod editor;
mod header;
mod inspector;
mod lesson;
mod pod_card;
mod stage;
mod sync_panel;
mod timeline;
mod ui;
mod whatif;

pub use app::App;
pub use stage::FirstFrame;

use crate::state::{Action, State};
use yew::{Callback, UseReducerHandle, hook, use_context};

/// The page's state, for those views that show much of it.
pub type Store = UseReducerHandle<State>;

/// The state from the context.
#[hook]
fn use_store() -> Store {
    use_context::<Store>().expect("the app provides its state")
}

/// A callback that sends an action, whatever the event was.
fn send<E>(store: &Store, action: Action) -> Callback<E> {
    let dispatcher = store.dispatcher();
    Callback::from(move |_| dispatcher.dispatch(action.clone()))
}
