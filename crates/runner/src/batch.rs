//! The rows of one step, gathered from the training data.

use gradus_core::{Scalar, Targets};
use ndarray::{Array2, ArrayView2, Axis, Slice};

use crate::data::{SampleTargets, Samples};

/// Targets of the current batch, in room for the largest.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    /// Number of targets.
    count: usize,
    classes: Vec<u32>,
    values: Array2<T>,
}

impl<T: Scalar> Batch<T> {
    /// Room for batches of up to `capacity` rows of `samples`.
    pub(crate) fn new(capacity: usize, samples: &Samples<T>) -> Self {
        let capacity = capacity * samples.predictions_per_row;
        let (classes, values) = match &samples.targets {
            SampleTargets::Classes(_) => (vec![0; capacity], Array2::zeros((0, 0))),
            SampleTargets::Values(all) => (vec![], Array2::zeros((capacity, all.ncols()))),
        };
        Self { count: 0, classes, values }
    }

    /// Copies the targets of these rows.
    pub(crate) fn load(&mut self, samples: &Samples<T>, rows: &[u32]) {
        let n = samples.predictions_per_row;
        let places = rows.iter().flat_map(|&row| row as usize * n..(row as usize + 1) * n);
        match &samples.targets {
            SampleTargets::Classes(all) => {
                for (to, place) in self.classes.iter_mut().zip(places) {
                    *to = all[place];
                }
            }
            SampleTargets::Values(all) => {
                for (mut to, place) in self.values.rows_mut().into_iter().zip(places) {
                    to.assign(&all.row(place));
                }
            }
        }
        self.count = rows.len() * n;
    }

    /// The targets of the loaded rows.
    pub(crate) fn targets(&self) -> Targets<'_, T> {
        if self.classes.is_empty() {
            Targets::Values(self.values.slice_axis(Axis(0), Slice::from(..self.count)))
        } else {
            Targets::Classes(&self.classes[..self.count])
        }
    }
}

/// Copies these rows of `inputs`, one after the other.
pub(crate) fn gather<T: Scalar>(inputs: ArrayView2<'_, T>, rows: &[u32], to: &mut [T]) {
    let width = inputs.ncols();
    let all = inputs.to_slice().expect("rows lie one after the other");
    if width == 1 {
        // A copy of one number costs less than a call that copies.
        to.iter_mut().zip(rows).for_each(|(to, &row)| *to = all[row as usize]);
        return;
    }
    for (to, &row) in to.chunks_exact_mut(width).zip(rows) {
        to.copy_from_slice(&all[row as usize * width..][..width]);
    }
}
