//! The memory that there is, and who of those that train at the same time has taken how much of it.
//!
//! A failed allocation ends the program and every run in it, so what a run needs is reserved before
//! its first step. The limits are read by hand: crates that know them (such as `sysinfo`) look at
//! the topmost control group only, while schedulers set the limit of a job deep below it, and know
//! nothing of `ulimit -v`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::interruption::{Interrupted, Interruption};
use crate::pool::cores;
use crate::sabotage::is_removed;

/// Threads that will take room of their own, used or not, where `ulimit` counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// Those that will compute products.
    pub(crate) computing: usize,
    /// Those that have yet to be started.
    pub(crate) unstarted: usize,
}

impl Threads {
    /// Those that work on the tiles of a command that trains nothing for the store.
    pub(crate) fn of_tiles() -> Self {
        Self { computing: cores(), unstarted: cores() + 1 }
    }
}

/// Bytes that this process can still take: the least of what the system has to give and what the
/// limits of its control groups and its own leave. `None` where nothing says so.
fn available_memory(threads: Threads) -> Option<u64> {
    if is_removed("memory") {
        return None;
    }
    [left_by_others(), of_limits(threads)].into_iter().flatten().min()
}

/// The part of it that other processes take from too.
fn left_by_others() -> Option<u64> {
    [of_system(), of_groups()].into_iter().flatten().min()
}

/// Bytes that this process has taken and written to.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "RssAnon:").unwrap_or(0)
}

/// Address space that the system's allocator sets aside for each thread.
const OF_THREAD: u64 = 64 << 20;

/// What OpenBLAS takes for each thread at its first product. Where it cannot be had, the library
/// asks again for ever: nothing computes on, and nothing says why.
const OF_PRODUCTS: u64 = if cfg!(feature = "openblas") { 129 << 20 } else { 0 };

fn of_system() -> Option<u64> {
    field(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// A line `Name:  123 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

/// What is left of `ulimit -v` and `ulimit -d`.
fn of_limits(threads: Threads) -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let of_products = threads.computing as u64 * OF_PRODUCTS;
    let of_threads = threads.unstarted as u64 * OF_THREAD;
    let left = |(limit, used, to_come): (&str, &str, u64)| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let most: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(most.saturating_sub(field(&status, used)?).saturating_sub(to_come))
    };
    let size = ("Max address space", "VmSize:", of_products + of_threads);
    let data = ("Max data size", "VmData:", of_products);
    [size, data].into_iter().filter_map(left).min()
}

/// What the control groups of this process leave, from its own up to the topmost that can be seen.
fn of_groups() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let top = Path::new("/sys/fs/cgroup");
    let left = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        match controllers {
            "" => {
                ["", "unified"].iter().filter_map(|at| least_left(&top.join(at), path, &V2)).min()
            }
            all if all.split(',').any(|one| one == "memory") => {
                least_left(&top.join("memory"), path, &V1)
            }
            _ => None,
        }
    };
    groups.lines().filter_map(left).min()
}

/// Names of the files of a version of control groups: limit, usage, and in the statistics what of
/// the usage are files that are given up when memory is short.
struct Names {
    limit: &'static str,
    usage: &'static str,
    files: &'static str,
}

const V1: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    files: "total_inactive_file",
};
const V2: Names = Names { limit: "memory.max", usage: "memory.current", files: "inactive_file" };

/// The least that any group from `top/path` up to `top` leaves. In a container its own group may
/// stand at the top.
fn least_left(top: &Path, path: &str, names: &Names) -> Option<u64> {
    let mut folders: Vec<PathBuf> = vec![top.to_path_buf()];
    for part in Path::new(path) {
        folders.push(folders[folders.len() - 1].join(part));
    }
    let number = |folder: &Path, name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    let left = |folder: PathBuf| {
        let limit = number(&folder, names.limit)?;
        let usage = number(&folder, names.usage)?;
        let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let files = statistics.lines().find_map(|line| line.strip_prefix(names.files));
        let files: u64 = files.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(files)))
    };
    folders.into_iter().filter_map(left).min()
}

/// Of what is available, so much is given out: estimates leave out small things, and the program
/// itself takes a little.
const SHARE: f64 = 0.9;

fn share(bytes: u64) -> u64 {
    (bytes as f64 * SHARE) as u64
}

/// Memory that runs share. Clones are the same memory.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Bytes in all; `None` where nothing limits it.
    total: Option<u64>,
    /// What is left of them at present, where other processes may have taken some.
    look: Look,
    /// Bytes that this process had taken before.
    before: u64,
    taken: Mutex<Taken>,
    freed: Condvar,
}

/// Bytes that others have left, and how many this process has taken and written to since it began to
/// give them out.
type Look = fn(before: u64) -> Option<(u64, u64)>;

/// Runs that take less are not worth a look at the system, which takes as long as some of them.
const WORTH_A_LOOK: u64 = 64 << 20;

