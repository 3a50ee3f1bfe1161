//! The program under test, started with a fault round it and a limit of time, and how it ended.

use std::fs;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No call of the program takes longer on a busy machine; one that does hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// Names the guard that a program of the test-only feature leaves out.
pub(crate) const VARIABLE: &str = "GRADUS_SABOTAGE";

/// An executable, perhaps with one guard taken out.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    removed: Option<&'static str>,
}

impl Program {
    /// The one to be judged: the shipped one where the caller built it, else that of this build.
    pub(crate) fn under_test() -> Self {
        let path = std::env::var_os("GRADUS_RELIABILITY_PROGRAM");
        let path = path.map_or_else(|| env!("CARGO_BIN_EXE_gradus").into(), PathBuf::from);
        Self { path, removed: None }
    }

    /// The one whose guards can be taken out, if the caller built it.
    pub(crate) fn sabotaged() -> Option<Self> {
        let path = std::env::var_os("GRADUS_RELIABILITY_SABOTAGED")?;
        Some(Self { path: path.into(), removed: None })
    }

    pub(crate) fn without(&self, guard: &'static str) -> Self {
        Self { path: self.path.clone(), removed: Some(guard) }
    }

    /// The same at another path.
    pub(crate) fn at(&self, path: PathBuf) -> Self {
        Self { path, removed: self.removed }
    }

    /// The same executable with every guard in place.
    pub(crate) fn unimpaired(&self) -> Self {
        Self { path: self.path.clone(), removed: None }
    }

    /// A call in `folder`, started by way of the words of `wrapper` (`strace …`).
    pub(crate) fn command(&self, folder: &Path, wrapper: &[String], arguments: &[&str]) -> Command {
        let mut command = match wrapper.split_first() {
            None => {
                // The suite itself may run under `nohup`, or in the background of a shell.
                let mut command = Command::new("env");
                command.arg("--default-signal=HUP,INT,TERM").arg(&self.path);
                command
            }
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.path);
                command
            }
        };
        command.args(arguments).current_dir(folder).env_remove(VARIABLE);
        command.env("OPENBLAS_NUM_THREADS", "1");
        if let Some(guard) = self.removed {
            command.env(VARIABLE, guard);
        }
        command
    }

    /// Runs to the end, as [`run`].
    pub(crate) fn call(&self, folder: &Path, wrapper: &[String], arguments: &[&str]) -> Ended {
        run(self.command(folder, wrapper, arguments))
    }
}

/// How a call ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// As a shell counts: 128 and the signal for one that died of it.
    pub(crate) code: i32,
    /// Whether a signal ended it, and not the program itself.
    pub(crate) died: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) seconds: f64,
}

/// A call that is under way. Dropped, it is killed, with whatever it started.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: fs::File,
    stderr: fs::File,
    started: Instant,
}

impl Running {
    /// Starts it in a process group of its own, with both outputs into files that have no name.
    pub(crate) fn start(mut command: Command) -> Self {
        let file = || tempfile::tempfile().expect("a temporary file can be made");
        let (stdout, stderr) = (file(), file());
        let copy = |file: &fs::File| file.try_clone().expect("a descriptor is free");
        command.stdin(Stdio::null()).stdout(copy(&stdout)).stderr(copy(&stderr)).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, stdout, stderr, started: Instant::now() }
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Sends this signal to the program, which was started without a wrapper.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.child.id().to_string());
    }

    /// What it has said on stderr so far.
    pub(crate) fn said(&self) -> String {
        let mut bytes = vec![0; 4096];
        // At a place of its own: the program writes on where it was.
        let read = self.stderr.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Ends it by SIGKILL, with whatever it started.
    pub(crate) fn kill_now(mut self) -> Ended {
        self.kill();
        self.ended(ExitStatus::from_raw(9))
    }

    /// Waits for the end, at most until `limit` after the start.
    pub(crate) fn finish(mut self, limit: Duration) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            let hangs = self.started.elapsed() > limit;
            if hangs {
                let mut ended = self.kill_now();
                ended.stderr.push_str(&format!("(killed: it still ran after {limit:?})"));
                return ended;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.ended(status)
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        let text = |file: &mut fs::File| {
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("it can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            died: status.signal().is_some(),
            stdout: text(&mut self.stdout),
            stderr: text(&mut self.stderr),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    fn kill(&mut self) {
        // The group that it leads: a tracer that dies would leave what it traces behind.
        signal("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over() {
            self.kill();
        }
    }
}

/// Sends a signal; that the target has just ended is no error.
fn signal(name: &str, target: &str) {
    // The standard library knows SIGKILL alone; every shell has a `kill` built in.
    let script = format!("kill -s {name} -- {target}");
    let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
}

/// Runs to the end, at most [`LIMIT`].
pub(crate) fn run(command: Command) -> Ended {
    Running::start(command).finish(LIMIT)
}

impl Ended {
    /// The JSON document that a call which succeeded prints.
    pub(crate) fn json(&self) -> Result<Value, String> {
        self.demand_success()?;
        serde_json::from_str(&self.stdout).map_err(|error| format!("its JSON: {error}"))
    }

    pub(crate) fn demand_success(&self) -> Result<(), String> {
        if self.code == 0 {
            self.demand_no_panic()
        } else {
            Err(format!("it must succeed: {self}"))
        }
    }

    /// Neither a panic nor a crash, whatever else it was.
    pub(crate) fn demand_no_panic(&self) -> Result<(), String> {
        let crashed = [101, 134, 135, 136, 139].contains(&self.code);
        let panicked =
            ["panicked", "a fault in gradus"].iter().any(|word| self.stderr.contains(word));
        if crashed || panicked { Err(format!("a panic or a crash: {self}")) } else { Ok(()) }
    }

    /// One of these codes, no panic, and a message that holds each of `words`.
    pub(crate) fn demand_refusal(&self, codes: &[i32], words: &[&str]) -> Result<(), String> {
        self.demand_no_panic()?;
        if !codes.contains(&self.code) {
            return Err(format!("exit code {codes:?} is demanded: {self}"));
        }
        match words.iter().find(|word| !self.stderr.contains(**word)) {
            Some(word) => Err(format!("the message must name `{word}`: {self}")),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join(" / ");
        write!(formatter, "exit {} after {:.1} s, said: {last}", self.code, self.seconds)
    }
}
