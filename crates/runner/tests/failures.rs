//! A run that panics is that run's outcome: the others go on, and it is tried again.

use std::borrow::Cow;
use std::fs;

use gradus_runner::{
    Axis, File, Folder, Interruption, NamedModel, Outcome, Presence, Work, stamp, train_runs,
};

const SWEEP: &str = r#"// What does a panic cost?
(
    name: "panics",
    data: (source: Iris, split: (validation: 0.2), inputs: Standardize),
    model: [Dense(3)],
    loss: CrossEntropy,
    optimizer: (learning_rate: 0.1),
    train: (epochs: 20, batch: 32),
    sweep: (axes: [Model([(name: "right", layers: [Dense(3)]), (name: "wrong", layers: [Relu, Dense(3)])])],
            seeds: 3),
)
"#;

#[test]
fn a_panic_in_one_run_is_its_outcome_and_the_others_go_on() {
    gradus_core::use_one_thread();
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("a.ron"), SWEEP).expect("it is writable");
    let file = File::read(&place.path().join("a.ron"), None);
    let mut file = file.unwrap_or_else(|errors| panic!("{}", errors.text));
    let keys = file.plan.keys.clone();
    // What no file can say: two outputs for three classes. The loss finds no room for the third.
    let Axis::Model(models) = &mut file.plan.experiment.sweep.axes[0] else { panic!("models") };
    let wrong: &mut NamedModel = &mut models[1];
    wrong.layers = vec![gradus_core::Layer::dense(2)];

    for jobs in [1, 3] {
        let mut folder = Folder::take(&place.path().join(jobs.to_string()), &file.plan);
        let folder = folder.as_mut().expect("nobody else is there");
        let (stamp, interruption) = (stamp(), &Interruption::default());
        let positions: Vec<usize> = (0..file.plan.len()).collect();
        let (plan, positions) = (&file.plan, positions.as_slice());
        let checkpoint_every = std::time::Duration::ZERO;
        let work = Work { plan, positions, stamp: &stamp, jobs, checkpoint_every, interruption };
        let tally = train_runs(work, Cow::Borrowed(&file.dataset), &mut folder.store);
        let tally = tally.expect("the store is writable");
        assert_eq!((tally.written, tally.failed, tally.left), (6, 3, 0));
        let presence = folder.store.presence(plan, &stamp).expect("readable");
        for (position, key) in keys.iter().enumerate() {
            let record = folder.store.record(key, &stamp).expect("readable").expect("it is there");
            if plan.cell(position) == 0 {
                assert_eq!(presence[position], Presence::Here);
                assert_eq!(record.outcome, Outcome::Trained, "{key}");
            } else {
                assert_eq!(presence[position], Presence::Missing, "it is tried again");
                let Outcome::Failed { message } = &record.outcome else { panic!("{record:?}") };
                assert!(message.contains("out of bounds"), "{message}");
            }
        }
    }
}
