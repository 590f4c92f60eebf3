//! Small programs, as busybox and coreutils have them.

mod file;
mod net;
mod regex;
mod system;
mod test;
mod text;

pub(crate) use system::format_time;

use crate::process::{EXEC, Process, Running};
use std::collections::BTreeMap;

/// Those that are modelled.
const KNOWN: &[&str] = &[
    "[",
    "[[",
    "basename",
    "base64",
    "brctl",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cp",
    "curl",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
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
    "head",
    "hostname",
    "id",
    "ifconfig",
    "ip",
    "ipcs",
    "kill",
    "killall",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "nc",
    "netcat",
    "netstat",
    "nohup",
    "nproc",
    "nslookup",
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
    "redis-cli",
    "rev",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stress",
    "sync",
    "sysctl",
    "tac",
    "tail",
    "tee",
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
    "uptime",
    "usleep",
    "wc",
    "wget",
    "which",
    "whoami",
    "xargs",
    "yes",
];

pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// The program of a process, if it is one of these.
pub(crate) fn find(process: Process) -> Option<Running> {
    is_known(process.name()).then(|| {
        let running: Running = Box::pin(async move {
            process.step().await;
            run(process).await
        });
        running
    })
}

async fn run(p: Process) -> i32 {
    let name = p.name().to_owned();
    match name.as_str() {
        "true" | "sync" | "clear" => 0,
        "chmod" | "chown" | "chgrp" => system::change(&p),
        "top" => system::top(&p).await,
        "ipcs" => system::ipcs(&p),
        "brctl" => net::brctl(&p),
        "false" => 1,
        "echo" => text::echo(&p),
        "printf" => text::printf(&p),
        "cat" | "tac" | "rev" => text::cat(&p).await,
        "head" => text::head(&p).await,
        "tail" => text::tail(&p).await,
        "wc" => text::wc(&p).await,
        "grep" | "egrep" | "fgrep" => text::grep(&p).await,
        "sed" => text::sed(&p).await,
        "sort" => text::sort(&p).await,
        "uniq" => text::uniq(&p).await,
        "cut" => text::cut(&p).await,
        "tr" => text::tr(&p).await,
        "tee" => text::tee(&p).await,
        "seq" => text::seq(&p).await,
        "yes" => text::yes(&p).await,
        "xargs" => text::xargs(p).await,
        "base64" => text::base64(&p).await,
        "md5sum" | "sha256sum" => text::checksum(&p).await,
        "basename" | "dirname" => text::path_part(&p),
        "expr" => test::expr(&p),
        "test" | "[" | "[[" => test::test(&p),
        "ls" => file::ls(&p),
        "mkdir" => file::mkdir(&p),
        "rmdir" => file::rmdir(&p),
        "rm" => file::rm(&p),
        "touch" | "truncate" => file::touch(&p),
        "cp" => file::cp(&p),
        "mv" => file::mv(&p),
        "ln" => file::ln(&p),
        "stat" => file::stat(&p),
        "find" => file::find(&p),
        "readlink" | "realpath" => file::readlink(&p),
        "mktemp" => file::mktemp(&p),
        "dd" => file::dd(&p).await,
        "df" => file::df(&p),
        "du" => file::du(&p),
        "mount" | "umount" | "mountpoint" => file::mount(&p),
        "which" => file::which(&p),
        "sleep" | "usleep" => system::sleep(&p).await,
        "stress" => system::stress(&p).await,
        "date" => system::date(&p),
        "env" | "nohup" | "setsid" | "time" => system::env(p).await,
        "timeout" => system::timeout(p).await,
        "printenv" => system::printenv(&p),
        "hostname" => system::hostname(&p),
        "uname" => system::uname(&p),
        "id" | "whoami" => system::id(&p),
        "pwd" => {
            p.say(&p.cwd);
            0
        }
        "ps" => system::ps(&p),
        "kill" => system::kill(&p),
        "pgrep" | "pidof" | "pkill" | "killall" => system::pgrep(&p),
        "nproc" => {
            p.say("4");
            0
        }
        "free" => system::free(&p),
        "uptime" => system::uptime(&p),
        "tty" => {
            p.say(if p.is_terminal(1) { "/dev/pts/0" } else { "not a tty" });
            i32::from(!p.is_terminal(1))
        }
        "sysctl" => system::sysctl(&p),
        "wget" | "curl" => net::wget(&p).await,
        "nslookup" => net::nslookup(&p).await,
        "nc" | "netcat" => net::nc(&p).await,
        "ping" => net::ping(&p).await,
        "netstat" => net::netstat(&p),
        "ip" | "ifconfig" => net::ip(&p),
        "redis-cli" => net::redis_cli(&p).await,
        _ => 127,
    }
}

/// Arguments, taken apart as `getopt` does.
pub(crate) struct Arguments {
    flags: String,
    values: BTreeMap<char, String>,
    /// What is neither an option nor the value of one.
    pub(crate) rest: Vec<String>,
}

impl Arguments {
    /// Takes arguments apart; options in `valued` have a value. Long options count by their first
    /// letter, with what stands after a `=` as the value.
    pub(crate) fn of(p: &Process, valued: &str) -> Self {
        let mut parsed = Self { flags: String::new(), values: BTreeMap::new(), rest: Vec::new() };
        let mut args = p.args().iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                parsed.rest.extend(args.cloned());
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                let (name, value) = long.split_once('=').unwrap_or((long, ""));
                if let Some(letter) = name.chars().next() {
                    parsed.flags.push(letter);
                    parsed.values.insert(letter, value.to_owned());
                }
                continue;
            }
            let Some(letters) = arg.strip_prefix('-').filter(|it| !it.is_empty()) else {
                parsed.rest.push(arg.clone());
                continue;
            };
            for (at, letter) in letters.char_indices() {
                parsed.flags.push(letter);
                if valued.contains(letter) {
                    let own = &letters[at + letter.len_utf8()..];
                    let value =
                        if own.is_empty() { args.next().cloned() } else { Some(own.into()) };
                    parsed.values.insert(letter, value.unwrap_or_default());
                    break;
                }
            }
        }
        parsed
    }

    pub(crate) fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    pub(crate) fn value(&self, flag: char) -> Option<&str> {
        self.values.get(&flag).map(String::as_str)
    }
}

/// Signals by number.
const SIGNALS: [&str; 32] = [
    "0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The number of a signal that is given by name or number.
pub(crate) fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (0..65).contains(&number).then_some(number);
    }
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    SIGNALS.iter().position(|known| *known == name).and_then(|number| i32::try_from(number).ok())
}

/// The name of a signal.
pub(crate) fn signal_name(number: i32) -> &'static str {
    usize::try_from(number).ok().and_then(|number| SIGNALS.get(number)).copied().unwrap_or("RTMIN")
}

/// Runs a program in a child and waits for it.
pub(crate) async fn run_child(p: &Process, argv: Vec<String>) -> i32 {
    p.spend(EXEC).await;
    let path = p.env.get("PATH").cloned().unwrap_or_else(|| crate::PATH.to_owned());
    if let Err(missing) = p.find_program(&argv[0], &path) {
        p.fail(&format!("{}: {}", argv[0], missing.text()));
        return missing.code();
    }
    let Some(child) = p.fork() else {
        return p.fail("can't fork: Resource temporarily unavailable");
    };
    let (pid, starter) = (child.pid, child.clone());
    starter.start(child.become_program(argv));
    p.wait_for(pid).await
}
