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
    /// What its processes begin with, whatever their arguments (`Entrypoint`).
    pub entrypoint: Vec<Rc<str>>,
    /// What comes after that where nobody says anything else (`Cmd`).
    pub cmd: Vec<Rc<str>>,
    /// The environment, as `NAME=value`.
    pub env: Vec<Rc<str>>,
    /// Who its processes run as: `UID`, `UID:GID`, `NAME`; empty for root.
    pub user: Rc<str>,
    /// Where its processes begin; empty for `/`.
    pub working_dir: Rc<str>,
    /// The ports that its processes are said to listen at.
    pub exposed_ports: Vec<u16>,
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

/// An image that examples use.
struct Known {
    /// The last part of the repository's name.
    name: &'static str,
    /// The compressed size in bytes.
    size: u64,
    entrypoint: &'static [&'static str],
    cmd: &'static [&'static str],
    env: &'static [&'static str],
    user: &'static str,
    working_dir: &'static str,
    ports: &'static [u16],
}

impl Known {
    const fn new(
        name: &'static str,
        size: u64,
        entrypoint: &'static [&'static str],
        cmd: &'static [&'static str],
        ports: &'static [u16],
    ) -> Self {
        Self { name, size, entrypoint, cmd, env: &[], user: "", working_dir: "", ports }
    }
}

const DOCKER_ENTRYPOINT: &[&str] = &["docker-entrypoint.sh"];

const KNOWN: &[Known] = &[
    Known::new("busybox", 2_160_406, &[], &["sh"], &[]),
    Known::new("alpine", 3_623_807, &[], &["/bin/sh"], &[]),
    Known::new("debian", 48_500_000, &[], &["bash"], &[]),
    Known::new("ubuntu", 29_700_000, &[], &["/bin/bash"], &[]),
    Known::new("bash", 6_900_000, DOCKER_ENTRYPOINT, &["bash"], &[]),
    Known {
        env: &["NGINX_VERSION=1.29.0"],
        ..Known::new(
            "nginx",
            70_993_000,
            &["/docker-entrypoint.sh"],
            &["nginx", "-g", "daemon off;"],
            &[80],
        )
    },
    Known {
        env: &["REDIS_VERSION=8.0.0"],
        working_dir: "/data",
        ..Known::new("redis", 45_100_000, DOCKER_ENTRYPOINT, &["redis-server"], &[6379])
    },
    Known {
        env: &["HTTPD_PREFIX=/usr/local/apache2", "HTTPD_VERSION=2.4.65"],
        working_dir: "/usr/local/apache2",
        ..Known::new("httpd", 58_800_000, &[], &["httpd-foreground"], &[80])
    },
    Known::new("postgres", 152_000_000, DOCKER_ENTRYPOINT, &["postgres"], &[5432]),
    Known::new("mysql", 182_000_000, DOCKER_ENTRYPOINT, &["mysqld"], &[3306]),
    Known::new("python", 357_000_000, &[], &["python3"], &[]),
    Known { user: "65535:65535", ..Known::new("pause", 301_773, &["/pause"], &[], &[]) },
    Known::new("pause-amd64", 301_773, &["/pause"], &[], &[]),
    Known::new("agnhost", 51_100_000, &["/agnhost"], &["pause"], &[]),
    Known::new("nonewprivs", 3_700_000, &["/nnp"], &[], &[]),
    Known {
        user: "1000",
        ..Known::new("test-image-predefined-group", 2_160_406, &[], &["sh"], &[])
    },
    // critest's nginx for the host's network.
    Known::new("hostnet-nginx-amd64", 57_000_000, &[], &["nginx", "-g", "daemon off;"], &[]),
    Known::new("etcd", 98_900_000, &[], &["etcd"], &[2379, 2380]),
    // What critest pulls to see whether users and tags come out right.
    Known { user: "1002", ..Known::new("test-image-user-uid", 2_160_406, &[], &["sh"], &[]) },
    Known {
        user: "www-data",
        ..Known::new("test-image-user-username", 2_160_406, &[], &["sh"], &[])
    },
    Known {
        user: "1003:users",
        ..Known::new("test-image-user-uid-group", 2_160_406, &[], &["sh"], &[])
    },
    Known {
        user: "www-data:100",
        ..Known::new("test-image-user-username-group", 2_160_406, &[], &["sh"], &[])
    },
];

/// The users and groups of well-known images by name.
const USERS: &[(&str, u32)] = &[
    ("root", 0),
    ("www-data", 33),
    ("users", 100),
    ("nginx", 101),
    ("redis", 999),
    ("nobody", 65_534),
];

/// Where programs are searched for in an image that does not say otherwise.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
        // critest's other images are busybox with one more file.
        let is_of_critest = name.starts_with("test-image-");
        let known = KNOWN.iter().find(|known| known.name == name);
        let known =
            known.or_else(|| KNOWN.iter().find(|known| is_of_critest && known.name == "busybox"));
        let size = known.map_or(24_000_000, |known| known.size);
        let words = |words: fn(&Known) -> &'static [&'static str]| {
            known.map_or(&[] as &[&str], words).iter().map(|&word| word.into()).collect()
        };
        let transfer = Duration::from_millis(size * 1000 / BYTES_PER_SECOND);
        // One that is asked for by digest has that digest, and is what the tag stands for.
        let manifest = match reference.split_once('@') {
            Some((_, asked)) => asked.into(),
            None => digest(&published(&reference), "manifest"),
        };
        Self {
            id: digest(&manifest, "config"),
            digest: manifest,
            size,
            entrypoint: words(|known| known.entrypoint),
            cmd: words(|known| known.cmd),
            env: [PATH.into()].into_iter().chain(words(|known| known.env)).collect(),
            user: known.map_or("", |known| known.user).into(),
            working_dir: known.map_or("", |known| known.working_dir).into(),
            exposed_ports: known.map_or(Vec::new(), |known| known.ports.to_vec()),
            pull_time: MANIFEST_TIME + transfer,
        }
    }
}

