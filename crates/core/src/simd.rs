//! Loops in the widest vectors that the machine has, with the bits that they have in any.
//!
//! A kernel is a plain loop that the compiler vectorizes; [`vectorized`] holds it once for each
//! level (the baseline of the target, AVX2, AVX-512) and chooses when it is called. Bits stay the
//! same because nothing is contracted or reordered: Rust never fuses a product and a sum by itself,
//! elements do not depend on each other, and sums have a fixed number of [`LANES`], whatever a
//! register holds. Everything that such a loop calls must be inlined into it, by
//! `#[inline(always)]` if it is more than a few operations, closures too: what is only called runs
//! at the baseline.

use pulp::{Arch, Simd, WithSimd};

use crate::Scalar;

/// Sums that run side by side.
const LANES: usize = 8;

/// Runs `work` at the highest level that there is here: some 2 ns beside the work itself.
#[inline(always)]
pub fn vectorized<R>(work: impl FnMut() -> R) -> R {
    dispatch(Work(work))
}

/// The same for work that is no closure; its `with_simd` is to be `#[inline(always)]` too.
#[inline(always)]
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    level().dispatch(work)
}

/// A closure that is called in place. As an `FnOnce` it would be called through a shim of the
/// compiler, and large ones would not be inlined.
struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

#[inline(always)]
fn level() -> Arch {
    #[cfg(test)]
    if let Some(level) = tests::forced() {
        return level;
    }
    Arch::new()
}

/// `yₖ = f(xₖ)`. For use within [`vectorized`].
#[inline(always)]
pub(crate) fn map<T: Scalar>(x: &[T], y: &mut [T], f: impl Fn(T) -> T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

/// `Σ f(xₖ, yₖ)` in `f64`: the k-th of each [`LANES`] values into lane k, the lanes by halves, and
/// what is left at the end one by one. For use within [`vectorized`].
#[inline(always)]
pub(crate) fn sum<T: Scalar>(x: &[T], y: &[T], f: impl Fn(f64, f64) -> f64) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x, y) in x.iter().zip(y) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += f(x.to_f64(), y.to_f64());
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    let rest = x_rest.iter().zip(y_rest);
    rest.fold(lanes[0], |total, (&x, &y)| total + f(x.to_f64(), y.to_f64()))
}

/// The largest of at least one value; NaN counts only where it stands first. For use within
/// [`vectorized`].
#[inline(always)]
pub(crate) fn largest<T: Scalar>(x: &[T]) -> T {
    #[inline(always)]
    fn larger<T: Scalar>(largest: T, x: T) -> T {
        if x > largest { x } else { largest }
    }
    // The order does not matter to a maximum, so it may have more lanes than a sum.
    let (blocks, rest) = x.as_chunks::<{ 2 * LANES }>();
    let mut largest = x[0];
    if !blocks.is_empty() {
        let mut lanes = [largest; 2 * LANES];
        for block in blocks {
            for (lane, &x) in lanes.iter_mut().zip(block) {
                *lane = larger(*lane, x);
            }
        }
        largest = lanes.into_iter().fold(largest, larger);
    }
    rest.iter().fold(largest, |largest, &x| larger(largest, x))
}

