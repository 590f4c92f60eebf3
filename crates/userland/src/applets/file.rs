//! Programs that look at files and change them.

use super::Arguments;
use crate::files::{Errno, Kind};
use crate::process::{FILE_MAX, Process};
use crate::procfs::mount_table;
use crate::shell::{PatternChar, matches};

/// How many paths below a directory are looked at.
const PATHS_MAX: usize = 2000;

fn report(p: &Process, doing: &str, path: &str, error: Errno) -> i32 {
    p.fail(&format!("{doing}'{path}': {error}"))
}

/// A path in a directory.
fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// A path and everything below it.
pub(super) fn below(p: &Process, path: &str) -> Vec<String> {
    let mut found = vec![path.to_owned()];
    let mut at = 0;
    while at < found.len() && found.len() < PATHS_MAX {
        let path = found[at].clone();
        at += 1;
        if p.is_dir(&path) && p.link_at(&path).is_none() {
            let names = p.list(&path).unwrap_or_default();
            found.extend(names.iter().map(|name| join(&path, name)));
        }
    }
    found.truncate(PATHS_MAX);
    found
}

pub(super) fn ls(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let paths = if args.rest.is_empty() { vec![".".to_owned()] } else { args.rest.clone() };
    let mut status = 0;
    let several = paths.len() > 1;
    for path in &paths {
        if !p.exists(path) {
            status = p.fail(&format!("{path}: No such file or directory"));
            continue;
        }
        if !p.is_dir(path) || args.has('d') {
            entry(p, &args, path, path);
            continue;
        }
        if several {
            p.say(&format!("{path}:"));
        }
        let mut names = match p.list(path) {
            Ok(names) => names,
            Err(error) => {
                status = p.fail(&format!("{path}: {error}"));
                continue;
            }
        };
        if args.has('a') {
            names.splice(0..0, [".".to_owned(), "..".to_owned()]);
        } else if !args.has('A') {
            names.retain(|name| !name.starts_with('.'));
        }
        if args.has('l') {
            p.say(&format!("total {}", names.len() * 4));
        }
        for name in names {
            entry(p, &args, &join(path, &name), &name);
        }
    }
    status
}

fn entry(p: &Process, args: &Arguments, path: &str, name: &str) {
    if !args.has('l') {
        p.say(name);
        return;
    }
    let link = p.link_at(path);
    let (mode, size) = match (&link, p.stat(path)) {
        (Some(target), _) => ("lrwxrwxrwx", target.len()),
        (_, Some(Kind::Directory)) => ("drwxr-xr-x", 4096),
        (_, Some(Kind::Device)) => ("crw-rw-rw-", 0),
        (_, Some(Kind::Program)) => ("-rwxr-xr-x", 1_131_168),
        (_, Some(Kind::File(size))) => ("-rw-r--r--", size),
        (_, None) => ("-rw-r--r--", 0),
    };
    let date = super::system::format_time(p.ctx.now(), "%b %e %H:%M");
    let target = link.map_or(String::new(), |target| format!(" -> {target}"));
    p.say(&format!("{mode}    1 root     root     {size:9} {date} {name}{target}"));
}

pub(super) fn mkdir(p: &Process) -> i32 {
    let args = Arguments::of(p, "m");
    let mut status = 0;
    for path in &args.rest {
        let mut made = Ok(());
        if args.has('p') {
            let absolute = p.absolute(path);
            let mut so_far = String::new();
            for part in absolute.split('/').filter(|part| !part.is_empty()) {
                so_far = format!("{so_far}/{part}");
                if !p.is_dir(&so_far) {
                    made = made.and(p.make_dir(&so_far));
                }
            }
        } else {
            made = p.make_dir(path);
        }
        if let Err(error) = made {
            status = report(p, "can't create directory ", path, error);
        }
    }
    status
}

pub(super) fn rmdir(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    args.rest.iter().fold(0, |status, path| match p.remove_dir(path) {
        Ok(()) => status,
        Err(error) => report(p, "", path, error),
    })
}

