//! Programs that ask the system: time, names, processes.

use super::{Arguments, signal_name, signal_number};
use crate::process::Process;
use crate::procfs::{command_name, processes, sysctl as read_sysctl};
use futures_util::future::{Either, select};
use node::Credentials;
use std::pin::pin;
use std::time::Duration;
use trace::{NamespaceKind, Time};

/// A duration as `sleep` takes it: seconds, or a number with `s`, `m`, `h` or `d`; none for
/// `infinity`.
fn duration(text: &str) -> Result<Option<Duration>, ()> {
    if text.starts_with("inf") {
        return Ok(None);
    }
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        Some((at, 'd')) => (&text[..at], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().map_err(drop)? * unit;
    Duration::try_from_secs_f64(seconds).map(Some).map_err(drop)
}

/// The longest that anything sleeps: longer than a simulation may last.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

pub(super) async fn sleep(p: &Process) -> i32 {
    if p.args().is_empty() {
        p.fail("missing operand");
        return 1;
    }
    let mut total = Duration::ZERO;
    for arg in p.args() {
        let own = if p.name() == "usleep" {
            arg.parse().map(|micros| Some(Duration::from_micros(micros))).map_err(drop)
        } else {
            duration(arg)
        };
        match own {
            Ok(own) => total = total.saturating_add(own.unwrap_or(FOR_EVER)).min(FOR_EVER),
            Err(()) => return p.fail(&format!("invalid number '{arg}'")),
        }
    }
    p.sleep(total).await;
    0
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment in a format of `strftime`, in UTC.
pub(crate) fn format_time(at: Time, format: &str) -> String {
    let nanos = at.unix_nanos();
    let seconds = nanos.div_euclid(1_000_000_000);
    let days = seconds.div_euclid(86_400);
    // `2026-01-02T03:04:05Z`
    let text = at.rfc3339();
    let number = |from: usize, to: usize| -> i64 {
        text.get(from..to).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let week_day = DAYS[(days + 4).rem_euclid(7) as usize];
    let month_name = MONTHS[(month - 1).clamp(0, 11) as usize];
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let kind = match rest.next() {
            // `%-d`, `%3N`
            Some('-' | '3' | '6' | '9') => rest.next(),
            kind => kind,
        };
        let part = match kind {
            Some('Y') => year.to_string(),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('e') => format!("{day:2}"),
            Some('H') => format!("{hour:02}"),
            Some('I') => format!("{:02}", (hour + 11) % 12 + 1),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('N') => format!("{:09}", nanos.rem_euclid(1_000_000_000)),
            Some('s') => seconds.to_string(),
            Some('a') => week_day[..3].to_owned(),
            Some('A') => week_day.to_owned(),
            Some('b' | 'h') => month_name[..3].to_owned(),
            Some('B') => month_name.to_owned(),
            Some('y') => format!("{:02}", year.rem_euclid(100)),
            Some('Z') => "UTC".to_owned(),
            Some('z') => "+0000".to_owned(),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('D') => format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100)),
            Some('j') => format!("{:03}", day_of_year_in_calendar(year, month, day)),
            Some('u') => ((days + 3).rem_euclid(7) + 1).to_string(),
            Some('n') => "\n".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        };
        out.push_str(&part);
    }
    out
}

fn day_of_year_in_calendar(year: i64, month: i64, day: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before =
        [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][(month - 1).clamp(0, 11) as usize];
    before + day + i64::from(leap && month > 2)
}

pub(super) fn date(p: &Process) -> i32 {
    let args = Arguments::of(p, "dIDr");
    let format = match args.rest.iter().find_map(|arg| arg.strip_prefix('+')) {
        Some(format) => format,
        None if args.has('I') => "%Y-%m-%d",
        None if args.has('R') => "%a, %d %b %Y %H:%M:%S %z",
        None => "%a %b %e %H:%M:%S %Z %Y",
    };
    p.say(&format_time(p.ctx.now(), format));
    0
}

