//! A run that is cut and carried on from its checkpoint has the bits of the undisturbed run; and
//! every part of a checkpoint is needed for that.

use std::collections::BTreeSet;

use gradus_runner::{Cut, File, Interruption, Outcome, Trained, train_cut};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize};

/// What makes a run keep anything from step to step, named after it: transformations, schedules,
/// rules that stop, averages, layers. Four epochs of four steps, the last of an epoch short.
#[derive(Clone, Copy)]
struct Setup {
    name: &'static str,
    chain: &'static str,
    /// Further fields of the optimizer.
    optimizer: &'static str,
    model: &'static str,
    /// Further fields of `train`.
    train: &'static str,
    /// Further fields of the experiment.
    other: &'static str,
}

const DENSE: &str = "[Dense(8), Tanh, Dense(3)]";

const PLAIN: Setup = Setup {
    name: "plain",
    chain: "[]",
    optimizer: "",
    model: DENSE,
    train: "epochs: 4",
    other: "",
};

fn chain(name: &'static str, chain: &'static str) -> Setup {
    Setup { name, chain, ..PLAIN }
}

fn schedule(name: &'static str, schedule: &'static str) -> Setup {
    Setup { name, optimizer: schedule, chain: "[Momentum(0.9)]", ..PLAIN }
}

/// Every kind that there is; `crates/cli/tests/tidy.rs` holds the list against the registries.
fn setups() -> Vec<Setup> {
    let noisy = "[Dense(8), BatchNorm(), Relu, Dropout(0.3), Dense(3)]";
    let stop = |name, train, other| Setup { name, train, other, chain: "[Momentum(0.9)]", ..PLAIN };
    vec![
        chain("Sgd", "[Sgd]"),
        chain("L2", "[L2(1e-3), L1(1e-4)]"),
        chain("DecoupledDecay", "[Momentum(0.5), DecoupledDecay(1e-3)]"),
        chain("Momentum", "[Momentum(0.9)]"),
        chain("ClassicalMomentum", "[ClassicalMomentum(0.9)]"),
        chain("Nesterov", "[Nesterov(0.9)]"),
        chain("Adagrad", "[Adagrad()]"),
        chain("RmsProp", "[RmsProp()]"),
        chain("RmsProp centered", "[RmsProp(centered: true), Momentum(0.9)]"),
        chain("Adadelta", "[Adadelta()]"),
        chain("Adam", "[Adam()]"),
        chain("AdamW", "[AdamW(decay: 0.01)]"),
        chain("AmsGrad", "[AmsGrad()]"),
        chain("Lion", "[Lion()]"),
        chain("ClipNorm", "[ClipNorm(0.1), Momentum(0.9)]"),
        chain("ClipNormPerLayer", "[ClipNormPerLayer(0.1), Adam()]"),
        chain("ClipValue", "[ClipValue(0.01), Nesterov(0.9)]"),
        chain("ClipAdaptive", "[ClipAdaptive(), Momentum(0.9)]"),
        schedule("Constant", "schedule: Constant, warm_up: 1.5"),
        schedule("Step", "schedule: Step(every: 1.5, factor: 0.5)"),
        schedule("Exponential", "schedule: Exponential(factor: 0.5)"),
        schedule("InverseTime", "schedule: InverseTime(decay: 1.0)"),
        schedule("Linear", "schedule: Linear(to: 0.0)"),
        schedule("Cosine", "schedule: Cosine(to: 0.0)"),
        schedule("Polynomial", "schedule: Polynomial(power: 2.0, to: 0.1)"),
        schedule("OneCycle", "schedule: OneCycle()"),
        schedule("CosineRestarts", "schedule: CosineRestarts(period: 1.0)"),
        schedule("InverseSqrt", "schedule: InverseSqrt, warm_up: 1.0"),
        schedule("InvScaling", "schedule: InvScaling(), each: Epoch"),
        schedule(
            "Pieces",
            "schedule: Pieces([(until: 1.5, factor: 1.0, schedule: Constant),
             (factor: 0.5, schedule: Linear(to: 0.0))])",
        ),
        // At a threshold that no epoch reaches, every epoch is stale.
        schedule(
            "Plateau",
            "schedule: Plateau(factor: 0.5, patience: 0, threshold: 0.9, minimum: 0.01)",
        ),
        schedule("Plateau, patient", "schedule: Plateau(factor: 0.5, patience: 1, threshold: 0.9)"),
        schedule("ClipWeights", "constraints: [ClipWeights(0.5), MaxNorm(0.9)]"),
        schedule("Exponential average", "average: Exponential(decay: 0.9, bias_correction: true)"),
        schedule("Exponential, plain", "average: Exponential(decay: 0.9)"),
        schedule("Mean", "average: Mean(from_epoch: 1)"),
        stop("LossBelow", "epochs: 4, stop: [LossBelow(0.7)]", ""),
        stop("Stale", "epochs: 9, stop: [Stale(epochs: 2, by: 0.9)]", ""),
        stop("Patience", "epochs: 9, stop: [Patience(of: RunningLoss, steps: 6, factor: 1.4)]", ""),
        Setup { name: "BatchNorm, Dropout", model: noisy, chain: "[Adam()]", ..PLAIN },
        Setup {
            name: "everything",
            model: noisy,
            chain: "[L2(1e-4), ClipNorm(1.0), Momentum(0.5), RmsProp(centered: true)]",
            optimizer: "schedule: Plateau(factor: 0.5, patience: 0, threshold: 0.9),
                        average: Mean(), constraints: [MaxNorm(2.0)]",
            train: "steps: 15, window: 2, stop: [Stale(epochs: 2, by: 0.01)], last_batch: Drop",
            other: "evaluate: [Train, Validation], record: [GradientNorms, RunningPenalizedLoss, \
                    Weights],",
        },
        // More numbers than one piece of the parameters holds.
        Setup { name: "pieces", model: "[Dense(8200), Relu, Dense(8), Relu, Dense(3)]", ..PLAIN },
        // Its rate grows until the loss is above the bound of divergence, and stays there.
        Setup {
            name: "divergence",
            model: "[Dense(3)]",
            optimizer: "warm_up: 2.0",
            train: "epochs: 4, diverged_above: 1.5",
            ..PLAIN
        },
    ]
}