pub(super) fn rm(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let recursive = args.has('r') || args.has('R');
    let mut status = 0;
    for path in &args.rest {
        match p.remove(path, recursive) {
            Ok(()) => {}
            Err("No such file or directory") if args.has('f') => {}
            Err(error) => status = report(p, "can't remove ", path, error),
        }
    }
    status
}

/// `touch`, `truncate`.
pub(super) fn touch(p: &Process) -> i32 {
    let args = Arguments::of(p, "dtrs");
    let mut status = 0;
    for path in &args.rest {
        if p.is_dir(path) || (args.has('c') && !p.exists(path)) {
            continue;
        }
        let append = p.name() == "touch" || args.value('s').is_some_and(|size| size != "0");
        if let Err(error) = p.create(path, append) {
            status = p.fail(&format!("{path}: {error}"));
        }
    }
    status
}

/// Where a copy of a file goes: into a directory, or in place of a file.
fn destination(p: &Process, from: &str, to: &str) -> String {
    if p.is_dir(to) { join(to, last_part(from)) } else { to.to_owned() }
}

fn copy(p: &Process, from: &str, to: &str) -> Result<(), (String, Errno)> {
    for path in below(p, from) {
        let target = format!("{to}{}", path.strip_prefix(from).unwrap_or_default());
        if p.is_dir(&path) {
            if !p.is_dir(&target) {
                p.make_dir(&target).map_err(|error| (target, error))?;
            }
            continue;
        }
        let text = p.read_file(&path).map_err(|error| (path, error))?;
        p.write_file(&target, &text).map_err(|error| (target, error))?;
    }
    Ok(())
}

pub(super) fn cp(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let Some((to, sources)) = args.rest.split_last().filter(|(_, sources)| !sources.is_empty())
    else {
        return p.fail("missing file operand");
    };
    let recursive = ['r', 'R', 'a'].iter().any(|&flag| args.has(flag));
    let mut status = 0;
    for from in sources {
        if !p.exists(from) {
            status = p.fail(&format!("can't stat '{from}': No such file or directory"));
        } else if p.is_dir(from) && !recursive {
            status = p.fail(&format!("omitting directory '{from}'"));
        } else {
            let from = from.trim_end_matches('/');
            if let Err((path, error)) = copy(p, from, &destination(p, from, to)) {
                status = report(p, "can't create ", &path, error);
            }
        }
    }
    status
}

pub(super) fn mv(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let Some((to, sources)) = args.rest.split_last().filter(|(_, sources)| !sources.is_empty())
    else {
        return p.fail("missing file operand");
    };
    let mut status = 0;
    for from in sources {
        if !p.exists(from) {
            status = p.fail(&format!("can't rename '{from}': No such file or directory"));
            continue;
        }
        let moved = copy(p, from, &destination(p, from, to));
        let moved =
            moved.and_then(|()| p.remove(from, true).map_err(|error| (from.clone(), error)));
        if let Err((path, error)) = moved {
            status = report(p, "can't rename ", &path, error);
        }
    }
    status
}

pub(super) fn ln(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let (target, to) = match args.rest.as_slice() {
        [target] => (target, last_part(target).to_owned()),
        [target, to] => (target, destination(p, target, to)),
        _ => return p.fail("missing file operand"),
    };
    if args.has('f') && p.exists(&to) {
        let _ = p.remove(&to, false);
    }
    let made = if args.has('s') {
        p.make_link(target, &to)
    } else {
        p.read_file(target).and_then(|text| p.write_file(&to, &text))
    };
    match made {
        Ok(()) => 0,
        Err(error) => p.fail(&format!("{to}: {error}")),
    }
}