/// The vectors of a level, for kernels that plan their registers and cannot leave that to the
/// compiler.
pub trait Vectors: Copy {
    /// As many numbers as a register holds.
    type Vector<S: Simd>: Copy;
    /// Numbers of a vector.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }
    /// The same number in all lanes.
    fn splat<S: Simd>(simd: S, number: Self) -> Self::Vector<S>;
    /// `sum + a b` in each lane, rounded twice as scalars are.
    fn add_product<S: Simd>(
        simd: S,
        sum: Self::Vector<S>,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The whole vectors at the front of `numbers`.
    fn vectors<S: Simd>(numbers: &[Self]) -> &[Self::Vector<S>];
    /// The whole vectors at the front of `numbers`.
    fn vectors_mut<S: Simd>(numbers: &mut [Self]) -> &mut [Self::Vector<S>];
}

macro_rules! vectors {
    ($type:ident, $vector:ident, $splat:ident, $add:ident, $mul:ident, $view:ident, $view_mut:ident) => {
        impl Vectors for $type {
            type Vector<S: Simd> = S::$vector;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, number: Self) -> S::$vector {
                simd.$splat(number)
            }
            #[inline(always)]
            fn add_product<S: Simd>(
                simd: S,
                sum: S::$vector,
                a: S::$vector,
                b: S::$vector,
            ) -> S::$vector {
                simd.$add(sum, simd.$mul(a, b))
            }
            #[inline(always)]
            fn vectors<S: Simd>(numbers: &[Self]) -> &[S::$vector] {
                S::$view(numbers).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(numbers: &mut [Self]) -> &mut [S::$vector] {
                S::$view_mut(numbers).0
            }
        }
    };
}

vectors!(f32, f32s, splat_f32s, add_f32s, mul_f32s, as_simd_f32s, as_mut_simd_f32s);
vectors!(f64, f64s, splat_f64s, add_f64s, mul_f64s, as_simd_f64s, as_mut_simd_f64s);

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError, RwLock};

    use pulp::Arch;

    use super::{LANES, largest, sum, vectorized};
    use crate::{Mode, Scalar, Stream, gradient_table};

    /// The level that is taken in place of the highest, on all threads.
    static FORCED: RwLock<Option<Arch>> = RwLock::new(None);

    pub(super) fn forced() -> Option<Arch> {
        *FORCED.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn force(level: Option<Arch>) {
        *FORCED.write().unwrap_or_else(PoisonError::into_inner) = level;
    }

    /// What `work` gives at every level that this machine has, the baseline first.
    fn at_every_level<R>(work: impl Fn() -> R) -> Vec<R> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _claim = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut levels = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        levels.extend(pulp::x86::V3::try_new().map(Arch::V3));
        let results = levels.into_iter().map(|level| {
            force(Some(level));
            work()
        });
        let results = results.collect();
        force(None);
        results
    }

    fn bits<T: Scalar>(values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| value.extend_bytes(&mut bytes));
        bytes
    }

    /// Training steps of every layer and loss: outputs, loss and gradients.
    fn every_case_has_the_same_bits<T: Scalar>() {
        for case in gradient_table() {
            // No multiple of a register.
            let rows = case.rows + 37;
            let samples = case.draw::<T>(rows);
            let results = at_every_level(|| {
                let mut program = case.compile::<T>(rows);
                program.load(samples.inputs.view());
                program.forward(Mode::Train { step: 0 });
                let loss = program.backward(samples.targets(&case.loss));
                let outputs = program.output().into_raw_vec_and_offset().0;
                (loss.to_bits(), bits(&outputs), bits(&program.parameters.gradients))
            });
            assert!(results.iter().all(|result| *result == results[0]), "{}", case.name);
        }
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        crate::use_one_thread();
        every_case_has_the_same_bits::<f32>();
        every_case_has_the_same_bits::<f64>();
    }

    fn draw(len: usize) -> Vec<f32> {
        let mut stream = Stream::new(len as u64, "simd", 0, 0);
        (0..len).map(|_| 4.0 * stream.normal() as f32).collect()
    }

    /// The slow twins: one element after the other, lanes by their number.
    #[test]
    fn sums_and_maxima_are_those_of_plain_loops() {
        for len in 1..70 {
            let (x, y) = (draw(len), draw(len + 100));
            let mut lanes = [0.0; LANES];
            let whole = len - len % LANES;
            let product = |k: usize| f64::from(x[k]) * f64::from(y[k]);
            (0..whole).for_each(|k| lanes[k % LANES] += product(k));
            let [a, b, c, d, e, f, g, h] = lanes;
            let halved = ((a + e) + (c + g)) + ((b + f) + (d + h));
            let expected = (whole..len).fold(halved, |total, k| total + product(k));
            for found in at_every_level(|| vectorized(|| sum(&x, &y[..len], |x, y| x * y))) {
                assert_eq!(found.to_bits(), expected.to_bits(), "{len} numbers");
            }
            let expected = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for found in at_every_level(|| vectorized(|| largest(&x))) {
                assert_eq!(found, expected, "{len} numbers");
            }
        }
    }

    /// The vectorized loop has the bits of the scalar function, whatever the length.
    #[test]
    fn functions_have_the_bits_of_their_loops() {
        let functions: [fn(f32) -> f32; 5] =
            [Scalar::exp, Scalar::tanh, Scalar::exp_m1, Scalar::ln_1p, Scalar::erfc];
        for len in [1, 7, 16, 33, 100, 1000] {
            let x = draw(len);
            for f in functions {
                let expected: Vec<f32> = x.iter().map(|&x| f(x)).collect();
                let results = at_every_level(|| {
                    let mut y = vec![0.0; len];
                    vectorized(|| super::map(&x, &mut y, f));
                    bits(&y)
                });
                assert!(results.iter().all(|result| *result == bits(&expected)), "{len} numbers");
            }
        }
    }
}
