//! Trees, places and limits, as tables.

use expect_test::{Expect, expect};
use serde::Deserialize;

use super::*;
use crate::print::json_of as json;

/// The documents as JSON, one per line, then the problems.
fn check(text: &str, expected: Expect) {
    let documents = parse_all(text, &Limits::default());
    let mut out = String::new();
    for node in &documents.nodes {
        out.push_str(&json(&node.to_json()));
        out.push('\n');
    }
    for problem in &documents.problems {
        out.push_str(&format!("{problem}\n"));
    }
    expected.assert_eq(&out);
}

/// The places of all values, in the order of the text.
fn check_places(text: &str, expected: Expect) {
    fn walk(name: &str, node: &Node, out: &mut String) {
        let Span { start, end } = node.span;
        out.push_str(&format!(
            "{}:{}-{}:{} {name}\n",
            start.line, start.column, end.line, end.column
        ));
        match &node.kind {
            Kind::List(items) => items.iter().enumerate().for_each(|(index, item)| {
                walk(&format!("{name}[{index}]"), item, out);
            }),
            Kind::Map(entries) => entries.iter().for_each(|entry| {
                walk(&format!("{name}.{}", entry.key), &entry.value, out);
            }),
            _ => {}
        }
    }
    let mut out = String::new();
    for node in parse_all(text, &Limits::default()).nodes {
        walk("", &node, &mut out);
    }
    expected.assert_eq(&out);
}

