//! Rows F6, F7 and F8: a folder that cannot be used, is used by another, or goes away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::disk::SmallDisk;
use crate::outside::is_root;
use crate::place::{Place, Reference, SIX, twenty_four};
use crate::program::{Ended, LIMIT, Program, Running};
use crate::trial::Trial;

/// Starts a program as somebody whose permissions hold.
pub(crate) fn nobody() -> Vec<String> {
    let words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    if is_root() { words.map(String::from).to_vec() } else { Vec::new() }
}

/// The program where anyone may start it; nobody could otherwise not even read it.
pub(crate) fn for_anyone(place: &Place, program: &Program) -> Program {
    let copy = place.path().join("gradus");
    fs::copy(&program.path, &copy).expect("there is room");
    permit(&copy, 0o755);
    permit(&place.path(), 0o755);
    program.at(copy)
}

pub(crate) fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Every path below `folder`, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

type Prepare = fn(&Place);

/// What is wrong with the folder, how it came so, and what the message must name.
const UNUSABLE: [(&str, Prepare, &str); 9] = [
    ("read-only results", |place| locked(&place.results(), 0o555), "results"),
    ("read-only folder of its own", |place| locked(&place.own_results(), 0o555), "six"),
    ("a folder that one may not enter", |place| locked(&place.own_results(), 0o444), "six"),
    ("a folder of another", |place| locked(&place.results(), 0o700), "results"),
    ("a file in place of the results", |place| file(&place.results()), "results"),
    ("a file in place of its folder", |place| file(&place.own_results()), "six"),
    ("a dangling link", |place| link(&place.results()), "results"),
    ("a folder in place of the store", |place| locked(&place.store(), 0o755), "runs.sqlite"),
    ("a dangling link in place of the store", |place| link(&place.store()), "runs.sqlite"),
];

fn locked(path: &Path, mode: u32) {
    fs::create_dir_all(path).expect("it can be made");
    permit(path, mode);
}

fn file(path: &Path) {
    fs::create_dir_all(path.parent().expect("it is no root")).expect("it can be made");
    fs::write(path, "no results").expect("it can be written");
}

fn link(path: &Path) {
    fs::create_dir_all(path.parent().expect("it is no root")).expect("it can be made");
    symlink("/nowhere/at/all", path).expect("it can be made");
}

/// F6.
pub(crate) fn unusable(trial: &Trial) {
    for (name, prepare, named) in UNUSABLE {
        let place = Place::new(SIX);
        let program = for_anyone(&place, &trial.program);
        prepare(&place);
        let before = listing(&place.path());
        let ended = place.run(&program, &nobody(), &[]);
        trial.case(name, demand_untouched(&ended, &before, &listing(&place.path()), named));
        // So that it can be removed.
        for path in before.iter().filter(|path| path.is_dir()) {
            permit(path, 0o755);
        }
    }
    let long = Place::new(&SIX.replace("\"six\"", &format!("\"{}\"", "x".repeat(255))));
    let before = listing(&long.path());
    let ended = long.run(&trial.program, &[], &[]);
    trial.case(
        "a name of 255 bytes",
        demand_untouched(&ended, &before, &listing(&long.path()), "name"),
    );
}

/// F6, the part that needs a file system of its own.
pub(crate) fn read_only_disk(trial: &Trial) {
    let (disk, place) = (SmallDisk::new("size=1m"), Place::new(SIX));
    disk.remount("ro");
    let ended = disk.run(&trial.program, &place, &[]);
    let after = listing(&disk.outside());
    trial.case("a read-only file system", demand_untouched(&ended, &[], &after, &disk.path()));
    let disk = SmallDisk::new("size=1m");
    disk.run(&trial.program, &place, &[]).demand_success().expect("there is room");
    disk.remount("ro");
    let before = listing(&disk.outside());
    fs::write(place.path().join("experiment.ron"), SIX.replace("seeds: 2", "seeds: 3"))
        .expect("ok");
    let ended = disk.run(&trial.program, &place, &[]);
    let after = listing(&disk.outside());
    trial.case("a store on it", demand_untouched(&ended, &before, &after, &disk.path()));
}

fn demand_untouched(
    ended: &Ended,
    before: &[PathBuf],
    after: &[PathBuf],
    named: &str,
) -> Result<(), String> {
    ended.demand_refusal(&[2], &[named])?;
    if ended.stderr.contains("training") {
        return Err(format!("it trained before it said so: {ended}"));
    }
    if before == after { Ok(()) } else { Err("something was written".to_string()) }
}

