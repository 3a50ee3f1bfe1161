//! A run killed in its midst is carried on; stored runs are verified, explained, counted, dropped.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gradus_runner::{File, Folder, Store, Timing, stamp};
use serde_json::Value;

const SWEEP: &str = r#"// Which rate, and how large a batch?
(
    name: "sweep",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(8), Relu, Dense(3)],
    loss: CrossEntropy,
    optimizer: (
        chain: [L2(1e-4), Momentum(0.9)],
        learning_rate: 0.1,
    ),
    train: (epochs: 3, batch: 16),
    sweep: (axes: [LearningRate(List([0.01, 0.1, 1e30])), Momentum(Linear(from: 0.0, to: 0.9, points: 2))], seeds: 2),
)
"#;

struct Bench(tempfile::TempDir);

impl Bench {
    fn new(text: &str) -> Self {
        let bench = Self(tempfile::tempdir().expect("a temporary folder"));
        bench.write(text);
        bench
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path().join("a.ron"), text).expect("it is writable");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        const PROGRAM: &str = env!("CARGO_BIN_EXE_gradus");
        let mut command = Command::new(PROGRAM);
        // These tests may themselves run under `nohup`, or in the background of a shell.
        if cfg!(target_os = "linux") {
            command = Command::new("env");
            command.args(["--default-signal=HUP,INT,TERM", PROGRAM]);
        }
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Exit code, stdout, stderr.
    fn gradus(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        (status.code(), text(stdout), text(stderr))
    }

    fn prints(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.gradus(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(arguments)).expect("it prints JSON")
    }

    fn store(&self) -> Option<Store> {
        Store::open_existing(&self.0.path().join("results/sweep")).expect("it is readable")
    }

    fn file(&self) -> File {
        File::read(&self.0.path().join("a.ron"), None).unwrap_or_else(|e| panic!("{}", e.text))
    }

    fn csv(&self) -> String {
        fs::read_to_string(self.0.path().join("results/sweep/curves.csv")).expect("it was drawn")
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One run of some seconds, with all that a checkpoint has to hold.
const LONG: &str = r#"// How long?
(
    name: "sweep",
    data: (source: Digits, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(64), BatchNorm(), Relu, Dropout(0.2), Dense(10)],
    loss: CrossEntropy,
    optimizer: (chain: [Adam()], learning_rate: 0.01, schedule: Cosine(to: 0.0), average: Mean()),
    train: (epochs: 400, batch: 16),
    record: [GradientNorms],
)
"#;

#[test]
fn a_run_that_is_killed_again_and_again_ends_in_the_same_bytes() {
    let (whole, cut) = (Bench::new(LONG), Bench::new(LONG));
    whole.prints(&["run", "a.ron"]);
    let key = cut.file().plan.keys.remove(0);
    let run = ["run", "a.ron", "--checkpoint-every", "0.02"];
    let steps = || {
        let kept = cut.store().and_then(|store| store.checkpoints().expect("readable").pop());
        kept.map_or(0, |entry| entry.steps)
    };
    let mut before = 0;
    for kill in 0..4 {
        let mut child: Child =
            cut.command(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        wait_for("it never came further", || steps() > before);
        // The last of them is a signal that it hears: then it saves where it is.
        if kill < 3 {
            child.kill().expect("it is there");
        } else {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &pid]).status().expect("ok").success());
        }
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        let code = child.wait().expect("it ends").code();
        assert_eq!(code, if kill < 3 { None } else { Some(130) }, "{said}");
        if before > 0 {
            let carried = format!("run {key} carries on behind step {before}\n");
            assert!(said.contains(&carried), "{said} is not {carried}");
        }
        before = steps();
        let status = cut.json(&["status", "sweep", "--json"]);
        assert_eq!(status["checkpoints"][0]["key"], *key);
        assert_eq!(status["checkpoints"][0]["steps"], before);
        assert!(cut.prints(&["status", "sweep"]).contains(&format!("step {before}\n")));
    }
    let (code, _, said) = cut.gradus(&run);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("carries on behind step {before}\n")), "{said}");
    assert_eq!(cut.csv(), whole.csv());
    let record = |bench: &Bench| bench.store().expect("there").record(&key, &stamp()).expect("ok");
    assert_eq!(record(&cut), record(&whole));
    assert_eq!(steps(), 0, "the checkpoint went with the record");
}

