//! A POSIX shell: `sh`, `ash`, `bash`, `dash`.
//!
//! ```text
//! text ──parse──► commands ──expand──► words ──► builtin, function, or a process of its own
//! ```
//!
//! A command that is the last of a text given with `-c` takes the shell's place, as in ash and
//! dash: `sh -c 'sleep 1h'` is a `sleep` with process number 1, which has no handler for `SIGTERM`.
//!
//! # What we simplify
//! There is no job control, no history and no prompt to be configured. Of what bash has beyond
//! POSIX, only `[[` as another `test`, `local`, `${x/a/b}` and `${x:1:2}` are there.

mod arith;
mod ast;
mod builtins;
mod expand;
mod parse;
mod pattern;

pub(crate) use arith::number;
pub(crate) use pattern::{PatternChar, in_class, matches};

use crate::process::{EXEC, Fd, Process, Running, null};
use ast::{AndOr, Command, Compound, List, Pipeline, Redirect, RedirectKind, Simple};
use expand::Words;
use node::pipe;
use parse::Parser;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

/// How deep commands may be nested while they run.
const DEPTH_MAX: u32 = 60;

/// Why a list of commands does not go on with the next.
pub(crate) enum Flow {
    Break(u32),
    Continue(u32),
    Return,
    Exit,
    /// Another program takes the shell's place.
    Become(Vec<String>),
}

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), Flow>> + 'a>>;

#[derive(Clone, Default)]
struct Variable {
    /// None: only marked for export.
    value: Option<String>,
    exported: bool,
    readonly: bool,
}

#[derive(Clone, Copy, Default)]
struct Options {
    errexit: bool,
    nounset: bool,
    xtrace: bool,
    noglob: bool,
    pipefail: bool,
}

/// A shell, or a subshell.
pub(crate) struct Shell {
    process: Process,
    variables: BTreeMap<String, Variable>,
    functions: BTreeMap<String, Rc<Command>>,
    /// `$0`
    zero: String,
    /// `$1` …
    args: Vec<String>,
    /// `$?`
    status: i32,
    /// The status of the last substitution in a command.
    substituted: Option<i32>,
    /// `$$`
    own_pid: u32,
    /// Background processes, the last one last.
    jobs: Vec<u32>,
    last_job: u32,
    options: Options,
    /// By signal; 0 is the end of the shell.
    traps: BTreeMap<i32, String>,
    /// The variables that functions have made local, with what they were.
    locals: Vec<Vec<(String, Option<Variable>)>>,
    depth: u32,
    /// Above 0 where a failure does not end the shell.
    tested: u32,
}

/// A shell as a program.
pub(crate) fn run(process: Process) -> Running {
    Box::pin(async move {
        process.spend(EXEC).await;
        let mut args = process.args().to_vec();
        let mut shell = Shell::new(process);
        let mut text = None;
        let mut reads_text = false;
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            if arg == "--" {
                at += 1;
                break;
            }
            let Some(letters) = arg.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
                break;
            };
            if letters.starts_with('-') {
                at += 1;
                continue;
            }
            let on = arg.starts_with('-');
            for letter in letters.chars() {
                match letter {
                    'c' => reads_text = true,
                    'o' => {
                        at += 1;
                        let name = args.get(at).cloned().unwrap_or_default();
                        shell.set_option_by_name(&name, on);
                    }
                    letter => shell.set_option(letter, on),
                }
            }
            at += 1;
        }
        args.drain(..at.min(args.len()));
        if reads_text {
            if args.is_empty() {
                shell.process.fail("-c requires an argument");
                return 2;
            }
            text = Some(args.remove(0));
            if !args.is_empty() {
                shell.zero = args.remove(0);
            }
        } else if !args.is_empty() {
            let file = args.remove(0);
            match shell.process.read_file(&file) {
                Ok(found) => text = Some(found.to_string()),
                Err(error) => {
                    shell.process.fail(&format!("can't open '{file}': {error}"));
                    return 2;
                }
            }
            shell.zero = file;
        }
        shell.args = args;
        let flow = match text {
            Some(text) => shell.text(&text, reads_text).await,
            None => shell.interactive().await,
        };
        shell.end(flow).await
    })
}

