//! Words are attached to steps by pattern: each has to fit something that really happens.

use scenario::{Stack, builtin, simulate};
use std::collections::BTreeSet;
use trace::Trace;
use trace::pattern::key_of;
use web::text::{CAPTIONS, Lang, caption};

fn traces() -> Vec<Trace> {
    let mut traces = Vec::new();
    for builtin in builtin() {
        let scenario = builtin.scenario();
        for stack in Stack::ALL {
            if scenario.stacks.is_empty() || scenario.stacks.contains(&stack) {
                traces.push(simulate(&scenario, stack).expect("a built-in scenario runs"));
            }
        }
    }
    traces
}

#[test]
fn every_caption_fits_a_step_and_every_step_is_captioned_in_full() {
    let mut used = BTreeSet::new();
    let mut general = BTreeSet::new();
    for trace in traces() {
        for (id, event) in trace.iter() {
            let key = key_of(&trace, event);
            let Some(at) = CAPTIONS.iter().position(|caption| caption.fits(&key)) else {
                panic!("no caption for {key}");
            };
            if CAPTIONS[at].pattern.len() == 3 {
                general.insert(key.clone());
            }
            let first = used.insert(at);
            for lang in Lang::ALL.into_iter().filter(|_| first || id.index() % 7 == 0) {
                let text = caption(&trace, id, lang);
                for place in lang.pick(CAPTIONS[at].en, CAPTIONS[at].zh).split('{').skip(1) {
                    let name = place.split('}').next().unwrap_or_default();
                    assert!(!text.contains(&format!("{{{name}}}")), "{key}: {text}");
                }
            }
        }
    }
    let unused: Vec<&str> = CAPTIONS
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, caption)| caption.pattern)
        .collect();
    assert!(
        unused.is_empty(),
        "captions that fit nothing: {unused:#?}\nwithout own words: {general:#?}"
    );
}
