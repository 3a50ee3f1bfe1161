//! Adam whose rates never rise again.

use gradus_core::Scalar;

use super::{Adam, Apply, Step, Walk};

/// Adam with the largest `v` so far in place of `v`: `v̂ = max(v̂, v)`, and
/// `u = m/(1 - β₁ᵗ) / (√(v̂/(1 - β₂ᵗ)) + ε)`.
///
/// As PyTorch's `Adam(amsgrad=True)`: the maximum is over the `v` before their correction. The
/// paper has no corrections at all. Source: Reddi, Kale, Kumar, ICLR 2018, algorithm 2.
#[derive(Debug)]
pub(super) struct AmsGrad<T> {
    adam: Adam,
    /// Steps so far.
    t: u64,
    mean: Vec<T>,
    square: Vec<T>,
    largest: Vec<T>,
}

impl<T: Scalar> AmsGrad<T> {
    pub(super) fn new(adam: Adam, len: usize) -> Self {
        let [mean, square, largest] = [(); 3].map(|()| vec![T::ZERO; len]);
        Self { adam, t: 0, mean, square, largest }
    }
}

impl<T: Scalar> Apply<T> for AmsGrad<T> {
    fn apply(&mut self, _step: &Step<'_, T>, update: &mut [T]) {
        self.t += 1;
        let (a, b) = self.adam.corrections(self.t);
        let [a, b, epsilon] = [a, b, self.adam.epsilon].map(T::from_f64);
        let [beta1, beta2] = [self.adam.beta1, self.adam.beta2].map(T::from_f64);
        let [rest1, rest2] = [1.0 - self.adam.beta1, 1.0 - self.adam.beta2].map(T::from_f64);
        let squares = self.square.iter_mut().zip(&mut self.largest);
        for ((m, (v, largest)), u) in self.mean.iter_mut().zip(squares).zip(update) {
            *m = beta1 * *m + rest1 * *u;
            *v = beta2 * *v + rest2 * *u * *u;
            *largest = if *v > *largest { *v } else { *largest };
            *u = a * *m / (b * largest.sqrt() + epsilon);
        }
    }

    fn walk(&mut self, place: &str, walk: &mut dyn Walk<T>) {
        walk.count(&format!("{place}.t"), &mut self.t);
        walk.numbers(&format!("{place}.mean"), &mut self.mean);
        walk.numbers(&format!("{place}.square"), &mut self.square);
        walk.numbers(&format!("{place}.largest"), &mut self.largest);
    }
}
