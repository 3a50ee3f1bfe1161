//! Rows A1 to A3: files that are cut, flipped, or not ours.

use std::fmt;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gradus_runner::Store;

use crate::kills::long;
use crate::place::{FILE, Place, Reference, SIX};
use crate::program::{LIMIT, Running};
use crate::random::Random;
use crate::trial::Trial;

/// Bytes of a page of the store, and of a sector of its journal.
const PAGE: usize = 4096;
const SECTOR: usize = 512;

/// One damage of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    /// Only so many bytes are left.
    Cut(usize),
    /// This bit of this byte is another.
    Flip(usize, u8),
    /// So many bytes from here are zero, as after a power cut.
    Zero(usize, usize),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Cut(bytes) => write!(formatter, "cut to {bytes} bytes"),
            Damage::Flip(byte, bit) => write!(formatter, "bit {bit} of byte {byte} flipped"),
            Damage::Zero(from, bytes) => write!(formatter, "{bytes} zeros from byte {from}"),
        }
    }
}

impl Damage {
    pub(crate) fn strike(self, path: &Path) {
        let mut bytes = fs::read(path).expect("it is there");
        match self {
            Damage::Cut(length) => bytes.truncate(length),
            Damage::Flip(byte, bit) => bytes[byte] ^= 1 << bit,
            Damage::Zero(from, count) => {
                let end = (from + count).min(bytes.len());
                bytes[from..end].fill(0);
            }
        }
        fs::write(path, bytes).expect("it is writable");
    }
}

/// A file of so many bytes cut and flipped: at every boundary of `step` bytes and next to it,
/// every byte of the first `header` flipped, random places, and blocks of zeros.
pub(crate) fn damages(bytes: usize, step: usize, header: usize, flips: usize) -> Vec<Damage> {
    let mut random = Random::new(bytes as u64);
    let mut all = Vec::new();
    for boundary in (0..=bytes).step_by(step) {
        let cuts = [boundary.checked_sub(1), Some(boundary), Some(boundary + 1)];
        all.extend(cuts.into_iter().flatten().filter(|&cut| cut < bytes).map(Damage::Cut));
        if boundary < bytes {
            all.push(Damage::Zero(boundary, step));
        }
    }
    all.extend((0..header.min(bytes)).map(|byte| Damage::Flip(byte, random.below(8) as u8)));
    all.extend((0..flips).map(|_| Damage::Flip(random.below(bytes), random.below(8) as u8)));
    random.shuffle(&mut all);
    all
}

/// Which file of the results is struck.
struct Case {
    file: &'static str,
    damage: Damage,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, self.damage)
    }
}

/// The same command on damaged results either says what is damaged, or ends in the reference
/// bytes, with the times that were stored where it trained nothing.
fn demand_named_or_same(
    trial: &Trial,
    reference: &Reference,
    place: &Place,
    timings: Option<&[u8]>,
) -> Result<(), String> {
    let ended = place.run(&trial.program, &[], &[]);
    if ended.code != 0 {
        ended.demand_refusal(&[2, 3, 75], &["runs.sqlite"])?;
        return reference.demand_nothing_partial(&place.own_results());
    }
    let document = ended.json()?;
    reference.demand_same(&place.own_results())?;
    let drawn = fs::read(place.own_results().join("timings.csv")).unwrap_or_default();
    match timings {
        Some(stored) if document["trained"] == 0 && stored != drawn => {
            Err("timings.csv has other times than were stored".to_string())
        }
        _ => Ok(()),
    }
}

/// A1: a store that holds hardly more than a checkpoint.
pub(crate) fn checkpoint(trial: &Trial) {
    let text = long(1);
    let reference = Reference::of(&trial.program, &text);
    let base = Place::new(&text);
    let results = base.results();
    let arguments = base.run_arguments(&results, &["--checkpoint-every", "0.05"]);
    let program = trial.program.unimpaired();
    // Killed as soon as it holds one.
    for _ in 0..ATTEMPTS {
        let mut running = Running::start(program.command(&base.path(), &[], &arguments));
        while !running.is_over() && !has_checkpoint(&base) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(running);
        if has_checkpoint(&base) {
            break;
        }
        // It came to its end between two looks.
        let _ = fs::remove_dir_all(base.own_results());
    }
    if !has_checkpoint(&base) {
        return trial.case("a checkpoint", Err("none was ever left".to_string()));
    }
    let bytes = fs::metadata(base.store()).expect("it is there").len() as usize;
    let mut all = damages(bytes, PAGE, 100, 500);
    all.truncate(trial.figure(12, usize::MAX));
    trial.each(&all, |damage| {
        let place = Place::new(&text);
        place.copy_results(&base.own_results());
        // What a kill left open is closed before, so that the damage is not undone.
        place.durable()?;
        damage.strike(&place.store());
        demand_named_or_same(trial, &reference, &place, None)
    });
}