#[test]
fn nothing_is_kept_of_a_run_where_no_checkpoint_is_wanted() {
    let bench = Bench::new(LONG);
    let run = ["run", "a.ron", "--checkpoint-every", "0"];
    let mut child = bench.command(&run).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut first = [0; 8];
    child.stderr.as_mut().expect("piped").read_exact(&mut first).expect("it says that it trains");
    std::thread::sleep(Duration::from_millis(300));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("ok").success());
    child.wait().expect("it ends");
    assert_eq!(bench.store().expect("there").checkpoints().expect("readable"), []);
    for wrong in ["-1", "NaN", "soon", "1e300"] {
        let (code, _, said) = bench.gradus(&["run", "a.ron", "--checkpoint-every", wrong]);
        assert_eq!(code, Some(2), "{wrong}: {said}");
    }
}

#[test]
fn stored_runs_have_the_same_bits_in_every_other_way() {
    let bench = Bench::new(SWEEP);
    let (code, _, said) = bench.gradus(&["verify", "sweep"]);
    assert_eq!(code, Some(2), "{said}");
    bench.prints(&["run", "a.ron", "--no-report"]);
    let text = bench.prints(&["verify", "sweep"]);
    assert!(text.starts_with("5 runs of 12 trained again, "), "{text}");
    assert!(text.contains("every bit is the same"), "{text}");
    let all = bench.json(&["verify", "sweep", "--runs", "100", "--json"]);
    assert_eq!(keys(&all), ["comparable", "compared", "cut", "differences"]);
    assert_eq!((&all["compared"], &all["differences"]), (&12.into(), &Value::Array(vec![])));
    // Those at a rate of 1e30 break before they can be cut.
    assert!(all["cut"].as_u64().expect("a number") >= 3, "{all}");
}

/// The control: a record whose bits are not those of its run.
#[test]
fn a_record_that_is_not_what_its_run_gives_is_named_with_both_values() {
    let bench = Bench::new(SWEEP);
    bench.prints(&["run", "a.ron", "--no-report"]);
    let plan = bench.file().plan;
    let record = bench.store().expect("there").record(&plan.keys[0], &stamp()).expect("readable");
    let mut record = record.expect("it was trained");
    let value = &mut record.curves[1].values[2];
    let stored = *value;
    *value = f64::from_bits(value.to_bits() + 1);
    let changed = *value;
    fs::remove_dir_all(bench.0.path().join("results")).expect("it is there");
    let mut folder = Folder::take(&bench.0.path().join("results"), &plan).expect("nobody is there");
    let timing = Timing { seconds: 1.0 };
    folder.store.insert(&[(record, timing)]).expect("it is writable");
    drop(folder);
    let (code, text, _) = bench.gradus(&["verify", "sweep"]);
    assert_eq!(code, Some(3), "{text}");
    let expected = format!("validation loss, epoch 2: {changed:?} is stored, {stored:?} came out");
    assert!(text.contains(&*plan.keys[0]) && text.contains(&expected), "{text}");
    let (code, json, _) = bench.gradus(&["verify", "sweep", "--json"]);
    assert_eq!(code, Some(3));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let difference = &json["differences"][0];
    assert_eq!(keys(difference), ["again", "key", "quantity", "stored", "way"]);
    assert_eq!(difference["stored"], format!("{changed:?}"));
}