/// How long a run waits for the memory that other processes have taken.
const PATIENCE: Duration = Duration::from_secs(30);

fn look(before: u64) -> Option<(u64, u64)> {
    Some((left_by_others()?, resident().saturating_sub(before)))
}

#[derive(Debug, Default)]
struct Taken {
    bytes: u64,
    /// Reservations of runs at work.
    runs: usize,
}

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It can never be had; why, in words.
    TooLarge(String),
    /// Nobody waits for it any more.
    Interrupted,
}

impl From<Interrupted> for Refusal {
    fn from(_: Interrupted) -> Self {
        Refusal::Interrupted
    }
}

/// Why so many bytes cannot be had at present, for what takes them once and alone.
pub(crate) fn shortage_of(bytes: u64) -> Option<String> {
    let memory = Memory::of_machine(Threads::of_tiles());
    let total = memory.0.total.filter(|&total| bytes > total)?;
    Some(shortage(bytes, total))
}

fn shortage(bytes: u64, total: u64) -> String {
    let [bytes, total] = [bytes, total].map(amount);
    format!("it needs about {bytes} of memory and at most {total} can be had here")
}

/// What to do about it.
pub(crate) const RELIEF: &str =
    "make its batch, its samples or its model smaller, or raise the limit of memory";

/// Bytes that are taken for as long as it lives.
#[derive(Debug)]
pub(crate) struct Reserved {
    memory: Memory,
    bytes: u64,
    is_run: bool,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut taken = self.memory.taken();
        taken.bytes = taken.bytes.saturating_sub(self.bytes);
        taken.runs -= usize::from(self.is_run);
        drop(taken);
        self.memory.0.freed.notify_all();
    }
}

impl Memory {
    /// All that is available now, beside what these threads will take.
    pub(crate) fn of_machine(threads: Threads) -> Self {
        Self::new(available_memory(threads).map(share), look)
    }

    fn new(total: Option<u64>, look: Look) -> Self {
        let (taken, freed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { total, before: resident(), look, taken, freed }))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a run that takes so many bytes, data included, can never be trained here.
    pub(crate) fn refusal(&self, bytes: u64) -> Option<String> {
        let total = self.0.total.filter(|&total| bytes > total)?;
        Some(format!("{}; {RELIEF}", shortage(bytes, total)))
    }

    /// Whether other processes leave so many bytes now, beside what runs of this one have reserved
    /// and not yet written to. The only run need not heed what is kept for runs to come.
    fn is_left(&self, needed: u64, taken: &Taken) -> bool {
        if needed < WORTH_A_LOOK || self.0.total.is_none() {
            return true;
        }
        let Some((left, grown)) = (self.0.look)(self.0.before) else { return true };
        let reserved = if taken.runs == 0 { 0 } else { taken.bytes };
        share(left).saturating_add(grown.min(taken.bytes)) >= needed.saturating_add(reserved)
    }