fn read(setup: Setup, precision: &str) -> File {
    let Setup { name, chain, optimizer, model, train, other } = setup;
    let order = if name == "Sgd" { "AsInFile" } else { "Shuffled" };
    let rate = if name == "divergence" { 600.0 } else { 0.05 };
    let text = format!(
        "// Are the bits the same?\n(name: \"checkpoint\", data: (source: Iris, split: \
         (validation: 0.2), inputs: Standardize), model: {model}, loss: CrossEntropy, {other}
         optimizer: (chain: {chain}, learning_rate: {rate:?}, {optimizer}),
         train: (batch: 32, precision: {precision}, order: {order}, {train}))"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("checkpoint.ron");
    std::fs::write(&path, text).expect("it is written");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{name}: {}", errors.text))
}

const SEED: u64 = 3;

/// All bits of what a run leaves behind: text tells every two doubles apart.
fn text(trained: &Trained) -> String {
    format!("{trained:?}")
}

/// Trains the run, cut there, and hands what is saved on through `carry`.
fn train(
    file: &File,
    cut: Cut,
    carry: &mut dyn FnMut(Vec<u8>) -> Vec<u8>,
) -> Result<Trained, String> {
    let (experiment, interruption) = (&file.plan.experiment, &Interruption::default());
    train_cut(experiment, SEED, &file.dataset, cut, carry, interruption).expect("nobody interrupts")
}

fn undisturbed(file: &File) -> Trained {
    train(file, Cut::Never, &mut |_| unreachable!("it is not cut")).expect("it is not cut")
}

/// What is saved of a run that is cut there; `None` if it ends before.
fn saved(file: &File, cut: Cut) -> Option<Vec<u8>> {
    let mut kept = None;
    let mut carry = |saved: Vec<u8>| {
        kept = Some(saved.clone());
        saved
    };
    train(file, cut, &mut carry).expect("it fits");
    kept
}

/// Carried on behind step `done` from other bytes than were saved there.
fn carried(file: &File, done: u64, from: &[u8]) -> Result<Trained, String> {
    train(file, Cut::Behind(done), &mut |_| from.to_vec())
}

/// Cut at each of its first, middle and last steps of an epoch, and while epochs are evaluated.
fn check(setup: Setup, precision: &str) -> usize {
    let file = read(setup, precision);
    let whole = undisturbed(&file);
    let mut compared = 0;
    let behind = [1, 2, 3, 4, 5, 7, 8, 11, 12, 14, 15].map(Cut::Behind);
    let evaluating = [4, 8, whole.steps].map(Cut::Evaluating);
    for cut in behind.into_iter().chain(evaluating) {
        let mut is_cut = false;
        let mut carry = |saved| {
            is_cut = true;
            saved
        };
        let carried = train(&file, cut, &mut carry).expect("it fits");
        assert_eq!(text(&carried), text(&whole), "{}, {precision}: {cut:?}", setup.name);
        compared += usize::from(is_cut);
    }
    compared
}

