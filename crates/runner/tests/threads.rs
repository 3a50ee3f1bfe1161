//! One run on any number of threads: a step's tiles are decided by its shapes, so weights and
//! curves have the same bits. The nets are those of the workloads whose single runs share cores.

use gradus_core::Scalar;
use gradus_runner::bench::WORKLOADS;
use gradus_runner::data::Prepared;
use gradus_runner::{File, Trained, train};

/// The workload on few samples, for one epoch of a few steps, the last of them a short one.
fn read(name: &str, samples: usize) -> File {
    gradus_core::use_one_thread();
    let workload = WORKLOADS.iter().find(|workload| workload.name == name).expect("it is one");
    let start = workload.text.find("samples: ").expect("it says how many") + "samples: ".len();
    let length = workload.text[start..].find(|c: char| !c.is_ascii_digit()).expect("it goes on");
    let text = format!("{}{samples}{}", &workload.text[..start], &workload.text[start + length..]);
    let text = text.replace("epochs: 1000000000", "epochs: 1").replace(", last_batch: Drop", "");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("threads.ron");
    std::fs::write(&path, text).expect("it is writable");
    File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text))
}

fn trained<T: Scalar>(file: &File, threads: usize) -> Trained {
    let experiment = &file.plan.experiment;
    let data: Prepared<T> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 5);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("there are threads").install(|| train(experiment, 5, &data))
}

fn check<T: Scalar>(name: &str, samples: usize, steps: u64) {
    let file = read(name, samples);
    let alone = trained::<T>(&file, 1);
    assert_eq!(alone.steps, steps, "{name}");
    for threads in [2, 3] {
        // As text, which tells every two numbers apart but NaNs by their payload.
        let (one, many) = (format!("{alone:?}"), format!("{:?}", trained::<T>(&file, threads)));
        assert!(one == many, "{name} in {} on {threads} threads:\n{one}\n{many}", T::NAME);
    }
}

#[test]
fn m_has_the_same_bits_on_any_number_of_threads() {
    check::<f32>("M", 150, 3);
    check::<f64>("M", 150, 3);
}

#[test]
fn l_has_the_same_bits_on_any_number_of_threads() {
    check::<f32>("L", 300, 2);
}

#[test]
fn c_has_the_same_bits_on_any_number_of_threads() {
    check::<f32>("C", 150, 3);
    check::<f64>("C", 150, 3);
}

/// The control: another seed gives other bits, and the comparison sees it.
#[test]
fn other_draws_have_other_bits() {
    let file = read("M", 64);
    let experiment = &file.plan.experiment;
    let data: Prepared<f32> =
        file.dataset.prepare(&experiment.data, experiment.loss.target_kind(), 5);
    let digests = [5, 6].map(|seed| train(experiment, seed, &data).weights_digest);
    assert_ne!(digests[0], digests[1]);
}
