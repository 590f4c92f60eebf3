//! The stacks side by side: the document is current, and the numbers say what they should.

#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use expect_test::expect_file;
use scenario::{Scenario, Stack};
use serde_json::Value;
use shimscope::compare::{compare, document, to_json};

/// `UPDATE_EXPECT=1 cargo test -p shimscope --test compare` writes it anew.
#[test]
fn the_document_is_current() {
    expect_file!["../../../docs/comparison.md"].assert_eq(&document().unwrap());
}

fn counted(scenario: &str) -> Value {
    let scenario = scenario::find(scenario).unwrap().scenario();
    to_json(&compare(&scenario, &Stack::ALL, false).unwrap())
}

fn side<'v>(sides: &'v Value, stack: &str) -> &'v Value {
    let sides = sides.as_array().unwrap();
    sides.iter().find(|side| side["stack"] == stack).unwrap()
}

/// What is said of the stacks wherever they are compared.
#[test]
fn the_chain_through_docker_is_the_longest() {
    let sides = counted("single-container");
    let depth = |stack| side(&sides, stack)["hopsToProgram"].as_u64().unwrap();
    assert_eq!(depth("dockershim"), 5);
    assert_eq!(depth("cri-dockerd"), 5);
    assert_eq!(depth("containerd"), 3);
    assert_eq!(depth("crio"), 3);
    let glue = |stack| side(&sides, stack)["glue"].as_array().unwrap().len();
    assert!(glue("dockershim") >= glue("cri-dockerd"));
    assert_eq!((glue("containerd"), glue("crio")), (0, 0));
    for stack in ["containerd", "crio"] {
        for number in ["hops", "serialisations", "latencyMillis"] {
            let of = |stack| side(&sides, stack)[number].as_u64().unwrap();
            assert!(of(stack) < of("dockershim"), "{number} of {stack}");
        }
    }
}

#[test]
fn each_matter_has_its_owner() {
    let sides = counted("single-container");
    let owners = |stack, matter| side(&sides, stack)["responsible"][matter].to_string();
    for (stack, matter, expected) in [
        ("dockershim", "pause image", r#"["dockershim","dockerd"]"#),
        ("dockershim", "resolv.conf", r#"["dockerd","dockershim"]"#),
        ("dockershim", "CNI", r#"["dockershim"]"#),
        ("dockershim", "logs", r#"["dockerd","dockershim"]"#),
        ("containerd", "pause image", r#"["cri-plugin","containerd"]"#),
        ("containerd", "resolv.conf", r#"["cri-plugin"]"#),
        ("containerd", "logs", r#"["cri-plugin"]"#),
        ("crio", "CNI", r#"["crio"]"#),
        ("crio", "logs", r#"["conmon"]"#),
        ("crio", "exec", r#"["crio","conmon","crun"]"#),
    ] {
        assert_eq!(owners(stack, matter), expected, "{matter} on {stack}");
    }
}

#[test]
fn stacks_are_chosen_by_name() {
    let mut command = Command::cargo_bin("shimscope").unwrap();
    let arguments = ["compare", "--scenario", "single-container", "--stacks", "crio,containerd"];
    let output = command.args(arguments).args(["--format", "json"]).output().unwrap();
    let sides: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stacks: Vec<_> = sides.as_array().unwrap().iter().map(|side| &side["stack"]).collect();
    assert_eq!(stacks, ["crio", "containerd"]);

    let mut command = Command::cargo_bin("shimscope").unwrap();
    let output = command.args(["compare", "x.yaml", "--stacks", "podman"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such stack; there are"));
}

/// A pod that never runs is not taken for one that does.
#[test]
fn what_does_not_come_up_is_said_to_be_incomplete() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: never}\nspec: {containers: [{name: a, image: missing}]}";
    let scenario = format!(
        "images: {{missing: {{missing: true}}}}\nuntil: 20s\nmanifest: |\n  {}",
        manifest.replace('\n', "\n  ")
    );
    let scenario = Scenario::parse(&scenario).unwrap();
    let sides = to_json(&compare(&scenario, &[Stack::Crio], false).unwrap());
    assert_eq!(side(&sides, "crio")["complete"], false);
}
