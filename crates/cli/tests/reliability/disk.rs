//! Small file systems in memory, and row F5: no room.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::place::{FILE, Place, Reference, SIX, drawn};
use crate::program::{Ended, Program};
use crate::random::Random;
use crate::trial::Trial;

/// A tmpfs in a mount namespace that a process of ours holds open. The system takes it down with
/// that process, and the process ends with the pipe to it: nothing of it outlives this program,
/// however that ends.
pub(crate) struct SmallDisk {
    holder: Child,
    /// Where it is mounted, seen from inside.
    inside: tempfile::TempDir,
}

impl SmallDisk {
    pub(crate) fn new(options: &str) -> Self {
        let inside = tempfile::tempdir().expect("a temporary folder");
        let script = "mount -t tmpfs -o \"$1\" tmpfs \"$0\" && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .arg(inside.path())
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was tried before");
        let mut said = [0; 6];
        let stdout = holder.stdout.as_mut().expect("it is piped");
        stdout.read_exact(&mut said).expect("the file system can be mounted");
        Self { holder, inside }
    }

    /// The words that start a program inside.
    pub(crate) fn wrapper(&self) -> Vec<String> {
        vec!["nsenter".into(), format!("--mount=/proc/{}/ns/mnt", self.holder.id()), "--".into()]
    }

    pub(crate) fn path(&self) -> String {
        self.inside.path().canonicalize().expect("it is there").display().to_string()
    }

    /// The same folder, seen from outside.
    pub(crate) fn outside(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.path()))
    }

    /// Changes its options.
    pub(crate) fn remount(&self, options: &str) {
        let wrapper = self.wrapper();
        let status = Command::new(&wrapper[0])
            .args(&wrapper[1..])
            .args(["mount", "-o", &format!("remount,{options}")])
            .arg(self.path())
            .status();
        assert!(status.expect("it starts").success(), "remount,{options}");
    }

    /// `gradus run` of the experiment at `place`, with results on this disk.
    pub(crate) fn run(&self, program: &Program, place: &Place, arguments: &[&str]) -> Ended {
        let file = place.path().join(FILE).display().to_string();
        let results = self.path();
        let words = [&["run", &file, "--json", "--out", &results], arguments].concat();
        program.call(&place.path(), &self.wrapper(), &words)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

struct Limit {
    options: String,
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.options)
    }
}

/// Room for everything.
const ROOM: &str = "size=64m,nr_inodes=10000";

/// F5.
pub(crate) fn no_room(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    let count = trial.figure(3, 20);
    let mut limits = Vec::new();
    for step in 0..count {
        let part = step as f64 / (count - 1) as f64;
        // From 64 KiB to 4 MiB in equal factors, in pages.
        let pages = (16.0 * 64f64.powf(part)).round() as usize;
        limits.push(Limit { options: format!("size={}k,nr_inodes=10000", pages * 4) });
        let inodes = 3 + (37.0 * part).round() as usize;
        limits.push(Limit { options: format!("size=64m,nr_inodes={inodes}") });
    }
    // In an order in which the slow ones do not come together.
    Random::new(5).shuffle(&mut limits);
    let refused = std::sync::atomic::AtomicUsize::new(0);
    trial.each(&limits, |limit| {
        let (disk, place) = (SmallDisk::new(&limit.options), Place::new(SIX));
        let own = disk.outside().join(&place.name);
        let ended = disk.run(&trial.program, &place, &["--jobs", "1"]);
        if ended.code == 0 {
            ended.json()?;
            return reference.demand_same(&own);
        }
        refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ended.demand_refusal(&[75], &[&disk.path()])?;
        let said = ended.stderr.to_lowercase();
        if !["no space", "full"].iter().any(|reason| said.contains(reason)) {
            return Err(format!("the message must give the reason: {ended}"));
        }
        let partial = drawn(&own)
            .into_iter()
            .find(|(name, bytes)| reference.drawn.get(name).is_some_and(|whole| whole != bytes));
        if let Some((name, _)) = partial {
            return Err(format!("{name} is not whole"));
        }
        // Read where there is room, as whoever comes to help would.
        let copy = Place::new(SIX);
        if own.is_dir() {
            copy.copy_results(&own);
        }
        let there = copy.durable()?.into_iter().filter(|&there| there).count();
        disk.remount(ROOM);
        let trained = disk.run(&trial.program.unimpaired(), &place, &[]).json()?["trained"].clone();
        if trained != reference.runs - there {
            return Err(format!("{there} runs were there, and {trained} are trained"));
        }
        reference.demand_same(&own)
    });
    trial.note(format!("{} refused for want of room", refused.into_inner()));
}
