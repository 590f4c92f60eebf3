//! Commands that the shell runs itself.

use super::parse::is_name;
use super::{Flow, Shell};
use crate::applets;
use crate::process::Process;
use futures_util::future::{Either, select};
use std::pin::pin;
use std::time::Duration;

/// Those that change the shell, and those that are programs everywhere but run in the shell.
const OWN: &[&str] = &[
    ":", ".", "alias", "bg", "break", "cd", "command", "continue", "eval", "exec", "exit",
    "export", "fg", "getopts", "hash", "jobs", "let", "local", "read", "readonly", "return", "set",
    "shift", "source", "times", "trap", "type", "ulimit", "umask", "unalias", "unset", "wait",
];
const SHARED: &[&str] = &["[", "[[", "echo", "false", "kill", "printf", "pwd", "test", "true"];

pub(super) fn is_builtin(name: &str) -> bool {
    OWN.contains(&name) || SHARED.contains(&name)
}

impl Shell {
    pub(super) async fn builtin(&mut self, words: Vec<String>) -> Result<(), Flow> {
        let args = &words[1..];
        let first = args.first().map(String::as_str);
        let number = |default: i32| match first {
            None => Ok(default),
            Some(text) => text.parse::<i32>().map_err(|_| format!("Illegal number: {text}")),
        };
        self.status = match words[0].as_str() {
            ":" | "alias" | "bg" | "fg" | "hash" | "jobs" | "times" | "ulimit" | "unalias" => 0,
            "umask" => {
                if first.is_none() {
                    self.process.say("0022");
                }
                0
            }
            "break" | "continue" => {
                let count = number(1).unwrap_or(1).max(1) as u32;
                self.status = 0;
                return Err(match words[0].as_str() {
                    "break" => Flow::Break(count),
                    _ => Flow::Continue(count),
                });
            }
            "exit" | "return" => match number(self.status) {
                Ok(status) => {
                    self.status = status & 255;
                    return Err(match words[0].as_str() {
                        "exit" => Flow::Exit,
                        _ => Flow::Return,
                    });
                }
                Err(error) => return Err(self.give_up(&error)),
            },
            "cd" => self.change_directory(first),
            "eval" => {
                let text = args.join(" ");
                self.status = 0;
                return self.text(&text, false).await;
            }
            "." | "source" => {
                let path = first.unwrap_or_default().to_owned();
                match self.process.read_file(&path) {
                    Ok(text) => {
                        self.status = 0;
                        return match self.text(&text, false).await {
                            Err(Flow::Return) => Ok(()),
                            flow => flow,
                        };
                    }
                    Err(error) => {
                        return Err(self.give_up(&format!("can't open '{path}': {error}")));
                    }
                }
            }
            "exec" => match first {
                None => 0,
                Some(name) => {
                    self.process.env = self.environment(Vec::new());
                    let path = self.value("PATH");
                    if let Err(error) = self.process.find_program(name, path) {
                        self.complain(&format!("exec: {name}: {}", error.text()));
                        self.status = error.code();
                        return Err(Flow::Exit);
                    }
                    return Err(Flow::Become(args.to_vec()));
                }
            },
            "export" | "readonly" => return self.declare(&words),
            "local" => {
                for arg in args {
                    let (name, value) = match arg.split_once('=') {
                        Some((name, value)) => (name, value),
                        None => (arg.as_str(), ""),
                    };
                    let before = self.variables.get(name).cloned();
                    if let Some(locals) = self.locals.last_mut() {
                        locals.push((name.to_owned(), before));
                    }
                    self.set(name, value.to_owned())?;
                }
                0
            }
            "let" => {
                let mut value = 0;
                for arg in args {
                    match super::arith::evaluate(arg, self) {
                        Ok(found) => value = found,
                        Err(error) => return Err(self.give_up(&error)),
                    }
                }
                i32::from(value == 0)
            }
            "read" => return self.read(args).await,
            "set" => self.set_command(args),
            "shift" => {
                let count = number(1).unwrap_or(1).max(0) as usize;
                if count > self.args.len() {
                    1
                } else {
                    self.args.drain(..count);
                    0
                }
            }
            "trap" => self.trap(args),
            "type" => {
                let mut status = 0;
                for name in args {
                    match self.kind_of(name) {
                        Some(kind) => self.process.say(&format!("{name} is {kind}")),
                        None => {
                            status = 127;
                            self.process.say(&format!("{name}: not found"))
                        }
                    };
                }
                status
            }
            "command" => match first {
                Some("-v" | "-V") => {
                    let name = args.get(1).cloned().unwrap_or_default();
                    match self.kind_of(&name) {
                        Some(kind) => {
                            let path = kind.rsplit(' ').next().filter(|it| it.starts_with('/'));
                            self.process.say(path.unwrap_or(&name));
                            0
                        }
                        None => 127,
                    }
                }
                Some(_) => {
                    // The same without functions.
                    let functions = std::mem::take(&mut self.functions);
                    let flow = self.plain(args.to_vec()).await;
                    self.functions = functions;
                    return flow;
                }
                None => 0,
            },
            "unset" => {
                for name in args {
                    if name == "-v" || name == "-f" {
                        continue;
                    }
                    if self.variables.remove(name).is_none() {
                        self.functions.remove(name);
                    }
                }
                0
            }
            "getopts" => self.getopts(args),
            "wait" => self.wait(args).await,
            _ => {
                let process = Process { argv: words, ..self.process.clone() };
                match applets::find(process) {
                    Some(applet) => applet.await,
                    None => 127,
                }
            }
        };
        self.check_errexit()
    }

