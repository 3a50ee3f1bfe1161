//! Trajectories of other frameworks, replayed: the same description, inputs and initial
//! parameters must lead to the same parameters after 1, 10 and 100 steps. The fixtures are made
//! by `tools/oracle/run.sh`, whose README.md says what is in them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use gradus_core::{Graph, Initialization, Layer, Loss, Mode, Program, Scalar, Shape, Targets};
use gradus_optim::{Clock, Optimizer};
use ndarray::ArrayView2;
use ron::extensions::Extensions;
use serde::Deserialize;

/// The largest distance from the oracle's parameters, as a share of their norm.
const BOUND_F64: f64 = 1e-10;
/// The same for an `f32` run, held against the oracle's run in `f64`.
const BOUND_F32: f64 = 1e-4;

/// One trajectory. What the fields hold is the notation of an experiment file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Who made it, with versions.
    oracle: String,
    input: Shape,
    model: Vec<Layer>,
    loss: Loss,
    optimizer: Optimizer,
    /// Samples a step; the steps go round through all of them.
    batch: usize,
    steps_per_epoch: u64,
    /// What the schedule is shown after each epoch.
    metrics: Vec<f64>,
    inputs: Vec<f64>,
    targets: Wanted,
    /// Names and initial values, in our layout.
    parameters: Vec<(String, Vec<f64>)>,
    after: Vec<Moment>,
    /// The outputs for the first batch in evaluation, at the end.
    evaluated: Vec<f64>,
    /// The mean of the parameters, at the end.
    #[serde(default)]
    averaged: Option<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
enum Wanted {
    Classes(Vec<u32>),
    Values(Vec<f64>),
}

/// The loss that a step saw and the parameters that it left.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    step: u64,
    loss: f64,
    parameters: Vec<f64>,
}

/// How far a replay is from its fixture, as shares of the fixture's norms.
#[derive(Debug)]
struct Distances {
    parameters: Vec<f64>,
    losses: Vec<f64>,
    evaluated: f64,
    averaged: Option<f64>,
}

impl Distances {
    fn worst(&self) -> f64 {
        let all = self.parameters.iter().chain(&self.losses).chain([&self.evaluated]);
        let all = all.chain(&self.averaged);
        // A NaN must not be passed over, as `f64::max` does.
        all.fold(0.0, |worst, &next| if next <= worst { worst } else { next })
    }
}

fn distance<T: Scalar>(ours: &[T], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let norm = |squares: f64| squares.sqrt();
    let apart = ours.iter().zip(theirs).map(|(a, b)| (a.to_f64() - b).powi(2)).sum();
    norm(apart) / norm(theirs.iter().map(|b| b * b).sum())
}

fn converted<T: Scalar>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::from_f64(value)).collect()
}

impl Case {
    fn program<T: Scalar>(&self) -> Program<T> {
        let graph = Graph::build(self.input, &self.model, Initialization::default());
        let graph = graph.unwrap_or_else(|errors| panic!("{}: {errors:?}", self.name));
        let mut program = Program::compile(graph, self.loss.clone(), self.batch);
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let ours: Vec<&str> =
            program.parameters.ranges.iter().map(|range| range.name.as_str()).collect();
        assert_eq!(ours, names, "{}", self.name);
        let initial: Vec<f64> =
            self.parameters.iter().flat_map(|(_, values)| values).copied().collect();
        program.parameters.values.copy_from_slice(&converted::<T>(&initial));
        program
    }

