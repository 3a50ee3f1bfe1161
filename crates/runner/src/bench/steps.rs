//! The rate of one workload: the training loop's own epochs, in turns with the floor.

use std::path::Path;

use gradus_core::{Graph, Program, Shape, Stream};
use gradus_optim::{Clock, Stepper};
use ndarray::ArrayView2;

use super::floor::{Floor, products};
use super::rates::{Pace, Spread, in_turns};
use super::workloads::Workload;
use crate::batch::gather;
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
    /// The same where each step first gathers its random rows from the data and at last updates the
    /// parameters, as any training must: the floor itself reads the same few rows again and again
    /// and has no parameters. Of one thread only.
    pub full_floor: Option<Spread>,
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
    let (rate, floor, full_floor);
    if threads == 1 {
        let mut all = FullFloor::new(subject, batch);
        let mut do_all = |steps: u64| all.run(steps);
        let full;
        [rate, floor, full] = in_turns(pace, threads, [&mut train, &mut multiply, &mut do_all]);
        full_floor = Some(full);
    } else {
        [rate, floor] = in_turns(pace, threads, [&mut train, &mut multiply]);
        full_floor = None;
    }
    let used = experiment.train.rows_per_epoch(rows) as f64;
    Measured {
        workload: name,
        threads,
        rate: rate.map(|epochs| epochs * used),
        floor: floor.map(|steps| steps * batch as f64),
        full_floor: full_floor.map(|floor| floor.map(|steps| steps * batch as f64)),
        wall: None,
    }
}

/// The products of a step, the gather of its rows before them and the update of its parameters
/// after them, each a pass of its own on one thread.
struct FullFloor<'a> {
    floor: Floor,
    inputs: ArrayView2<'a, f32>,
    /// The rows in the order of a shuffled epoch.
    order: Vec<u32>,
    batch: usize,
    program: Program<f32>,
    stepper: Stepper<f32>,
    clock: Clock,
}

impl<'a> FullFloor<'a> {
    fn new(Subject { experiment, data, .. }: &'a Subject, batch: usize) -> Self {
        let inputs = data.train.inputs.view();
        let mut order: Vec<u32> = (0..inputs.nrows() as u32).collect();
        Stream::new(0, "shuffle", 0, 0).shuffle(&mut order);
        let graph = Graph::build(data.input_shape, &experiment.model, experiment.init.drawn())
            .expect("the model of a workload fits its data");
        let program = Program::compile(graph, experiment.loss.clone(), batch);
        let rows = batch as u64;
        let clock = Clock {
            step: 0,
            steps_per_epoch: 1,
            total_steps: 1,
            batch_rows: rows,
            epoch_rows: rows,
        };
        Self {
            floor: Floor::new(&products(data.input_shape, experiment, batch), 1),
            inputs,
            order,
            batch,
            stepper: experiment.optimizer.start(&program.parameters),
            program,
            clock,
        }
    }

    fn run(&mut self, steps: u64) {
        let width = self.inputs.ncols();
        let batches = self.order.chunks_exact(self.batch).cycle();
        for (rows, _) in batches.zip(0..steps) {
            gather(self.inputs, rows, &mut self.floor.batch()[..self.batch * width]);
            self.floor.run(1);
            self.stepper.step(&mut self.program.parameters, self.clock);
        }
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