#[test]
fn every_value_of_a_run_says_where_it_came_from() {
    let bench = Bench::new(SWEEP);
    bench.prints(&["run", "a.ron", "--no-report"]);
    let plan = bench.file().plan;
    // The second seed, the second rate, the second momentum.
    let key = &plan.keys[6 + 3];
    let text = bench.prints(&["explain", "sweep", &key[..10]]);
    let line = |place: &str| {
        let found = text.lines().find(|line| line.split_whitespace().next() == Some(place));
        found.unwrap_or_else(|| panic!("{place} in {text}")).split_whitespace().collect::<Vec<_>>()
    };
    let of = |place: &str| line(place)[1..].join(" ");
    assert_eq!(of("loss"), "CrossEntropy a.ron:6:11");
    assert_eq!(
        (of("model[0]"), of("model[0][0]")),
        ("Dense a.ron:5:13".into(), "8 a.ron:5:19".into())
    );
    assert_eq!(of("train.epochs"), "3 a.ron:11:21");
    assert_eq!(of("train.window"), "1 default");
    assert_eq!(of("judge.metric"), "Loss default");
    assert_eq!(of("optimizer.chain[0][0]"), "0.0001 a.ron:8:20");
    let rate = of("optimizer.learning_rate");
    assert_eq!(rate, "0.1 axis learning rate, value 2 of 3: a.ron:12:45");
    let momentum = of("optimizer.chain[1][0]");
    assert_eq!(momentum, "0.9 axis momentum, value 2 of 2: a.ron:12:59");
    assert_eq!(of("seed"), "1 a.ron:12:116");
    assert!(!text.contains("sweep.axes") && !text.contains("checks"), "{text}");

    let json = bench.json(&["explain", "sweep", key, "--json"]);
    assert_eq!(keys(&json), ["data", "file", "key", "seed", "values"]);
    let values = json["values"].as_array().expect("a list");
    let rate = values.iter().find(|value| value["place"] == "optimizer.learning_rate");
    let rate = rate.expect("it is there");
    assert_eq!(
        (&rate["origin"], &rate["number"], &rate["line"]),
        (&"axis".into(), &2.into(), &12.into())
    );

    for (key, said) in [("zz", "no key begins so"), ("", "more than one key begins so")] {
        let (code, _, errors) = bench.gradus(&["explain", "sweep", key]);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(said) && errors.contains(&plan.keys[0][..12]), "{errors}");
        assert!(errors.contains("seed 0, learning rate 0.01, momentum 0"), "{errors}");
    }
}

