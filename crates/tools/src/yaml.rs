//! JSON as YAML, the way `kubectl get -o yaml` prints it.

use serde_json::Value;
use std::fmt::Write;

/// The YAML of a JSON text; the text itself where it is no JSON.
#[must_use]
pub fn yaml(json: &str) -> String {
    let mut out = String::new();
    match serde_json::from_str(json) {
        Ok(value) => print(&value, 0, &mut out),
        Err(_) => out.push_str(json),
    }
    out
}

fn print(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                // The first entry of an object in a list stands beside its dash.
                if index > 0 || !out.ends_with("- ") {
                    indent(depth, out);
                }
                let _ = write!(out, "{}:", scalar(key));
                nested(value, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(depth, out);
                out.push_str("- ");
                match item {
                    Value::Object(map) if !map.is_empty() => print(item, depth + 1, out),
                    _ => {
                        out.pop();
                        nested(item, depth, out);
                    }
                }
            }
        }
        _ => {}
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Object(_) => {
            out.push('\n');
            print(value, depth + 1, out);
        }
        Value::Array(_) => {
            out.push('\n');
            print(value, depth, out);
        }
        Value::String(text) if text.contains('\n') => {
            out.push_str(" |\n");
            for line in text.lines() {
                indent(depth + 1, out);
                let _ = writeln!(out, "{line}");
            }
        }
        Value::String(text) => {
            let _ = writeln!(out, " {}", scalar(text));
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// A string, quoted where it would otherwise be something else.
fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || "-_./@ +%()=,:;'\"$".contains(c))
        && text.starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '.' || c == '$')
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && text.parse::<f64>().is_err()
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    let date = text.len() == 20 && text.ends_with('Z') && text.starts_with("20");
    if plain && !date { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::yaml;

    #[test]
    fn objects_look_as_kubectl_prints_them() {
        let json = r#"{"kind":"Pod","spec":{"containers":[{"args":["-g","daemon off;"],"name":"web"}],"x":{}},"port":"8080","t":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(
            yaml(json),
            "kind: Pod\nport: \"8080\"\nspec:\n  containers:\n  - args:\n    - \"-g\"\n    - daemon off;\n    name: web\n  x: {}\nt: \"2026-01-01T00:00:00Z\"\n"
        );
    }
}