/// `env`, and others that run a command as it is: `nohup`, `setsid`, `time`.
pub(super) async fn env(mut p: Process) -> i32 {
    let mut args = p.args().to_vec();
    while let Some(arg) = args.first().cloned() {
        if p.name() != "env" {
            break;
        }
        if arg == "-i" || arg == "-" {
            p.env.clear();
        } else if arg == "-u" {
            args.remove(0);
            if let Some(name) = args.first() {
                p.env.remove(name);
            }
        } else if let Some((name, value)) = arg.split_once('=') {
            p.env.insert(name.to_owned(), value.to_owned());
        } else {
            break;
        }
        args.remove(0);
    }
    if args.is_empty() {
        for (name, value) in &p.env {
            p.say(&format!("{name}={value}"));
        }
        return 0;
    }
    let path = p.env.get("PATH").map_or(crate::PATH, String::as_str);
    if let Err(missing) = p.find_program(&args[0], path) {
        p.fail(&format!("can't execute '{}': No such file or directory", args[0]));
        return missing.code();
    }
    p.become_program(args).await
}

pub(super) async fn timeout(p: Process) -> i32 {
    let args = Arguments::of(&p, "sk");
    let skip = p.args().iter().position(|arg| duration(arg).is_ok());
    let Some(at) = skip else { return p.fail("usage: timeout SECS PROG ARGS") };
    let limit = duration(&p.args()[at]).ok().flatten();
    let argv = p.args()[at + 1..].to_vec();
    let signal = args.value('s').and_then(signal_number).unwrap_or(node::SIGTERM);
    if argv.is_empty() {
        return p.fail("usage: timeout SECS PROG ARGS");
    }
    let Some(child) = p.fork() else { return p.fail("can't fork") };
    let (pid, starter) = (child.pid, child.clone());
    starter.start(child.become_program(argv));
    let ended = pin!(p.wait_for(pid));
    match select(ended, p.ctx.sleep(limit.unwrap_or(FOR_EVER))).await {
        Either::Left((code, _)) => code,
        Either::Right(((), ended)) => {
            p.node.signal(&p.ctx, pid, signal);
            ended.await;
            // busybox: 128 and the signal; coreutils: 124.
            if crate::image::base(&p.surroundings.image) == crate::image::Base::Debian {
                124
            } else {
                128 + signal
            }
        }
    }
}

pub(super) fn printenv(p: &Process) -> i32 {
    if p.args().is_empty() {
        for (name, value) in &p.env {
            p.say(&format!("{name}={value}"));
        }
        return 0;
    }
    let mut status = 0;
    for name in p.args() {
        match p.env.get(name) {
            Some(value) => {
                p.say(value);
            }
            None => status = 1,
        }
    }
    status
}

pub(super) fn hostname(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    if args.has('i') || args.has('I') {
        p.say(&p.node.own_address(p.node.network_of(p.pid)));
    } else if args.has('f') {
        let name = p.node.hostname_of(p.pid);
        let hosts = p.read_file("/etc/hosts").unwrap_or_default();
        let full = hosts.lines().find_map(|line| {
            let mut names = line.split_whitespace().skip(1);
            let own = line.split_whitespace().skip(1).any(|other| *other == *name);
            names.next().filter(|_| own)
        });
        p.say(full.unwrap_or(&name));
    } else if args.rest.is_empty() {
        p.say(&p.node.hostname_of(p.pid));
    } else {
        // The host's own name stays what it is.
        let namespace = p.node.namespace_of(p.pid, NamespaceKind::Uts);
        let may =
            p.credentials.has(Credentials::SYS_ADMIN) && p.credentials.may_call("sethostname");
        match namespace.filter(|_| may) {
            Some(namespace) => p.node.set_hostname(namespace, &args.rest[0]),
            None => return p.fail("sethostname: Operation not permitted"),
        }
    }
    0
}

