//! Image references, and the registry that images are pulled from.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

/// What a registry holds under one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSpec {
    /// The image's id: the digest of its configuration.
    pub id: Rc<str>,
    /// The digest of its manifest.
    pub digest: Rc<str>,
    /// Its size in bytes.
    pub size: u64,
    /// The command that it runs by default: entry point, then arguments.
    pub command: Vec<Rc<str>>,
    /// How long pulling takes.
    pub pull_time: Duration,
}

/// The images that can be pulled.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    declared: BTreeMap<Rc<str>, ImageSpec>,
    missing: Vec<Rc<str>>,
    present: Vec<Rc<str>>,
}

/// The images that examples use, with their compressed size in bytes and default command.
const WELL_KNOWN: &[(&str, u64, &[&str])] = &[
    ("busybox", 2_160_406, &["sh"]),
    ("alpine", 3_623_807, &["/bin/sh"]),
    ("nginx", 70_993_000, &["nginx", "-g", "daemon off;"]),
    ("redis", 45_100_000, &["redis-server"]),
    ("httpd", 58_800_000, &["httpd-foreground"]),
    ("postgres", 152_000_000, &["postgres"]),
    ("mysql", 182_000_000, &["mysqld"]),
    ("python", 357_000_000, &["python3"]),
    ("pause", 301_773, &["/pause"]),
];

/// Pulling: the size of what arrives in a second, and what asking for a manifest takes.
const BYTES_PER_SECOND: u64 = 40_000_000;
const MANIFEST_TIME: Duration = Duration::from_millis(350);

impl Registry {
    /// Declares an image, in place of what would be assumed.
    pub fn declare(&mut self, reference: &str, spec: ImageSpec) {
        self.declared.insert(normalize(reference).into(), spec);
    }

    /// Says that a reference does not exist.
    pub fn declare_missing(&mut self, reference: &str) {
        self.missing.push(normalize(reference).into());
    }

    /// Says that an image is on the node from the beginning.
    pub fn declare_present(&mut self, reference: &str) {
        self.present.push(normalize(reference).into());
    }

    /// The full references of the images that are on the node from the beginning.
    pub fn present(&self) -> impl Iterator<Item = &Rc<str>> {
        self.present.iter()
    }

    /// What a reference stands for; none if the registry does not have it. A reference that
    /// nobody declared is taken to exist, with figures that follow from its name.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<ImageSpec> {
        let reference = normalize(reference);
        if self.missing.iter().any(|missing| **missing == *reference) {
            return None;
        }
        Some(
            self.declared
                .get(&*reference)
                .cloned()
                .unwrap_or_else(|| ImageSpec::assume(&reference)),
        )
    }
}

impl ImageSpec {
    /// What an image of this name is taken to be.
    #[must_use]
    pub fn assume(reference: &str) -> Self {
        let reference = normalize(reference);
        let (repository, _) = split_tag(&reference);
        let name = repository.rsplit('/').next().unwrap_or(repository);
        let known = WELL_KNOWN.iter().find(|(known, ..)| *known == name);
        let size = known.map_or(24_000_000, |(_, size, _)| *size);
        let command = known.map_or(Vec::new(), |(_, _, command)| {
            command.iter().map(|&word| word.into()).collect()
        });
        let transfer = Duration::from_millis(size * 1000 / BYTES_PER_SECOND);
        // One that is asked for by digest has that digest, and is what the tag stands for.
        let manifest = match reference.split_once('@') {
            Some((_, asked)) => asked.into(),
            None => digest(&reference, "manifest"),
        };
        Self {
            id: digest(&manifest, "config"),
            digest: manifest,
            size,
            command,
            pull_time: MANIFEST_TIME + transfer,
        }
    }
}

/// The full form of a reference: `nginx` becomes `docker.io/library/nginx:latest`
/// (`github.com/distribution/reference` `ParseDockerRef`).
#[must_use]
pub fn normalize(reference: &str) -> String {
    let (domain, rest) = match reference.split_once('/') {
        Some((domain, rest)) if domain.contains(['.', ':']) || domain == "localhost" => {
            (domain, rest)
        }
        _ => ("docker.io", reference),
    };
    let official = domain == "docker.io" && !rest.contains('/');
    let mut full = format!("{domain}/{}{rest}", if official { "library/" } else { "" });
    let (_, suffix) = split_tag(&full);
    if suffix.is_empty() {
        full.push_str(":latest");
    }
    full
}

/// The short form, as Docker prints it: `docker.io/library/nginx:1.25` becomes `nginx:1.25`.
#[must_use]
pub fn familiar(reference: &str) -> String {
    let full = normalize(reference);
    match full.strip_prefix("docker.io/") {
        Some(rest) => rest.strip_prefix("library/").unwrap_or(rest).to_owned(),
        None => full,
    }
}

/// A reference as repository and the rest, which begins with `:` or `@`, or is empty.
#[must_use]
pub fn split_tag(reference: &str) -> (&str, &str) {
    let name_start = reference.rfind('/').map_or(0, |slash| slash + 1);
    match reference[name_start..].find(['@', ':']) {
        Some(at) => reference.split_at(name_start + at),
        None => (reference, ""),
    }
}

/// Something that looks like a digest and follows from a name. It is not a hash of any content.
fn digest(reference: &str, salt: &str) -> Rc<str> {
    let mut text = String::from("sha256:");
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in salt.bytes().chain(reference.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    for _ in 0..4 {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let _ = write!(text, "{:016x}", word ^ (word >> 31));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_a_full_and_a_short_form() {
        for (given, full, short) in [
            ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
            ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
            ("me/app", "docker.io/me/app:latest", "me/app:latest"),
            ("k8s.gcr.io/pause:3.5", "k8s.gcr.io/pause:3.5", "k8s.gcr.io/pause:3.5"),
            ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"),
            ("a@sha256:0f", "docker.io/library/a@sha256:0f", "a@sha256:0f"),
        ] {
            assert_eq!(normalize(given), full);
            assert_eq!(familiar(given), short);
        }
    }
}
