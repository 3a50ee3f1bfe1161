//! The program from outside: same bytes for any number of workers and after any kill, exit codes,
//! JSON with stable keys, pipes that close.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gradus_runner::{File, Folder, Presence, Store, stamp};
use serde_json::Value;

const SMALL: &str = r#"// Which learning rate is best?
(
    name: "small",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (chain: [Momentum(0.9)], learning_rate: 0.1, schedule: Cosine(to: 0.0)),
    train: (epochs: 4, batch: 16),
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1.0, 1e30]))], seeds: 2),
)
"#;

/// A folder with the experiment in it; results go to `results` inside.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("experiment.ron"), text).expect("it is writable");
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
        command.args(arguments).current_dir(self.0.path());
        command
    }

    fn gradus(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// What a command that succeeds prints.
    fn prints(&self, arguments: &[&str]) -> String {
        let output = self.gradus(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("it prints text")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(arguments)).expect("it prints JSON")
    }

    /// Exit code and what is said.
    fn refuses(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.gradus(arguments);
        assert!(output.stdout.is_empty(), "results go to stdout, messages to stderr");
        let errors = String::from_utf8(output.stderr).expect("it prints text");
        assert!(!errors.contains("panicked") && !errors.contains("a fault in gradus"), "{errors}");
        (output.status.code().expect("it exits by itself"), errors)
    }

    fn results(&self) -> PathBuf {
        self.0.path().join("results")
    }

    fn file(&self) -> File {
        let path = self.0.path().join("experiment.ron");
        File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
    }
}

/// All files of a folder of results but the store and what depends on the clock.
fn drawn(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("there are results");
    let mut files: BTreeMap<String, Vec<u8>> = entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .map(|(name, path)| (name, fs::read(path).expect("it is a file")))
        .collect();
    for apart in ["runs.sqlite", "timings.csv"] {
        assert!(files.remove(apart).is_some(), "{apart} is there");
    }
    files
}