impl ImageSpec {
    /// What a container runs: the request's command and arguments, in place of the image's. Of an
    /// image that says nothing, only the name is known.
    ///
    /// Models: containerd `internal/cri/opts/spec_opts.go` `WithProcessArgs`; moby
    /// `daemon/commit.go` `merge`.
    #[must_use]
    pub fn process_args(&self, name: &str, command: &[Rc<str>], args: &[Rc<str>]) -> Vec<Rc<str>> {
        let args = if command.is_empty() && args.is_empty() { &*self.cmd } else { args };
        if !command.is_empty() {
            return command.iter().chain(args).cloned().collect();
        }
        if self.entrypoint.is_empty() && self.cmd.is_empty() {
            let (repository, _) = split_tag(name);
            let program = format!("/{}", repository.rsplit('/').next().unwrap_or(repository));
            return [program.into()].into_iter().chain(args.iter().cloned()).collect();
        }
        self.entrypoint.iter().chain(args).cloned().collect()
    }

    /// The environment of a container: the image's, the host name, the request's in place of both.
    #[must_use]
    pub fn environment(&self, hostname: &str, given: Vec<Rc<str>>) -> Vec<Rc<str>> {
        let mut env = self.env.clone();
        if !hostname.is_empty() {
            env.push(format!("HOSTNAME={hostname}").into());
        }
        for pair in given {
            let name = pair.split('=').next().unwrap_or_default();
            let same = |own: &Rc<str>| own.split('=').next() == Some(name);
            match env.iter().position(same) {
                Some(at) => env[at] = pair,
                None => env.push(pair),
            }
        }
        env
    }
}

/// The one reference by which the same image is told that others lead to as well.
fn published(reference: &str) -> String {
    let (repository, _) = split_tag(reference);
    if repository.ends_with("k8s-staging-cri-tools/test-image-tags") {
        // critest's image with three tags.
        return repository.to_owned();
    }
    match reference.strip_prefix("k8s.gcr.io/") {
        // The old name of the same registry, until it was closed: its last pause was 3.9.
        Some("pause:3.9") => "registry.k8s.io/pause:3.9".to_owned(),
        _ => reference.to_owned(),
    }
}

/// User and group of a text such as `1000`, `1000:2000` or `nginx`; names are those of well-known
/// images, and root for any other.
#[must_use]
pub fn user_and_group(text: &str) -> (u32, u32) {
    let id = |text: &str| {
        let named = || USERS.iter().find(|(name, _)| *name == text).map(|&(_, id)| id);
        text.parse().ok().or_else(named).unwrap_or_default()
    };
    match text.split_once(':') {
        Some((user, group)) => (id(user), id(group)),
        // A user by name has the group of that name.
        None if text.parse::<u32>().is_err() => (id(text), id(text)),
        None => (id(text), 0),
    }
}

/// What an image's own lists say of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's group.
    pub gid: u32,
    /// The groups that the user is a member of.
    pub groups: Vec<u32>,
}

/// What `/etc/passwd` and `/etc/group` of an image say of a user; none of one that is not listed.
///
/// Models: containerd `pkg/oci/spec_opts.go` `WithUserID`, `WithAdditionalGIDs`.
#[must_use]
pub fn account(userland: &dyn crate::Userland, image: &str, uid: u32) -> Option<Account> {
    let users = userland.image_file(image, "/etc/passwd")?;
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|user| user.get(2).is_some_and(|id| id.parse() == Ok(uid)))?;
    let groups = userland.image_file(image, "/etc/group").unwrap_or_default();
    let groups = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = groups
        .filter(|group| group.get(3).is_some_and(|all| all.split(',').any(|name| name == user[0])));
    Some(Account {
        gid: user.get(3)?.parse().ok()?,
        groups: own.filter_map(|group| group[2].parse().ok()).collect(),
    })
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
    fn requests_come_before_images() {
        let image = ImageSpec::assume("redis:7");
        let words =
            |words: &[&str]| words.iter().map(|&word| word.into()).collect::<Vec<Rc<str>>>();
        let args = |command: &[&str], args: &[&str]| {
            image.process_args("redis", &words(command), &words(args)).join(" ")
        };
        assert_eq!(args(&[], &[]), "docker-entrypoint.sh redis-server");
        assert_eq!(args(&[], &["sh"]), "docker-entrypoint.sh sh");
        assert_eq!(args(&["sh"], &[]), "sh");
        assert_eq!(args(&["sh"], &["-c", "x"]), "sh -c x");
        let unknown = ImageSpec::assume("example.com/app:1");
        assert_eq!(unknown.process_args("example.com/app:1", &[], &[]), words(&["/app"]));
        let with_arg = unknown.process_args("example.com/app:1", &[], &words(&["-v"]));
        assert_eq!(with_arg, words(&["/app", "-v"]));
        let env = image.environment("web", words(&["REDIS_VERSION=1", "A=b"]));
        assert_eq!(env[1..], words(&["REDIS_VERSION=1", "HOSTNAME=web", "A=b"]));
        assert_eq!(user_and_group("1000:2000"), (1000, 2000));
        assert_eq!(user_and_group("nginx"), (101, 101));
    }

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
