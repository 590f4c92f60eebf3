//! `/proc`, `/sys` and `/dev`: what the kernel makes up, from the modelled machine.

use crate::files::{EACCES, EISDIR, ENOENT, EROFS, Errno, Kind};
use crate::process::Process;
use std::fmt::Write;
use std::rc::Rc;
use trace::NamespaceKind;

/// What stands at a path below `/proc`, `/sys` or `/dev`.
pub(crate) fn stat(process: &Process, path: &str) -> Option<Kind> {
    const DEVICES: [&str; 12] = [
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
        "/dev/stdin",
        "/dev/stdout",
        "/dev/stderr",
        "/dev/ptmx",
        "/dev/console",
        "/proc/kcore",
    ];
    if DEVICES.contains(&path) {
        return Some(Kind::Device);
    }
    if let Ok(text) = read(process, path) {
        return Some(Kind::File(text.len()));
    }
    let is_directory = matches!(
        path,
        "/proc"
            | "/proc/sys"
            | "/proc/net"
            | "/sys"
            | "/sys/fs"
            | "/sys/fs/cgroup"
            | "/sys/class"
            | "/sys/class/net"
            | "/sys/firmware"
            | "/dev"
            | "/dev/pts"
            | "/dev/shm"
            | "/dev/mqueue"
            | "/dev/fd"
    );
    let is_process = || {
        let (pid, rest) = own_path(process, path)?;
        matches!(rest, "" | "ns" | "fd").then_some(pid)
    };
    (is_directory || is_process().is_some()).then_some(Kind::Directory)
}

/// The number on the machine, and the rest of a path, of `/proc/PID/…` and `/proc/self/…`.
fn own_path<'a>(process: &Process, path: &'a str) -> Option<(u32, &'a str)> {
    let rest = path.strip_prefix("/proc/")?;
    let (who, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let pid = if who == "self" || who == "thread-self" {
        process.pid
    } else {
        let number: u32 = who.parse().ok()?;
        let mut all = processes(process).into_iter();
        all.find(|(own, _)| *own == number).map(|(_, found)| found.pid)?
    };
    Some((pid, rest))
}

/// The processes that a process can see, with the numbers by which it knows them.
pub(crate) fn processes(process: &Process) -> Vec<(u32, Rc<trace::Process>)> {
    let namespace = process.node.namespace_of(process.pid, NamespaceKind::Pid);
    process.node.processes_in(namespace)
}

/// The target of a link that the kernel makes up.
pub(crate) fn read_link(process: &Process, path: &str) -> Option<Rc<str>> {
    match path {
        "/dev/fd" => return Some("/proc/self/fd".into()),
        "/proc/mounts" => return Some("self/mounts".into()),
        "/proc/net" => return Some("self/net".into()),
        _ => {}
    }
    let (pid, rest) = own_path(process, path)?;
    if let Some(kind) = rest.strip_prefix("ns/") {
        let kinds = [
            ("net", NamespaceKind::Net),
            ("ipc", NamespaceKind::Ipc),
            ("uts", NamespaceKind::Uts),
            ("pid", NamespaceKind::Pid),
            ("mnt", NamespaceKind::Mnt),
        ];
        let (_, found) = kinds.iter().find(|(name, _)| *name == kind)?;
        // The host's own namespaces have the first numbers.
        let id = process.node.namespace_of(pid, *found).unwrap_or(4_026_531_835);
        return Some(format!("{kind}:[{id}]").into());
    }
    match rest {
        "exe" => process.node.process(pid)?.argv.first().cloned(),
        "cwd" if pid == process.pid => Some(process.cwd.as_str().into()),
        "root" => Some("/".into()),
        _ => None,
    }
}

/// The text of a file that the kernel makes up.
pub(crate) fn read(process: &Process, path: &str) -> Result<Rc<str>, Errno> {
    if let Some(name) = path.strip_prefix("/proc/sys/") {
        let value = sysctl(process, &name.replace('/', ".")).ok_or(ENOENT)?;
        return Ok(format!("{value}\n").into());
    }
    if let Some(name) = path.strip_prefix("/sys/class/net/") {
        return match name.split_once('/') {
            Some(("eth0", "address")) => Ok("0a:58:0a:f4:00:05\n".into()),
            Some(("lo", "address")) => Ok("00:00:00:00:00:00\n".into()),
            Some((_, "mtu")) => Ok("1500\n".into()),
            _ => Err(EISDIR),
        };
    }
    let text = match path {
        "/proc/sysvipc/shm" => shared_memory(process),
        "/dev/null" | "/proc/kcore" => String::new(),
        "/dev/zero" | "/dev/random" | "/dev/urandom" | "/dev/full" => return Err(EACCES),
        "/proc/uptime" => {
            let up = process.ctx.now().since(trace::Time::ZERO).as_secs_f64();
            format!("{up:.2} {up:.2}\n")
        }
        "/proc/loadavg" => "0.00 0.00 0.00 1/100 1\n".to_owned(),
        "/proc/version" => "Linux version 6.12.0 (modelled)\n".to_owned(),
        "/proc/filesystems" => "nodev\tproc\nnodev\ttmpfs\nnodev\toverlay\n\text4\n".to_owned(),
        "/proc/meminfo" => {
            "MemTotal:       16384000 kB\nMemFree:        12288000 kB\nMemAvailable:   14336000 kB\n"
                .to_owned()
        }
        "/proc/cpuinfo" => (0..4).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "processor\t: {number}\nmodel name\t: modelled\n");
            text
        }),
        _ => of_process(process, path)?,
    };
    Ok(text.into())
}