/// `chmod`, `chown`, `chgrp`: files have neither modes nor owners here, but a filter may forbid it.
pub(super) fn change(p: &Process) -> i32 {
    let syscalls: &[&str] = match p.name() {
        "chmod" => &["chmod", "fchmodat"],
        _ => &["chown", "fchownat"],
    };
    if syscalls.iter().all(|syscall| p.credentials.may_call(syscall)) {
        return 0;
    }
    let args = Arguments::of(p, "");
    let paths = args.rest.get(1..).unwrap_or_default();
    paths.iter().fold(0, |_, path| p.fail(&format!("{path}: Operation not permitted")))
}

/// `top`: the processes, again and again; once where it cannot know what a screen is.
pub(super) async fn top(p: &Process) -> i32 {
    let args = Arguments::of(p, "dn");
    let number = |flag| args.value(flag).and_then(|text| text.parse::<u64>().ok());
    let every = Duration::from_secs(number('d').unwrap_or(5).max(1));
    let mut left = number('n').unwrap_or(u64::MAX);
    while left > 0 {
        p.say("Mem: 4096000K used, 12288000K free, 10240K shrd, 1024K buff, 2047000K cached");
        p.say("CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq");
        p.say("Load average: 0.00 0.00 0.00 1/100 1");
        p.say("  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND");
        let user = name_of(p, "/etc/passwd", p.credentials.uid)
            .unwrap_or_else(|| p.credentials.uid.to_string());
        let all = processes(p);
        for (pid, process) in &all {
            let parent = all.iter().find(|(_, other)| other.pid == process.ppid);
            let parent = parent.map_or(0, |&(own, _)| own);
            let command = process.argv.join(" ");
            p.say(&format!("{pid:5} {parent:5} {user:8} S     4364  0.0   0  0.0 {command}"));
        }
        left -= 1;
        if left > 0 {
            p.sleep(every).await;
        }
    }
    0
}

/// `ipcs -m`: shared memory is all that is known of; of it, what `/proc` says.
pub(super) fn ipcs(p: &Process) -> i32 {
    let args = Arguments::of(p, "i");
    let all = !args.has('m') && !args.has('q') && !args.has('s');
    if all || args.has('m') {
        p.say("\n------ Shared Memory Segments --------");
        p.say("key        shmid      owner      perms      bytes      nattch     status      ");
        let text = p.read_file("/proc/sysvipc/shm").unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [key, id, mode, size, _, _, attached, uid, ..] = words[..] else { continue };
            let key = key.parse::<i32>().unwrap_or_default();
            let uid: u32 = uid.parse().unwrap_or_default();
            let owner = name_of(p, "/etc/passwd", uid).unwrap_or_else(|| uid.to_string());
            let mode = mode.get(mode.len().saturating_sub(3)..).unwrap_or(mode);
            p.say(&format!("0x{key:08x} {id:10} {owner:10} {mode:10} {size:10} {attached:10} "));
        }
    }
    if all || args.has('s') {
        p.say("\n------ Semaphore Arrays --------");
        p.say("key        semid      owner      perms      nsems     ");
    }
    if all || args.has('q') {
        p.say("\n------ Message Queues --------");
        p.say("key        msqid      owner      perms      used-bytes   messages    ");
    }
    p.say("");
    0
}

pub(super) fn uname(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let host = p.node.hostname_of(p.pid);
    let fields = [
        ('s', "Linux"),
        ('n', &*host),
        ('r', "6.12.0"),
        ('v', "#1 SMP modelled"),
        ('m', "x86_64"),
        ('o', "GNU/Linux"),
    ];
    let all = args.has('a');
    let shown = fields
        .iter()
        .filter(|(flag, _)| all || args.has(*flag) || (args.flags.is_empty() && *flag == 's'));
    let shown: Vec<&str> = shown.map(|(_, field)| *field).collect();
    p.say(&shown.join(" "));
    0
}

/// The name of a user or group by number, from the container's own files.
fn name_of(p: &Process, file: &str, id: u32) -> Option<String> {
    let text = p.read_file(file).ok()?;
    let found = text.lines().find(|line| line.split(':').nth(2) == Some(&*id.to_string()))?;
    found.split(':').next().map(str::to_owned)
}

