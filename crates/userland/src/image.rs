//! What is in well-known images, as far as programs here look at it.
//!
//! An image that is not known has every program that somebody asks for, and no files but those of
//! a small Linux.

use crate::files::Kind;
use std::collections::BTreeSet;

/// What an image is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// busybox: one binary under many names.
    Busybox,
    /// Alpine: busybox, and musl.
    Alpine,
    /// Debian: coreutils and a few more.
    Debian,
    /// Nothing but the program.
    Scratch,
    /// Not known.
    Unknown,
}

/// An image that is known: the last part of its repository's name, its base, and its programs
/// besides those of the base, by path.
struct Known(&'static str, Base, &'static [&'static str]);

const KNOWN: &[Known] = &[
    Known("busybox", Base::Busybox, &[]),
    Known("alpine", Base::Alpine, &[]),
    Known("bash", Base::Alpine, &["/usr/local/bin/bash"]),
    Known("debian", Base::Debian, &[]),
    Known("ubuntu", Base::Debian, &[]),
    Known("nginx", Base::Debian, &["/usr/sbin/nginx", "/docker-entrypoint.sh", "/usr/bin/curl"]),
    Known(
        "redis",
        Base::Debian,
        &[
            "/usr/local/bin/redis-server",
            "/usr/local/bin/redis-cli",
            "/usr/local/bin/docker-entrypoint.sh",
        ],
    ),
    Known(
        "httpd",
        Base::Debian,
        &["/usr/local/bin/httpd-foreground", "/usr/local/apache2/bin/httpd"],
    ),
    Known("pause", Base::Scratch, &["/pause"]),
    Known("pause-amd64", Base::Scratch, &["/pause"]),
    // Those of Kubernetes' and critest's own tests.
    Known("hostnet-nginx-amd64", Base::Debian, &["/usr/sbin/nginx"]),
    Known("nonewprivs", Base::Alpine, &["/nnp"]),
    Known("test-image-predefined-group", Base::Busybox, &[]),
    Known("agnhost", Base::Alpine, &["/agnhost", "/usr/bin/curl", "/usr/bin/dig"]),
];

/// The names that busybox goes by, as far as they are modelled or only have to be there.
pub(crate) const BUSYBOX: &[&str] = &[
    "[",
    "[[",
    "ash",
    "awk",
    "base64",
    "basename",
    "brctl",
    "busybox",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "free",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hostname",
    "httpd",
    "id",
    "ifconfig",
    "ip",
    "ipcs",
    "kill",
    "killall",
    "less",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "more",
    "mount",
    "mountpoint",
    "mv",
    "nc",
    "netstat",
    "nice",
    "nohup",
    "nproc",
    "nslookup",
    "od",
    "pgrep",
    "pidof",
    "ping",
    "pkill",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "reset",
    "rev",
    "rm",
    "rmdir",
    "route",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sha1sum",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "su",
    "sync",
    "sysctl",
    "tail",
    "tar",
    "tee",
    "telnet",
    "test",
    "time",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "umount",
    "uname",
    "uniq",
    "unzip",
    "uptime",
    "usleep",
    "vi",
    "watch",
    "wc",
    "wget",
    "which",
    "who",
    "whoami",
    "xargs",
    "yes",
];

/// What Debian's and Ubuntu's images have of the same.
const DEBIAN: &[&str] = &[
    "[",
    "awk",
    "base64",
    "basename",
    "bash",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cp",
    "cut",
    "dash",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "getent",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "more",
    "mount",
    "mountpoint",
    "mv",
    "nice",
    "nohup",
    "nproc",
    "od",
    "perl",
    "pidof",
    "printenv",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "reset",
    "rev",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sha1sum",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "su",
    "sync",
    "tac",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "umount",
    "uname",
    "uniq",
    "wc",
    "which",
    "whoami",
    "xargs",
    "yes",
];

fn known(image: &str) -> Option<&'static Known> {
    let (repository, tag) = node::image::split_tag(image);
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let _ = tag;
    KNOWN.iter().find(|known| known.0 == name)
}

fn is_of_critest(image: &str) -> bool {
    let (repository, _) = node::image::split_tag(image);
    repository.rsplit('/').next().unwrap_or(repository).starts_with("test-image-")
}

/// What an image is made from.
pub(crate) fn base(image: &str) -> Base {
    match known(image) {
        // critest's other images are busybox with one more file.
        None if is_of_critest(image) => Base::Busybox,
        None => Base::Unknown,
        // `nginx:1.27-alpine`
        Some(Known(_, Base::Debian, _)) if node::image::split_tag(image).1.contains("alpine") => {
            Base::Alpine
        }
        Some(known) => known.1,
    }
}

/// Where programs are.
const DIRECTORIES: [&str; 6] =
    ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Whether an image has a program at a path.
pub(crate) fn has_program(image: &str, path: &str) -> bool {
    if known(image).is_some_and(|known| known.2.contains(&path)) {
        return true;
    }
    let Some((directory, name)) = path.rsplit_once('/') else { return false };
    if !DIRECTORIES.contains(&directory) {
        return false;
    }
    match base(image) {
        Base::Busybox => directory == "/bin" && BUSYBOX.contains(&name),
        Base::Alpine => {
            matches!(directory, "/bin" | "/usr/bin" | "/sbin") && BUSYBOX.contains(&name)
        }
        Base::Debian => matches!(directory, "/bin" | "/usr/bin") && DEBIAN.contains(&name),
        Base::Scratch => false,
        Base::Unknown => matches!(directory, "/bin" | "/usr/bin"),
    }
}

/// The files of an image that can be read.
fn files(image: &str) -> Vec<(&'static str, String)> {
    let base = base(image);
    let name = known(image).map_or("", |known| known.0);
    if base == Base::Scratch {
        return Vec::new();
    }
    let shell = if base == Base::Debian { "/bin/bash" } else { "/bin/sh" };
    let mut passwd = format!(
        "root:x:0:0:root:/root:{shell}\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n\
         bin:x:2:2:bin:/bin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\n\
         nobody:x:65534:65534:nobody:/home:/bin/false\n"
    );
    let mut group = String::from(
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\nwww-data:x:33:\nnogroup:x:65534:\nnobody:x:65534:\n",
    );
    if matches!(name, "nginx" | "redis") {
        let id = if name == "nginx" { 101 } else { 999 };
        passwd.push_str(&format!("{name}:x:{id}:{id}:{name} user:/nonexistent:/bin/false\n"));
        group.push_str(&format!("{name}:x:{id}:\n"));
    }
    if name == "test-image-predefined-group" {
        passwd.push_str("default-user:x:1000:1000:Linux User,,,:/home/default-user:/bin/sh\n");
        group.push_str("default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n");
    }
    let os = match base {
        Base::Debian => {
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n"
        }
        Base::Alpine => {
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.22.0\nPRETTY_NAME=\"Alpine Linux v3.22\"\n"
        }
        _ => "",
    };
    let mut files = vec![("/etc/passwd", passwd), ("/etc/group", group)];
    if !os.is_empty() {
        files.push(("/etc/os-release", os.to_owned()));
    }
    match name {
        "nginx" | "hostnet-nginx-amd64" => files.extend([
            ("/etc/nginx/nginx.conf", NGINX_CONF.to_owned()),
            ("/etc/nginx/conf.d/default.conf", if name == "nginx" {
                NGINX_DEFAULT_CONF.to_owned()
            } else {
                NGINX_DEFAULT_CONF.replace("listen       80", "listen       12003")
            }),
            ("/usr/share/nginx/html/index.html", NGINX_INDEX.to_owned()),
            ("/usr/share/nginx/html/50x.html", page("Error", "An error occurred.")),
        ]),
        "httpd" => files.extend([
            ("/usr/local/apache2/htdocs/index.html", page("It works! Apache httpd", "It works!")),
            ("/usr/local/apache2/conf/httpd.conf", "Listen 80\nServerRoot \"/usr/local/apache2\"\nDocumentRoot \"/usr/local/apache2/htdocs\"\n".to_owned()),
        ]),
        _ => {}
    }
    files
}

const NGINX_CONF: &str = "user  nginx;\nworker_processes  auto;\n\npid        /var/run/nginx.pid;\n\n\
    events {\n    worker_connections  1024;\n}\n\nhttp {\n    include       /etc/nginx/mime.types;\n    \
    include /etc/nginx/conf.d/*.conf;\n}\n";
const NGINX_DEFAULT_CONF: &str = "server {\n    listen       80;\n    server_name  localhost;\n\n    \
    location / {\n        root   /usr/share/nginx/html;\n        index  index.html index.htm;\n    \
    }\n}\n";
const NGINX_INDEX: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n\
    </head>\n<body>\n<h1>Welcome to nginx!</h1>\n<p>The modelled nginx serves this page.</p>\n\
    </body>\n</html>\n";

/// A small HTML page.
pub(crate) fn page(title: &str, text: &str) -> String {
    format!("<html><head><title>{title}</title></head><body><h1>{text}</h1></body></html>\n")
}

/// The directories of every image but those without anything.
const TREE: [&str; 24] = [
    "/bin",
    "/etc",
    "/home",
    "/lib",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/tmp",
];

/// What an image has at a path.
pub(crate) fn stat(image: &str, path: &str) -> Option<Kind> {
    if let Some((_, text)) = files(image).iter().find(|(own, _)| *own == path) {
        return Some(Kind::File(text.len()));
    }
    // Of an unknown image, programs are there only for whoever executes them.
    if base(image) != Base::Unknown && has_program(image, path) {
        return Some(Kind::Program);
    }
    if base(image) == Base::Unknown && path == "/bin/sh" {
        return Some(Kind::Program);
    }
    if base(image) == Base::Scratch {
        return None;
    }
    let inside = format!("{path}/");
    let is_directory =
        TREE.contains(&path) || files(image).iter().any(|(own, _)| own.starts_with(&inside));
    is_directory.then_some(Kind::Directory)
}

/// The text of an image's file; of a program, that it is one.
pub(crate) fn read(image: &str, path: &str) -> Option<String> {
    let found = files(image).into_iter().find(|(own, _)| *own == path);
    match found {
        Some((_, text)) => Some(text),
        None => (stat(image, path) == Some(Kind::Program)).then(|| "\u{7f}ELF\n".to_owned()),
    }
}

/// What an image has in a directory.
pub(crate) fn list(image: &str, directory: &str) -> Vec<String> {
    let inside = if directory == "/" { "/".to_owned() } else { format!("{directory}/") };
    let mut names = BTreeSet::new();
    let mut add = |path: &str| {
        let name = path.strip_prefix(&*inside).and_then(|rest| rest.split('/').next());
        names.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
    };
    for (path, _) in files(image) {
        add(path);
    }
    let known = known(image);
    for path in known.map_or(&[] as &[&str], |known| known.2) {
        add(path);
    }
    let base = base(image);
    if base != Base::Scratch {
        TREE.iter().for_each(|path| add(path));
    }
    let programs = match (base, directory) {
        (Base::Busybox | Base::Alpine, "/bin") => BUSYBOX,
        (Base::Debian, "/bin" | "/usr/bin") => DEBIAN,
        _ => &[],
    };
    names.extend(programs.iter().map(|&name| name.to_owned()));
    names.into_iter().collect()
}
