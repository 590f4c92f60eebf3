//! What programs in containers do: a shell, the small programs that examples use, and servers.
//!
//! [`Linux`] is the node's [`Userland`]: it finds the program of a command among what the image
//! has, and runs it as an async function over virtual time.
//!
//! # What we simplify
//! * A program that is not modelled and is a container's first serves until it is asked to end;
//!   any other ends at once, well. So does a script in one line of Perl, Python, Ruby or Node.js.
//! * Every step takes a fixed time. A loop that never waits gets slower and slower, so that it
//!   cannot keep virtual time from going on.
//! * Text is UTF-8.

mod process;

mod files;

mod image;

mod procfs;

mod shell;

mod applets;

mod servers;

use node::{Command, Node, UserProcess, Userland};
use process::{Process, Running};
use sim::Ctx;
use std::pin::Pin;
use std::rc::Rc;

/// The programs of images.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

/// Where programs are searched for where the environment has no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Linux {
    /// Gives a node its programs, and the world outside.
    pub fn install(node: &Node) {
        node.set_userland(Rc::new(Self));
        node.set_outside(Rc::new(servers::Outside));
    }

    /// What a process does whose program was found.
    fn program(self: Rc<Self>, process: Process) -> Running {
        let name = process.name().to_owned();
        let args = process.args();
        match name.as_str() {
            "sh" | "ash" | "bash" | "dash" => shell::run(process),
            // Entry points that end in the command that they are given.
            "docker-entrypoint.sh" | "tini" | "dumb-init" if !args.is_empty() => {
                let skip = args.iter().position(|arg| !arg.starts_with('-')).unwrap_or(args.len());
                let argv = args[skip..].to_vec();
                if argv.is_empty() {
                    return Box::pin(std::future::ready(0));
                }
                process.become_program(argv)
            }
            "busybox" if !args.is_empty() => {
                let argv = args.to_vec();
                process.become_program(argv)
            }
            _ => {
                if let Some(server) = servers::find(&process) {
                    return server;
                }
                if let Some(applet) = applets::find(process.clone()) {
                    return applet;
                }
                if let Some(script) = shell::script(&process) {
                    return script;
                }
                if process.is_first && !is_one_liner(&process) {
                    return Box::pin(servers::serve(process));
                }
                Box::pin(async move {
                    process.spend(process::EXEC).await;
                    0
                })
            }
        }
    }

    /// Whether a program is modelled at all.
    fn knows(process: &Process) -> bool {
        let name = process.name();
        matches!(
            name,
            "sh" | "ash"
                | "bash"
                | "dash"
                | "docker-entrypoint.sh"
                | "tini"
                | "dumb-init"
                | "busybox"
        ) || applets::is_known(name)
            || servers::find(process).is_some()
            || shell::script(process).is_some()
    }
}

/// Whether a process interprets a script that stands among its arguments.
fn is_one_liner(process: &Process) -> bool {
    let option = match process.name() {
        "perl" | "ruby" | "node" => 'e',
        "python" | "python3" => 'c',
        _ => return false,
    };
    process.args().iter().any(|arg| arg.starts_with('-') && arg.ends_with(option))
}

/// Why a program cannot be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    NotFound,
    NotExecutable,
}

impl Missing {
    /// In the shell's words.
    const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::NotExecutable => "Permission denied",
        }
    }

    /// The exit code of a shell that could not execute it.
    const fn code(self) -> i32 {
        match self {
            Self::NotFound => 127,
            Self::NotExecutable => 126,
        }
    }
}

/// The path of a program, as `execvp` finds it.
fn look_up(
    node: &Node,
    around: &node::Surroundings,
    cwd: &str,
    path: &str,
    program: &str,
) -> Result<String, Missing> {
    let unknown = image::base(&around.image) == image::Base::Unknown;
    let exists = |path: &str| {
        image::has_program(&around.image, path)
            || around.mounts.iter().any(|mount| {
                let rest = path.strip_prefix(&*mount.destination);
                rest.is_some_and(|rest| match &mount.image {
                    Some((image, start)) => {
                        image::has_program(image, &format!("{}{rest}", start.trim_end_matches('/')))
                    }
                    None => node.file_len(&format!("{}{rest}", mount.source)).is_some(),
                })
            })
            || node.file_len(&format!("{}{path}", around.rootfs)).is_some()
    };
    // What is masked has `/dev/null` in its place.
    let masked = |path: &str| files::is_below_any(path, &around.masked_paths);
    if program.contains('/') {
        let full = if program.starts_with('/') {
            program.to_owned()
        } else {
            format!("{}/{}", cwd.trim_end_matches('/'), program.trim_start_matches("./"))
        };
        let is_directory = node.is_dir(&format!("{}{full}", around.rootfs));
        return match (exists(&full) || unknown, is_directory) {
            (_, true) => Err(Missing::NotExecutable),
            (true, false) if masked(&full) => Err(Missing::NotExecutable),
            (true, false) => Ok(full),
            (false, false) => Err(Missing::NotFound),
        };
    }
    let found = path.split(':').map(|directory| format!("{directory}/{program}"));
    let mut hidden = false;
    let found = found.filter(|_| !program.is_empty()).find(|path| {
        let there = exists(path);
        hidden |= there && masked(path);
        there && !masked(path)
    });
    match found {
        Some(found) => Ok(found),
        // `execvp` goes on searching and remembers.
        None if hidden => Err(Missing::NotExecutable),
        // Somebody who asks for a program of an unknown image will know that it is there.
        None if unknown => Ok(format!("/usr/bin/{program}")),
        None => Err(Missing::NotFound),
    }
}

impl Process {
    /// The path of a program; `path` is the value of `PATH`.
    fn find_program(&self, program: &str, path: &str) -> Result<String, Missing> {
        look_up(&self.node, &self.surroundings, &self.cwd, path, program)
    }
}

impl Userland for Linux {
    fn find(&self, node: &Node, command: &Command) -> Result<(), String> {
        let Some(program) = command.argv.first() else {
            return Err("exec: no command".to_owned());
        };
        let path = command.env.iter().find_map(|pair| pair.strip_prefix("PATH="));
        let path = path.unwrap_or(PATH);
        let looked_up = look_up(node, &command.surroundings, &command.cwd, path, program);
        looked_up.map(drop).map_err(|missing| {
            if missing == Missing::NotExecutable {
                format!("exec: {program:?}: permission denied")
            } else if program.contains('/') {
                format!("exec: {program:?}: stat {program}: no such file or directory")
            } else {
                format!("exec: {program:?}: executable file not found in $PATH")
            }
        })
    }

    fn image_file(&self, image: &str, path: &str) -> Option<String> {
        image::read(image, path)
    }

    fn image_has(&self, image: &str, path: &str) -> bool {
        path.trim_matches('/').is_empty()
            || image::stat(image, path.trim_end_matches('/')).is_some()
    }

    fn run(
        self: Rc<Self>,
        ctx: Ctx,
        process: UserProcess,
    ) -> Option<Pin<Box<dyn Future<Output = i32>>>> {
        let process = Process::new(ctx, self.clone(), process);
        if process.is_first && !Self::knows(&process) && !is_one_liner(&process) {
            if image::base(&process.surroundings.image) == image::Base::Unknown {
                process.node.listen(process.pid, node::ANY_PORT, false, Rc::new(servers::Anything));
            }
            return None;
        }
        Some(self.program(process))
    }
}