fn of_process(process: &Process, path: &str) -> Result<String, Errno> {
    let (pid, rest) = own_path(process, path).ok_or(ENOENT)?;
    let found = process.node.process(pid).ok_or(ENOENT)?;
    Ok(match rest {
        "status" => status(process, &found),
        "cmdline" => found.argv.iter().map(|word| format!("{word}\0")).collect(),
        "comm" => format!("{}\n", command_name(&found)),
        "environ" if pid == process.pid || pid_is_first(process, pid) => {
            process.env.iter().map(|(name, value)| format!("{name}={value}\0")).collect()
        }
        "mounts" => mounts(process),
        "mountinfo" => mount_info(process),
        "cgroup" => "0::/\n".to_owned(),
        "uid_map" => id_map(&process.surroundings.uid_map),
        "gid_map" => id_map(&process.surroundings.gid_map),
        "oom_score_adj" => "0\n".to_owned(),
        "attr/current" | "attr/apparmor/current" => {
            let profile = &process.credentials.apparmor;
            if profile.is_empty() {
                "unconfined\n".to_owned()
            } else {
                format!("{profile} (enforce)\n")
            }
        }
        "stat" => format!("{} ({}) S 0\n", number_of(process, pid), command_name(&found)),
        _ => return Err(ENOENT),
    })
}

/// The shared memory of an IPC namespace: programs here make none, but the host's may have some.
fn shared_memory(process: &Process) -> String {
    const HEADER: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n";
    let own = process.node.namespace_of(process.pid, NamespaceKind::Ipc).is_some();
    let of_host = || process.node.kernel_file("/proc/sysvipc/shm");
    (!own).then(of_host).flatten().unwrap_or_else(|| HEADER.to_owned())
}

fn id_map(lines: &[node::IdMap]) -> String {
    let line = |inside, outside, length| format!("{inside:10} {outside:10} {length:10}\n");
    if lines.is_empty() {
        return line(0, 0, u32::MAX);
    }
    lines.iter().map(|map| line(map.inside, map.outside, map.length)).collect()
}

/// Whether a process is the first of its container, whose environment is that of its children.
fn pid_is_first(process: &Process, pid: u32) -> bool {
    process.node.own_pid(pid) == Some(1)
}

fn number_of(process: &Process, pid: u32) -> u32 {
    let mut all = processes(process).into_iter();
    all.find(|(_, found)| found.pid == pid).map_or(0, |(own, _)| own)
}

/// The name of a process: that of its program, cut as the kernel does.
pub(crate) fn command_name(process: &trace::Process) -> String {
    let program = process.argv.first().map_or("", |word| word);
    // What a process has written over its arguments begins with its name: `nginx: master process`.
    let program = program.split(": ").next().unwrap_or(program);
    program.rsplit('/').next().unwrap_or(program).chars().take(15).collect()
}

