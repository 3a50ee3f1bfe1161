//! The rate of one workload: the training loop's own epochs, in turns with the floor.

use std::path::Path;

use gradus_core::Shape;

use super::floor::{Floor, products};
use super::rates::{Pace, Spread, in_turns};
use super::workloads::Workload;
use crate::data::{Dataset, Prepared, Source};
use crate::experiment::{Experiment, Part};
use crate::train::Run;

/// What was measured of a workload with so many threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Its name.
    pub workload: &'static str,
    /// Threads that a step may use; runs at the same time of a sweep.
    pub threads: usize,
    /// Samples a second of training.
    pub rate: Spread,
    /// Samples a second if a step were only its matrix products, by as many threads of the product
    /// library.
    pub floor: Spread,
    /// Seconds from start to end, of a sweep.
    pub wall: Option<Spread>,
}

impl Measured {
    /// Rate of training over the rate of the floor, medians.
    pub fn floor_fraction(&self) -> f64 {
        self.rate.median / self.floor.median
    }
}

/// An experiment in single precision with its data, ready to be measured.
#[derive(Debug)]
pub struct Subject {
    name: &'static str,
    experiment: Experiment,
    data: Prepared<f32>,
}

impl Workload {
    /// The shape of its samples.
    pub(super) fn input(&self) -> Shape {
        match self.experiment().data.source {
            Source::Noise { input, .. } => input,
            other => unreachable!("workloads are made of noise, not {other:?}"),
        }
    }

    /// With its data.
    pub fn subject(&self) -> Subject {
        Subject::new(self.name, self.experiment())
    }

    /// With at most so many samples, which is as good where steps are counted and not timed.
    fn smaller(&self, most: usize) -> Subject {
        let mut experiment = self.experiment();
        if let Source::Noise { samples, .. } = &mut experiment.data.source {
            *samples = (*samples).min(most);
        }
        Subject::new(self.name, experiment)
    }
}

impl Subject {
    /// Draws the data of an experiment that is made of noise.
    ///
    /// # Panics
    /// If it is wrong, or needs a file.
    pub(super) fn new(name: &'static str, experiment: Experiment) -> Self {
        let loaded = experiment.data.load(Path::new(""), None);
        let dataset: Dataset =
            loaded.unwrap_or_else(|mistakes| panic!("the data of a workload: {mistakes:?}"));
        let experiment = experiment.resolved(&[Part::Train], dataset.has_classes());
        let data = dataset.prepare(&experiment.data, experiment.loss.target_kind(), 0);
        Self { name, experiment, data }
    }
}

/// Measures training and its floor in turns, both on `threads` threads.
pub fn measure_steps(subject: &Subject, threads: usize, pace: Pace) -> Measured {
    let Subject { name, experiment, data } = subject;
    let rows = data.train.rows();
    let batch = experiment.train.batch_rows(rows);
    let pool = pool(threads);
    let mut run = pool.install(|| Run::start(experiment, 0, data));
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let mut train = |epochs: u64| {
        pool.install(|| {
            for _ in 0..epochs {
                let broken = run.train_epoch(&mut order, &mut |_| Ok(()));
                assert!(broken == Ok(None), "a workload trains without end: {broken:?}");
            }
        });
    };
    let mut floor = Floor::new(&products(data.input_shape, experiment, batch), threads);
    let mut multiply = |steps: u64| floor.run(steps);
    let [rate, floor] = in_turns(pace, threads, [&mut train, &mut multiply]);
    let used = experiment.train.rows_per_epoch(rows) as f64;
    Measured {
        workload: name,
        threads,
        rate: rate.map(|epochs| epochs * used),
        floor: floor.map(|steps| steps * batch as f64),
        wall: None,
    }
}

/// Runs exactly so many steps of a workload on one thread, for who counts instructions. Returns how
/// many it ran. Of the data there are few samples: the rest would be drawn for nothing.
pub fn run_steps(workload: &Workload, steps: u64) -> u64 {
    const SAMPLES: usize = 256;
    let mut subject = workload.smaller(SAMPLES);
    let train = &mut subject.experiment.train;
    (train.epochs, train.steps) = (None, Some(steps));
    let rows = subject.data.train.rows();
    let epochs = steps.div_ceil(train.steps_per_epoch(rows));
    pool(1).install(|| {
        let mut run = Run::start(&subject.experiment, 0, &subject.data);
        let mut order: Vec<u32> = (0..rows as u32).collect();
        for _ in 0..epochs {
            let broken = run.train_epoch(&mut order, &mut |_| Ok(()));
            assert!(broken == Ok(None), "a workload trains without end: {broken:?}");
        }
        run.steps()
    })
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the system has threads for a measurement")
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    #[test]
    fn every_workload_runs_as_many_steps_as_it_is_told() {
        gradus_core::use_one_thread();
        for workload in WORKLOADS {
            assert_eq!(run_steps(&workload, 0), 0, "{}", workload.name);
            assert_eq!(run_steps(&workload, 3), 3, "{}", workload.name);
        }
        // Over the ends of epochs of 8.
        assert_eq!(run_steps(&WORKLOADS[0], 70), 70);
    }

    #[test]
    fn training_and_floor_are_measured_with_the_threads_that_were_asked() {
        gradus_core::use_one_thread();
        let pace = Pace { seconds: 0.001, repetitions: 1 };
        let subject = WORKLOADS[0].subject();
        for threads in [1, 2] {
            let measured = measure_steps(&subject, threads, pace);
            assert_eq!(measured.threads, threads);
            assert!(measured.floor_fraction() > 0.0 && measured.floor_fraction().is_finite());
        }
    }
}