    fn replay<T: Scalar>(&self) -> Distances {
        let mut program = self.program::<T>();
        let mut stepper = self.optimizer.start(&program.parameters);
        let total_steps = self.after.last().expect("a case has its moments").step;
        let inputs = converted::<T>(&self.inputs);
        let batches = inputs.len() / self.input.len() / self.batch;
        let (mut of_parameters, mut of_losses) = (vec![], vec![]);
        let mut moments = self.after.iter().peekable();
        for step in 0..total_steps {
            let batch = step as usize % batches;
            self.begin(&mut program, &inputs, batch);
            program.forward(Mode::Train { step });
            let loss = self.backward(&mut program, batch, batches);
            let clock = Clock {
                step,
                steps_per_epoch: self.steps_per_epoch,
                total_steps,
                batch_rows: self.batch as u64,
                epoch_rows: self.steps_per_epoch * self.batch as u64,
            };
            assert!(stepper.step(&mut program.parameters, clock), "{}: not finite", self.name);
            if (step + 1).is_multiple_of(self.steps_per_epoch) {
                let epoch = (step + 1) / self.steps_per_epoch;
                if let Some(&metric) = self.metrics.get(epoch as usize - 1) {
                    stepper.observe(metric);
                }
            }
            if let Some(moment) = moments.next_if(|moment| moment.step == step + 1) {
                let values = &program.parameters.values;
                of_parameters.push(distance(values, &moment.parameters));
                of_losses.push(distance(&[loss], &[moment.loss]));
            }
        }
        self.begin(&mut program, &inputs, 0);
        program.forward(Mode::Evaluate);
        let outputs: Vec<T> = program.output().iter().copied().collect();
        Distances {
            parameters: of_parameters,
            losses: of_losses,
            evaluated: distance(&outputs, &self.evaluated),
            averaged: self.averaged.as_ref().map(|theirs| {
                distance(stepper.averaged().expect("a case with a mean asks for one"), theirs)
            }),
        }
    }

    fn begin<T: Scalar>(&self, program: &mut Program<T>, inputs: &[T], batch: usize) {
        let shape = (self.batch, self.input.len());
        let chosen = &inputs[batch * shape.0 * shape.1..][..shape.0 * shape.1];
        let chosen = ArrayView2::from_shape(shape, chosen).expect("a batch of inputs");
        program.load(chosen.view());
    }

    fn backward<T: Scalar>(&self, program: &mut Program<T>, batch: usize, batches: usize) -> f64 {
        match &self.targets {
            Wanted::Classes(classes) => {
                let len = classes.len() / batches;
                program.backward(Targets::Classes(&classes[batch * len..][..len]))
            }
            Wanted::Values(values) => {
                let len = values.len() / batches;
                let chosen = converted::<T>(&values[batch * len..][..len]);
                let chosen = ArrayView2::from_shape(program.output().dim(), &chosen);
                program.backward(Targets::Values(chosen.expect("a target for each output")))
            }
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/oracle")
}

/// Every case, with the name of its file, in the order of the names.
fn cases() -> Vec<(String, Case)> {
    let entries = fs::read_dir(folder()).expect("the fixtures can be listed");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let reader = ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_default_extension(Extensions::UNWRAP_NEWTYPES)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES);
    paths
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("a fixture can be read");
            let cases: Vec<Case> = reader
                .from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            cases.into_iter().map(move |case| (name.clone(), case))
        })
        .collect()
}

/// A line of the table: what was compared with whom, and the worst distances.
fn row(file: &str, case: &Case, double: &Distances, single: &Distances) -> String {
    let steps = |distances: &Distances| {
        let each: Vec<String> = distances.parameters.iter().map(|d| format!("{d:.0e}")).collect();
        each.join(" | ")
    };
    let Case { name, oracle, .. } = case;
    format!("| {file} | {name} | {oracle} | {} | {} |\n", steps(double), steps(single))
}

/// Distances of all cases as the page that is committed, and what is beyond its bound.
fn compare() -> (String, Vec<String>) {
    let (mut page, mut beyond) = (String::from(HEAD), Vec::new());
    for (file, case) in cases() {
        let (double, single) = (case.replay::<f64>(), case.replay::<f32>());
        page += &row(&file, &case, &double, &single);
        if !(double.worst() <= BOUND_F64 && single.worst() <= BOUND_F32) {
            beyond.push(format!("{file}: {}: f64 {double:?}, f32 {single:?}", case.name));
        }
    }
    page += "\n## By their formula only\n\n";
    for (name, reason) in FORMULA_ONLY {
        page += &format!("- `{name}`: {reason}\n");
    }
    (page, beyond)
}

