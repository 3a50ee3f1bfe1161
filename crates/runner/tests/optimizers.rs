//! Optimizers in runs: named on an axis, averaged, moved once an epoch.

use gradus_runner::data::Prepared;
use gradus_runner::{File, Trained, train};
use sha2::{Digest, Sha256};

/// A file of its own: two files of one folder may not have the same name.
fn read(text: &str) -> File {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("optimizers.ron");
    std::fs::write(&path, text).expect("it is written");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

/// A small classifier of Iris with this optimizer, these lengths and this sweep.
fn iris(optimizer: &str, train: &str, sweep: &str) -> String {
    format!(
        "// Which optimizer?\n(name: \"optimizers\", data: (source: Iris, split: (validation: 0.2), \
         inputs: Standardize), model: [Dense(6), Tanh, Dense(3)], loss: CrossEntropy, optimizer: \
         {optimizer}, train: (precision: F64, {train}), sweep: ({sweep}))"
    )
}

const PLAIN: &str = "(learning_rate: 0.3)";
const ADAM: &str = "(chain: [AdamW(decay: 0.1)], learning_rate: 0.01, schedule: Cosine(to: 0.0))";
const CLIPPED: &str = "(chain: [ClipNorm(1.0), Momentum(0.9)], learning_rate: 0.05)";

fn axis() -> String {
    let named = [("plain", PLAIN), ("adam", ADAM), ("clipped", CLIPPED)]
        .map(|(name, optimizer)| format!("(name: \"{name}\", optimizer: {optimizer})"));
    format!("Optimizer([{}])", named.join(", "))
}

/// Each run is the very run of a file that has this optimizer and no axis.
#[test]
fn an_optimizer_of_the_axis_is_that_of_a_file_of_its_own() {
    let train = "epochs: 3, batch: 40";
    let swept = read(&iris(PLAIN, train, &format!("axes: [{}]", axis()))).plan;
    assert_eq!(swept.len(), 3);
    for (cell, (name, optimizer)) in
        [("plain", PLAIN), ("adam", ADAM), ("clipped", CLIPPED)].into_iter().enumerate()
    {
        let alone = read(&iris(optimizer, train, "")).plan;
        assert_eq!(swept.keys[cell], alone.keys[0], "{name}");
        let coordinates = swept.coordinates(cell);
        assert_eq!(coordinates.len(), 1);
        assert_eq!((coordinates[0].axis, coordinates[0].label.as_str()), ("optimizer", name));
    }
}

#[test]
fn a_learning_rate_behind_the_axis_replaces_the_rates() {
    let train = "epochs: 3, batch: 40";
    let axes = format!("axes: [{}, LearningRate(List([0.1, 0.2]))]", axis());
    let swept = read(&iris(PLAIN, train, &axes)).plan;
    assert_eq!(swept.len(), 6);
    for (cell, optimizer) in [(1, PLAIN), (3, ADAM), (5, CLIPPED)] {
        let (start, rest) = optimizer.split_once("learning_rate: ").expect("it has a rate");
        let end = rest.find([',', ')']).expect("it ends");
        let with_rate = format!("{start}learning_rate: 0.2{}", &rest[end..]);
        let alone = read(&iris(&with_rate, train, "")).plan;
        assert_eq!(swept.keys[cell], alone.keys[0], "{with_rate}");
    }
}

/// A linear classifier of Iris in 4 epochs of 3 steps, or as many steps as are said.
fn linear(optimizer: &str, length: &str) -> (Trained, Prepared<f64>) {
    let text = iris(optimizer, &format!("{length}, batch: 40"), "");
    let text =
        text.replace("Dense(6), Tanh, ", "").replace(", train:", ", record: [Weights], train:");
    let plan = read(&text);
    let experiment = &plan.plan.experiment;
    let data = plan.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 5);
    (train(experiment, 5, &data), data)
}

fn flat(trained: &Trained) -> Vec<f64> {
    trained.arrays.iter().flat_map(|array| array.values.clone()).collect()
}

fn curve<'a>(trained: &'a Trained, metric: &str) -> &'a [f64] {
    let found = trained.curves.iter().find(|curve| curve.metric == metric);
    &found.unwrap_or_else(|| panic!("no curve of {metric}")).values
}

/// Parameters after each of the 12 steps, each from a run of that length.
fn replay() -> Vec<Vec<f64>> {
    let steps = 1..=12;
    steps.map(|steps| flat(&linear(PLAIN, &format!("steps: {steps}")).0)).collect()
}

