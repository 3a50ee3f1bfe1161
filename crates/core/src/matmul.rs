//! The matrix product, by whatever is fastest for its shape; transposes are free.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::Scalar;
#[cfg(feature = "openblas")]
use crate::blas::blas_product;
use crate::blas::rust_product;

/// With all sides at or below this a plain loop is several times faster than any library.
const LARGEST_BY_HAND: usize = 7;

/// Multiplications from which `gemm` is ahead of OpenBLAS where `b` and `c` lie by rows: by 3 to 36 %
/// for 32 to 128 rows (`cargo xtask bench` shows the fractions of the floor). Below OpenBLAS is, and
/// everywhere where `b` is transposed.
#[cfg(feature = "openblas")]
const LEAST_BY_GEMM: usize = 1 << 20;

/// Columns of `c` that fill the registers: with others `gemm` is behind where `a` is transposed.
#[cfg(feature = "openblas")]
const WHOLE_VECTORS: usize = 32;

/// Multiplications of a part of a product, at most: a larger one is divided by the columns of `c`,
/// which costs nothing at this size, so that several threads can share it.
const MOST_IN_ONE: usize = 1 << 27;

/// Columns of such a part are a multiple of this.
const LEAST_COLUMNS: usize = 128;

/// `c = a b + beta c`.
///
/// Shapes: `a` (M, K), `b` (K, N), `c` (M, N). Each may be a transposed view: nothing is copied.
/// The bits depend on the shapes and the layouts only.
///
/// # Panics
/// If the shapes do not fit.
pub fn matmul<T: Scalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    scaled_matmul(T::ONE, a, b, beta, c);
}

/// `c = alpha a b + beta c`, else as [`matmul`].
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn scaled_matmul<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if m.max(k).max(n) <= LARGEST_BY_HAND {
        return small(alpha, a, b, beta, c);
    }
    if m * k * n > MOST_IN_ONE && n >= 2 * LEAST_COLUMNS {
        let middle = (n / 2).next_multiple_of(LEAST_COLUMNS);
        let (b, more_b) = b.split_at(Axis(1), middle);
        let (mut c, mut more_c) = c.view_mut().split_at(Axis(1), middle);
        rayon::join(
            || scaled_matmul(alpha, a, b, beta, &mut c),
            || scaled_matmul(alpha, a, more_b, beta, &mut more_c),
        );
        return;
    }
    #[cfg(feature = "openblas")]
    {
        let lies_by_rows = b.strides()[1] == 1 && c.strides()[1] == 1;
        let fills = a.strides()[1] == 1 || n % WHOLE_VECTORS == 0;
        let is_by_gemm = lies_by_rows && fills && m * k * n >= LEAST_BY_GEMM;
        if !is_by_gemm && blas_product(alpha, a, b, beta, c) {
            return;
        }
    }
    rust_product(alpha, a, b, beta, c);
}

fn small<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    assert!(
        b.nrows() == a.ncols() && c.dim() == (a.nrows(), b.ncols()),
        "{:?} times {:?} does not give {:?}",
        a.dim(),
        b.dim(),
        c.dim()
    );
    for ((row, column), c) in c.indexed_iter_mut() {
        let mut sum = T::ZERO;
        for inner in 0..a.ncols() {
            sum += a[[row, inner]] * b[[inner, column]];
        }
        // As in BLAS, what stood in `c` is not read when beta is 0: it may be NaN.
        let product = alpha * sum;
        *c = if beta == T::ZERO { product } else { product + beta * *c };
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::scaled_matmul;
    use crate::{Scalar, Stream};

    /// The slow twin: the definition of the product, in `f64`.
    fn by_definition<T: Scalar>(
        a: &Array2<T>,
        b: &Array2<T>,
        (alpha, beta): (f64, f64),
        c: &Array2<T>,
    ) -> Array2<f64> {
        Array2::from_shape_fn(c.dim(), |(row, column)| {
            let sum: f64 =
                (0..a.ncols()).map(|i| a[[row, i]].to_f64() * b[[i, column]].to_f64()).sum();
            alpha * sum + beta * c[[row, column]].to_f64()
        })
    }

    fn check<T: Scalar>(tolerance: f64) {
        crate::use_one_thread();
        let mut stream = Stream::new(1, "test", 0, 0);
        let mut random = |rows, columns| {
            Array2::from_shape_simple_fn((rows, columns), || T::from_f64(stream.normal()))
        };
        for (m, k, n) in [
            (1, 1, 1),
            (4, 1, 1),
            (2, 3, 5),
            (7, 7, 7),
            (7, 8, 3),
            (1, 40, 1),
            (33, 65, 17),
            (40, 1100, 64),
            (1, 1100, 1000),
            (300, 500, 610),
        ] {
            for (alpha, beta) in [(1.0, 0.0), (1.0, 1.0), (-0.5, 1.0)] {
                let (a, b, c) = (random(m, k), random(k, n), random(m, n));
                let expected = by_definition(&a, &b, (alpha, beta), &c);
                let (at, bt) =
                    (a.t().as_standard_layout().to_owned(), b.t().as_standard_layout().to_owned());
                for (left, right) in
                    [(a.view(), b.view()), (at.t(), b.view()), (a.view(), bt.t()), (at.t(), bt.t())]
                {
                    let mut result = c.clone();
                    let [alpha, beta] = [alpha, beta].map(T::from_f64);
                    scaled_matmul(alpha, left, right, beta, &mut result.view_mut());
                    for (got, want) in result.iter().zip(&expected) {
                        let error = (got.to_f64() - want).abs();
                        assert!(
                            error <= tolerance * k as f64,
                            "{m}x{k}x{n} beta {beta}: {error:e}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn agrees_with_the_definition_in_both_precisions_and_all_layouts() {
        check::<f32>(2e-6);
        check::<f64>(4e-15);
    }

    #[test]
    fn beta_zero_ignores_what_was_there() {
        let a = ndarray::arr2(&[[2.0_f64]]);
        let mut c = ndarray::arr2(&[[f64::NAN]]);
        scaled_matmul(1.0, a.view(), a.view(), 0.0, &mut c.view_mut());
        assert_eq!(c[[0, 0]], 4.0);
    }
}