/// A busy machine may let a run end before anybody looks.
const ATTEMPTS: usize = 10;

fn has_checkpoint(place: &Place) -> bool {
    let copy = tempfile::tempdir().expect("a temporary folder");
    place.copy_to(copy.path());
    let store = Store::open_existing(copy.path()).ok().flatten();
    store.is_some_and(|store| store.checkpoints().is_ok_and(|found| !found.is_empty()))
}

/// A1: weights that a run begins with.
pub(crate) fn weights(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    let key = reference.place.file().plan.keys[0].clone();
    let place = Place::new(&SIX.replace(
        "    loss: CrossEntropy,",
        "    init: Weights(\"w.safetensors\"),\n    loss: CrossEntropy,",
    ));
    let (file, results) = (place.path().join("w.safetensors"), reference.place.results());
    let words = [
        "weights",
        "six",
        &key,
        "--to",
        file.to_str().expect("plain"),
        "--out",
        results.to_str().expect("plain"),
    ];
    let program = trial.program.unimpaired();
    program.call(&place.path(), &[], &words).demand_success().expect("without any fault");
    let whole = fs::read(&file).expect("it was written");
    let keys = |path: &Path| {
        let ended = trial.program.call(path, &[], &["plan", FILE, "--json"]);
        if ended.code != 0 {
            return ended.demand_refusal(&[2], &["w.safetensors"]).map(|()| None);
        }
        let document = ended.json()?;
        Ok::<_, String>(
            document["runs"]
                .as_array()
                .map(|runs| runs.iter().map(|run| run["key"].clone()).collect::<Vec<_>>()),
        )
    };
    let of_whole = keys(&place.path()).expect("without any fault");
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    let mut all: Vec<Damage> = (0..header).map(Damage::Cut).collect();
    let mut random = Random::new(1);
    all.extend((0..200).map(|_| Damage::Cut(random.below(whole.len()))));
    all.extend((0..header).map(|byte| Damage::Flip(byte, random.below(8) as u8)));
    all.extend((0..500).map(|_| Damage::Flip(random.below(whole.len()), random.below(8) as u8)));
    random.shuffle(&mut all);
    all.truncate(trial.figure(40, usize::MAX));
    trial.each(&all, |damage| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::copy(place.path().join(FILE), folder.path().join(FILE)).expect("it is there");
        let path = folder.path().join("w.safetensors");
        fs::write(&path, &whole).expect("it is writable");
        damage.strike(&path);
        match keys(folder.path())? {
            Some(keys) if Some(&keys) == of_whole.as_ref() => {
                Err("the keys of the whole file".to_string())
            }
            _ => Ok(()),
        }
    });
}

/// A2.
pub(crate) fn store(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    let timings = fs::read(reference.place.own_results().join("timings.csv")).expect("drawn");
    let base = fs::read(reference.place.store()).expect("it is there");
    let all = damages(base.len(), PAGE, 100, 900);
    let share = trial.figure(30, all.len());
    let mut cases: Vec<Case> =
        all.into_iter().map(|damage| Case { file: "runs.sqlite", damage }).collect();
    cases.truncate(share);
    let named = std::sync::atomic::AtomicUsize::new(0);
    trial.each(&cases, |case| {
        let place = Place::new(SIX);
        fs::create_dir_all(place.own_results()).expect("it can be made");
        fs::write(place.store(), &base).expect("it is writable");
        case.damage.strike(&place.store());
        demand_named_or_same(trial, &reference, &place, Some(&timings))?;
        let drawn_anew = place.own_results().join("report.md").exists();
        named.fetch_add(usize::from(!drawn_anew), std::sync::atomic::Ordering::Relaxed);
        Ok(())
    });
    let (named, tried) = (named.into_inner(), cases.len());
    trial.note(format!("{tried} damaged stores, {named} of them named, of {} bytes", base.len()));
}

