//! The rows of one step, gathered from the training data.

use gradus_core::{Program, Scalar, Targets};
use ndarray::{Array2, Axis, Slice};

use crate::data::{SampleTargets, Samples};

/// Targets of the current batch, in room for the largest; its inputs go straight to the program.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    rows: usize,
    classes: Vec<u32>,
    values: Array2<T>,
}

impl<T: Scalar> Batch<T> {
    /// Room for batches of up to `capacity` rows of `samples`.
    pub(crate) fn new(capacity: usize, samples: &Samples<T>) -> Self {
        let (classes, values) = match &samples.targets {
            SampleTargets::Classes(_) => (vec![0; capacity], Array2::zeros((0, 0))),
            SampleTargets::Values(all) => (vec![], Array2::zeros((capacity, all.ncols()))),
        };
        Self { rows: 0, classes, values }
    }

    /// Copies these rows into the program's input and their targets here.
    pub(crate) fn load(&mut self, program: &mut Program<T>, samples: &Samples<T>, rows: &[u32]) {
        let mut input = program.begin(rows.len());
        for (mut to, &row) in input.rows_mut().into_iter().zip(rows) {
            to.assign(&samples.inputs.row(row as usize));
        }
        match &samples.targets {
            SampleTargets::Classes(all) => {
                for (to, &row) in self.classes.iter_mut().zip(rows) {
                    *to = all[row as usize];
                }
            }
            SampleTargets::Values(all) => {
                for (mut to, &row) in self.values.rows_mut().into_iter().zip(rows) {
                    to.assign(&all.row(row as usize));
                }
            }
        }
        self.rows = rows.len();
    }

    /// The targets of the loaded rows.
    pub(crate) fn targets(&self) -> Targets<'_, T> {
        if self.classes.is_empty() {
            Targets::Values(self.values.slice_axis(Axis(0), Slice::from(..self.rows)))
        } else {
            Targets::Classes(&self.classes[..self.rows])
        }
    }
}