    /// Takes the bytes of a run, and beside them those of its data, all in one once they are free:
    /// who waits holds nothing, so nobody waits for each other. How much data there is yet to be
    /// made is asked again at each look. A run that would be the only one need not wait for others
    /// of this process: what is taken then is kept for runs to come. What other processes have
    /// taken it waits for, and no longer than it has patience: they may wait for this one. `say`
    /// is told that it does.
    ///
    /// # Errors
    /// When they can never be had, or the waiting is interrupted.
    pub(crate) fn reserve(
        &self,
        run: u64,
        data: impl Fn() -> u64,
        interruption: &Interruption,
        say: impl FnOnce(String),
    ) -> Result<(Reserved, Reserved), Refusal> {
        /// Between two looks whether it was interrupted.
        const LOOK: Duration = Duration::from_millis(50);
        let (mut waits_since, mut say) = (None, Some(say));
        let mut taken = self.taken();
        loop {
            let of_data = data();
            let needed = run.saturating_add(of_data);
            if let Some(words) = self.refusal(needed) {
                return Err(Refusal::TooLarge(words));
            }
            if taken.runs > 0 {
                // It stands behind runs of this process: patience begins anew.
                waits_since = None;
            }
            let is_free = |total: u64| total.saturating_sub(taken.bytes) >= needed;
            if taken.runs == 0 || self.0.total.is_none_or(is_free) {
                if self.is_left(needed, &taken) {
                    taken.bytes = taken.bytes.saturating_add(needed);
                    taken.runs += 1;
                    let reserved = |bytes, is_run| Reserved { memory: self.clone(), bytes, is_run };
                    return Ok((reserved(run, true), reserved(of_data, false)));
                }
                if taken.runs == 0 {
                    let words = format!("it needs about {} of memory", amount(needed));
                    let words = words + ", which other processes have taken since training began";
                    if waits_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        return Err(Refusal::TooLarge(format!("{words}; {RELIEF}")));
                    }
                    if let Some(say) = say.take() {
                        say(format!("{words}; it waits for {} s", PATIENCE.as_secs()));
                    }
                }
            }
            interruption.check()?;
            let waited = self.0.freed.wait_timeout(taken, LOOK);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// `0.35 GB`, `2.1 MB`.
pub(crate) fn amount(bytes: u64) -> String {
    if bytes < 100_000_000 {
        return format!("{:.1} MB", bytes as f64 / 1e6);
    }
    format!("{:.2} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Nobody else takes anything.
    fn memory(total: Option<u64>) -> Memory {
        Memory::new(total, |_| None)
    }

    #[test]
    fn no_more_is_given_out_than_there_is_and_everyone_has_a_turn() {
        let memory = memory(Some(100));
        let (now, most, turns) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..50 {
                        let reserved = memory.reserve(30, || 10, &Interruption::default(), |_| ());
                        let reserved = reserved.expect("it fits");
                        most.fetch_max(now.fetch_add(40, Ordering::SeqCst) + 40, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(40, Ordering::SeqCst);
                        drop(reserved);
                    }
                });
            }
        });
        assert_eq!((most.into_inner(), turns.into_inner()), (80, 400));
        assert_eq!(memory.taken().bytes, 0);
    }

    #[test]
    fn what_never_fits_is_refused_and_what_is_alone_goes_on() {
        let memory = memory(Some(3_000_000_000));
        let never = Interruption::default();
        let refused = memory.reserve(2_500_000_000, || 1_500_000_000, &never, |_| ());
        let Err(Refusal::TooLarge(words)) = refused else { panic!("it was to be refused") };
        assert!(
            words.starts_with("it needs about 4.00 GB of memory and at most 3.00 GB"),
            "{words}"
        );
        // Data of runs to come fills it; without this rule nobody would ever go on.
        let first = memory.reserve(100_000_000, || 2_900_000_000, &never, |_| ());
        let (run, kept) = first.expect("it fits to the byte");
        drop(run);
        let alone =
            memory.reserve(200_000_000, || 0, &never, |_| ()).expect("nobody else is there");
        let asked = Interruption::default();
        asked.ask();
        let second = memory.reserve(200_000_000, || 0, &asked, |_| ());
        assert_eq!(second.map(drop), Err(Refusal::Interrupted));
        drop((kept, alone));
        let taken = memory.taken();
        assert_eq!((taken.bytes, taken.runs), (0, 0));
        drop(taken);
        assert!(self::memory(None).reserve(u64::MAX, || 1, &never, |_| ()).is_ok());
    }

    #[test]
    fn what_other_processes_take_meanwhile_is_waited_for() {
        static LEFT: AtomicU64 = AtomicU64::new(0);
        LEFT.store(4 << 30, Ordering::SeqCst);
        let memory = Memory::new(Some(8 << 30), |_| Some((LEFT.load(Ordering::SeqCst), 0)));
        let (asked, said) = (Interruption::default(), AtomicU64::new(0));
        // Less than there was at the start, and than is left.
        let first = memory.reserve(2 << 30, || 0, &asked, |_| ()).expect("it is left");
        // What the first has reserved and not yet written to is still among what is left.
        assert!(
            !memory.is_left(2 << 30, &memory.taken()) && memory.is_left(1 << 30, &memory.taken())
        );
        drop(first);
        std::thread::scope(|threads| {
            let waits = threads.spawn(|| {
                let say = |words: String| {
                    assert!(words.contains("5.37 GB"), "{words}");
                    said.fetch_add(1, Ordering::SeqCst);
                };
                memory.reserve(5 << 30, || 0, &asked, say).is_ok()
            });
            while said.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert_eq!(memory.taken().bytes, 0);
            LEFT.store(6 << 30, Ordering::SeqCst);
            assert!(waits.join().expect("it ends"), "the other process gave it back");
        });
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let top = tempfile::tempdir().expect("a folder");
        let write = |folder: &Path, limit: &str, usage: u64| {
            fs::create_dir_all(folder).expect("writable");
            fs::write(folder.join("memory.max"), format!("{limit}\n")).expect("writable");
            fs::write(folder.join("memory.current"), format!("{usage}\n")).expect("writable");
            fs::write(folder.join("memory.stat"), "anon 5\ninactive_file 30\n").expect("writable");
        };
        write(&top.path().join("job"), "1000", 500);
        write(&top.path().join("job/step"), "max", 400);
        assert_eq!(least_left(top.path(), "job/step", &V2), Some(530));
        write(&top.path().join("job/step"), "600", 400);
        assert_eq!(least_left(top.path(), "job/step", &V2), Some(230));
        assert_eq!(least_left(top.path(), "elsewhere", &V2), None);
        if cfg!(target_os = "linux") {
            let threads = Threads::of_tiles();
            assert!(available_memory(threads).is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
