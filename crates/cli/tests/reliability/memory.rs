//! Row F10: less memory than a network needs.

use crate::place::{FILE, Place, drawn};
use crate::trial::Trial;

/// A model that fits anywhere, and one of 200 million weights, each with its gradient and the two
/// moments of Adam: 3.2 GB.
const SMALL: &str = "[Dense(1)]";
const LARGE: &str = "[Dense(1000000), Dense(1)]";

fn experiment(models: &[(&str, &str)]) -> String {
    let models: Vec<String> = models
        .iter()
        .map(|(name, layers)| format!("(name: \"{name}\", layers: {layers})"))
        .collect();
    format!(
        "// Does it fit?\n(name: \"memory\", data: (source: Noise(input: Features(200), \
         targets: Numbers(1), samples: 20)), model: {SMALL}, loss: Mse, \
         optimizer: (chain: [Adam()], learning_rate: 1e-3), train: (steps: 2, batch: 20), \
         sweep: (axes: [Model([{}])], seeds: 2))\n",
        models.join(", ")
    )
}

/// The lines of a table of runs from their keys on.
fn rows(place: &Place) -> Vec<String> {
    let table = drawn(&place.own_results()).remove("runs.csv").unwrap_or_default();
    let text = String::from_utf8_lossy(&table).into_owned();
    let is_key = |field: &&str| field.len() == 32 && field.bytes().all(|b| b.is_ascii_hexdigit());
    let from_key = |line: &str| {
        let at = line.find(line.split(',').find(is_key)?)?;
        Some(line[at..].to_string())
    };
    text.lines().filter_map(from_key).collect()
}

/// Starts a program with so much address space.
fn limit(kibibytes: usize) -> Vec<String> {
    ["sh", "-c", &format!("ulimit -v {kibibytes}; exec \"$0\" \"$@\"")].map(String::from).to_vec()
}

/// A network of 8 million weights: 0.33 GB to train, and twice that in double precision.
const MIDDLE: &str = "[Dense(40000), Dense(1)]";

/// F10, what trains beside `run`: `verify`, and `accept`, whose runs have room and whose witness has
/// none.
pub(crate) fn too_large_beside_run(trial: &Trial) {
    let text = experiment(&[("middle", MIDDLE)]);
    let text = text.replace("seeds: 2)", "seeds: 5), gate: (margins: [(margin: 0.5)])");
    let place = Place::new(&text);
    let results = place.results().display().to_string();
    let trained = place.run(&trial.program.unimpaired(), &[], &["--no-report"]);
    trained.demand_success().expect("it fits");
    let verify = ["verify", &place.name, "--runs", "2", "--out", &results];
    let accept = ["accept", FILE, "--jobs", "1", "--out", &results];
    for (kibibytes, arguments) in [(800_000, &verify[..]), (1_300_000, &accept)] {
        let ended = trial.program.call(&place.path(), &limit(kibibytes), arguments);
        let name = format!("{}, ulimit -v {kibibytes}", arguments[0]);
        trial.case(name, ended.demand_refusal(&[75], &["cannot be ", "it needs about", "GB"]));
    }
}

/// F10.
pub(crate) fn too_large(trial: &Trial) {
    let alone = Place::new(&experiment(&[("small", SMALL)]));
    alone.run(&trial.program.unimpaired(), &[], &[]).demand_success().expect("it fits");
    let expected = rows(&alone);
    let limits = [1_600_000, 2_000_000, 2_400_000, 2_800_000, 3_000_000];
    for kibibytes in limits.into_iter().take(trial.figure(1, limits.len())) {
        let place = Place::new(&experiment(&[("large", LARGE), ("small", SMALL)]));
        let ended = place.run(&trial.program, &limit(kibibytes), &["--jobs", "2"]);
        let result = ended.demand_refusal(&[1], &["it needs about", "GB"]).and_then(|()| {
            let found = rows(&place);
            match expected.iter().find(|row| !found.contains(row)) {
                Some(row) => Err(format!("another run is not as it is alone: {row}")),
                None if expected.len() != 2 => Err(format!("{} small runs", expected.len())),
                None => Ok(()),
            }
        });
        trial.case(format!("ulimit -v {kibibytes}"), result);
    }
}