fn assert_same(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>, what: &str) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "{what}");
    for (name, bytes) in one {
        assert!(*bytes == other[name], "{what}: {name} differs");
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

const FILE: &str = "experiment.ron";

#[test]
fn any_number_of_workers_gives_the_same_bytes() {
    let bench = Bench::new(SMALL);
    for jobs in ["1", "2", "3"] {
        bench.prints(&["run", FILE, "--jobs", jobs, "--out", jobs]);
    }
    let of = |jobs: &str| drawn(&bench.0.path().join(jobs).join("small"));
    let one = of("1");
    let pictures = one.keys().filter(|name| name.ends_with(".png")).count();
    assert!(pictures >= 2, "{:?}", one.keys());
    for name in ["runs.csv", "curves.csv", "report.md", "experiment.ron"] {
        assert!(one.contains_key(name), "{name} is missing");
    }
    assert_same(&one, &of("2"), "2 workers");
    assert_same(&one, &of("3"), "3 workers");
    let rows = String::from_utf8(one["runs.csv"].clone()).expect("it is text");
    assert_eq!(rows.lines().count(), 1 + 8, "a diverged run has its line too");
}

#[test]
fn a_finished_sweep_is_left_as_it_is_and_redrawn_only_when_asked() {
    let bench = Bench::new(SMALL);
    let first = bench.json(&["run", FILE, "--json"]);
    assert_eq!(keys(&first), ["files", "folder", "name", "outcomes", "runs", "trained", "verdict"]);
    assert_eq!((&first["runs"], &first["trained"]), (&8.into(), &8.into()));
    assert_eq!(first["outcomes"]["diverged"], 2);
    let folder = bench.results().join("small");
    let (before, timings) = (drawn(&folder), fs::read(folder.join("timings.csv")).expect("there"));

    let started = Instant::now();
    let second = bench.prints(&["run", FILE]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(second.contains("report unchanged: results/small/report.md"), "{second}");
    assert_eq!(bench.json(&["run", FILE, "--json"])["trained"], 0);
    assert_eq!(fs::read(folder.join("timings.csv")).expect("there"), timings);
    assert_same(&before, &drawn(&folder), "a second run");

    fs::remove_file(folder.join("report.md")).expect("it is there");
    assert!(bench.prints(&["report", "small"]).contains("report written: results/small/report.md"));
    assert_same(&before, &drawn(&folder), "report");
    assert_eq!(keys(&bench.json(&["report", "small", "--json"])), ["files", "verdict"]);
}

#[test]
fn a_grown_sweep_trains_what_is_missing() {
    let bench = Bench::new(SMALL);
    bench.prints(&["run", FILE, "--no-report"]);
    let folder = bench.results().join("small");
    let names: Vec<_> = fs::read_dir(&folder).expect("it is there").collect();
    assert_eq!(names.len(), 1, "only the store is written");
    fs::write(bench.0.path().join(FILE), SMALL.replace("0.1, 1.0,", "0.1, 0.3, 1.0,"))
        .expect("it is writable");
    let plan = bench.json(&["plan", FILE, "--json"]);
    assert_eq!(
        keys(&plan),
        [
            "digest",
            "estimated_bytes",
            "estimated_memory",
            "estimated_seconds",
            "missing_steps",
            "name",
            "question",
            "refused",
            "refused_runs",
            "runs"
        ]
    );
    let runs = plan["runs"].as_array().expect("a list");
    assert_eq!(keys(&runs[0]), ["cell", "key", "position", "seed", "state"]);
    let missing: Vec<&Value> = runs.iter().filter(|run| run["state"] == "missing").collect();
    assert_eq!(missing.len(), 2);
    let only = missing[0]["key"].as_str().expect("text");
    assert_eq!(bench.json(&["run", FILE, "--json", "--no-report", "--only", only])["trained"], 1);
    assert_eq!(bench.json(&["run", FILE, "--json", "--no-report"])["trained"], 1);
    let text = bench.prints(&["plan", FILE]);
    assert!(text.contains("10 runs, none missing"), "{text}");
}

#[test]
fn gradients_are_checked_and_the_machine_is_described() {
    let bench = Bench::new(SMALL);
    let text = bench.prints(&["gradcheck", FILE]);
    assert!(text.starts_with("pass "), "{text}");
    let checks = bench.json(&["gradcheck", FILE, "--json"]);
    assert_eq!(
        keys(&checks[0]),
        ["cell", "compared", "corners", "failures", "file", "parameters", "passed", "worst"]
    );
    assert_eq!(checks[0]["passed"], true);
    let all = bench.prints(&["gradcheck", "--all"]);
    assert!(all.contains("pass  Lstm") && all.contains("\nlosses "), "{all}");
    let last: Vec<&str> = all.lines().last().expect("a summary").split_whitespace().collect();
    assert!(last[0] == "all" && last[3] == "0" && last[4].starts_with("0."), "{all}");
    let all = bench.json(&["gradcheck", "--all", "--json"]);
    let of_row = ["case", "compared", "corners", "failures", "family", "passed", "worst"];
    assert_eq!(keys(&all[0]), of_row);
    let doctor = bench.json(&["doctor", "--json"]);
    assert_eq!(keys(&doctor), ["cores", "matrix_product", "stamp", "version"]);
    assert!(!bench.results().exists(), "neither writes anything");
}

#[test]
fn wrong_use_and_wrong_files_are_exit_2_and_nothing_is_written() {
    let bench = Bench::new(&SMALL.replace("Relu", "Rellu"));
    for (arguments, said) in [
        (&["run", FILE][..], "did you mean `Relu`?"),
        (&["plan", FILE], "1 mistake; nothing was trained or written"),
        (&["gradcheck", FILE], "experiment.ron:5:23"),
        (&["gradcheck"], "<FILES>"),
        (&["gradcheck", "--all", FILE], "cannot be used with"),
        (&["gradcheck", FILE, "--write", "page.md"], "cannot be used with"),
        (&["run", "missing.ron"], "missing.ron"),
        (&["run", "."], "it is a folder"),
        (&["report", "nobody"], "no results of that name"),
        (&["train", FILE], "unrecognized subcommand"),
        (&["run", FILE, "--job", "2"], "--jobs"),
        (&["run", FILE, "--jobs", "0"], "--jobs"),
    ] {
        let (code, errors) = bench.refuses(arguments);
        assert_eq!(code, 2, "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
    }
    let names: Vec<_> = fs::read_dir(bench.0.path()).expect("it is there").collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let (code, errors) = Bench::new(SMALL).refuses(&["run", FILE, "--only", "no key"]);
    assert_eq!(code, 2, "{errors}");
}

#[test]
fn weights_are_written_to_files_of_their_own_kind_alone() {
    let bench = Bench::new(&SMALL.replace("seeds: 2", "seeds: 1"));
    bench.prints(&["run", FILE, "--no-report"]);
    let store = bench.results().join("small").join("runs.sqlite");
    let before = fs::read(&store).expect("it is there");
    let to = store.to_str().expect("a plain name");
    let (code, errors) = bench.refuses(&["weights", "small", "", "--to", to]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains(".safetensors"), "{errors}");
    assert!(fs::read(&store).expect("it is there") == before, "the store was touched");
}

#[test]
fn pipes_that_close_end_nothing_in_a_panic() {
    let bench = Bench::new(SMALL);
    for arguments in [&["plan", FILE][..], &["run", FILE], &["doctor"], &["run", "missing.ron"]] {
        let mut command = bench.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ok");
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut errors).expect("it is text");
        let code = child.wait().expect("it ends").code();
        assert_eq!(code, Some(if arguments[1..] == ["missing.ron"] { 2 } else { 0 }), "{errors}");
        assert!(!errors.contains("fault"), "{errors}");
    }
    let bench = Bench::new(SMALL);
    for (arguments, code) in [(&["run", FILE][..], 0), (&["run", "missing.ron"], 2)] {
        let mut command = bench.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ok");
        drop(child.stderr.take());
        drop(child.stdout.take());
        assert_eq!(child.wait().expect("it ends").code(), Some(code), "{arguments:?} 2>&1 | true");
    }
}

#[test]
fn a_folder_that_another_process_holds_is_75_and_the_same_plan_joins() {
    let bench = Bench::new(SMALL);
    let held = Folder::take(&bench.results(), &bench.file().plan).expect("nobody is there");
    bench.prints(&["run", FILE, "--no-report"]);
    fs::write(bench.0.path().join(FILE), SMALL.replace("seeds: 2", "seeds: 3")).expect("ok");
    let (code, errors) = bench.refuses(&["run", FILE]);
    assert_eq!(code, 75, "{errors}");
    assert!(errors.contains("another process"), "{errors}");
    drop(held);
    assert_eq!(bench.json(&["run", FILE, "--no-report", "--json"])["trained"], 4);
}

/// How many runs of the plan are there.
fn durable(bench: &Bench, file: &File) -> usize {
    let folder = bench.results().join("small");
    let store = Store::open_existing(&folder).expect("it is readable");
    let presence = store.map(|store| store.presence(&file.plan, &stamp()).expect("readable"));
    presence.unwrap_or_default().iter().filter(|&&there| there == Presence::Here).count()
}

#[test]
fn a_killed_sweep_is_carried_on_and_ends_in_the_same_bytes() {
    // Long enough for the kill to come in the middle: the writer commits in groups, so that on a
    // quick machine a run of milliseconds is durable only together with many others.
    let text = SMALL
        .replace("epochs: 4", "epochs: 60")
        .replace("source: Iris", "source: Digits")
        .replace("Dense(8), Relu, Dense(3)", "Dense(32), Relu, Dense(10)")
        .replace("seeds: 2", "seeds: 8");
    let (bench, undisturbed) = (Bench::new(&text), Bench::new(&text));
    undisturbed.prints(&["run", FILE]);

    let file = bench.file();
    let mut command = bench.command(&["run", FILE, "--jobs", "1"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while durable(&bench, &file) == 0 {
        assert!(Instant::now() < deadline, "no run was ever finished");
        std::thread::yield_now();
    }
    // SIGKILL on Unix: nothing of the program's own runs after it.
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    let there = durable(&bench, &file);
    assert!((1..32).contains(&there), "{there} runs when it was killed");

    let document = bench.json(&["run", FILE, "--json"]);
    assert_eq!(document["trained"], 32 - there, "what was durable is not trained again");
    let results = |bench: &Bench| drawn(&bench.results().join("small"));
    assert_same(&results(&undisturbed), &results(&bench), "after the kill");
}