/// The interpreter's run of a script that is executed by its name; none if it is no script.
pub(crate) fn script(process: &Process) -> Option<Running> {
    let program = process.argv.first()?;
    let text = program.contains('/').then(|| process.read_file(program).ok())??;
    let first = text.lines().next()?.strip_prefix("#!")?;
    let name = first.split_whitespace().last()?.rsplit('/').next()?;
    if !matches!(name, "sh" | "ash" | "bash" | "dash") {
        return None;
    }
    let mut argv = vec![name.to_owned()];
    argv.extend(process.argv.iter().cloned());
    Some(run(Process { argv, ..process.clone() }))
}

impl Shell {
    fn new(process: Process) -> Self {
        let mut variables: BTreeMap<String, Variable> = process
            .env
            .iter()
            .map(|(name, value)| {
                let value = Some(value.clone());
                (name.clone(), Variable { value, exported: true, readonly: false })
            })
            .collect();
        let mut preset = |name: &str, value: &str| {
            let variable = variables.entry(name.to_owned()).or_default();
            variable.value.get_or_insert_with(|| value.to_owned());
        };
        preset("PATH", crate::PATH);
        preset("IFS", " \t\n");
        preset("PWD", &process.cwd);
        preset("OPTIND", "1");
        preset("PS1", if process.credentials.uid == 0 { "# " } else { "$ " });
        Self {
            zero: process.argv.first().cloned().unwrap_or_default(),
            own_pid: process.own_pid(),
            process,
            variables,
            functions: BTreeMap::new(),
            args: Vec::new(),
            status: 0,
            substituted: None,
            jobs: Vec::new(),
            last_job: 0,
            options: Options::default(),
            traps: BTreeMap::new(),
            locals: Vec::new(),
            depth: 0,
            tested: 0,
        }
    }

    /// A subshell in a process that was forked: no traps, no jobs.
    fn child(&self, process: Process) -> Self {
        for signal in self.traps.keys() {
            process.signals.reset(*signal);
        }
        Self {
            process,
            variables: self.variables.clone(),
            functions: self.functions.clone(),
            zero: self.zero.clone(),
            args: self.args.clone(),
            jobs: Vec::new(),
            traps: BTreeMap::new(),
            locals: Vec::new(),
            // It runs on a stack of its own.
            depth: 0,
            status: self.status,
            substituted: None,
            own_pid: self.own_pid,
            last_job: self.last_job,
            options: self.options,
            tested: self.tested,
        }
    }

    /// Comes to the end: the trap on `EXIT`, or the program that takes the shell's place.
    async fn end(mut self, flow: Result<(), Flow>) -> i32 {
        let flow = match (flow, self.traps.remove(&0)) {
            (Err(Flow::Become(argv)), _) => Err(Flow::Become(argv)),
            (_, Some(trap)) => {
                let status = self.status;
                let flow = self.text(&trap, false).await;
                if !matches!(flow, Err(Flow::Exit)) {
                    self.status = status;
                }
                Ok(())
            }
            (flow, None) => flow,
        };
        if let Err(Flow::Become(argv)) = flow {
            return self.process.become_program(argv).await;
        }
        self.status & 255
    }

    /// Runs a text. With `last`, what stands at its end may take the shell's place.
    fn text<'a>(&'a mut self, text: &'a str, last: bool) -> Done<'a> {
        Box::pin(async move {
            let mut parser = Parser::new(text);
            loop {
                match parser.next() {
                    Ok(None) => return Ok(()),
                    Ok(Some(list)) => {
                        let tail = last && parser.is_at_end() && !parser.ended_with_newline();
                        self.list(&list, tail).await?;
                    }
                    Err(mistake) => {
                        self.complain(&mistake);
                        self.status = 2;
                        return Err(Flow::Exit);
                    }
                }
            }
        })
    }

    /// Reads commands from standard input, with a prompt on a terminal.
    async fn interactive(&mut self) -> Result<(), Flow> {
        let terminal = self.process.is_terminal(1);
        loop {
            if terminal {
                let prompt = format!("{} {}", self.process.cwd, self.value("PS1"));
                self.process.print(&prompt);
            }
            let mut text = String::new();
            let list = loop {
                let Some(line) = self.process.read_line(0).await else { return Ok(()) };
                text.push_str(&line);
                text.push('\n');
                let mut parser = Parser::new(&text);
                match parser.next() {
                    Err(mistake)
                        if mistake.contains("unexpected end of file")
                            || mistake.contains("unterminated") =>
                    {
                        if terminal {
                            self.process.print("> ");
                        }
                    }
                    Err(mistake) => {
                        self.complain(&mistake);
                        self.status = 2;
                        break None;
                    }
                    Ok(list) => break list,
                }
            };
            if let Some(list) = list {
                self.list(&list, false).await?;
            }
        }
    }

