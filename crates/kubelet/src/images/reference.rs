//! Names of images.
//!
//! Upstream: `pkg/util/parsers/parsers.go`, `github.com/distribution/reference`.

/// Reads an image's name as Docker does. Gives the name with the tag that it stands for.
///
/// # Errors
/// What is wrong with it, in upstream's words.
pub fn parse_image_name(image: &str) -> Result<String, String> {
    let fail = |why: &str| Err(format!("couldn't parse image name {image:?}: {why}"));
    let hex = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if image.len() == 64 && hex(image) {
        return fail(&format!(
            "invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
        ));
    }
    let (domain, remainder) = split_domain(image);
    let remote = remainder.split(':').next().unwrap_or_default();
    // A digest's own colon comes after its at sign.
    let remote = remote.split('@').next().unwrap_or_default();
    if remote.chars().any(char::is_uppercase) {
        return fail(&format!(
            "invalid reference format: repository name ({remote}) must be lowercase"
        ));
    }
    let (named, digest) = match remainder.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (remainder.as_str(), None),
    };
    let (path, tag) = match named.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (named, None),
    };
    let valid = is_domain(&domain)
        && path.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    if !valid {
        return fail("invalid reference format");
    }
    Ok(match (tag, digest) {
        (None, None) => format!("{image}:latest"),
        _ => image.to_owned(),
    })
}

/// The registry, and the rest: `docker.io` and `library/` where nothing is said.
fn split_domain(image: &str) -> (String, String) {
    let (domain, remainder) = match image.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.chars().any(char::is_uppercase) =>
        {
            (first.to_owned(), rest.to_owned())
        }
        _ => ("docker.io".to_owned(), image.to_owned()),
    };
    if domain == "docker.io" && !remainder.contains('/') {
        return (domain, format!("library/{remainder}"));
    }
    (domain, remainder)
}

fn is_domain(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(label)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()))
}

/// Runs of letters and digits, between them `.`, `_`, `__` or dashes.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(|separator| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|&byte| word(byte))
        && bytes.iter().all(|&byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::parse_image_name;

    #[test]
    fn names_and_their_default_tag() {
        let digest = format!("example.com/app@sha256:{}", "0".repeat(64));
        let table = [
            ("nginx", "nginx:latest"),
            ("nginx:1.25", "nginx:1.25"),
            ("library/nginx", "library/nginx:latest"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
            ("a__b/c-d.e:x_Y", "a__b/c-d.e:x_Y"),
            (digest.as_str(), digest.as_str()),
        ];
        for (image, expected) in table {
            assert_eq!(parse_image_name(image).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn bad_names() {
        let table = [
            ("Bad..Name:::x", "repository name (library/Bad..Name) must be lowercase"),
            ("", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a/b/", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a@sha256:12", "invalid reference format"),
            ("a b", "invalid reference format"),
        ];
        for (image, expected) in table {
            let error = parse_image_name(image).expect_err(image);
            assert!(error.ends_with(expected), "{image}: {error}");
        }
    }
}