/// `id`, `whoami`.
pub(super) fn id(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let credentials = &p.credentials;
    let (uid, gid) = (credentials.uid, credentials.gid);
    let user = name_of(p, "/etc/passwd", uid);
    if p.name() == "whoami" {
        return match user {
            Some(user) => {
                p.say(&user);
                0
            }
            None => p.fail(&format!("unknown uid {uid}")),
        };
    }
    let group_name = |id: u32| name_of(p, "/etc/group", id);
    let mut groups = crate::procfs::groups(credentials);
    groups.retain(|group| *group != gid);
    groups.insert(0, gid);
    let as_names = args.has('n');
    let shown =
        |id: u32, name: Option<String>| name.filter(|_| as_names).unwrap_or_else(|| id.to_string());
    if args.has('u') {
        p.say(&shown(uid, user));
    } else if args.has('G') {
        let groups: Vec<String> =
            groups.iter().map(|&group| shown(group, group_name(group))).collect();
        p.say(&groups.join(" "));
    } else if args.has('g') {
        p.say(&shown(gid, group_name(gid)));
    } else {
        let named = |id: u32, name: Option<String>| match name {
            Some(name) => format!("{id}({name})"),
            None => id.to_string(),
        };
        let groups: Vec<String> =
            groups.iter().map(|&group| named(group, group_name(group))).collect();
        let line = format!(
            "uid={} gid={} groups={}",
            named(uid, user),
            named(gid, group_name(gid)),
            groups.join(",")
        );
        p.say(&line);
    }
    0
}

pub(super) fn ps(p: &Process) -> i32 {
    let flags = p.args().concat();
    let user = name_of(p, "/etc/passwd", p.credentials.uid)
        .unwrap_or_else(|| p.credentials.uid.to_string());
    let busybox = matches!(
        crate::image::base(&p.surroundings.image),
        crate::image::Base::Busybox | crate::image::Base::Alpine
    );
    let header = match (busybox, flags.contains('u'), flags.contains('f')) {
        (true, ..) => "PID   USER     TIME  COMMAND",
        (_, true, _) => {
            "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND"
        }
        (_, _, true) => "UID          PID    PPID  C STIME TTY          TIME CMD",
        _ => "    PID TTY          TIME CMD",
    };
    p.say(header);
    for (pid, process) in processes(p) {
        let command = process.argv.join(" ");
        let line = match (busybox, flags.contains('u'), flags.contains('f')) {
            (true, ..) => format!("{pid:5} {user:8}  0:00 {command}"),
            (_, true, _) => format!(
                "{user:8} {pid:7}  0.0  0.0   4364  1024 ?        Ss   00:00   0:00 {command}"
            ),
            (_, _, true) => {
                format!("{user:8} {pid:7}       0  0 00:00 ?        00:00:00 {command}")
            }
            _ => format!("{pid:7} ?        00:00:00 {}", command_name(&process)),
        };
        p.say(&line);
    }
    0
}

pub(super) fn kill(p: &Process) -> i32 {
    let mut signal = node::SIGTERM;
    let mut status = 0;
    let mut args = p.args().iter();
    while let Some(arg) = args.next() {
        if arg == "-l" {
            let names: Vec<&str> = (1..32).map(signal_name).collect();
            p.say(&names.join(" "));
            return 0;
        }
        let name = match arg.as_str() {
            "-s" | "-n" => args.next().map(String::as_str),
            "--" => continue,
            arg => arg.strip_prefix('-').filter(|name| *name != "1" || p.args().len() > 1),
        };
        if let Some(name) = name {
            match signal_number(name) {
                Some(number) => signal = number,
                None => return p.fail(&format!("bad signal name '{name}'")),
            }
            continue;
        }
        let Ok(number) = arg.parse::<u32>() else {
            status = p.fail(&format!("invalid number '{arg}'"));
            continue;
        };
        match processes(p).iter().find(|(own, _)| *own == number) {
            Some((_, process)) => {
                // Nobody can kill the first process of a PID namespace from inside.
                if signal != node::SIGKILL || number != 1 {
                    p.node.signal(&p.ctx, process.pid, signal);
                }
            }
            None => status = p.fail(&format!("can't kill pid {number}: No such process")),
        }
    }
    status
}

