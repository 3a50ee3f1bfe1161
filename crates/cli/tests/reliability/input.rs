//! Rows I8 to I10 and F13: names, values that are not finite, command lines, closed outputs.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use crate::folders::listing;
use crate::place::{FILE, Place, Reference, SIX};
use crate::program::{Ended, run};
use crate::random::Random;
use crate::trial::Trial;

/// F13: where outputs go, and whether the exit code may be another than 0.
const OUTPUTS: [(&str, &str, &[i32]); 5] = [
    ("stdout is closed", "exec \"$0\" \"$@\" >&-", &[0, 2, 75]),
    ("stdout is full", "exec \"$0\" \"$@\" >/dev/full", &[0, 2, 75]),
    ("nobody reads stdout", "\"$0\" \"$@\" | true", &[0]),
    ("stderr is full", "exec \"$0\" \"$@\" 2>/dev/full", &[0]),
    ("both are closed", "exec \"$0\" \"$@\" >&- 2>&-", &[0, 2, 75]),
];

pub(crate) fn outputs(trial: &Trial) {
    let reference = Reference::of(&trial.program, SIX);
    for (name, script, codes) in OUTPUTS {
        let place = Place::new(SIX);
        let wrapper = ["sh", "-c", script].map(String::from);
        let ended = place.run(&trial.program, &wrapper, &[]);
        let result = ended
            .demand_refusal(codes, &[])
            .and_then(|()| reference.demand_same(&place.own_results()));
        trial.case(format!("run, {name}"), result);
        let results = place.results().display().to_string();
        for arguments in [
            &["plan", FILE, "--out", &results][..],
            &["report", "six", "--out", &results],
            &["doctor"],
        ] {
            let ended = trial.program.call(&place.path(), &wrapper, arguments);
            trial.case(format!("{}, {name}", arguments[0]), ended.demand_refusal(codes, &[]));
        }
    }
}

/// I8: names that lead elsewhere, are no names, or do things to a terminal.
const NAMES: [&str; 24] = [
    "../x",
    // Where no program can write, not even one without the guard.
    "/proc/x",
    "a/b",
    "..",
    ".",
    "",
    " ",
    "CON",
    "nul.txt",
    "a\\\\b",
    "a\\nb",
    "a\\u{1b}[31mb",
    "a\\u{202e}b",
    "a\\u{0}b",
    "-x",
    ".hidden",
    "~",
    "$HOME",
    "a b",
    "é",
    "a:b",
    "*",
    "x\\ty",
    "x\\u{7f}",
];

pub(crate) fn names(trial: &Trial) {
    let long = ["x".repeat(65), "x".repeat(300), "../".repeat(100)];
    let names: Vec<&str> = NAMES.into_iter().chain(long.iter().map(String::as_str)).collect();
    let names = &names[..trial.figure(12, names.len())];
    for name in names {
        // Without the guard a name leads where nothing of ours may be written: no second one then.
        if trial.is_over() {
            return;
        }
        let text = SIX.replace("\"six\"", &format!("\"{name}\""));
        let place = Place::new(&text);
        let ended = place.run(&trial.program, &[], &[]);
        trial.case(format!("name {name:?}"), demand_contained(&ended, &place, "name"));
        // As an argument, with what the text stands for.
        let argument =
            name.replace("\\n", "\n").replace("\\u{1b}", "\u{1b}").replace("\\u{202e}", "\u{202e}");
        let argument =
            argument.replace("\\t", "\t").replace("\\u{7f}", "\u{7f}").replace("\\\\", "\\");
        if argument.contains("\\u") {
            continue;
        }
        let place = Place::new(SIX);
        let to = place.path().join("w.safetensors").display().to_string();
        for arguments in
            [&["report", "--", &argument][..], &["weights", "--to", &to, "--", &argument, "0"]]
        {
            let ended = trial.program.call(&place.path(), &[], arguments);
            let what = format!("{} {argument:?}", arguments[0]);
            trial.case(what, demand_contained(&ended, &place, ""));
        }
    }
    // A link among the results to somewhere else: followed, or refused, but nothing there is lost.
    let (place, elsewhere) = (Place::new(SIX), tempfile::tempdir().expect("a folder"));
    let precious = elsewhere.path().join("runs.csv");
    fs::write(&precious, "precious").expect("it is writable");
    fs::create_dir_all(place.own_results()).expect("it can be made");
    for name in ["runs.csv", "report.md"] {
        std::os::unix::fs::symlink(&precious, place.own_results().join(name)).expect("a link");
    }
    let ended = place.run(&trial.program, &[], &[]);
    let kept = fs::read(&precious).is_ok_and(|text| text == b"precious");
    let result = if kept { ended.demand_no_panic() } else { Err("written through it".to_string()) };
    trial.case("a link in place of a table", result);
}