    /// Runs words that were expanded before.
    async fn plain(&mut self, words: Vec<String>) -> Result<(), Flow> {
        let simple = super::Simple::default();
        Box::pin(self.invoke(&simple, words, false)).await
    }

    /// What a name stands for.
    fn kind_of(&self, name: &str) -> Option<String> {
        if self.functions.contains_key(name) {
            return Some("a function".to_owned());
        }
        if is_builtin(name) {
            return Some("a shell builtin".to_owned());
        }
        self.process.find_program(name, self.value("PATH")).ok()
    }

    fn change_directory(&mut self, to: Option<&str>) -> i32 {
        let to = match to {
            None | Some("~") => match self.value("HOME") {
                "" => "/root".to_owned(),
                home => home.to_owned(),
            },
            Some("-") => self.value("OLDPWD").to_owned(),
            Some(to) => to.to_owned(),
        };
        if !self.process.is_dir(&to) {
            self.complain(&format!("cd: can't cd to {to}: No such file or directory"));
            return 2;
        }
        let absolute = self.process.absolute(&to);
        let before = std::mem::replace(&mut self.process.cwd, absolute.clone());
        for (name, value) in [("OLDPWD", before), ("PWD", absolute)] {
            self.variables.entry(name.to_owned()).or_default().value = Some(value);
        }
        0
    }

    fn declare(&mut self, words: &[String]) -> Result<(), Flow> {
        let exports = words[0] == "export";
        let prefix = if exports { "export" } else { "readonly" };
        let args: Vec<&String> = words[1..].iter().filter(|arg| *arg != "-p").collect();
        if args.is_empty() {
            for (name, variable) in &self.variables {
                if if exports { variable.exported } else { variable.readonly } {
                    let value = variable.value.as_deref().unwrap_or_default();
                    self.process.say(&format!("{prefix} {name}='{value}'"));
                }
            }
        }
        for arg in args {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            if !is_name(name) {
                return Err(self.give_up(&format!("{prefix}: {name}: bad variable name")));
            }
            if let Some(value) = value {
                self.set(name, value.to_owned())?;
            }
            let variable = self.variables.entry(name.to_owned()).or_default();
            variable.exported |= exports;
            variable.readonly |= !exports;
        }
        self.status = 0;
        Ok(())
    }

