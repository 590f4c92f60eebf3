//! The node's own commands: `ps`, `kill`, `cat`, `ls`, `mount`.

use crate::{Act, Answer, Machine};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use trace::{Effect, FileContent};

/// `ps -ef` of procps, or with `--forest` as a tree. Every process runs as root here and uses no
/// time.
pub(crate) fn ps(machine: &Machine<'_>, args: &[&str]) -> String {
    let forest =
        args.iter().any(|arg| arg.contains("forest") || arg.contains('f') && arg.contains('H'));
    let full = args.iter().any(|arg| arg.trim_start_matches('-').contains(['e', 'a', 'A']));
    if !full && !forest {
        // Without a flag, only what runs on this terminal: a shell and ps itself, which are not
        // simulated.
        return "    PID TTY          TIME CMD\n".to_owned();
    }
    let mut started: BTreeMap<u32, trace::Time> = BTreeMap::new();
    for (_, event) in machine.past() {
        match event.as_effect() {
            Some(Effect::Process(process)) => {
                started.entry(process.pid).or_insert(event.at);
            }
            Some(Effect::ProcessExited { pid, .. }) => {
                started.remove(pid);
            }
            _ => {}
        }
    }
    let mut text = "UID          PID    PPID  C STIME TTY          TIME CMD\n".to_owned();
    let frame = machine.frame;
    let mut row = |pid: u32, depth: usize| {
        let Some(process) = frame.processes.get(&pid) else { return };
        let at = started.get(&pid).copied().unwrap_or_default().rfc3339();
        let lead =
            if depth == 0 { String::new() } else { format!("{}\\_ ", " ".repeat(4 * depth - 3)) };
        let _ = writeln!(
            text,
            "root     {pid:>7} {:>7}  0 {} ?        00:00:00 {lead}{}",
            process.ppid,
            &at[11..16],
            process.argv.join(" ")
        );
    };
    if forest {
        let is_root = |pid: u32| !frame.processes.contains_key(&pid);
        let roots = frame.processes.values().filter(|process| is_root(process.ppid));
        let mut open: Vec<(u32, usize)> = roots.map(|process| (process.pid, 0)).collect();
        open.reverse();
        while let Some((pid, depth)) = open.pop() {
            row(pid, depth);
            let mut children: Vec<u32> = frame.children_of(pid).map(|child| child.pid).collect();
            children.reverse();
            open.extend(children.into_iter().filter(|child| *child != pid).map(|c| (c, depth + 1)));
        }
    } else {
        frame.processes.keys().for_each(|pid| row(*pid, 0));
    }
    text
}

pub(crate) fn kill(machine: &Machine<'_>, args: &[&str]) -> Answer {
    let (signal, pids): (i32, &[&str]) = match args {
        [] => {
            return Answer::of(
                "-bash: kill: usage: kill [-s sigspec | -n signum | -sigspec] pid\n",
            );
        }
        [flag, rest @ ..] if flag.starts_with('-') => {
            match flag.trim_start_matches('-').trim_start_matches("SIG") {
                "9" | "KILL" => (9, rest),
                "15" | "TERM" => (15, rest),
                other => {
                    return Answer::of(format!(
                        "shimscope: signal {other} is not simulated here\n"
                    ));
                }
            }
        }
        pids => (15, pids),
    };
    let [pid] = pids else {
        return Answer::of("shimscope: one process at a time, please\n");
    };
    match pid.parse::<u32>() {
        Ok(number) if machine.frame.processes.contains_key(&number) => {
            Answer { text: String::new(), act: Some(Act::Kill { pid: number, signal }) }
        }
        Ok(_) => Answer::of(format!("-bash: kill: ({pid}) - No such process\n")),
        Err(_) => Answer::of(format!("-bash: kill: {pid}: arguments must be process or job IDs\n")),
    }
}

pub(crate) fn cat(machine: &Machine<'_>, args: &[&str]) -> String {
    let mut text = String::new();
    for path in args {
        match machine.read(path) {
            Some(content) => text.push_str(content),
            None if is_directory(machine, path) => {
                let _ = writeln!(text, "cat: {path}: Is a directory");
            }
            None => {
                let _ = writeln!(text, "cat: {path}: No such file or directory");
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn is_directory(machine: &Machine<'_>, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let files = &machine.frame.files;
    path.is_empty()
        || matches!(files.get(path).map(|view| &view.content), Some(FileContent::Directory))
        || files
            .keys()
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

/// What is in a directory; of a directory in it, the name with a slash.
fn entries(machine: &Machine<'_>, directory: &str) -> BTreeSet<String> {
    let directory = directory.trim_end_matches('/');
    let inside = |path: &str| {
        let rest = path.strip_prefix(directory)?.strip_prefix('/')?;
        Some(match rest.split_once('/') {
            Some((name, _)) => format!("{name}/"),
            None if is_directory(machine, path) => format!("{rest}/"),
            None => rest.to_owned(),
        })
    };
    machine.frame.files.keys().filter_map(|path| inside(path)).collect()
}

pub(crate) fn ls(machine: &Machine<'_>, args: &[&str]) -> String {
    let path = args.iter().find(|arg| !arg.starts_with('-')).copied().unwrap_or("/");
    if !is_directory(machine, path) {
        return match machine.frame.files.contains_key(path) {
            true => format!("{path}\n"),
            false => format!("ls: cannot access '{path}': No such file or directory\n"),
        };
    }
    let names = entries(machine, path);
    let names: BTreeSet<&str> = names.iter().map(|name| name.trim_end_matches('/')).collect();
    names.into_iter().flat_map(|name| [name, "\n"]).collect()
}

pub(crate) fn mount(machine: &Machine<'_>) -> String {
    let mut text = String::new();
    for mount in machine.frame.mounts.values() {
        let options = if mount.options.is_empty() { "rw" } else { &mount.options };
        let _ = writeln!(
            text,
            "{} on {} type {} ({options})",
            mount.source, mount.target, mount.fs_type
        );
    }
    text
}

pub(crate) fn complete_path(machine: &Machine<'_>, begun: &str) -> BTreeSet<String> {
    let (directory, _) = begun.rsplit_once('/').unwrap_or(("", ""));
    entries(machine, directory).into_iter().map(|name| format!("{directory}/{name}")).collect()
}
