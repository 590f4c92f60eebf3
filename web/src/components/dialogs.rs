//! What lies over the page: the choice of scenarios, the manifest editor, the help.

use super::Store;
use super::editor::Editor;
use super::lesson::lessons;
use super::ui::{heading, icon, icons};
use super::whatif::WhatIf;
use crate::command::UiCommand;
use crate::fragment::Fragment;
use crate::page;
use crate::state::{Action, Dialog};
use crate::text::M;
use std::rc::Rc;
use web_sys::HtmlDialogElement;
use yew::{
    Callback, Children, Html, Properties, classes, component, html, use_effect_with, use_node_ref,
};

/// The dialog that is open, if one is.
pub(super) fn dialogs(store: &Store) -> Html {
    let close = {
        let dispatcher = store.dispatcher();
        Callback::from(move |()| dispatcher.dispatch(Action::CloseDialog))
    };
    let (id, title, body) = match store.dialog {
        None => return Html::default(),
        Some(Dialog::Scenarios) => ("scenarios", M::ChooseScenario, scenarios(store)),
        Some(Dialog::Lessons) => ("lessons", M::ChooseLesson, lessons(store)),
        Some(Dialog::Manifest) => ("manifest", M::ManifestTitle, html! { <Editor /> }),
        Some(Dialog::WhatIf) => ("whatif", M::WhatIf, html! { <WhatIf /> }),
        Some(Dialog::Help) => ("help", M::Help, help(store)),
    };
    html! {
        <Modal key={id} {id} title={store.text(title)} close_name={store.text(M::Close)} {close}>
            { body }
        </Modal>
    }
}

/// A dialog over the page.
#[derive(Clone, PartialEq, Properties)]
struct ModalProps {
    id: &'static str,
    title: &'static str,
    close_name: &'static str,
    close: Callback<()>,
    children: Children,
}

#[component]
fn Modal(props: &ModalProps) -> Html {
    let place = use_node_ref();
    use_effect_with(place.clone(), |place| {
        let dialog = place.cast::<HtmlDialogElement>();
        if let Some(dialog) = &dialog {
            let _ = dialog.show_modal();
        }
        // A closed dialog gives the focus back to where it was.
        move || {
            if let Some(dialog) = dialog {
                dialog.close();
            }
        }
    });
    let close = props.close.clone();
    let cancelled = {
        let close = close.clone();
        Callback::from(move |event: yew::Event| {
            event.prevent_default();
            close.emit(());
        })
    };
    html! {
        <dialog class={classes!("dialog", format!("dialog--{}", props.id))} ref={place} aria-labelledby="dialog-title" oncancel={cancelled}>
            <header class="dialog__head">
                <h2 class="dialog__title" id="dialog-title">{ props.title }</h2>
                <button
                    type="button"
                    class="button button--icon"
                    aria-label={props.close_name}
                    data-command="Close"
                    onclick={Callback::from(move |_: yew::MouseEvent| close.emit(()))}
                >
                    { icon(icons::CLOSE) }
                </button>
            </header>
            <div class="dialog__body" tabindex={(props.id == "help").then_some("0")}>{ props.children.clone() }</div>
        </dialog>
    }
}

fn scenarios(store: &Store) -> Html {
    let entry = |(index, builtin): (usize, &'static scenario::Builtin)| {
        let scenario = builtin.scenario();
        let chosen = store.own.is_none() && store.scenario_id() == builtin.id;
        let dispatcher = store.dispatcher();
        let choose = Callback::from(move |_: yew::MouseEvent| {
            dispatcher.dispatch(Action::Scenario(builtin));
        });
        html! {
            <li key={builtin.id}>
                <button
                    type="button"
                    class={classes!("choice", chosen.then_some("is-chosen"))}
                    aria-current={chosen.then_some("true")}
                    data-scenario={builtin.id}
                    onclick={choose}
                >
                    <span class="choice__number" aria-hidden="true">{ index + 1 }</span>
                    <span class="choice__title">{ store.lang.pick(&scenario.title.en, &scenario.title.zh).to_owned() }</span>
                    <span class="choice__summary">{ store.lang.pick(&scenario.summary.en, &scenario.summary.zh).to_owned() }</span>
                </button>
            </li>
        }
    };
    html! {
        <>
            <ul class="choices">{ for scenario::builtin().iter().enumerate().map(entry) }</ul>
            { recent(store) }
        </>
    }
}

/// The latest work, to go back to.
fn recent(store: &Store) -> Html {
    let list = page::recent();
    if list.is_empty() {
        return Html::default();
    }
    let entry = |(title, work): &(String, String)| {
        let (dispatcher, work) = (store.dispatcher(), work.clone());
        let open = Callback::from(move |_: yew::MouseEvent| {
            dispatcher.dispatch(Action::CloseDialog);
            dispatcher.dispatch(Action::Navigate(Rc::new(Fragment::parse(&work))));
        });
        html! {
            <li>
                <button type="button" class="choice" data-recent="" onclick={open}>
                    <span class="choice__number" aria-hidden="true">{ icon(icons::CLOCK) }</span>
                    <span class="choice__summary">{ title.clone() }</span>
                </button>
            </li>
        }
    };
    let forget = {
        let dispatcher = store.dispatcher();
        Callback::from(move |_: yew::MouseEvent| {
            page::forget();
            dispatcher.dispatch(Action::CloseDialog);
        })
    };
    html! {
        <>
            <div class="whatif__head">
                { heading(store.text(M::Recent)) }
                <button type="button" class="button" onclick={forget}>{ store.text(M::Forget) }</button>
            </div>
            <ul class="choices">{ for list.iter().map(entry) }</ul>
        </>
    }
}

fn help(store: &Store) -> Html {
    let row = |command: &UiCommand| {
        let shortcut = command.shortcut();
        html! {
            <div class="keys__row">
                <dt>{ shortcut.map(|shortcut| html! { <kbd>{ shortcut.label }</kbd> }) }</dt>
                <dd>{ store.text(command.name()) }</dd>
            </div>
        }
    };
    let legend = |class: &'static str, message: M| {
        html! {
            <li><span class={classes!("legend__sign", class)} aria-hidden="true"></span>{ store.text(message) }</li>
        }
    };
    html! {
        <div class="help">
            <section>
                <h3 class="heading">{ store.text(M::Keyboard) }</h3>
                <dl class="keys">{ for UiCommand::ALL.iter().map(row) }</dl>
            </section>
            <section>
                <h3 class="heading">{ store.text(M::Legend) }</h3>
                <ul class="legend">
                    { legend("legend__sign--process", M::LegendProcess) }
                    { legend("legend__sign--library", M::LegendLibrary) }
                    { legend("legend__sign--lit", M::LegendLit) }
                    { legend("legend__sign--call", M::LegendCall) }
                    { legend("legend__sign--return", M::LegendReturn) }
                    { legend("legend__sign--error", M::LegendError) }
                    { legend("legend__sign--glue", M::LegendGlue) }
                </ul>
            </section>
        </div>
    }
}
