//! Random matrices with orthonormal rows or columns, by a QR decomposition.

use ndarray::Array2;

use crate::Stream;

/// A (rows, columns) matrix drawn uniformly from those with orthonormal columns; where it is wider
/// than tall, with orthonormal rows.
///
/// It is the `Q` of a standard normal matrix `A = Q R`. What decomposes chooses the signs of `R`'s
/// diagonal as it likes; with all of them positive `Q` is unique, and uniformly distributed. By
/// LAPACK where there is OpenBLAS, else by [`by_householder`]: the two agree up to rounding, and
/// which one it was is in the name of the product.
/// Source: Mezzadri, *How to generate random matrices from the classical compact groups*, Notices
/// of the AMS 54 (2007), section 5; as an initializer: Saxe et al., ICLR 2014.
pub(crate) fn orthogonal(rows: usize, columns: usize, stream: &mut Stream) -> Array2<f64> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let a = Array2::from_shape_simple_fn((long, short), || stream.normal());
    #[cfg(feature = "openblas")]
    let (mut q, diagonal) = by_lapack(&a);
    #[cfg(not(feature = "openblas"))]
    let (mut q, diagonal) = by_householder(&a);
    for (mut column, r) in q.columns_mut().into_iter().zip(diagonal) {
        column *= 1.0_f64.copysign(r);
    }
    if rows < columns { q.reversed_axes() } else { q }
}

/// `Q` (M, N) and the diagonal of `R`, for `a` (M, N) with M ≥ N.
#[cfg(feature = "openblas")]
fn by_lapack(a: &Array2<f64>) -> (Array2<f64>, Vec<f64>) {
    use ndarray_linalg::QR;
    let (q, r) = a.qr().expect("LAPACK decomposes every finite matrix");
    (q, r.diag().to_vec())
}

/// The same by reflections `I - β v vᵀ`, each of which clears a column below the diagonal.
///
/// Source: Golub and Van Loan, *Matrix Computations* (4th edition, 2013), algorithms 5.1.1, 5.2.1.
#[cfg(any(test, not(feature = "openblas")))]
fn by_householder(a: &Array2<f64>) -> (Array2<f64>, Vec<f64>) {
    let (m, n) = a.dim();
    // A row here is a column of `a`, so that each reflection runs over neighbors in memory.
    let mut columns = a.t().as_standard_layout().into_owned();
    let mut reflections: Vec<(Vec<f64>, f64)> = Vec::with_capacity(n);
    let mut diagonal = Vec::with_capacity(n);
    for j in 0..n {
        let mut v: Vec<f64> = columns.row(j).iter().skip(j).copied().collect();
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Away from zero, so that nothing cancels.
        let r = -norm.copysign(v[0]);
        v[0] -= r;
        let square: f64 = v.iter().map(|x| x * x).sum();
        let beta = if square > 0.0 { 2.0 / square } else { 0.0 };
        for mut column in columns.rows_mut().into_iter().skip(j + 1) {
            reflect(&v, beta, &mut column.as_slice_mut().expect("rows are contiguous")[j..]);
        }
        diagonal.push(r);
        reflections.push((v, beta));
    }
    let mut q = Array2::zeros((n, m));
    for (j, mut column) in q.rows_mut().into_iter().enumerate() {
        let column = column.as_slice_mut().expect("rows are contiguous");
        column[j] = 1.0;
        for (k, (v, beta)) in reflections.iter().enumerate().take(j + 1).rev() {
            reflect(v, *beta, &mut column[k..]);
        }
    }
    (q.reversed_axes(), diagonal)
}

/// `x -= β v (v · x)`.
#[cfg(any(test, not(feature = "openblas")))]
fn reflect(v: &[f64], beta: f64, x: &mut [f64]) {
    let along: f64 = v.iter().zip(&*x).map(|(v, x)| v * x).sum();
    for (x, v) in x.iter_mut().zip(v) {
        *x -= beta * along * v;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::{by_householder, orthogonal};
    use crate::Stream;

    const SIZES: [(usize, usize); 6] = [(1, 1), (3, 3), (17, 5), (5, 17), (40, 39), (64, 64)];

    #[test]
    fn rows_or_columns_are_orthonormal() {
        crate::use_one_thread();
        for (rows, columns) in SIZES {
            let q = orthogonal(rows, columns, &mut Stream::new(3, "test", 0, 0));
            assert_eq!(q.dim(), (rows, columns));
            let product = if rows < columns { q.dot(&q.t()) } else { q.t().dot(&q) };
            let error = (product - Array2::<f64>::eye(rows.min(columns))).mapv(f64::abs);
            assert!(error.iter().all(|&error| error < 1e-12), "{rows}x{columns}: {error}");
        }
    }

    /// Whichever path this build takes, it is the plain one up to rounding, `Q R` is what was
    /// drawn, and R's diagonal is positive.
    #[test]
    fn both_paths_give_the_one_decomposition_with_a_positive_diagonal() {
        for (rows, columns) in SIZES.into_iter().filter(|(rows, columns)| rows >= columns) {
            let mut stream = Stream::new(3, "test", 0, 0);
            let q = orthogonal(rows, columns, &mut stream.clone());
            let a = Array2::from_shape_simple_fn((rows, columns), || stream.normal());
            let (mut plain, diagonal) = by_householder(&a);
            for (mut column, r) in plain.columns_mut().into_iter().zip(&diagonal) {
                column *= r.signum();
            }
            let error = (&plain - &q).mapv(f64::abs);
            assert!(error.iter().all(|&error| error < 1e-12), "{rows}x{columns}: {error}");
            let r = q.t().dot(&a);
            assert!(r.diag().iter().all(|&r| r > 0.0), "{r}");
            let rebuilt = (q.dot(&r) - &a).mapv(f64::abs);
            assert!(rebuilt.iter().all(|&error| error < 1e-12), "{rows}x{columns}: {rebuilt}");
        }
    }

    /// Without the sign of R's diagonal the first column of Q would lean to one side.
    #[test]
    fn the_first_entry_has_mean_zero_and_variance_one_over_n() {
        let (n, draws) = (6, 4_000);
        let mut stream = Stream::new(9, "test", 0, 0);
        let entries: Vec<f64> = (0..draws).map(|_| orthogonal(n, n, &mut stream)[[0, 0]]).collect();
        let mean = entries.iter().sum::<f64>() / f64::from(draws);
        let square = entries.iter().map(|x| x * x).sum::<f64>() / f64::from(draws);
        let expected = 1.0 / n as f64;
        // Five standard errors; the square of an entry has a variance below 2/n².
        assert!(mean.abs() < 5.0 * (expected / f64::from(draws)).sqrt(), "{mean}");
        let allowed = 5.0 * expected * (2.0 / f64::from(draws)).sqrt();
        assert!((square - expected).abs() < allowed, "{square}");
    }
}