/// The mean cross-entropy of `x W + b`, as the definition says.
fn loss_of(parameters: &[f64], data: &Prepared<f64>) -> f64 {
    let (inputs, rows) = (&data.validation.as_ref().expect("it is there").inputs, 30);
    assert_eq!(inputs.dim(), (rows, 4));
    let samples = data.validation.as_ref().expect("it is there");
    let gradus_core::Targets::Classes(classes) = samples.targets_of(0, rows) else {
        panic!("Iris has classes");
    };
    let loss = |row: usize| {
        let z: Vec<f64> = (0..3)
            .map(|c| (0..4).map(|d| inputs[[row, d]] * parameters[d * 3 + c]).sum::<f64>())
            .zip(&parameters[12..])
            .map(|(product, bias)| product + bias)
            .collect();
        z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[classes[row] as usize]
    };
    (0..rows).map(loss).sum::<f64>() / rows as f64
}

/// Runs with this average; its weights must be those of the shares of the 12 steps, and what is
/// evaluated must be theirs.
fn check_average(average: &str, shares: &[f64; 12]) {
    let steps = replay();
    let (plain, _) = linear(PLAIN, "epochs: 4");
    let with = PLAIN.replace(')', &format!(", average: {average})"));
    let (averaged, data) = linear(&with, "epochs: 4");
    assert_eq!(curve(&averaged, "running_loss"), curve(&plain, "running_loss"), "{average}");
    let expected: Vec<f64> = (0..steps[0].len())
        .map(|at| steps.iter().zip(shares).map(|(step, share)| share * step[at]).sum())
        .collect();
    let got = flat(&averaged);
    for (got, want) in got.iter().zip(&expected) {
        assert!((got - want).abs() < 1e-14, "{average}: {got} is not {want}");
    }
    assert_ne!(got, flat(&plain), "{average}");
    let mut digest = Sha256::new_with_prefix((8 * got.len() as u64).to_le_bytes());
    got.iter().for_each(|value| digest.update(value.to_le_bytes()));
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(averaged.weights_digest, digest, "{average}");
    let of_part =
        |curve: &&gradus_runner::Curve| curve.split == "validation" && curve.metric == "loss";
    let evaluated = averaged.curves.iter().find(of_part).expect("it is evaluated");
    let (last, want) = (evaluated.values[4], loss_of(&expected, &data));
    assert!((last - want).abs() < 1e-13, "{average}: {last} is not {want}");
}

#[test]
fn a_mean_is_evaluated_and_kept_and_training_goes_on_without_it() {
    check_average("Mean()", &[1.0 / 12.0; 12]);
    let half = std::array::from_fn(|step| if step < 6 { 0.0 } else { 1.0 / 6.0 });
    check_average("Mean(from_epoch: 2)", &half);
}

#[test]
fn an_exponential_mean_is_evaluated_and_kept() {
    // d a + (1 - d) w from the first step on, and the same from zero divided by 1 - dⁿ.
    let d: f64 = 0.7;
    let weight = |step: usize| (1.0 - d) * d.powi(11 - step as i32);
    let first = std::array::from_fn(|step| if step == 0 { d.powi(11) } else { weight(step) });
    check_average("Exponential(decay: 0.7)", &first);
    let corrected = std::array::from_fn(|step| weight(step) / (1.0 - d.powi(12)));
    check_average("Exponential(decay: 0.7, bias_correction: true)", &corrected);
}

/// The curve holds the rate that follows each epoch.
#[test]
fn a_rate_set_once_an_epoch_follows_the_cosine_of_whole_epochs() {
    let optimizer = "(learning_rate: 0.3, schedule: Cosine(to: 0.0), each: Epoch)";
    let (run, _) = linear(optimizer, "epochs: 4");
    let rates = curve(&run, "learning_rate");
    assert_eq!(rates.len(), 4);
    for (epoch, rate) in (1..=4).zip(rates) {
        let want = 0.15 * (1.0 + (std::f64::consts::PI * f64::from(epoch) / 4.0).cos());
        assert!((rate - want).abs() < 1e-16, "epoch {epoch}: {rate} is not {want}");
    }
    // The steps of the first epoch all have the full rate, and not the falling one.
    let first = |optimizer: &str| flat(&linear(optimizer, "epochs: 4").0);
    assert_ne!(first(optimizer), first(&optimizer.replace(", each: Epoch", "")));
    let (constant, _) = linear(PLAIN, "epochs: 4");
    assert_eq!(curve(&run, "running_loss")[0], curve(&constant, "running_loss")[0]);
}
