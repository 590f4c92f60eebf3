//! What the programs in containers do.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What one process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// How it ends by itself; none: it does not.
    pub run: Option<Run>,
    /// What it does when it is asked to end.
    pub on_term: TermBehaviour,
}

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// After how long.
    pub exit_after: Duration,
    /// With which exit code.
    pub exit_code: i32,
    /// Because it used more memory than it may.
    pub oom_killed: bool,
}

/// What a process does with `SIGTERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermBehaviour {
    /// Ends after some time.
    Exits {
        /// How long it takes.
        after: Duration,
        /// With which exit code.
        code: i32,
    },
    /// Does nothing: so does the first process of a PID namespace, unless it has a handler.
    Ignores,
}

impl Default for TermBehaviour {
    fn default() -> Self {
        Self::Exits { after: Duration::from_millis(20), code: 0 }
    }
}

/// A container's behaviour over its restarts, as a scenario declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// How each attempt ends; the last holds for all that follow. Empty: as the command says.
    pub runs: Vec<Run>,
    /// What it does with `SIGTERM`; none: as the command says.
    pub on_term: Option<TermBehaviour>,
}

/// The behaviours that a scenario declares, by pod and container.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    declared: BTreeMap<(Rc<str>, Rc<str>), Behaviour>,
}

impl Programs {
    /// Declares a container's behaviour. An empty pod name stands for every pod.
    pub fn declare(&mut self, pod: &str, container: &str, behaviour: Behaviour) {
        self.declared.insert((pod.into(), container.into()), behaviour);
    }

    /// What the first process of a container does: as declared, or else as its command says.
    #[must_use]
    pub fn program(&self, pod: &str, container: &str, attempt: u32, argv: &[Rc<str>]) -> Program {
        let by_command = Program::of_command(argv);
        let declared = self
            .declared
            .get(&(Rc::from(pod), Rc::from(container)))
            .or_else(|| self.declared.get(&(Rc::from(""), Rc::from(container))));
        let Some(declared) = declared else { return by_command };
        let run = declared.runs.get(attempt as usize).or(declared.runs.last());
        Program {
            run: run.copied().or(by_command.run),
            on_term: declared.on_term.unwrap_or(by_command.on_term),
        }
    }
}

impl Program {
    /// What a well-known command does; anything else serves until it is asked to end.
    #[must_use]
    pub fn of_command(argv: &[Rc<str>]) -> Self {
        let words: Vec<&str> = argv.iter().map(|word| &**word).collect();
        match words.as_slice() {
            [shell, option, script, ..]
                if is_named(shell, &["sh", "bash", "ash"])
                    && option.starts_with('-')
                    && option.ends_with('c') =>
            {
                Self::of_script(script)
            }
            [program, arguments @ ..] => Self::of_words(program, arguments),
            [] => Self::default(),
        }
    }

    /// A script of simple commands: they run one after the other, and the last says how it ends.
    fn of_script(script: &str) -> Self {
        let mut elapsed = Duration::ZERO;
        let mut exit_code = 0;
        for line in script.split([';', '\n']).flat_map(|part| part.split("&&")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [program, arguments @ ..] = words.as_slice() else { continue };
            match *program {
                // Loops are taken to go on for ever.
                "while" | "until" | "for" => {
                    return Self { run: None, on_term: TermBehaviour::Ignores };
                }
                "exit" => {
                    exit_code = arguments.first().and_then(|code| code.parse().ok()).unwrap_or(0);
                    break;
                }
                "exec" => {
                    if let [program, arguments @ ..] = arguments {
                        return Self::of_words(program, arguments);
                    }
                }
                _ => match Self::of_words(program, arguments).run {
                    Some(run) => {
                        elapsed += run.exit_after;
                        exit_code = run.exit_code;
                    }
                    None => return Self { run: None, on_term: TermBehaviour::Ignores },
                },
            }
        }
        Self {
            run: Some(Run { exit_after: elapsed, exit_code, oom_killed: false }),
            on_term: TermBehaviour::Ignores,
        }
    }

    fn of_words(program: &str, arguments: &[&str]) -> Self {
        const QUICK: Duration = Duration::from_millis(5);
        let ends = |exit_after, exit_code| Self {
            run: Some(Run { exit_after, exit_code, oom_killed: false }),
            on_term: TermBehaviour::Ignores,
        };
        if is_named(program, &["sleep"]) {
            return match arguments.first().and_then(|text| parse_sleep(text)) {
                Some(duration) => ends(duration, 0),
                None => Self { run: None, on_term: TermBehaviour::Ignores },
            };
        }
        if is_named(program, &["false"]) {
            return ends(QUICK, 1);
        }
        let quick = [
            "true", "echo", "printf", "cat", "touch", "rm", "ls", "date", "env", "mkdir", "cp",
            "mv", "chmod", "chown", "ln", "test", "hostname", "id", "grep", "head", "seq", "wget",
            "curl", "nslookup", "until", "export", "cd", "set",
        ];
        if is_named(program, &quick) {
            return ends(QUICK, 0);
        }
        Self::default()
    }
}

fn is_named(program: &str, names: &[&str]) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    names.contains(&name)
}

/// The argument of `sleep`: seconds, or a number with `s`, `m`, `h` or `d`. None for `infinity`.
fn parse_sleep(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_do_what_they_say() {
        let run = |words: &[&str]| {
            let argv: Vec<Rc<str>> = words.iter().map(|&word| word.into()).collect();
            Program::of_command(&argv).run.map(|run| (run.exit_after.as_millis(), run.exit_code))
        };
        assert_eq!(run(&["sleep", "30"]), Some((30_000, 0)));
        assert_eq!(run(&["/bin/sleep", "1.5m"]), Some((90_000, 0)));
        assert_eq!(run(&["sleep", "infinity"]), None);
        assert_eq!(run(&["sh", "-c", "echo hi; sleep 2; exit 3"]), Some((2_005, 3)));
        assert_eq!(run(&["sh", "-c", "sleep 1 && false"]), Some((1_005, 1)));
        assert_eq!(run(&["sh", "-c", "while true; do sleep 1; done"]), None);
        assert_eq!(run(&["nginx", "-g", "daemon off;"]), None);
        assert_eq!(run(&[]), None);
    }
}