pub(super) fn stat(p: &Process) -> i32 {
    let args = Arguments::of(p, "ct");
    let mut status = 0;
    for path in &args.rest {
        let Some(kind) = p.stat(path) else {
            status = report(p, "can't stat ", path, "No such file or directory");
            continue;
        };
        let (name, mode, size) = match kind {
            Kind::Directory => ("directory", "755", 4096),
            Kind::Device => ("character special file", "666", 0),
            Kind::Program => ("regular file", "755", 1_131_168),
            Kind::File(0) => ("regular empty file", "644", 0),
            Kind::File(size) => ("regular file", "644", size),
        };
        match args.value('c') {
            Some(format) => {
                let line = [
                    ("%n", path.clone()),
                    ("%s", size.to_string()),
                    ("%a", mode.to_owned()),
                    ("%F", name.to_owned()),
                    ("%u", "0".to_owned()),
                    ("%g", "0".to_owned()),
                    ("%U", "root".to_owned()),
                    ("%G", "root".to_owned()),
                ]
                .iter()
                .fold(format.to_owned(), |line, (mark, value)| line.replace(mark, value));
                p.say(&line);
            }
            None => {
                p.say(&format!("  File: {path}\n  Size: {size}\t\t{name}"));
                p.say(&format!("Access: (0{mode})  Uid: (    0/    root)   Gid: (    0/    root)"));
            }
        }
    }
    status
}

pub(super) fn find(p: &Process) -> i32 {
    let args = p.args();
    let options = args.iter().position(|arg| arg.starts_with('-')).unwrap_or(args.len());
    let roots = if options == 0 { vec![".".to_owned()] } else { args[..options].to_vec() };
    let value = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).map(String::as_str)
    };
    let pattern =
        value("-name").map(|text| text.chars().map(|c| (c, false)).collect::<Vec<PatternChar>>());
    let depth = value("-maxdepth").and_then(|text| text.parse::<usize>().ok());
    for root in roots {
        if !p.exists(&root) {
            return p.fail(&format!("{root}: No such file or directory"));
        }
        for path in below(p, &root) {
            let own_depth = path[root.len()..].matches('/').count();
            let name: Vec<char> = last_part(&path).chars().collect();
            let fits = pattern.as_ref().is_none_or(|pattern| matches(pattern, &name))
                && depth.is_none_or(|depth| own_depth <= depth)
                && match value("-type") {
                    Some("d") => p.is_dir(&path),
                    Some("f") => matches!(p.stat(&path), Some(Kind::File(_) | Kind::Program)),
                    Some("l") => p.link_at(&path).is_some(),
                    _ => true,
                };
            if fits {
                p.say(&path);
            }
        }
    }
    0
}

/// `readlink`, `realpath`.
pub(super) fn readlink(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let Some(path) = args.rest.first() else { return p.fail("missing operand") };
    let found = if p.name() == "readlink" && !args.has('f') {
        p.link_at(path).map(|target| target.to_string())
    } else {
        p.real(path).ok()
    };
    match found {
        Some(path) => {
            p.say(&path);
            0
        }
        None => 1,
    }
}

pub(super) fn mktemp(p: &Process) -> i32 {
    let args = Arguments::of(p, "pt");
    let random = p.ctx.sim().random_hex("shell/mktemp", 6);
    let template = args.rest.first().map_or("/tmp/tmp.XXXXXX", String::as_str);
    let path = template.replacen("XXXXXX", &random, 1);
    let made = if args.has('d') { p.make_dir(&path) } else { p.create(&path, false).map(drop) };
    match made {
        Ok(()) => {
            p.say(&path);
            0
        }
        Err(error) => p.fail(&format!("{path}: {error}")),
    }
}

