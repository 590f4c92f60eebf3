//! Which names are names.
//!
//! Each function gives what is wrong with a text, in upstream's words; nothing means that it is right.
//!
//! Upstream: `staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go` and
//! `staging/src/k8s.io/apimachinery/pkg/api/validate/content/kube.go`.

/// What is wrong with a text.
pub(super) type Complaints = Vec<String>;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

fn longer_than(text: &str, max: usize) -> Complaints {
    if text.len() > max { vec![format!("must be no more than {max} bytes")] } else { Vec::new() }
}

/// Upstream: `RegexError`.
fn pattern(message: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{pattern}')", examples.join("or "))
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn is_lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Not empty, of the characters that `edge` takes and, between the first and the last, of `others` too.
fn is_made_of(text: &str, edge: fn(char) -> bool, others: &str) -> bool {
    text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || others.contains(c))
}

fn is_label(text: &str) -> bool {
    is_made_of(text, is_lower_alphanumeric, "-")
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// A name without dots: of a container, a volume, a host. Upstream: `IsDNS1123Label`.
pub(super) fn dns_label(text: &str) -> Complaints {
    let mut wrong = longer_than(text, 63);
    if !is_label(text) {
        wrong.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            pattern(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                 must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    wrong
}

/// A name that may have dots: of most objects. Upstream: `IsDNS1123Subdomain`.
pub(super) fn dns_subdomain(text: &str) -> Complaints {
    let mut wrong = longer_than(text, 253);
    if !is_subdomain(text) {
        wrong.push(pattern(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
             and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    wrong
}

/// A DNS search domain, which may also have underscores. Upstream: `IsDNS1123SubdomainWithUnderscore`.
pub(super) fn dns_search(text: &str) -> Complaints {
    let part = |part: &str| {
        let rest = part.strip_prefix('_').unwrap_or(part);
        is_made_of(rest, is_lower_alphanumeric, "-_")
    };
    let mut wrong = longer_than(text, 253);
    if !text.split('.').all(part) {
        wrong.push(pattern(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or \
             '.', and must start and end with an alphanumeric character",
            r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    wrong
}

/// The key of a label or annotation, the name of a resource. Upstream: `IsQualifiedName`.
pub(super) fn qualified_name(text: &str) -> Complaints {
    const KEY_WRONG: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                             with an alphanumeric character";
    const EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
    let mut wrong = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            let part = |complaint: String| format!("prefix part {complaint}");
            if prefix.is_empty() {
                wrong.push(part("must be non-empty".to_owned()));
            } else {
                wrong.extend(dns_subdomain(prefix).into_iter().map(part));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                pattern(KEY_WRONG, KEY, EXAMPLES)
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    }
    wrong.extend(
        longer_than(name, 63).into_iter().map(|complaint| format!("name part {complaint}")),
    );
    if !is_made_of(name, is_alphanumeric, "-_.") {
        wrong.push(format!("name part {}", pattern(KEY_WRONG, KEY, EXAMPLES)));
    }
    wrong
}

/// The value of a label. Upstream: `IsValidLabelValue`.
pub(super) fn label_value(text: &str) -> Complaints {
    let mut wrong = longer_than(text, 63);
    if !text.is_empty() && !is_made_of(text, is_alphanumeric, "-_.") {
        wrong.push(pattern(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
             must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    wrong
}

/// The name of an environment variable. Upstream: `IsRelaxedEnvVarName`.
pub(super) fn env_name(text: &str) -> Complaints {
    if text.chars().all(|c| (' '..='~').contains(&c) && c != '=') {
        return Vec::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .to_owned(),
    ]
}

/// A key of a ConfigMap or Secret. Upstream: `IsConfigMapKey`.
pub(super) fn config_key(text: &str) -> Complaints {
    let mut wrong = longer_than(text, 253);
    if text.is_empty() || !text.chars().all(|c| is_alphanumeric(c) || "-._".contains(c)) {
        wrong.push(pattern(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// The name of a port. Upstream: `IsValidPortName`.
pub(super) fn port_name(text: &str) -> Complaints {
    let mut wrong = longer_than(text, 15);
    let mut check = |is_right: bool, complaint: &str| {
        if !is_right {
            wrong.push(complaint.to_owned());
        }
    };
    check(
        !text.is_empty() && text.chars().all(|c| is_lower_alphanumeric(c) || c == '-'),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    check(
        text.contains(|c: char| c.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    check(!text.contains("--"), "must not contain consecutive hyphens");
    check(!text.starts_with('-') && !text.ends_with('-'), "must not begin or end with a hyphen");
    wrong
}

/// The name of an HTTP header. Upstream: `IsHTTPHeaderName`.
pub(super) fn header_name(text: &str) -> Complaints {
    if !text.is_empty() && text.chars().all(|c| is_alphanumeric(c) || c == '-') {
        return Vec::new();
    }
    vec![pattern(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}