/// Refused, nothing written anywhere, and no control character on the terminal.
fn demand_contained(ended: &Ended, place: &Place, named: &str) -> Result<(), String> {
    ended.demand_refusal(&[2], &[named])?;
    let is_turn = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
    let is_unsafe = |c: char| (c.is_control() && c != '\n') || is_turn(c);
    if let Some(c) = ended.stderr.chars().find(|&c| is_unsafe(c)) {
        return Err(format!("the message has {c:?} in it"));
    }
    let found = listing(&place.path());
    if found.len() == 1 { Ok(()) } else { Err(format!("written: {found:?}")) }
}

/// I9: rates at which training breaks, at the first step or later.
pub(crate) fn not_finite(trial: &Trial) {
    let healthy = SIX.replace("[0.01, 0.1, 1e30]", "[0.01, 0.1]");
    let reference = Reference::of(&trial.program, &healthy);
    let rows = |place: &Place| {
        fs::read_to_string(place.own_results().join("runs.csv")).unwrap_or_default()
    };
    let of_reference = rows(&reference.place);
    for power in 0..trial.figure(3, 20) {
        let rate = format!("{}e{}", 1 + power % 3, 3 + 2 * (power * 17 / 20));
        let place = Place::new(&SIX.replace("1e30", &rate));
        let result = place.run(&trial.program, &[], &[]).json().and_then(|document| {
            if document["outcomes"]["diverged"] != 2 {
                return Err(format!("outcomes {}", document["outcomes"]));
            }
            let table = rows(&place);
            let has = |line: &&str| table.contains(without_place(line));
            let missing = of_reference.lines().skip(1).find(|line| !has(line));
            if let Some(line) = missing {
                return Err(format!("another run is not as it was without it: {line}"));
            }
            let report = fs::read_to_string(place.own_results().join("report.md"));
            let told = report.is_ok_and(|text| text.contains("diverge"));
            let best = document["verdict"]
                .as_str()
                .is_some_and(|text| text.starts_with("Best learning rate 0."));
            if told && best { Ok(()) } else { Err(format!("verdict {}", document["verdict"])) }
        });
        trial.case(format!("learning rate {rate}"), result);
    }
    let claim = "checks: [(claim: Below(1.0), of: Metric(metric: Accuracy, split: Validation), where: [LearningRate(1e30)], seeds: Every, source: \"it must not\"), (claim: Below(0.0), of: Diverged, where: [LearningRate(1e30)], source: \"it does\")],\n)";
    let text = SIX.trim_end().trim_end_matches(')').to_string() + claim;
    let place = Place::new(&text);
    let results = place.results().display().to_string();
    let ended = trial.program.call(&place.path(), &[], &["check", FILE, "--out", &results]);
    let said = ended.stdout.clone() + &ended.stderr;
    let result = match ended.code {
        1 if said.contains("1e30") => ended.demand_no_panic(),
        _ => Err(format!("a claim about a diverged run must fail by name: {ended}: {said}")),
    };
    trial.case("check", result);
}

/// A line of the table from its key on: position and cell move with the other rates.
fn without_place(line: &str) -> &str {
    line.split(',').find(|field| field.len() == 32).map_or(line, |key| {
        let from = line.find(key).expect("it is part of the line");
        &line[from..]
    })
}

/// What stands on a command line: commands, flags with and without value, values of all kinds.
const WORDS: [&str; 44] = [
    "run",
    "plan",
    "report",
    "check",
    "gradcheck",
    "weights",
    "bench",
    "doctor",
    "train",
    "",
    "--jobs",
    "--jobs=0",
    "--jobs=99999999999999999999",
    "--jobs=-1",
    "--jobs=two",
    "--jobs=",
    "--only",
    "--only=",
    "--json",
    "--json=yes",
    "--out",
    "--out=",
    "--data",
    "--data=",
    "--no-report",
    "--accept-stamp",
    "--to",
    "--to=x",
    "--all",
    "--write",
    "--write=",
    "--",
    "---",
    "-",
    "-x",
    "--x",
    "=",
    "nothing.ron",
    ".",
    "/dev/null",
    "\u{1b}[31m",
    "*",
    "\u{202e}",
    "0",
];

