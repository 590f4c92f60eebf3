//! Our `api.proto` against CRI's: the same methods, fields, numbers and types, nothing more.
//!
//! `data/v1-wire.tsv` was made from cri-api's `api.proto` after v0.37.0-beta.0.

use std::collections::BTreeSet;

use cri::descriptor::{self, Kind, Message};

const UPSTREAM: &str = include_str!("data/v1-wire.tsv");

#[test]
fn has_the_rows_of_upstream_in_the_same_order() {
    let ours = descriptor::wire_table();
    let (our_rows, upstream_rows): (BTreeSet<_>, BTreeSet<_>) =
        (ours.lines().collect(), UPSTREAM.lines().collect());
    let missing: Vec<_> = upstream_rows.difference(&our_rows).copied().collect();
    let surplus: Vec<_> = our_rows.difference(&upstream_rows).copied().collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "only upstream has:\n{}\n\nonly api.proto has:\n{}\n",
        missing.join("\n"),
        surplus.join("\n"),
    );
    for (line, (ours, upstream)) in ours.lines().zip(UPSTREAM.lines()).enumerate() {
        assert_eq!(ours, upstream, "line {}", line + 1);
    }
    assert_eq!(ours, UPSTREAM);
}

#[test]
fn counts_are_those_of_upstream() {
    let [runtime, image] = descriptor::services() else { panic!("two services") };
    assert_eq!((runtime.name, runtime.methods.len()), ("RuntimeService", 37));
    assert_eq!((image.name, image.methods.len()), ("ImageService", 6));
    let streams = descriptor::services().iter().flat_map(|service| &service.methods);
    assert_eq!(streams.filter(|method| method.server_streaming).count(), 7);
}

/// The functions of `descriptor` follow the types without counting how deep they are.
#[test]
fn no_message_contains_itself() {
    fn depth(message: &Message, outer: &mut Vec<&'static str>) -> usize {
        assert!(!outer.contains(&message.name), "{} contains itself: {outer:?}", message.name);
        outer.push(message.name);
        let inner = message.fields.iter().filter_map(|field| field.kind.message());
        let deepest = inner.map(|inner| depth(inner, outer)).max().unwrap_or(0);
        outer.pop();
        deepest + 1
    }
    let deepest = descriptor::messages().iter().map(|m| depth(m, &mut Vec::new())).max();
    assert_eq!(deepest, Some(7));
}

#[test]
fn every_field_number_and_name_is_used_once() {
    for message in descriptor::messages() {
        let numbers: BTreeSet<_> = message.fields.iter().map(|field| field.number).collect();
        let names: BTreeSet<_> = message.fields.iter().map(|field| field.name).collect();
        assert_eq!(numbers.len(), message.fields.len(), "{}", message.name);
        assert_eq!(names.len(), message.fields.len(), "{}", message.name);
    }
}

#[test]
fn names_are_found_with_and_without_their_package() {
    let with = descriptor::message("runtime.v1.SecurityProfile").expect("known");
    let without = descriptor::message("SecurityProfile").expect("known");
    assert!(std::ptr::eq(with, without));
    let Kind::Enum(_) = with.fields[0].kind else { panic!("an enum") };
    assert_eq!(with.fields[0].type_name(), "SecurityProfile.ProfileType");

    let unknown = descriptor::message("runtime.v1alpha2.SecurityProfile");
    assert_eq!(
        unknown.expect_err("another package").to_string(),
        "CRI has no message runtime.v1alpha2.SecurityProfile",
    );
    assert!(descriptor::method("PullImage").is_some_and(|(s, _)| s.name == "ImageService"));
    assert!(descriptor::method("PushImage").is_none());
}