/// `pgrep`, `pidof`, `pkill`, `killall`.
pub(super) fn pgrep(p: &Process) -> i32 {
    let mut signal = node::SIGTERM;
    let mut names = Vec::new();
    let (mut whole, mut long) = (false, false);
    for arg in p.args() {
        match arg.strip_prefix('-') {
            Some("f") => whole = true,
            Some("l" | "a") => long = true,
            Some("x" | "o" | "n" | "s" | "q") => {}
            Some(name) => signal = signal_number(name).unwrap_or(signal),
            None => names.push(arg.clone()),
        }
    }
    let by_name = matches!(p.name(), "pidof" | "killall");
    let kills = matches!(p.name(), "pkill" | "killall");
    let found: Vec<_> = processes(p)
        .into_iter()
        .filter(|(_, process)| {
            let name = command_name(process);
            let line = process.argv.join(" ");
            process.pid != p.pid
                && names.iter().any(|wanted| match (by_name, whole) {
                    (true, _) => {
                        name == *wanted || process.argv.first().is_some_and(|own| **own == **wanted)
                    }
                    (_, true) => line.contains(wanted.as_str()),
                    _ => name.contains(wanted.as_str()),
                })
        })
        .collect();
    if kills {
        for (own, process) in &found {
            if signal != node::SIGKILL || *own != 1 {
                p.node.signal(&p.ctx, process.pid, signal);
            }
        }
        if found.is_empty() && p.name() == "killall" {
            for name in &names {
                p.fail(&format!("{name}: no process killed"));
            }
        }
    } else if by_name && !found.is_empty() {
        let pids: Vec<String> = found.iter().rev().map(|(own, _)| own.to_string()).collect();
        p.say(&pids.join(" "));
    } else {
        for (own, process) in &found {
            let line = if long { format!(" {}", process.argv.join(" ")) } else { String::new() };
            p.say(&format!("{own}{line}"));
        }
    }
    i32::from(found.is_empty())
}

pub(super) fn free(p: &Process) -> i32 {
    p.say("              total        used        free      shared  buff/cache   available");
    p.say("Mem:       16384000     2048000    12288000       10240     2048000    14336000");
    p.say("Swap:             0           0           0");
    0
}

pub(super) fn uptime(p: &Process) -> i32 {
    let minutes = p.ctx.now().as_millis() / 60_000;
    let now = format_time(p.ctx.now(), "%H:%M:%S");
    p.say(&format!(" {now} up {minutes} min,  0 users,  load average: 0.00, 0.00, 0.00"));
    0
}

pub(super) fn sysctl(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let mut status = 0;
    for name in &args.rest {
        if name.contains('=') {
            status = p.fail("setting key: Read-only file system");
            continue;
        }
        match read_sysctl(p, &name.replace('/', ".")) {
            Some(value) => {
                let name = if args.has('n') { String::new() } else { format!("{name} = ") };
                p.say(&format!("{name}{value}"));
            }
            None => status = p.fail(&format!("error: '{name}' is an unknown key")),
        }
    }
    status
}

/// `stress --vm N --vm-bytes SIZE`: whoever takes more than the container may have is killed by the
/// kernel, and all of it with it.
pub(super) async fn stress(p: &Process) -> i32 {
    let value = |name: &str| {
        let at = p.args().iter().position(|arg| arg == name)?;
        p.args().get(at + 1)
    };
    let bytes = value("--vm-bytes").map_or(256 << 20, |text| {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => 1,
        };
        digits.parse::<u64>().unwrap_or_default().saturating_mul(unit)
    });
    let workers = value("--vm").and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    p.say("stress: info: [1] dispatching hogs");
    p.sleep(Duration::from_millis(200)).await;
    let limit = p.surroundings.memory_limit;
    if limit > 0 && workers.saturating_mul(bytes) > limit {
        p.node.kill_for_memory(&p.ctx, p.pid);
    }
    std::future::pending().await
}