    fn complain(&self, message: &str) {
        self.process.write(2, &format!("{}: {message}\n", self.zero));
    }

    /// Says what is wrong and ends the shell.
    fn give_up(&mut self, message: &str) -> Flow {
        self.complain(message);
        self.status = 2;
        Flow::Exit
    }

    fn list<'a>(&'a mut self, list: &'a List, tail: bool) -> Done<'a> {
        Box::pin(async move {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(self.give_up("maximum nesting of commands reached"));
            }
            let mut flow = Ok(());
            for (number, and_or) in list.iter().enumerate() {
                let is_last = number + 1 == list.len();
                flow = self.one(and_or, tail && is_last).await;
                if flow.is_err() {
                    break;
                }
            }
            self.depth -= 1;
            flow
        })
    }

    async fn one(&mut self, and_or: &Rc<AndOr>, tail: bool) -> Result<(), Flow> {
        if and_or.background {
            self.background(and_or).await;
        } else {
            self.and_or(and_or, tail && self.traps.is_empty()).await?;
        }
        self.run_traps().await
    }

    /// Runs the traps of the signals that have arrived.
    async fn run_traps(&mut self) -> Result<(), Flow> {
        while let Some(signal) = self.process.signals.take() {
            if let Some(trap) = self.traps.get(&signal).cloned() {
                let status = self.status;
                self.text(&trap, false).await?;
                self.status = status;
            }
        }
        Ok(())
    }

    async fn background(&mut self, and_or: &Rc<AndOr>) {
        let and_or = and_or.clone();
        self.process.step().await;
        let child = self.fork();
        let Some(mut child) = child else { return };
        child.process.fds.insert(0, Fd::Empty);
        self.last_job = child.process.pid;
        self.jobs.push(child.process.pid);
        child.start(move |mut shell| {
            Box::pin(async move {
                let flow = shell.and_or(&and_or, true).await;
                shell.end(flow).await
            })
        });
        self.status = 0;
    }

    /// A subshell that does nothing yet; none where there are too many processes.
    fn fork(&mut self) -> Option<Self> {
        let process = self.process.fork();
        if process.is_none() {
            self.complain("can't fork: Resource temporarily unavailable");
            self.status = 2;
        }
        process.map(|process| self.child(process))
    }

    /// Lets a subshell run.
    fn start(self, run: impl FnOnce(Self) -> Running) {
        let process = self.process.clone();
        process.start(run(self));
    }

    async fn and_or(&mut self, and_or: &AndOr, tail: bool) -> Result<(), Flow> {
        let last = and_or.rest.len();
        let tested = u32::from(last > 0);
        self.tested += tested;
        let flow = self.pipeline(&and_or.first, tail && last == 0).await;
        self.tested -= tested;
        flow?;
        for (number, (and, pipeline)) in and_or.rest.iter().enumerate() {
            if *and != (self.status == 0) {
                continue;
            }
            let is_last = number + 1 == last;
            let tested = u32::from(!is_last);
            self.tested += tested;
            let flow = self.pipeline(pipeline, tail && is_last).await;
            self.tested -= tested;
            flow?;
        }
        Ok(())
    }

    async fn pipeline(&mut self, pipeline: &Pipeline, tail: bool) -> Result<(), Flow> {
        let tested = u32::from(pipeline.negated);
        self.tested += tested;
        let flow = match pipeline.commands.as_slice() {
            [command] => self.command(command, tail && !pipeline.negated).await,
            commands => self.pipe(commands).await,
        };
        self.tested -= tested;
        flow?;
        if pipeline.negated {
            self.status = i32::from(self.status == 0);
        } else {
            self.check_errexit()?;
        }
        Ok(())
    }

    fn check_errexit(&self) -> Result<(), Flow> {
        if self.options.errexit && self.status != 0 && self.tested == 0 {
            return Err(Flow::Exit);
        }
        Ok(())
    }

    async fn pipe(&mut self, commands: &[Rc<Command>]) -> Result<(), Flow> {
        let mut pids = Vec::new();
        let mut input: Option<Fd> = None;
        for (number, command) in commands.iter().enumerate() {
            self.process.step().await;
            let Some(mut child) = self.fork() else { break };
            if let Some(input) = input.take() {
                child.process.fds.insert(0, input);
            }
            if number + 1 < commands.len() {
                let (output, next) = pipe();
                child.process.fds.insert(1, Fd::Sink(Rc::new(output)));
                input = Some(Fd::Input(next));
            }
            pids.push(child.process.pid);
            let command = command.clone();
            child.start(move |mut shell| {
                Box::pin(async move {
                    let flow = shell.command(&command, true).await;
                    shell.end(flow).await
                })
            });
        }
        drop(input);
        let mut worst = 0;
        for pid in pids {
            self.status = self.process.wait_for(pid).await;
            if self.status != 0 {
                worst = self.status;
            }
        }
        if self.options.pipefail {
            self.status = worst;
        }
        Ok(())
    }

    fn command<'a>(&'a mut self, command: &'a Rc<Command>, tail: bool) -> Done<'a> {
        match &**command {
            Command::Simple(simple) => Box::pin(self.simple(simple, tail)),
            Command::Compound(compound, redirects) if redirects.is_empty() => {
                self.compound(compound, tail)
            }
            Command::Compound(compound, redirects) => Box::pin(async move {
                let before = self.process.fds.clone();
                let flow = match self.redirect(redirects).await {
                    Ok(true) => self.compound(compound, false).await,
                    Ok(false) => Ok(()),
                    Err(flow) => Err(flow),
                };
                self.process.fds = before;
                flow
            }),
            Command::Function(name, body) => Box::pin(async move {
                self.functions.insert(name.clone(), body.clone());
                self.status = 0;
                Ok(())
            }),
        }
    }

    fn compound<'a>(&'a mut self, compound: &'a Compound, tail: bool) -> Done<'a> {
        match compound {
            Compound::Group(list) => self.list(list, tail),
            Compound::Subshell(list) => Box::pin(self.subshell(list)),
            Compound::If(branches, otherwise) => Box::pin(async move {
                for (condition, body) in branches {
                    if self.test(condition).await? {
                        return self.list(body, tail).await;
                    }
                }
                match otherwise {
                    Some(body) => self.list(body, tail).await,
                    None => {
                        self.status = 0;
                        Ok(())
                    }
                }
            }),
            Compound::While(condition, body, until) => Box::pin(async move {
                let mut status = 0;
                while self.test(condition).await? != *until {
                    // Even an empty turn takes time.
                    self.process.step().await;
                    let flow = self.list(body, false).await;
                    status = self.status;
                    if Self::ends_loop(flow)? {
                        break;
                    }
                }
                self.status = status;
                Ok(())
            }),
            Compound::For(name, words, body) => Box::pin(async move {
                let values = match words {
                    Some(words) => self.fields(words).await?,
                    None => self.args.clone(),
                };
                self.status = 0;
                for value in values {
                    self.process.step().await;
                    self.set(name, value)?;
                    let flow = self.list(body, false).await;
                    if Self::ends_loop(flow)? {
                        break;
                    }
                }
                Ok(())
            }),
            Compound::Case(subject, arms) => Box::pin(async move {
                let subject: Vec<char> = self.text_of(subject).await?.chars().collect();
                for (patterns, body) in arms {
                    for pattern in patterns {
                        let pattern = self.pattern_of(pattern).await?;
                        if pattern::matches(&pattern, &subject) {
                            self.status = 0;
                            return self.list(body, tail).await;
                        }
                    }
                }
                self.status = 0;
                Ok(())
            }),
        }
    }

    /// Whether a loop is over after a turn.
    fn ends_loop(flow: Result<(), Flow>) -> Result<bool, Flow> {
        match flow {
            Ok(()) | Err(Flow::Continue(1)) => Ok(false),
            Err(Flow::Break(1)) => Ok(true),
            Err(Flow::Continue(count)) => Err(Flow::Continue(count - 1)),
            Err(Flow::Break(count)) => Err(Flow::Break(count - 1)),
            Err(flow) => Err(flow),
        }
    }

    async fn test(&mut self, condition: &List) -> Result<bool, Flow> {
        self.tested += 1;
        let flow = self.list(condition, false).await;
        self.tested -= 1;
        flow.map(|()| self.status == 0)
    }

    async fn subshell(&mut self, list: &List) -> Result<(), Flow> {
        self.process.step().await;
        let Some(child) = self.fork() else { return Ok(()) };
        let (pid, list) = (child.process.pid, list.clone());
        child.start(move |mut shell| {
            Box::pin(async move {
                let flow = shell.list(&list, true).await;
                shell.end(flow).await
            })
        });
        self.status = self.process.wait_for(pid).await;
        self.check_errexit()
    }

    /// What a list of commands writes, without the ends of lines at its end.
    async fn output_of(&mut self, list: &List) -> Result<String, Flow> {
        if list.is_empty() {
            return Ok(String::new());
        }
        self.process.step().await;
        let Some(mut child) = self.fork() else { return Ok(String::new()) };
        let (output, input) = pipe();
        child.process.fds.insert(1, Fd::Sink(Rc::new(output)));
        let (pid, list) = (child.process.pid, list.clone());
        child.start(move |mut shell| {
            Box::pin(async move {
                let flow = shell.list(&list, true).await;
                shell.end(flow).await
            })
        });
        let mut reader = self.process.clone();
        reader.fds.insert(0, Fd::Input(input));
        let text = reader.read_all(0).await;
        drop(reader);
        self.status = self.process.wait_for(pid).await;
        self.substituted = Some(self.status);
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Redirects descriptors of the shell itself; false if that did not work.
    async fn redirect(&mut self, redirects: &[Redirect]) -> Result<bool, Flow> {
        for redirect in redirects {
            let fd = redirect.fd;
            let opened = match &redirect.kind {
                RedirectKind::Read(word) => {
                    let path = self.text_of(word).await?;
                    self.open(&path)
                }
                RedirectKind::Write(word) | RedirectKind::Append(word) => {
                    let path = self.text_of(word).await?;
                    let append = matches!(redirect.kind, RedirectKind::Append(_));
                    self.create(&path, append)
                }
                RedirectKind::Duplicate(word) => {
                    let from = self.text_of(word).await?;
                    if from == "-" {
                        self.process.fds.remove(&fd);
                        continue;
                    }
                    let found = from.parse().ok().and_then(|from: u32| self.process.fds.get(&from));
                    found.cloned().ok_or_else(|| format!("{from}: Bad file descriptor"))
                }
                RedirectKind::Here(body) => {
                    let body = body.borrow().clone();
                    let text = self.text_of(&body).await?;
                    let (output, input) = pipe();
                    output.push(text.as_bytes());
                    Ok(Fd::Input(input))
                }
            };
            match opened {
                Ok(opened) => {
                    self.process.fds.insert(fd, opened);
                }
                Err(message) => {
                    self.complain(&message);
                    self.status = 1;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn open(&self, path: &str) -> Result<Fd, String> {
        let process = &self.process;
        match path {
            "/dev/null" => return Ok(Fd::Empty),
            "/dev/stdin" => return Ok(process.fds.get(&0).cloned().unwrap_or(Fd::Empty)),
            _ => {}
        }
        let failed = |error| format!("can't open {path}: {error}");
        let real = process.real(path).map_err(failed)?;
        process.read_real(&real).map_err(failed)?;
        Ok(Fd::File(real.into(), Rc::new(Cell::new(0))))
    }

    fn create(&self, path: &str, append: bool) -> Result<Fd, String> {
        let process = &self.process;
        let own = |fd| process.fds.get(&fd).cloned().unwrap_or_else(null);
        match path {
            "/dev/null" => return Ok(null()),
            "/dev/stdout" | "/proc/self/fd/1" | "/proc/1/fd/1" => return Ok(own(1)),
            "/dev/stderr" | "/proc/self/fd/2" | "/proc/1/fd/2" => return Ok(own(2)),
            _ => {}
        }
        let real = process.create(path, append);
        let real = real.map_err(|error| format!("can't create {path}: {error}"))?;
        Ok(Fd::File(real, Rc::new(Cell::new(0))))
    }

    async fn simple(&mut self, simple: &Simple, tail: bool) -> Result<(), Flow> {
        self.substituted = None;
        let words = self.fields(&simple.words).await?;
        if words.is_empty() {
            let before = self.process.fds.clone();
            let redirected = self.redirect(&simple.redirects).await;
            self.process.fds = before;
            if redirected? {
                for (name, word) in &simple.assignments {
                    let value = self.text_of(word).await?;
                    self.set(name, value)?;
                }
                self.status = self.substituted.unwrap_or(0);
            }
            self.process.step().await;
            return Ok(());
        }
        let before = self.process.fds.clone();
        match self.redirect(&simple.redirects).await {
            Ok(true) => {}
            Ok(false) => {
                self.process.fds = before;
                return Ok(());
            }
            Err(flow) => {
                self.process.fds = before;
                return Err(flow);
            }
        }
        if self.options.xtrace {
            let line = format!("+ {}\n", words.join(" "));
            self.process.write(2, &line);
        }
        // Redirections of `exec` stay.
        let stay = words[0] == "exec";
        let flow = self.invoke(simple, words, tail).await;
        if !stay && !matches!(flow, Err(Flow::Become(_))) {
            self.process.fds = before;
        }
        flow
    }

    /// Runs a function, a builtin or a program.
    async fn invoke(
        &mut self,
        simple: &Simple,
        words: Vec<String>,
        tail: bool,
    ) -> Result<(), Flow> {
        let name = words[0].clone();
        let mut assigned = Vec::new();
        for (name, word) in &simple.assignments {
            assigned.push((name.clone(), self.text_of(word).await?));
        }
        if let Some(body) = self.functions.get(&name).cloned() {
            for (name, value) in assigned {
                self.set(&name, value)?;
            }
            return self.function(&body, words).await;
        }
        if builtins::is_builtin(&name) {
            self.process.step().await;
            let mut undo = Vec::new();
            for (name, value) in assigned {
                undo.push((name.clone(), self.variables.get(&name).cloned()));
                self.set(&name, value)?;
            }
            let flow = self.builtin(words).await;
            for (name, value) in undo {
                match value {
                    Some(value) => self.variables.insert(name, value),
                    None => self.variables.remove(&name),
                };
            }
            return flow;
        }
        let env = self.environment(assigned);
        let path = env.get("PATH").map_or_else(|| self.value("PATH"), String::as_str);
        if let Err(error) = self.process.find_program(&name, path) {
            self.process.step().await;
            self.complain(&format!("{name}: {}", error.text()));
            self.status = error.code();
            return Ok(());
        }
        if tail && self.traps.is_empty() && self.jobs.is_empty() {
            self.process.env = env;
            return Err(Flow::Become(words));
        }
        self.process.spend(EXEC).await;
        let Some(mut child) = self.process.fork() else {
            self.complain("can't fork: Resource temporarily unavailable");
            self.status = 2;
            return Ok(());
        };
        for signal in self.traps.keys() {
            child.signals.reset(*signal);
        }
        child.env = env;
        let (pid, starter) = (child.pid, child.clone());
        starter.start(child.become_program(words));
        self.status = self.process.wait_for(pid).await;
        Ok(())
    }

    async fn function(&mut self, body: &Rc<Command>, words: Vec<String>) -> Result<(), Flow> {
        let args = std::mem::replace(&mut self.args, words[1..].to_vec());
        self.locals.push(Vec::new());
        let flow = self.command(body, false).await;
        for (name, value) in self.locals.pop().unwrap_or_default() {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
        self.args = args;
        match flow {
            Err(Flow::Return) => Ok(()),
            flow => flow,
        }
    }

    /// The environment of a program, with the assignments in front of it.
    fn environment(&self, assigned: Vec<(String, String)>) -> BTreeMap<String, String> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        let mut env: BTreeMap<String, String> = exported
            .filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?)))
            .collect();
        env.extend(assigned);
        env
    }

    /// Sets a variable.
    fn set(&mut self, name: &str, value: String) -> Result<(), Flow> {
        if self.variables.get(name).is_some_and(|variable| variable.readonly) {
            return Err(self.give_up(&format!("{name}: is read only")));
        }
        self.variables.entry(name.to_owned()).or_default().value = Some(value);
        Ok(())
    }

    /// The value of a variable; empty where there is none.
    fn value(&self, name: &str) -> &str {
        self.variables.get(name).and_then(|variable| variable.value.as_deref()).unwrap_or_default()
    }

    /// Expands words into fields.
    async fn fields(&mut self, words: &[ast::Word]) -> Result<Vec<String>, Flow> {
        let mut fields = Vec::new();
        for word in words {
            let mut expanded = Words::default();
            self.expand(word, false, &mut expanded).await?;
            let separators = self.value("IFS").to_owned();
            for field in expanded.split(&separators) {
                if !self.options.noglob && pattern::is_special(&field) {
                    let found = self.process.glob(&field);
                    if !found.is_empty() {
                        fields.extend(found);
                        continue;
                    }
                }
                fields.push(field.into_iter().map(|(c, _)| c).collect());
            }
        }
        Ok(fields)
    }
}