fn start(trial: &Trial, place: &Place, jobs: &str) -> Running {
    let results = place.results();
    let arguments = place.run_arguments(&results, &["--jobs", jobs]);
    Running::start(trial.program.command(&place.path(), &[], &arguments))
}

/// Waits until it trains, and says whether it does.
fn trains(running: &mut Running) -> bool {
    while !running.is_over() && !running.said().contains("training") {
        std::thread::sleep(Duration::from_millis(1));
    }
    !running.is_over()
}

/// F7.
pub(crate) fn two_processes(trial: &Trial) {
    let text = twenty_four();
    let reference = Reference::of(&trial.program, &text);
    for time in 0..trial.figure(2, 20) {
        if trial.is_over() {
            return;
        }
        let place = Place::new(&text);
        let both = [start(trial, &place, "1"), start(trial, &place, "2")];
        let ended = both.map(|running| running.finish(LIMIT));
        let joined = (|| {
            let trained = ended
                .iter()
                .map(|ended| ended.json()?["trained"].as_u64().ok_or("no count".to_string()));
            let trained: u64 = trained.sum::<Result<u64, String>>()?;
            if trained != reference.runs as u64 {
                return Err(format!("{trained} records were written by both together"));
            }
            reference.demand_same(&place.own_results())
        })();
        trial.case(format!("same plan {time}"), joined);
    }
    // Long enough for the newcomer to come in the midst.
    let long = text.replace("epochs: 100", "epochs: 400");
    let reference = Reference::of(&trial.program, &long);
    let other = long.replace("seeds: 4", "seeds: 3");
    for time in 0..trial.figure(1, 5) {
        let place = Place::new(&long);
        let mut first = start(trial, &place, "1");
        let refused = if trains(&mut first) {
            fs::write(place.path().join("experiment.ron"), &other).expect("it is writable");
            let second = start(trial, &place, "1").finish(LIMIT);
            second.demand_refusal(&[75], &["twenty_four", "another process"])
        } else {
            Err("it was over before the other came".to_string())
        };
        trial.case(format!("other plan {time}, the newcomer"), refused);
        let ended = first.finish(LIMIT);
        let kept =
            ended.demand_success().and_then(|()| reference.demand_same(&place.own_results()));
        trial.case(format!("other plan {time}, the first"), kept);
    }
}

type Happening = fn(&Place) -> std::io::Result<()>;

/// What happens to the folder while it is trained into.
const HAPPENINGS: [(&str, Happening); 5] = [
    ("removed", |place| fs::remove_dir_all(place.own_results())),
    ("moved away", |place| fs::rename(place.own_results(), place.path().join("moved"))),
    ("replaced by an empty folder", |place| {
        fs::rename(place.own_results(), place.path().join("moved"))?;
        fs::create_dir(place.own_results())
    }),
    ("replaced by a file", |place| {
        fs::rename(place.own_results(), place.path().join("moved"))?;
        fs::write(place.own_results(), "no folder")
    }),
    ("the store alone removed", |place| fs::remove_file(place.store())),
];

/// F8.
pub(crate) fn gone(trial: &Trial) {
    let text = twenty_four().replace("epochs: 100", "epochs: 2000");
    let reference = Reference::of(&trial.program, &text);
    trial.each(
        &HAPPENINGS.map(|(name, happen)| Named { name, happen }),
        |Named { happen, .. }| {
            let place = Place::new(&text);
            let mut running = start(trial, &place, "1");
            if !trains(&mut running) {
                return Err("it was over before anything happened".to_string());
            }
            std::thread::sleep(Duration::from_millis(150));
            happen(&place).map_err(|error| error.to_string())?;
            let outside: Vec<PathBuf> = listing(&place.path());
            let ended = running.finish(LIMIT);
            ended.demand_refusal(&[2, 75], &["twenty_four"])?;
            let own = place.own_results();
            let new = listing(&place.path()).into_iter().filter(|path| !outside.contains(path));
            let strange: Vec<PathBuf> = new.filter(|path| !path.starts_with(&own)).collect();
            if !strange.is_empty() {
                return Err(format!("written outside: {strange:?}"));
            }
            // With the folder as it was, or with none, the same command carries on.
            let moved = place.path().join("moved");
            if moved.is_dir() {
                let _ = fs::remove_dir_all(&own);
                let _ = fs::remove_file(&own);
                fs::rename(moved, own).map_err(|error| error.to_string())?;
            }
            reference.demand_resume(&place, &trial.program).map(drop)
        },
    );
}

struct Named {
    name: &'static str,
    happen: Happening,
}

impl std::fmt::Display for Named {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}