/// The supplementary groups as the kernel keeps them: in order.
pub(crate) fn groups(credentials: &node::Credentials) -> Vec<u32> {
    let mut groups = credentials.groups.clone();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn status(process: &Process, found: &trace::Process) -> String {
    let credentials = &process.credentials;
    let (uid, gid) = (credentials.uid, credentials.gid);
    let groups: String = groups(credentials).iter().map(|group| format!("{group} ")).collect();
    let (bounding, effective) = (credentials.bounding, credentials.effective);
    let seccomp = if credentials.seccomp { 2 } else { 0 };
    format!(
        "Name:\t{}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{}\n\
         TracerPid:\t0\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n\
         FDSize:\t64\nGroups:\t{groups}\nNStgid:\t{pid}\nNSpid:\t{pid}\nThreads:\t1\n\
         CapInh:\t0000000000000000\nCapPrm:\t{effective:016x}\nCapEff:\t{effective:016x}\n\
         CapBnd:\t{bounding:016x}\nCapAmb:\t0000000000000000\nNoNewPrivs:\t{}\n\
         Seccomp:\t{seccomp}\nSeccomp_filters:\t{}\n",
        command_name(found),
        number_of(process, found.ppid),
        i32::from(credentials.no_new_privs),
        seccomp / 2,
        pid = number_of(process, found.pid),
    )
}

/// What is mounted: source, target, type, options.
pub(crate) fn mount_table(process: &Process) -> Vec<[String; 4]> {
    let around = &process.surroundings;
    let word = |text: &str| text.to_owned();
    let root = if around.readonly_rootfs { "ro,relatime" } else { "rw,relatime" };
    let mut table = vec![
        [word("overlay"), word("/"), word("overlay"), word(root)],
        [word("proc"), word("/proc"), word("proc"), word("rw,nosuid,nodev,noexec,relatime")],
        [word("tmpfs"), word("/dev"), word("tmpfs"), word("rw,nosuid,size=65536k,mode=755")],
        [word("sysfs"), word("/sys"), word("sysfs"), word("ro,nosuid,nodev,noexec,relatime")],
        [
            word("cgroup"),
            word("/sys/fs/cgroup"),
            word("cgroup2"),
            word("ro,nosuid,nodev,noexec,relatime"),
        ],
    ];
    for mount in &around.mounts {
        let access = if mount.readonly { "ro" } else { "rw" };
        let (source, kind) = if mount.image.is_some() {
            ("overlay", "overlay")
        } else if mount.source.contains("kubernetes.io~projected")
            || mount.source.contains("kubernetes.io~secret")
            || mount.source.ends_with("/shm")
        {
            ("tmpfs", "tmpfs")
        } else {
            ("/dev/sda1", "ext4")
        };
        table.push([
            word(source),
            mount.destination.to_string(),
            word(kind),
            format!("{access},relatime"),
        ]);
    }
    table
}

fn mounts(process: &Process) -> String {
    let table = mount_table(process);
    table.iter().map(|row| format!("{} 0 0\n", row.join(" "))).collect()
}

fn mount_info(process: &Process) -> String {
    let mut text = String::new();
    for (number, [source, target, kind, options]) in mount_table(process).iter().enumerate() {
        let id = 500 + number;
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "{id} 499 0:{number} / {target} {options} - {kind} {source} {options}");
    }
    text
}

/// A sysctl: as it was set in a namespace, or as it is on a freshly booted machine.
pub(crate) fn sysctl(process: &Process, name: &str) -> Option<String> {
    let set = process.node.sysctls_of(process.pid);
    if let Some((_, value)) = set.iter().rev().find(|(own, _)| **own == *name) {
        return Some(value.to_string());
    }
    let value = match name {
        "kernel.hostname" => return Some(process.node.hostname_of(process.pid).to_string()),
        "kernel.osrelease" => "6.12.0",
        "kernel.ostype" => "Linux",
        "kernel.shm_rmid_forced" => "0",
        "kernel.msgmax" => "8192",
        "kernel.msgmnb" => "16384",
        "kernel.sem" => "32000\t1024000000\t500\t32000",
        "kernel.pid_max" => "4194304",
        "fs.mqueue.msg_max" => "10",
        "fs.file-max" => "9223372036854775807",
        "vm.overcommit_memory" => "1",
        "vm.max_map_count" => "65530",
        "net.core.somaxconn" => "4096",
        "net.ipv4.ip_forward" => "0",
        "net.ipv4.ip_local_port_range" => "32768\t60999",
        "net.ipv4.ip_unprivileged_port_start" => "0",
        "net.ipv4.ping_group_range" => "0\t2147483647",
        "net.ipv4.tcp_syncookies" => "1",
        "net.ipv4.tcp_keepalive_time" => "7200",
        "net.ipv4.tcp_fin_timeout" => "60",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Writes to a file that the kernel makes up.
pub(crate) fn write(process: &Process, path: &str, text: &str) -> Result<(), Errno> {
    match path {
        "/dev/null" | "/dev/zero" | "/dev/tty" => Ok(()),
        "/dev/full" => Err(crate::files::ENOSPC),
        "/dev/stdout" | "/proc/self/fd/1" => {
            process.write(1, text);
            Ok(())
        }
        "/dev/stderr" | "/proc/self/fd/2" => {
            process.write(2, text);
            Ok(())
        }
        _ if path.starts_with("/proc/1/fd/") => {
            // The log of a container whose first process this is not.
            process.write(1, text);
            Ok(())
        }
        _ if path.starts_with("/sys") => Err(EROFS),
        _ => {
            let readonly = &process.surroundings.readonly_paths;
            if readonly.iter().any(|own| path.starts_with(&**own)) {
                Err(EROFS)
            } else {
                Err(EACCES)
            }
        }
    }
}

/// The names in a directory that the kernel makes up.
pub(crate) fn list(process: &Process, path: &str) -> Vec<String> {
    let names: &[&str] = match path {
        "/proc" => {
            let mut names: Vec<String> =
                processes(process).iter().map(|(own, _)| own.to_string()).collect();
            names.extend(
                ["cpuinfo", "loadavg", "meminfo", "mounts", "self", "sys", "uptime", "version"]
                    .map(str::to_owned),
            );
            return names;
        }
        "/dev" => &[
            "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
            "stdout", "tty", "urandom", "zero",
        ],
        "/sys" => &["class", "fs"],
        "/sys/class/net" => &["eth0", "lo"],
        "/sys/fs" => &["cgroup"],
        _ => &[],
    };
    names.iter().map(|&name| name.to_owned()).collect()
}