#[test]
fn scalars_follow_the_rules_of_kubernetes() {
    check(
        "[yes, No, on, y, true, ~, null, 'yes', \"1\", 1, -7, 010, 0o10, 0x1F, 0b11, 1_000, 1.5, .5, 1e3, 1.22, 08, \
         2026-01-01, 1.2.3, 0x, +, -, 99999999999999999999, !!str 5, !custom 5, !!int 5, 12:30]",
        expect![[r#"
            1:132 error not valid YAML: plain scalar cannot start with '-' followed by ,[]{}
        "#]],
    );
}

#[test]
fn documents_keys_and_block_scalars() {
    check(
        "a: |\n  one\n  two\n---\n# nothing\n---\n1: x\ntrue: y\n? on\n: z\n...\n---\n[]\n",
        expect![[r#"
            {"a":"one\ntwo\n"}
            {"1":"x","true":true}
            []
            9:3 error key "true" already set in map
        "#]],
    );
}

#[test]
fn json_is_yaml() {
    check(
        "{\n\t\"a\": [1, \"\\u00e9\\/\"],\n\t\"b\": {}\n}\n",
        expect![[r#"
        {"a":[1,"é/"],"b":{}}
    "#]],
    );
}

#[test]
fn byte_order_marks_and_carriage_returns_do_no_harm() {
    check(
        "\u{feff}a: 1\r\nb:\r\n  - x\r\n",
        expect![[r#"
        {"a":1,"b":["x"]}
    "#]],
    );
}

#[test]
fn aliases_and_merges_are_written_out() {
    check(
        "base: &b {p: 1, q: 2}\nother: &o {q: 3, r: 4}\nm:\n  <<: [*b, *o]\n  p: 0\ncopy: *b\n\"<<\": plain\n",
        expect![[r#"
            {"<<":"plain","base":{"p":1,"q":2},"copy":{"p":1,"q":2},"m":{"p":0,"q":2,"r":4},"other":{"q":3,"r":4}}
        "#]],
    );
    check(
        "a: {<<: 1}",
        expect![[r#"
        1:9 error map merge requires map or sequence of maps as the value
    "#]],
    );
    check(
        "a: &a [*a]",
        expect![[r#"
        1:8 error this alias stands for a value that contains the alias
    "#]],
    );
    check(
        "a: *b",
        expect![[r#"
        1:4 error not valid YAML: while parsing node, found unknown anchor
    "#]],
    );
}

#[test]
fn places_are_those_of_the_text() {
    check_places(
        "a: 1\nb:\n  - x: \"é\"\n    w: {z: 2}\n  - [p,\n     q]\nc:\nd: |\n  text\n",
        expect![[r#"
            1:1-10:1 
            1:4-1:5 .a
            3:3-6:8 .b
            3:5-4:14 .b[0]
            3:8-3:11 .b[0].x
            4:8-4:14 .b[0].w
            4:12-4:13 .b[0].w.z
            5:5-6:8 .b[1]
            5:6-5:7 .b[1][0]
            6:6-6:7 .b[1][1]
            7:2-7:2 .c
            9:3-10:1 .d
        "#]],
    );
}

#[test]
fn what_is_no_yaml_says_where_and_why() {
    check(
        "a: b: c",
        expect![[r#"
        1:5 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
    "#]],
    );
    check(
        "a:\n\t- b",
        expect![[r#"
        2:2 error not valid YAML: tabs disallowed within this context (block indentation) (a tab stands where only spaces may indent)
    "#]],
    );
    check(
        "a: [1, 2",
        expect![[r#"
        1:9 error not valid YAML: while parsing a flow sequence, expected ',' or ']'
    "#]],
    );
    check(
        "a: 'open\nb: 1\n",
        expect![[r#"
            1:4 error not valid YAML: while scanning a quoted scalar, found unexpected end of stream (is a closing quotation mark missing?)
        "#]],
    );
    check(
        "a: 1\n b: 2\n",
        expect![[r#"
        2:3 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
    "#]],
    );
    check(
        "- a\nb: 1\n",
        expect![[r#"
        2:1 error not valid YAML: while parsing a block collection, did not find expected '-' indicator (expected `- item`; is the indentation right?)
    "#]],
    );
    check(
        "a: 1\nnonsense\n",
        expect![[r#"
        2:9 error not valid YAML: simple key expect ':' (expected `key: value`; is the indentation right, or a `:` missing?)
    "#]],
    );
    check(
        "a: \"\\q\"",
        expect![[r#"
        1:4 error not valid YAML: while parsing a quoted scalar, found unknown escape character
    "#]],
    );
    check(
        "a: @b",
        expect![[r#"
        1:4 error not valid YAML: unexpected character: `@'
    "#]],
    );
    check(
        "a: \u{0}b",
        expect![[r#"
        1:4 error not valid YAML: found unprintable character
    "#]],
    );
    check(
        "{a: 1} }",
        expect![[r#"
        1:8 error not valid YAML: misplaced bracket
    "#]],
    );
    check(
        "? [a]\n: b",
        expect![[r#"
        1:3 error a key must be a string here, not a list
    "#]],
    );
    check(
        "ok: 1\n---\nbad: : :\n",
        expect![[r#"
        {"ok":1}
        3:6 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
    "#]],
    );
}

/// An escape that YAML does not have and the parser of Kubernetes has.
#[test]
fn apostrophes_may_be_escaped_in_double_quotes() {
    check(
        r#"a: ["it\'s \\ \"here\"", "\'", 'b']"#,
        expect![[r#"
            {"a":["it's \\ \"here\"","'","b"]}
        "#]],
    );
    check(
        r#"a: "\'\q""#,
        expect![[r#"
            1:4 error not valid YAML: while parsing a quoted scalar, found unknown escape character
        "#]],
    );
}

/// As the parser of Kubernetes has it: indentation does not count within brackets and quotes.
#[test]
fn brackets_and_quotes_need_no_indentation() {
    check(
        "a:\n  b: [\n    x,  # don't [\n  'y]'\n  ]\n  c: {\nd: \"e\n f\",\ng: it's}\n  h: 1\n",
        expect![[r#"
            {"a":{"b":["x","y]"],"c":{"d":"e f","g":"it's"},"h":1}}
        "#]],
    );
    check(
        "a:\n  - b: \"one\ntwo\"\n    c: [\n]\n  - - &x [p,\nq]\n    - *x\n",
        expect![[r#"
        {"a":[{"b":"one two","c":[]},[["p","q"],["p","q"]]]}
    "#]],
    );
    check_places(
        "a:\n  b: [\n  x, y\n  ]\n  c: {\nd: 1}\n",
        expect![[r#"
        1:1-6:6 
        2:3-6:6 .a
        2:6-4:4 .a.b
        3:3-3:4 .a.b[0]
        3:6-3:7 .a.b[1]
        5:6-6:6 .a.c
        6:4-6:5 .a.c.d
    "#]],
    );
    check(
        "a:\n  b: [\n  x\n  c: 1\n",
        expect![[r#"
        4:4 error not valid YAML: illegal placement of ':' indicator
    "#]],
    );
    check(
        "a:\n  b: [\n  x\n  ]\n  c: : :\n",
        expect![[r#"
        5:6 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
    "#]],
    );
}

#[test]
fn keys_are_unique() {
    check(
        "a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n",
        expect![[r#"
        {"a":1,"b":2,"c":{"d":1}}
        4:11 error key "d" already set in map
        3:1 error key "a" already set in map
    "#]],
    );
}

/// Texts that are made to cost. The limits bound the work, so what is checked is that each of them is met:
/// a test that hangs or overflows the stack fails by itself.
#[test]
fn hostile_texts_are_refused() {
    let bomb = {
        let mut text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip("abcdefgh".chars()) {
            text.push_str(&format!("{name}: &{name} [{}]\n", format!("*{of},").repeat(10)));
        }
        text
    };
    let deep_aliases = {
        let mut text = format!("a0: &a0 {}x{}\n", "[".repeat(50), "]".repeat(50));
        text.push_str(&format!("a1: &a1 {}*a0{}\n", "[".repeat(50), "]".repeat(50)));
        text
    };
    let mib = 1 << 20;
    let garbage: String = {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        (0..mib / 2)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from((state % 128) as u8)
            })
            .collect()
    };
    let cases: &[(&str, String)] = &[
        ("2 MB of brackets", "[".repeat(2_000_000)),
        ("half a MiB of brackets", "[".repeat(mib / 2)),
        ("braces", "{".repeat(mib / 2)),
        ("nested pairs", "{a: ".repeat(mib / 8)),
        ("dashes", "- ".repeat(mib / 2)),
        ("question marks", "? ".repeat(mib / 2)),
        ("deep indentation", (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("colons", "a: ".repeat(mib / 3)),
        ("aliases of aliases", bomb),
        ("deep aliases", deep_aliases),
        ("garbage", garbage),
        ("NULs", "\u{0}".repeat(mib / 2)),
        ("one long word", "a".repeat(mib)),
        ("quotation marks", "\"".repeat(mib / 2)),
        ("an open string", format!("\"{}", "a".repeat(mib - 1))),
        ("empty lines", "\n".repeat(mib)),
        ("spaces", " ".repeat(mib)),
        ("tabs", "\t".repeat(mib)),
        ("hashes", "#".repeat(mib)),
        ("anchors", "&a ".repeat(mib / 3)),
        ("tags", "!!".repeat(mib / 2)),
        ("percent signs", "%".repeat(mib)),
        ("documents", "---\na\n".repeat(mib / 6)),
        ("a long list", "- a\n".repeat(mib / 4)),
        ("a flow list", format!("[{}]", "a,".repeat(mib / 2 - 1))),
        ("one key again and again", "a: 1\n".repeat(49_000 / 2)),
        ("a large map", (0..20_000).map(|n| format!("k{n}: 1\n")).collect()),
        ("exclamation marks and stars", "!*&".repeat(mib / 3)),
        ("pipes", "a: |\n".repeat(mib / 5)),
        ("commas", "[,".repeat(mib / 2)),
        ("lines that must be moved", format!("a:\n{}", "  b: [\n  ]\n".repeat(mib / 12))),
        (
            "lines that must be moved far",
            format!("a:\n {}b: [{}", " ".repeat(1000), "\n".repeat(mib / 2)),
        ),
    ];
    let mut out = String::new();
    for (name, text) in cases {
        let documents = parse_all(text, &Limits::default());
        let problem =
            documents.problems.last().map_or("fine".to_owned(), |problem| problem.to_string());
        out.push_str(&format!("{name}: {problem}\n"));
    }
    expect![[r#"
        2 MB of brackets: 1:1 error the text has 2000000 bytes; at most 1048576 are read
        half a MiB of brackets: 1:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        braces: 1:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        nested pairs: 1:1021 error not valid YAML: recursion limit exceeded
        dashes: 1:129 error exceeded max depth: more than 64 levels
        question marks: 1:129 error exceeded max depth: more than 64 levels
        deep indentation: 65:65 error exceeded max depth: more than 64 levels
        colons: 1:5 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
        aliases of aliases: 5:14 error document contains excessive aliasing, or simply too much: more than 50000 values
        deep aliases: 2:59 error exceeded max depth: more than 64 levels
        garbage: 2:8 error not valid YAML: found unprintable character
        NULs: 1:1 error not valid YAML: found unprintable character
        one long word: fine
        quotation marks: 1:3 error not valid YAML: invalid trailing content after double-quoted scalar
        an open string: 1:1 error not valid YAML: while scanning a quoted scalar, found unexpected end of stream (is a closing quotation mark missing?)
        empty lines: fine
        spaces: fine
        tabs: fine
        hashes: fine
        anchors: 1:4 error not valid YAML: did not find expected <document start>
        tags: 1:1 error not valid YAML: while parsing a tag, did not find expected tag URI
        percent signs: 1:1048577 error not valid YAML: did not find expected <document start>
        documents: 100002:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        a long list: 50000:3 error document contains excessive aliasing, or simply too much: more than 50000 values
        a flow list: 1:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        one key again and again: 101:1 error key "a" already set in map
        a large map: fine
        exclamation marks and stars: 1:1 error not valid YAML: while scanning a tag, did not find expected whitespace or line break
        pipes: 25001:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        commas: 1:1 error document contains excessive aliasing, or simply too much: more than 50000 values
        lines that must be moved: 201:3 error not valid YAML: invalid indentation
        lines that must be moved far: 2:1006 error not valid YAML: while parsing a node, did not find expected node content
    "#]].assert_eq(&out);
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct Example {
    name: String,
    #[serde(default)]
    count: Option<u8>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
enum Step {
    Stop,
    Wait(f64),
    Kill { pod: String, signal: i32 },
}

fn check_example(text: &str, expected: Expect) {
    let read = parse(text, &Limits::default()).and_then(|node| from_node::<Example>(&node));
    expected.assert_eq(&match read {
        Ok(example) => format!("{example:?}"),
        Err(problem) => format!("{problem} @{}", problem.path),
    });
}

#[test]
fn serde_types_are_read_with_places() {
    check_example(
        "name: x\ncount: 3\nsteps:\n- stop\n- wait: 2\n- kill: {pod: a, signal: 9}\n",
        expect![[
            r#"Example { name: "x", count: Some(3), steps: [Stop, Wait(2.0), Kill { pod: "a", signal: 9 }] }"#
        ]],
    );
    check_example(
        "name: x\ncount: 300\n",
        expect!["2:8 error count: invalid value: integer `300`, expected u8 @count"],
    );
    check_example(
        "name: 5\n",
        expect!["1:7 error name: invalid type: integer `5`, expected a string @name"],
    );
    check_example("count: 5\n", expect!["1:1 error missing field `name` @"]);
    check_example(
        "name: x\nnmae: y\n",
        expect![
            "2:1 error nmae: unknown field `nmae`, expected one of `name`, `count`, `steps` @nmae"
        ],
    );
    check_example(
        "name: x\nsteps:\n- stop\n- halt\n",
        expect![
            "4:3 error steps[1]: unknown variant `halt`, expected one of `stop`, `wait`, `kill` @steps[1]"
        ],
    );
    check_example(
        "name: x\nsteps:\n- kill: {pod: a, signal: [9]}\n",
        expect![
            "3:26 error steps[0].kill.signal: invalid type: sequence, expected i32 @steps[0].kill.signal"
        ],
    );
    check_example(
        "name: x\nsteps:\n- kill: {pod: a}\n",
        expect!["3:9 error steps[0].kill: missing field `signal` @steps[0].kill"],
    );
    check_example(
        "name: x\nsteps:\n- 7\n",
        expect![
            "3:3 error steps[0]: expected a name, or one name with a value, not a number @steps[0]"
        ],
    );
    check_example(
        "name: x\n---\nname: y\n",
        expect!["3:1 error there should be one document here, not several @"],
    );
    check_example("", expect!["1:1 error invalid type: unit value, expected struct Example @"]);
}