#[test]
fn a_run_that_is_cut_and_carried_on_has_the_bits_of_the_undisturbed_run() {
    gradus_core::use_one_thread();
    let setups = setups();
    let cuts = |&setup| check(setup, "F32") + check(setup, "F64");
    let compared: usize = setups.iter().map(cuts).sum();
    // A run that is stopped early has fewer places to be cut at.
    assert!(compared >= 2 * 10 * setups.len(), "{compared} cuts of {} setups", setups.len());
}

fn setup(name: &str) -> Setup {
    setups().into_iter().find(|setup| setup.name == name).expect("it is in the table")
}

/// What is carried on is saved with the same bytes as the undisturbed run.
#[test]
fn a_run_that_was_carried_on_is_saved_as_if_it_had_not_been() {
    let file = read(setup("everything"), "F32");
    let later = saved(&file, Cut::Behind(9)).expect("it is cut");
    let earlier = saved(&file, Cut::Behind(5)).expect("it is cut");
    assert_ne!(earlier, later);
    // Behind step 9 it is given what was saved behind step 5, and does steps 6 to 9 once more.
    assert_eq!(text(&carried(&file, 9, &earlier).expect("it fits")), text(&undisturbed(&file)));
    assert_eq!(saved(&file, Cut::Behind(9)), Some(later), "the same run, the same bytes");
}

/// The part with zeros in its place.
fn without(checkpoint: &[u8], name: &str) -> Option<Vec<u8>> {
    let parts = SafeTensors::deserialize(checkpoint).expect("it was just written");
    let part = parts.tensor(name).expect("it is there");
    let zeros = vec![0; part.data().len()];
    if part.data() == zeros {
        return None;
    }
    let zeros = TensorView::new(part.dtype(), part.shape().to_vec(), &zeros).expect("as before");
    let others = parts.tensors().into_iter().filter(|(other, _)| other != name);
    let all = others.chain([(name.to_string(), zeros)]).collect::<Vec<_>>();
    Some(serialize(all, None).expect("it is as it was"))
}

/// `piece.0.chain.1.mean` and `piece.3.chain.0.mean` are one kind of part.
fn kind(name: &str) -> String {
    let is_name = |part: &&str| part.parse::<u64>().is_err();
    name.split('.').filter(is_name).collect::<Vec<_>>().join(".")
}

/// The control: whatever is left out of a checkpoint changes the bits of some run, so that the test
/// above would see it.
#[test]
fn every_part_of_a_checkpoint_is_needed() {
    let (mut kinds, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for setup in setups() {
        let file = read(setup, "F64");
        let whole = text(&undisturbed(&file));
        // With no patience left behind step 1 a run would wait for its end without end.
        for done in 2..16 {
            let Some(checkpoint) = saved(&file, Cut::Behind(done)) else { continue };
            let parts = SafeTensors::deserialize(&checkpoint).expect("it was just written");
            for name in parts.names() {
                kinds.insert(kind(name));
                if needed.contains(&kind(name)) {
                    continue;
                }
                let Some(less) = without(&checkpoint, name) else { continue };
                let is_same = carried(&file, done, &less).is_ok_and(|run| text(&run) == whole);
                if !is_same {
                    needed.insert(kind(name));
                }
            }
        }
    }
    // Written only of a run that is interrupted once a rule has ended it, see `checkpoint.rs`.
    kinds.remove("stopped");
    assert!(kinds.len() > 25, "{kinds:?}");
    assert_eq!(kinds, needed);
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused() {
    let adam = read(setup("Adam"), "F64");
    let good = saved(&adam, Cut::Behind(6)).expect("it is cut");
    assert!(carried(&adam, 6, &good).is_ok());
    for (other, precision, part) in [
        ("Momentum", "F64", "chain.0.t"),
        ("pieces", "F64", "\"parameters\""),
        ("Adam", "F32", "\"parameters\""),
        ("AmsGrad", "F64", "parts that this run does not have"),
    ] {
        let other = saved(&read(setup(other), precision), Cut::Behind(6)).expect("it is cut");
        let refused = carried(&adam, 6, &other).expect_err("it is of another run");
        assert!(refused.contains(part), "{refused}");
    }
    for length in (0..good.len()).step_by(7) {
        assert!(carried(&adam, 6, &good[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_diverging_run_is_in_the_table() {
    let trained = undisturbed(&read(setup("divergence"), "F64"));
    let is_late = matches!(trained.outcome, Outcome::Diverged { step, .. } if step > 1);
    assert!(is_late, "{}", trained.outcome);
}
