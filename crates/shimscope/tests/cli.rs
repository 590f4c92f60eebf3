//! The native program as a user meets it: what it prints, and how it ends.

use assert_cmd::Command;
use std::path::{Path, PathBuf};

/// What a run printed, and whether it ended well.
struct Ended {
    ok: bool,
    out: String,
    err: String,
}

fn shimscope(arguments: &[&str]) -> Ended {
    let output = Command::cargo_bin("shimscope")
        .expect("the program is built")
        .args(arguments)
        .output()
        .expect("the program runs");
    Ended {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn check(folder: &Path) -> Ended {
    shimscope(&["golden", "check", folder.to_str().expect("UTF-8")])
}

#[test]
fn recordings_of_every_kind_are_checked_alike() {
    for folder in ["golden/single", "golden-dockershim/cni-life", "golden-cri-dockerd/cni-life"] {
        let ended = check(&data(folder));
        assert!(ended.ok, "{folder}: {}{}", ended.out, ended.err);
        assert!(ended.out.ends_with("1 of 1 equal\n"), "{}", ended.out);
    }
}

#[test]
fn a_difference_ends_in_failure() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-golden");
    std::fs::create_dir_all(&scratch).expect("a directory");
    for name in ["calls.json", "docker.jsonl", "cni.jsonl", "files.json"] {
        let text = std::fs::read_to_string(data("golden-dockershim/cni-life").join(name));
        let mut text = text.expect("a recording");
        if name == "files.json" {
            assert!(text.contains("ndots:5"));
            text = text.replace("ndots:5", "ndots:4");
        }
        std::fs::write(scratch.join(name), text).expect("a copy");
    }
    let ended = check(&scratch);
    assert!(!ended.ok);
    assert!(ended.out.starts_with("cli-golden: different\n"), "{}", ended.out);
    assert!(ended.out.ends_with("0 of 1 equal\n"), "{}", ended.out);
}

#[test]
fn what_is_not_there_is_named() {
    for arguments in [
        &["golden", "check", "no-such-folder"][..],
        &["simulate", "--scenario", "no-such-scenario"],
        &["simulate", "no-such-file.yaml"],
    ] {
        let ended = shimscope(arguments);
        assert!(!ended.ok, "{arguments:?}");
        assert!(ended.err.contains("no-such-"), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn every_built_in_scenario_is_listed_and_simulates() {
    let list = shimscope(&["scenarios"]);
    assert!(list.ok, "{}", list.err);
    for line in list.out.lines() {
        let name = line.split_whitespace().next().expect("a name");
        let ended = shimscope(&["simulate", "--scenario", name, "--detail", "1"]);
        assert!(ended.ok && ended.out.lines().count() > 5, "{name}: {}{}", ended.out, ended.err);
    }
}

#[test]
fn a_recorded_trace_is_exported_as_a_simulated_one() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported.json");
    let simulate = ["simulate", "--scenario", "single-container", "--format"];
    let json = shimscope(&[&simulate[..], &["json"]].concat());
    std::fs::write(&file, json.out).expect("a file");
    let file = file.to_str().expect("UTF-8");
    for format in ["table", "json", "markdown", "mermaid", "plantuml", "chrome-trace", "otlp"] {
        let simulated = shimscope(&[&simulate[..], &[format]].concat());
        let exported = shimscope(&["export", file, "--format", format]);
        assert!(simulated.ok && exported.ok, "{format}: {}{}", simulated.err, exported.err);
        assert!(!exported.out.is_empty() && simulated.out == exported.out, "{format} differs");
    }
    let wrong = shimscope(&["export", data("golden/single/pod.yaml").to_str().expect("UTF-8")]);
    assert!(!wrong.ok && wrong.err.contains("pod.yaml"), "{}", wrong.err);
}

#[test]
fn examples_are_told_in_a_table() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    std::fs::create_dir_all(folder.join("deep")).expect("a folder can be made");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a file can be written");
    };
    write(
        "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: high}\n",
    );
    write(
        "deep/greedy.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: greedy}\nspec:\n  restartPolicy: Never\n  \
         nodeSelector: {disk: ssd}\n  containers:\n  - name: c\n    image: polinux/stress\n    \
         resources: {limits: {memory: 100Mi}}\n    command: [stress, --vm, '1', --vm-bytes, 250M]\n",
    );
    write(
        "says.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: says}\nspec:\n  restartPolicy: Never\n  \
         containers:\n  - name: c\n    image: busybox\n    command: [test, $(LEVEL), '=', high]\n    \
         env: [{name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: level}}}]\n",
    );
    write("wrong.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec: {}\n");
    let ended = shimscope(&["examples", folder.to_str().expect("UTF-8"), "--until", "10s"]);
    assert!(ended.ok, "{}", ended.err);
    expect_test::expect![[r#"
        | file | pod | after 10 s | not simulated |
        | --- | --- | --- | --- |
        | a.yaml | – | no pod | ConfigMap settings is left out: only Pods are simulated |
        | deep/greedy.yaml | greedy | Failed; c terminated (OOMKilled) | `spec.nodeSelector` |
        | says.yaml | says | Succeeded; c terminated (Completed) |  |
        | wrong.yaml | – | refused: 4:1 error spec.containers: Required value |  |
    "#]]
    .assert_eq(&ended.out);
}