    /// `read [-r] [-t SECONDS] [NAME…]`
    async fn read(&mut self, args: &[String]) -> Result<(), Flow> {
        let mut names = Vec::new();
        let (mut raw, mut limit) = (false, None);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.strip_prefix('-') {
                Some("t") => {
                    limit = args.next().and_then(|text| text.parse::<f64>().ok());
                }
                Some("p") => {
                    if let Some(prompt) = args.next() {
                        self.process.write(2, prompt);
                    }
                }
                Some("n" | "d" | "u") => {
                    args.next();
                }
                Some(letters) if names.is_empty() => raw |= letters.contains('r'),
                _ => names.push(arg.clone()),
            }
        }
        if names.is_empty() {
            names.push("REPLY".to_owned());
        }
        let mut line = String::new();
        let ended = loop {
            let next = {
                let next = pin!(self.process.read_line(0));
                match limit {
                    Some(seconds) => {
                        let limit = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                        match select(next, self.process.ctx.sleep(limit)).await {
                            Either::Left((next, _)) => next,
                            Either::Right(_) => None,
                        }
                    }
                    None => next.await,
                }
            };
            let Some(next) = next else { break true };
            line.push_str(&next);
            if raw || !line.ends_with('\\') {
                break false;
            }
            line.pop();
        };
        if !raw {
            // A backslash stands for the character after it.
            let mut plain = String::new();
            let mut characters = line.chars();
            while let Some(c) = characters.next() {
                plain.extend(if c == '\\' { characters.next() } else { Some(c) });
            }
            line = plain;
        }
        let separators = self.value("IFS").to_owned();
        let blank = |c: char| c.is_whitespace() && separators.contains(c);
        let mut rest = line.trim_matches(blank);
        let last = names.len() - 1;
        for (number, name) in names.iter().enumerate() {
            let (value, left) = if number == last {
                (rest, "")
            } else {
                match rest.find(|c| separators.contains(c)) {
                    Some(at) => {
                        let length = rest[at..].chars().next().map_or(0, char::len_utf8);
                        (&rest[..at], rest[at + length..].trim_start_matches(blank))
                    }
                    None => (rest, ""),
                }
            };
            self.set(name, value.to_owned())?;
            rest = left;
        }
        self.status = i32::from(ended && line.is_empty());
        Ok(())
    }

    pub(super) fn set_option(&mut self, letter: char, on: bool) {
        match letter {
            'e' => self.options.errexit = on,
            'u' => self.options.nounset = on,
            'x' => self.options.xtrace = on,
            'f' => self.options.noglob = on,
            _ => {}
        }
    }

    pub(super) fn set_option_by_name(&mut self, name: &str, on: bool) {
        match name {
            "errexit" => self.options.errexit = on,
            "nounset" => self.options.nounset = on,
            "xtrace" => self.options.xtrace = on,
            "noglob" => self.options.noglob = on,
            "pipefail" => self.options.pipefail = on,
            _ => {}
        }
    }

    fn set_command(&mut self, args: &[String]) -> i32 {
        if args.is_empty() {
            for (name, variable) in &self.variables {
                let value = variable.value.as_deref().unwrap_or_default();
                self.process.say(&format!("{name}='{value}'"));
            }
            return 0;
        }
        let mut args = args.iter();
        while let Some(arg) = args.clone().next() {
            if arg == "--" {
                args.next();
                self.args = args.cloned().collect();
                return 0;
            }
            let Some(letters) = arg.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
                self.args = args.cloned().collect();
                return 0;
            };
            args.next();
            for letter in letters.chars() {
                if letter == 'o' {
                    let name = args.next().cloned().unwrap_or_default();
                    self.set_option_by_name(&name, arg.starts_with('-'));
                } else {
                    self.set_option(letter, arg.starts_with('-'));
                }
            }
        }
        0
    }

    fn trap(&mut self, args: &[String]) -> i32 {
        let args: &[String] =
            if args.first().is_some_and(|arg| arg == "--") { &args[1..] } else { args };
        let Some((action, signals)) = args.split_first() else {
            for (signal, action) in &self.traps {
                let name = if *signal == 0 { "EXIT" } else { applets::signal_name(*signal) };
                self.process.say(&format!("trap -- '{action}' {name}"));
            }
            return 0;
        };
        let (action, signals) = if signals.is_empty() {
            ("-", std::slice::from_ref(action))
        } else {
            (action.as_str(), signals)
        };
        for name in signals {
            let signal = if name == "EXIT" { Some(0) } else { applets::signal_number(name) };
            let Some(signal) = signal else {
                self.complain(&format!("trap: {name}: invalid signal specification"));
                return 1;
            };
            let own = &self.process.signals;
            match action {
                "-" => {
                    self.traps.remove(&signal);
                    own.reset(signal);
                }
                "" => {
                    self.traps.remove(&signal);
                    own.ignore(signal);
                }
                action => {
                    self.traps.insert(signal, action.to_owned());
                    own.handle(signal);
                }
            }
        }
        0
    }

    /// `getopts OPTIONS NAME`
    fn getopts(&mut self, args: &[String]) -> i32 {
        let [options, name, ..] = args else { return 2 };
        let index = self.value("OPTIND").parse::<usize>().unwrap_or(1).max(1);
        let arg = self.args.get(index - 1).cloned().unwrap_or_default();
        let letter = arg.strip_prefix('-').and_then(|rest| rest.chars().next());
        let Some(letter) = letter.filter(|_| arg != "--") else { return 1 };
        let known = options.find(letter);
        let takes = known.is_some_and(|at| options[at + 1..].starts_with(':'));
        let mut next = index + 1;
        let mut set = |name: &str, value: &str| {
            self.variables.entry(name.to_owned()).or_default().value = Some(value.to_owned());
        };
        if takes {
            let own = arg.get(2..).filter(|rest| !rest.is_empty()).map(str::to_owned);
            let value = own.unwrap_or_else(|| {
                next += 1;
                self.args.get(index).cloned().unwrap_or_default()
            });
            set("OPTARG", &value);
        }
        set(name, &known.map_or("?".to_owned(), |_| letter.to_string()));
        set("OPTIND", &next.to_string());
        0
    }

    /// `wait [PID…]`: a signal that is trapped ends the wait.
    async fn wait(&mut self, args: &[String]) -> i32 {
        let mut pids: Vec<u32> = std::mem::take(&mut self.jobs);
        if !args.is_empty() {
            let wanted: Vec<u32> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
            let node = &self.process.node;
            let (now, later): (Vec<u32>, Vec<u32>) = pids.into_iter().partition(|&pid| {
                wanted.contains(&pid) || node.own_pid(pid).is_some_and(|own| wanted.contains(&own))
            });
            self.jobs = later;
            pids = now;
            if pids.is_empty() {
                return 127;
            }
        }
        let mut status = 0;
        while let Some(&pid) = pids.first() {
            let ended = pin!(self.process.wait_for(pid));
            let signal = pin!(self.process.signals.next());
            match select(ended, signal).await {
                Either::Left((code, _)) => {
                    pids.remove(0);
                    status = if args.is_empty() { 0 } else { code };
                }
                Either::Right((signal, _)) => {
                    self.jobs.extend(pids);
                    // The trap runs when the builtin is over.
                    self.process.signals.put_back(signal);
                    return 128 + signal;
                }
            }
        }
        status
    }
}