/// A2, with a hot journal: a commit that a kill cut short, its journal damaged, or gone.
pub(crate) fn journal(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    // Killed within a commit that finds a run in the store, and within the first.
    let first = reference.place.file().plan.keys[0].clone();
    let mut bases = Vec::new();
    for (call, nth, has_run) in [("unlink", 1, true), ("pwrite64", 9, true), ("unlink", 1, false)] {
        let place = Place::new(SIX);
        drop(place.claim());
        if has_run {
            let only = ["--only", &first, "--no-report"];
            let ended = place.run(&trial.program.unimpaired(), &[], &only);
            ended.demand_success().expect("without any fault");
        }
        let (store, journal) = (place.store(), place.own_results().join("runs.sqlite-journal"));
        let mut words =
            vec!["strace".to_string(), "-f".into(), "-qq".into(), "-o".into(), "/dev/null".into()];
        words.extend(["-e".into(), format!("inject={call}:signal=KILL:when={nth}")]);
        for path in [&store, &journal] {
            words.extend(["-P".to_string(), path.display().to_string()]);
        }
        place.run(&trial.program.unimpaired(), &words, &["--jobs", "1"]);
        if fs::metadata(&journal).is_ok_and(|journal| journal.len() > 0) {
            bases.push(place);
        }
    }
    let has_runs = |base: &&Place| base.durable().is_ok_and(|runs| runs.contains(&true));
    let with_runs = bases.iter().filter(has_runs).count();
    if with_runs == 0 {
        return trial.case("a hot journal", Err("none was left beside finished runs".to_string()));
    }
    for base in &bases {
        let (store, journal) = (base.store(), base.own_results().join("runs.sqlite-journal"));
        let bytes = |path: &Path| fs::metadata(path).expect("it is there").len() as usize;
        let flips = trial.figure(3, 120);
        let of_journal = damages(bytes(&journal), SECTOR, 28, flips);
        let of_store = damages(bytes(&store), PAGE, 100, flips);
        let mut cases = vec![Case { file: "no journal", damage: Damage::Cut(0) }];
        let share = trial.figure(4, usize::MAX);
        let case = |file| move |damage| Case { file, damage };
        cases.extend(of_journal.into_iter().take(share).map(case("runs.sqlite-journal")));
        cases.extend(of_store.into_iter().take(share).map(case("runs.sqlite")));
        trial.each(&cases, |case| {
            let place = Place::new(SIX);
            place.copy_results(&base.own_results());
            let path = place.own_results().join(case.file);
            if path.exists() {
                case.damage.strike(&path);
            } else {
                fs::remove_file(place.own_results().join("runs.sqlite-journal")).expect("there");
            }
            demand_named_or_same(trial, &reference, &place, None)
        });
    }
    let bases = bases.len();
    trial
        .note(format!("{bases} hot journals, {with_runs} of them with finished runs in the store"));
}

/// A file that is no store, and how it is made at this path.
type Foreign = (&'static str, fn(&Path));

const FOREIGN: [Foreign; 8] = [
    ("a store of a later format", |path| stamp_format(path, 60, 999)),
    ("a store of an earlier format", |path| stamp_format(path, 60, 1)),
    ("a database of another program", |path| stamp_format(path, 68, 7)),
    ("text", |path| fs::write(path, "no store\n".repeat(1000)).expect("writable")),
    ("4 GB of nothing", |path| {
        fs::File::create(path).and_then(|file| file.set_len(4 << 30)).expect("sparse files work");
    }),
    ("a folder", |path| {
        fs::remove_file(path).and_then(|()| fs::create_dir(path)).expect("it can be made");
    }),
    ("a FIFO", |path| {
        fs::remove_file(path).expect("it is there");
        assert!(Command::new("mkfifo").arg(path).status().expect("it starts").success());
    }),
    ("/dev/zero", |path| {
        fs::remove_file(path).expect("it is there");
        std::os::unix::fs::symlink("/dev/zero", path).expect("it can be made");
    }),
];

/// Writes a number of the header of a database: its format (at 60) or its application (at 68).
fn stamp_format(path: &Path, at: u64, number: u32) {
    let file = fs::File::options().write(true).open(path).expect("it is there");
    file.write_all_at(&number.to_be_bytes(), at).expect("it is writable");
}

/// Seconds, and bytes above those of a healthy call, that a refusal may take.
const SOON: f64 = 1.0;
const LITTLE: u64 = 64 << 10;

/// A3.
pub(crate) fn foreign(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    for (name, make) in FOREIGN {
        for command in ["run", "report"] {
            let place = Place::new(SIX);
            place.copy_results(&reference.place.own_results());
            make(&place.store());
            trial.case(format!("{command}, {name}"), demand_refused_soon(trial, &place, command));
        }
    }
    let empty = Place::new(SIX);
    fs::create_dir_all(empty.own_results()).expect("it can be made");
    fs::write(empty.store(), "").expect("it is writable");
    trial.case(
        "an empty file is no store yet",
        reference.demand_resume(&empty, &trial.program).map(drop),
    );
}

fn demand_refused_soon(trial: &Trial, place: &Place, command: &str) -> Result<(), String> {
    let results = place.results();
    let arguments = match command {
        "run" => place.run_arguments(&results, &[]),
        _ => vec!["report", &place.name, "--out", results.to_str().expect("a plain name")],
    };
    let started = Instant::now();
    let mut running = Running::start(trial.program.command(&place.path(), &[], &arguments));
    let mut kibibytes = 0;
    while !running.is_over() && started.elapsed() < LIMIT {
        let status = fs::read_to_string(format!("/proc/{}/status", running.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
        kibibytes = kibibytes.max(peak.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let ended = running.finish(LIMIT);
    ended.demand_refusal(&[2], &["runs.sqlite"])?;
    if ended.seconds > SOON || kibibytes > LITTLE {
        return Err(format!("{:.1} s and {kibibytes} KiB until it said so", ended.seconds));
    }
    Ok(())
}
