//! Rows D1 to D5: the same bits whatever else is different.

use std::collections::BTreeMap;

use gradus_runner::{Plan, RunRecord, Store, stamp};

use crate::place::{Place, Reference, drawn, twenty_four};
use crate::random::Random;
use crate::trial::Trial;

fn same(place: &Place, reference: &Reference) -> Result<(), String> {
    reference.demand_same(&place.own_results())
}

/// D1.
pub(crate) fn threads(trial: &Trial) {
    let text = twenty_four();
    let reference = Reference::of(&trial.program, &text);
    for jobs in ["1", "2", "3", "8"] {
        for time in 0..trial.figure(1, 5) {
            let place = Place::new(&text);
            let ended = place.run(&trial.program, &[], &["--jobs", jobs]);
            let result = ended.demand_success().and_then(|()| same(&place, &reference));
            trial.case(format!("--jobs {jobs}, time {time}"), result);
        }
    }
}

/// D2: shards of the plan, by what their keys begin with, one after the other in any order.
pub(crate) fn orders(trial: &Trial) {
    let text = twenty_four();
    let reference = Reference::of(&trial.program, &text);
    let plan = reference.place.file().plan;
    let mut random = Random::new(2);
    for time in 0..trial.figure(1, 10) {
        // One digit makes up to 16 shards, two make nearly one a run.
        let digits = 1 + time % 2;
        let mut shards: Vec<&str> = plan.keys.iter().map(|key| &key[..digits]).collect();
        shards.sort_unstable();
        shards.dedup();
        random.shuffle(&mut shards);
        let place = Place::new(&text);
        let done = shards.iter().try_for_each(|shard| {
            place.run(&trial.program, &[], &["--only", shard, "--no-report"]).demand_success()
        });
        let result = done.and_then(|()| match reference.demand_resume(&place, &trial.program)? {
            0 => Ok(()),
            again => Err(format!("{again} runs are trained again")),
        });
        trial.case(format!("order {time}, {} shards", shards.len()), result);
    }
}

/// Every record of a place, by key.
fn records(place: &Place, plan: &Plan) -> Result<BTreeMap<String, RunRecord>, String> {
    let store = Store::open_existing(&place.own_results()).map_err(|error| error.to_string())?;
    let store = store.ok_or("no store")?;
    let mut found = BTreeMap::new();
    for key in &plan.keys {
        let record = store.record(key, &stamp()).map_err(|error| error.to_string())?;
        found.extend(record.map(|record| (key.to_string(), record)));
    }
    Ok(found)
}

/// D3.
pub(crate) fn alone(trial: &Trial) {
    let text = twenty_four();
    let reference = Reference::of(&trial.program, &text);
    let plan = reference.place.file().plan;
    let all = records(&reference.place, &plan).expect("the reference can be read");
    // From the end: the first run is the first in any case.
    let keys = plan.keys.iter().rev().map(|key| &**key);
    let keys: Vec<&str> = keys.take(trial.figure(4, usize::MAX)).collect();
    trial.each(&keys, |key| {
        let place = Place::new(&text);
        place.run(&trial.program, &[], &["--only", key, "--no-report"]).demand_success()?;
        let found = records(&place, &plan)?;
        let is_same = found.len() == 1 && same_bits(&found[*key], &all[*key]);
        if is_same { Ok(()) } else { Err("its record is another alone".to_string()) }
    });
}

/// Equal, NaN and all.
fn same_bits(a: &RunRecord, b: &RunRecord) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// D4: a net whose products are large enough for OpenBLAS to divide them.
const WIDE: &str = r#"// Do threads of the library change a bit?
(
    name: "wide",
    data: (source: Noise(input: Features(64), targets: Numbers(1), samples: 512)),
    model: [Dense(256), Tanh, Dense(128), Tanh, Dense(1)],
    loss: Mse,
    optimizer: (learning_rate: 0.01),
    train: (epochs: 2, batch: 256),
    record: [Weights],
    sweep: (seeds: 2),
)
"#;

pub(crate) fn library_threads(trial: &Trial) {
    let reference = Reference::of(&trial.program, WIDE);
    for threads in ["1", "2", "4"] {
        let place = Place::new(WIDE);
        let wrapper = ["env", &format!("OPENBLAS_NUM_THREADS={threads}")].map(String::from);
        let ended = place.run(&trial.program, &wrapper, &[]);
        let result = ended.demand_success().and_then(|()| same(&place, &reference));
        trial.case(format!("OPENBLAS_NUM_THREADS={threads}"), result);
    }
}

/// Kernels that every processor of this family runs, apart from the last.
const KERNELS: [&str; 3] = ["Prescott", "Nehalem", "Haswell"];

/// How far single precision may drift in the few steps of this net.
const TOLERANCE: f64 = 1e-4;

/// D5.
pub(crate) fn kernels(trial: &Trial) {
    let place = Place::new(WIDE);
    let stamps = || {
        let doctor = |kernel: &&str| {
            let wrapper = ["env", &format!("OPENBLAS_CORETYPE={kernel}")].map(String::from);
            let document =
                trial.program.call(&place.path(), &wrapper, &["doctor", "--json"]).json()?;
            Ok(document["stamp"].to_string())
        };
        KERNELS.iter().map(doctor).collect::<Result<Vec<String>, String>>()
    };
    let stamps = match stamps() {
        Ok(stamps) => stamps,
        Err(why) => return trial.case("doctor", Err(why)),
    };
    let mut distinct = stamps.clone();
    distinct.sort();
    distinct.dedup();
    let named = !cfg!(feature = "openblas") || distinct.len() == KERNELS.len();
    let why = || format!("the stamp must name the kernel: {stamps:?}");
    trial.case("the stamp", if named { Ok(()) } else { Err(why()) });
    let mut before: Option<(String, Vec<f64>)> = None;
    for (kernel, stamp) in KERNELS.into_iter().zip(stamps) {
        let wrapper = ["env", &format!("OPENBLAS_CORETYPE={kernel}")].map(String::from);
        let ended = place.run(&trial.program, &wrapper, &[]);
        let result = ended.json().and_then(|document| {
            // In one folder: a record of another kernel is kept and never taken for this one's.
            let is_new = before.as_ref().is_none_or(|(other, _)| *other != stamp);
            let expected = if is_new { 2 } else { 0 };
            if document["trained"] != expected {
                return Err(format!("{} runs trained with a new stamp", document["trained"]));
            }
            let numbers = numbers(&place);
            let far = before.iter().flat_map(|(_, other)| other.iter().zip(&numbers));
            let far = far.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f64::max);
            before = Some((stamp, numbers));
            if far <= TOLERANCE { Ok(()) } else { Err(format!("{far:e} apart")) }
        });
        trial.case(kernel, result);
    }
}

/// All numbers of the table of runs.
fn numbers(place: &Place) -> Vec<f64> {
    let table = drawn(&place.own_results()).remove("runs.csv").unwrap_or_default();
    let text = String::from_utf8_lossy(&table).into_owned();
    text.split([',', '\n']).filter_map(|field| field.parse().ok()).collect()
}