pub(super) async fn dd(p: &Process) -> i32 {
    let value = |name: &str| {
        p.args().iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    let size = |text: &str| {
        let (digits, unit) = match text.chars().last() {
            Some('k' | 'K') => (&text[..text.len() - 1], 1 << 10),
            Some('M') => (&text[..text.len() - 1], 1 << 20),
            Some('G') => (&text[..text.len() - 1], 1 << 30),
            _ => (text, 1_usize),
        };
        digits.parse::<usize>().unwrap_or(512).saturating_mul(unit)
    };
    let block = value("bs").map_or(512, |text| size(&text));
    let count = value("count").and_then(|text| text.parse::<usize>().ok());
    // A block is read into memory before it is written.
    let limit = p.surroundings.memory_limit;
    if limit > 0 && block as u64 > limit {
        p.spend(crate::process::EXEC).await;
        p.node.kill_for_memory(&p.ctx, p.pid);
        std::future::pending::<()>().await;
    }
    let wanted = count.map_or(usize::MAX, |count| count.saturating_mul(block));
    let input = value("if");
    let text = match input.as_deref() {
        None | Some("/dev/stdin") => p.read_all(0).await,
        Some("/dev/zero" | "/dev/urandom" | "/dev/random") => {
            // Reading goes on until there is no more room.
            "0".repeat(wanted.min(FILE_MAX + 1))
        }
        Some(path) => match p.read_file(path) {
            Ok(text) => text.to_string(),
            Err(error) => return report(p, "can't open ", path, error),
        },
    };
    let end = text.char_indices().map(|(at, _)| at).find(|&at| at >= wanted).unwrap_or(text.len());
    let text = &text[..end];
    let output = value("of");
    if matches!(input.as_deref(), Some("/dev/zero" | "/dev/urandom"))
        && output.as_deref().is_none_or(|path| path == "/dev/null")
    {
        // A busy disk: without an end it goes on for ever.
        if count.is_none() {
            std::future::pending::<()>().await;
        }
    } else if let Some(path) = output {
        if let Err(error) = p.write_file(&path, text) {
            return p.fail(&format!("error writing '{path}': {error}"));
        }
    } else {
        p.print(text);
    }
    let (blocks, bytes) = (text.len() / block.max(1), text.len());
    p.write(2, &format!("{blocks}+0 records in\n{blocks}+0 records out\n{bytes} bytes copied\n"));
    0
}

pub(super) fn df(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let wanted: Vec<String> = args.rest.iter().map(|path| p.absolute(path)).collect();
    let human = args.has('h');
    p.say(if human {
        "Filesystem                Size      Used Available Use% Mounted on"
    } else {
        "Filesystem           1K-blocks      Used Available Use% Mounted on"
    });
    for [source, target, kind, _] in mount_table(p) {
        if kind == "proc" || kind == "sysfs" || kind == "cgroup2" {
            continue;
        }
        if !wanted.is_empty() && !wanted.contains(&target) {
            continue;
        }
        let sizes = match (kind.as_str(), human) {
            ("tmpfs", true) => "     64.0M         0     64.0M   0%",
            ("tmpfs", false) => "     65536         0     65536   0%",
            (_, true) => "     97.9G     12.3G     85.6G  13%",
            (_, false) => " 102654976  12897484  89757492  13%",
        };
        p.say(&format!("{source:20} {sizes} {target}"));
    }
    0
}

pub(super) fn du(p: &Process) -> i32 {
    let args = Arguments::of(p, "d");
    let paths = if args.rest.is_empty() { vec![".".to_owned()] } else { args.rest.clone() };
    for path in paths {
        let size: usize = below(p, &path)
            .iter()
            .map(|path| match p.stat(path) {
                Some(Kind::File(size)) => size.div_ceil(4096) * 4,
                _ => 4,
            })
            .sum();
        p.say(&format!("{size}\t{path}"));
    }
    0
}

/// `mount`, `umount`, `mountpoint`: looking is all that can be done.
pub(super) fn mount(p: &Process) -> i32 {
    let args = Arguments::of(p, "to");
    let table = mount_table(p);
    match (p.name(), args.rest.first()) {
        ("mountpoint", Some(path)) => {
            let path = p.absolute(path);
            let found = table.iter().any(|row| row[1] == path);
            if !args.has('q') {
                p.say(&format!("{path} is {}a mountpoint", if found { "" } else { "not " }));
            }
            i32::from(!found)
        }
        ("mount", None) => {
            for [source, target, kind, options] in table {
                p.say(&format!("{source} on {target} type {kind} ({options})"));
            }
            0
        }
        _ => p.fail("permission denied (are you root?)"),
    }
}

pub(super) fn which(p: &Process) -> i32 {
    let path = p.env.get("PATH").map_or(crate::PATH, String::as_str);
    p.args().iter().fold(0, |status, name| match p.find_program(name, path) {
        Ok(found) => {
            p.say(&found);
            status
        }
        Err(_) => 1,
    })
}