/// I10.
pub(crate) fn command_lines(trial: &Trial) {
    let mut random = Random::new(10);
    let mut lines: Vec<Vec<OsString>> = Vec::new();
    // Every command with every flag twice, then lines of any words, then what is no text.
    for command in &WORDS[..8] {
        for flag in ["--json", "--out=x", "--jobs=1", "--only=0", "--no-report", "--all"] {
            lines.push([command, flag, flag].map(OsString::from).to_vec());
        }
    }
    for _ in 0..140 {
        let length = 1 + random.below(6);
        lines.push((0..length).map(|_| OsString::from(WORDS[random.below(WORDS.len())])).collect());
    }
    for command in ["run", "plan", "report", "weights"] {
        lines.push(vec![command.into(), OsString::from_vec(vec![b'a', 0xff, 0xfe])]);
        lines.push(vec![command.into(), "x".repeat(100_000).into()]);
        lines.push(vec![OsString::from_vec(vec![0xc0]), command.into()]);
    }
    // Those that would be right take long or say what the machine is.
    lines.retain(|line| !is_right(line));
    random.shuffle(&mut lines);
    lines.truncate(trial.figure(40, usize::MAX));
    let items: Vec<Line> = lines.into_iter().map(Line).collect();
    let place = Place::new(SIX);
    trial.each(&items, |Line(line)| {
        let mut command: Command = trial.program.command(&place.path(), &[], &[]);
        command.args(line);
        let ended = run(command);
        if ended.code == 0 && line.iter().any(|word| word == "report" || word == "doctor") {
            return ended.demand_no_panic();
        }
        ended.demand_refusal(&[2], &[])?;
        if ended.stderr.trim().is_empty() { Err("not a word".to_string()) } else { Ok(()) }
    });
    let found = listing(&place.path());
    let result = if found.len() == 1 { Ok(()) } else { Err(format!("written: {found:?}")) };
    trial.case("nothing is written", result);
}

fn is_right(line: &[OsString]) -> bool {
    let first = line.first().and_then(|word| word.to_str()).unwrap_or_default();
    let has = |flag: &str| line.iter().any(|word| word == flag);
    first == "doctor" || first == "bench" || (first == "gradcheck" && has("--all"))
}

struct Line(Vec<OsString>);

impl std::fmt::Display for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words =
            self.0.iter().map(|word| word.to_string_lossy().chars().take(40).collect::<String>());
        write!(formatter, "{:?}", words.collect::<Vec<_>>())
    }
}

/// A4: where weights are saved to, and what must be named.
pub(crate) fn saving(trial: &Trial) {
    use crate::disk::SmallDisk;
    let reference = Reference::of(&trial.program, SIX);
    let place = &reference.place;
    let key = place.file().plan.keys[0].clone();
    let results = place.results().display().to_string();
    let save = |wrapper: &[String], program: &crate::program::Program, to: &Path| {
        let to = to.display().to_string();
        program.call(
            &place.path(),
            wrapper,
            &["weights", &place.name, &key, "--to", &to, "--out", &results],
        )
    };
    let whole = place.path().join("whole.safetensors");
    save(&[], &trial.program.unimpaired(), &whole).demand_success().expect("without any fault");
    let bytes = fs::read(&whole).expect("it was written");

    let disk = SmallDisk::new("size=1m");
    disk.remount("ro");
    let ended =
        save(&disk.wrapper(), &trial.program, &Path::new(&disk.path()).join("a.safetensors"));
    trial.case("a read-only file system", ended.demand_refusal(&[2], &[&disk.path()]));
    let missing = place.path().join("missing/a.safetensors");
    trial.case(
        "a folder that is not there",
        save(&[], &trial.program, &missing).demand_refusal(&[2], &["missing"]),
    );
    let folder = place.path().join("folder.safetensors");
    fs::create_dir(&folder).expect("it can be made");
    trial.case(
        "a folder in its place",
        save(&[], &trial.program, &folder).demand_refusal(&[2], &["folder"]),
    );

    for (name, options, codes) in
        [("no space", "size=4k", &[75][..]), ("no inode", "size=1m,nr_inodes=1", &[75])]
    {
        let disk = SmallDisk::new(options);
        // Room for nothing more.
        let _ = fs::write(disk.outside().join("filler"), [1; 4096]);
        let ended =
            save(&disk.wrapper(), &trial.program, &Path::new(&disk.path()).join("a.safetensors"));
        let left = listing(&disk.outside()).into_iter().find(|path| !path.ends_with("filler"));
        let result = ended.demand_refusal(codes, &[&disk.path()]);
        let result =
            result.and_then(|()| left.map_or(Ok(()), |path| Err(format!("left over: {path:?}"))));
        trial.case(name, result);
    }
    let disk = SmallDisk::new("size=1m");
    let ended =
        save(&disk.wrapper(), &trial.program, &Path::new(&disk.path()).join("a.safetensors"));
    let written = fs::read(disk.outside().join("a.safetensors")).unwrap_or_default();
    let result = ended.demand_success();
    let result =
        result.and_then(|()| if written == bytes { Ok(()) } else { Err("other bytes".into()) });
    trial.case("another device", result);
}