#[test]
fn every_trajectory_is_that_of_its_oracle() {
    let (page, beyond) = compare();
    assert!(beyond.is_empty(), "{} cases differ\n{}", beyond.len(), beyond.join("\n"));
    // So `tools/oracle/run.sh` writes docs/ORACLE.md.
    if let Some(path) = env::var_os("GRADUS_ORACLE_TABLE") {
        fs::write(path, page).expect("the page can be written");
    }
}

/// The bound sees a change in the seventh digit of the rate.
#[test]
fn a_trajectory_of_another_rate_is_told_apart() {
    for (file, mut case) in cases() {
        case.optimizer.learning_rate *= 1.0 + 1e-7;
        let worst = case.replay::<f64>().worst();
        assert!(worst > BOUND_F64, "{file}: {}: {worst:e}", case.name);
    }
}

/// Last digits may differ between machines, so only what does not is held.
#[test]
fn the_page_names_the_cases_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ORACLE.md");
    let page = fs::read_to_string(path).expect("docs/ORACLE.md can be read");
    let named = |page: &str| -> Vec<String> {
        let rows = page.lines().filter(|line| line.starts_with("| "));
        rows.map(|row| row.split(" | ").take(3).collect::<Vec<_>>().join(" | ")).collect()
    };
    assert_eq!(named(&page), named(&compare().0), "`tools/oracle/run.sh` writes the page anew");
}

/// The names of an enum's variants, in its source under `crates`.
fn variants(path: &str, name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = fs::read_to_string(path).expect("a source can be read");
    let start = text.find(&format!("pub enum {name} {{\n")).expect("the enum is there");
    let body = text[start..].split("\n}\n").next().unwrap_or_default();
    let lines = body.lines().skip(1).filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(|line| line.split(['(', ',', ' ']).next().unwrap_or_default().to_string()).collect()
}

/// Those of the names that stand in no fixture.
fn without_case(names: &[String]) -> Vec<&str> {
    assert!(!names.is_empty(), "nothing to look for");
    let descriptions: Vec<String> = cases()
        .into_iter()
        .map(|(_, case)| format!("{:?} {:?} {:?}", case.model, case.loss, case.optimizer))
        .collect();
    let has = |text: &String, name: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == name)
    };
    let names = names.iter().map(String::as_str);
    names.filter(|name| !descriptions.iter().any(|text| has(text, name))).collect()
}

#[test]
fn what_has_no_case_says_why() {
    let of = [
        ("core/src/layers/mod.rs", "Layer"),
        ("core/src/losses/mod.rs", "Loss"),
        ("optim/src/transforms/mod.rs", "Transform"),
        ("optim/src/constraint.rs", "Constraint"),
        ("optim/src/schedule/mod.rs", "Schedule"),
        ("optim/src/average.rs", "Average"),
    ];
    let names: Vec<String> = of.iter().flat_map(|(path, name)| variants(path, name)).collect();
    let said: Vec<&str> = FORMULA_ONLY.iter().map(|(name, _)| *name).collect();
    let help = "a new one gets a case in tools/oracle/cases.py, or its reason in FORMULA_ONLY";
    assert_eq!(without_case(&names), said, "{help}");
    assert_eq!(without_case(&["Tanh".to_string(), "Fourier".to_string()]), ["Fourier"]);
}

/// What no one else has, or no one else exactly, and why; in the order of the sources.
const FORMULA_ONLY: [(&str, &str); 1] =
    [("PositionalEncoding", "none of the frameworks at hand has it as a layer")];

const HEAD: &str = "\
# Against other frameworks

The distance of our parameters from the oracle's after 1, 10 and 100 steps, as a share of the
norm of all parameters together. Both begin with the same numbers and see the same batches.
`f32` is held against the oracle's run in `f64`. The bounds are 1e-10 and 1e-4, for the losses and
for the outputs in evaluation too. Written by `tools/oracle/run.sh`.

| of | case | oracle | `f64`, 1 step | 10 | 100 | `f32`, 1 step | 10 | 100 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";
