//! Whatever is typed or pasted is answered, quickly and without a panic, and located.

use std::time::{Duration, Instant};

#[test]
#[expect(clippy::disallowed_methods, reason = "it measures how long a person would wait")]
fn bad_manifests_are_refused_with_a_place() {
    let bomb: String = "abcdefghij"
        .chars()
        .map(|c| match c {
            'a' => "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned(),
            _ => {
                let before = char::from(c as u8 - 1);
                format!("{c}: &{c} [{}]\n", vec![format!("*{before}"); 9].join(","))
            }
        })
        .collect();
    let bad = [
        "a: [1, 2".to_owned(),
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - name: a\n"
            .to_owned(),
        "[".repeat(20_000),
        bomb,
        "\u{0}\u{fffd}%@`".repeat(3_000),
        String::new(),
    ];
    for text in bad {
        let begun = Instant::now();
        let parsed = api::manifest::parse(&text);
        let what: String = text.chars().take(40).collect();
        assert!(begun.elapsed() < Duration::from_secs(2), "{what:?} takes too long");
        let error = parsed.problems.iter().find(|p| p.severity == api::Severity::Error);
        assert!(error.is_some_and(|error| error.span.start.line > 0), "{what:?} is accepted");
    }
}