#[test]
fn status_counts_what_is_there_and_forget_drops_what_is_named() {
    let bench = Bench::new(SWEEP);
    bench.prints(&["run", "a.ron", "--no-report"]);
    bench.write(&SWEEP.replace("0.01, 0.1, 1e30", "0.01, 0.1, 0.2"));
    let key = bench.file().plan.keys.remove(0);
    bench.prints(&["run", "a.ron", "--no-report", "--only", &key]);
    let status = bench.json(&["status", "sweep", "--json"]);
    let all =
        ["beside", "checkpoints", "failed", "missing", "name", "other_stamp", "runs", "there"];
    assert_eq!(keys(&status), all);
    let count = |status: &Value, name: &str| status[name].as_array().expect("a list").len();
    assert_eq!((count(&status, "there"), count(&status, "missing")), (8, 4));
    assert_eq!(status["beside"], 4);
    let text = bench.prints(&["status", "sweep"]);
    assert!(text.starts_with("sweep: 12 runs planned: 8 there, "), "{text}");

    let (code, _, errors) = bench.gradus(&["forget", "sweep", "--other-plans"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("4 records and 0 checkpoints would be dropped"), "{errors}");
    assert_eq!(bench.json(&["status", "sweep", "--json"])["beside"], 4, "nothing was dropped");
    let dropped = bench.prints(&["forget", "sweep", "--other-plans", "--yes"]);
    assert_eq!(dropped, "dropped 4 records and 0 checkpoints\n");
    let json = bench.json(&["forget", "sweep", &key[..9], "--yes", "--json"]);
    assert_eq!((&json["records"], keys(&json)), (&1.into(), vec!["checkpoints", "records"]));
    let status = bench.json(&["status", "sweep", "--json"]);
    assert_eq!((count(&status, "there"), &status["beside"]), (7, &0.into()));
    assert_eq!(bench.json(&["run", "a.ron", "--no-report", "--json"])["trained"], 5);
    for wrong in [&["forget", "sweep"][..], &["forget", "sweep", "", "--yes"]] {
        assert_eq!(bench.gradus(wrong).0, Some(2), "{wrong:?}");
    }
    let plan = bench.file().plan;
    let held = Folder::take(&bench.0.path().join("results"), &plan).expect("nobody is there");
    let (code, _, errors) = bench.gradus(&["forget", "sweep", "--failed", "--yes"]);
    assert_eq!(code, Some(75), "{errors}");
    drop(held);
}

/// What a change of the file asks for anew, and what it leaves as it is.
#[test]
fn a_changed_file_trains_what_the_change_concerns_and_nothing_else() {
    let bench = Bench::new(SWEEP);
    let trained = |text: &str| {
        bench.write(text);
        let missing = bench.json(&["plan", "a.ron", "--json"]);
        let missing = missing["runs"].as_array().expect("a list").iter();
        let missing = missing.filter(|run| run["state"] == "missing").count();
        let trained = bench.json(&["run", "a.ron", "--no-report", "--json"])["trained"].clone();
        assert_eq!(trained, missing, "what `plan` says is what `run` does");
        missing
    };
    assert_eq!(trained(SWEEP), 12);
    let two_rates = SWEEP.replace("0.01, 0.1, 1e30", "0.01, 0.03, 0.1, 0.3, 1e30");
    assert_eq!(trained(&two_rates), 2 * 2 * 2);
    let three_seeds = two_rates.replace("seeds: 2", "seeds: 5");
    assert_eq!(trained(&three_seeds), 5 * 2 * 3);
    // What people look at, and what is claimed: no part of any run.
    let judge = "loss: CrossEntropy, judge: (metric: Loss, split: Validation, at: Best),";
    let checks = "seeds: 5),\n    checks: [(claim: Below(9.0), source: \"ours\")],\n)";
    let judged = three_seeds
        .replace("loss: CrossEntropy,", judge)
        .replace("Which rate", "Which, of all rates")
        .replace("seeds: 5),\n)", checks);
    assert!(judged.contains("checks") && judged.contains("Best"), "{judged}");
    assert_eq!(trained(&judged), 0);
    // In other words the same.
    assert_eq!(
        trained(&SWEEP.replace("1e-4", "(lambda: 0.0001)").replace("Dense(8)", "Dense(units: 8)")),
        0
    );
    assert_eq!(trained(&SWEEP.replace("Dense(8)", "Dense(9)")), 12);
    // And back again: nothing was lost.
    assert_eq!(trained(&three_seeds), 0);
}

#[test]
fn another_stamp_is_kept_apart() {
    let bench = Bench::new(SWEEP);
    bench.prints(&["run", "a.ron", "--no-report"]);
    let (plan, own) = (bench.file().plan, stamp());
    let mut folder = Folder::take(&bench.0.path().join("results"), &plan).expect("nobody is there");
    let records: Vec<_> = plan.keys[..3]
        .iter()
        .map(|key| folder.store.record(key, &own).expect("readable").expect("there"))
        .map(|mut record| {
            record.stamp = "another engine".into();
            record.initial_loss += 1.0;
            (record, Timing { seconds: 1.0 })
        })
        .collect();
    // Other bits under the same key, and no word about it: they are of another engine.
    folder.store.insert(&records).expect("it is kept apart");
    drop(folder);
    assert_eq!(bench.json(&["status", "sweep", "--json"])["beside"], 3);
    assert_eq!(bench.json(&["run", "a.ron", "--no-report", "--json"])["trained"], 0);
    bench.prints(&["forget", "sweep", &plan.keys[0], "--yes"]);
    assert_eq!(bench.json(&["run", "a.ron", "--no-report", "--json"])["trained"], 1);
    assert_eq!(bench.json(&["verify", "sweep", "--runs", "12", "--json"])["compared"], 12);
    let dropped = bench.json(&["forget", "sweep", "--other-stamps", "--yes", "--json"]);
    assert_eq!(dropped["records"], 2);
}
