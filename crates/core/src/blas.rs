//! What multiplies matrices here, OpenBLAS and the crate `gemm`, and the one rule about it: neither
//! ever starts threads.

use ndarray::{ArrayView2, ArrayViewMut2};

#[cfg(feature = "openblas")]
#[allow(unsafe_code)]
mod openblas {
    // Named so that the linker is told of the library.
    extern crate openblas_src as _;

    use std::ffi::{CStr, c_char, c_int};

    use ndarray::{ArrayView2, ArrayViewMut2};

    use crate::Scalar;

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
        fn cblas_sgemm(
            layout: c_int,
            transpose_a: c_int,
            transpose_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: f32,
            a: *const f32,
            stride_a: c_int,
            b: *const f32,
            stride_b: c_int,
            beta: f32,
            c: *mut f32,
            stride_c: c_int,
        );
        fn cblas_dgemm(
            layout: c_int,
            transpose_a: c_int,
            transpose_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: f64,
            a: *const f64,
            stride_a: c_int,
            b: *const f64,
            stride_b: c_int,
            beta: f64,
            c: *mut f64,
            stride_c: c_int,
        );
        fn openblas_get_config() -> *mut c_char;
        fn openblas_get_corename() -> *mut c_char;
    }

    pub(super) fn use_threads(threads: usize) {
        let threads = threads.try_into().unwrap_or(c_int::MAX);
        // SAFETY: takes a plain integer and touches only the library's own state, under its lock.
        unsafe { openblas_set_num_threads(threads) }
    }

    /// `c = alpha op(a) op(b) + beta c` of the library: layout, how `a` and `b` lie, rows, columns,
    /// inner side, `alpha`, `a` and `b` and their strides, `beta`, `c` and its stride.
    pub(crate) type BlasProduct<T> = unsafe extern "C" fn(
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        T,
        *const T,
        c_int,
        *const T,
        c_int,
        T,
        *mut T,
        c_int,
    );

    pub(crate) const IN_SINGLE: BlasProduct<f32> = cblas_sgemm;
    pub(crate) const IN_DOUBLE: BlasProduct<f64> = cblas_dgemm;

    /// `c = alpha a b + beta c`; `false`, and nothing done, where one of them does not lie by rows
    /// or columns as the library wants it.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn product<T: Scalar>(
        alpha: T,
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        beta: T,
        c: &mut ArrayViewMut2<'_, T>,
    ) -> bool {
        const ROW_MAJOR: c_int = 101;
        let ((m, k), n) = (a.dim(), b.ncols());
        assert!(b.nrows() == k && c.dim() == (m, n), "{:?} times {:?}", a.dim(), b.dim());
        let (Some(in_a), Some(in_b), Some(in_c)) = (lies(a), lies(b), lies(c.view())) else {
            return false;
        };
        let (Ok(m), Ok(n), Ok(k)) = (c_int::try_from(m), c_int::try_from(n), c_int::try_from(k))
        else {
            return false;
        };
        if in_c.order != AS_IT_IS {
            return false;
        }
        let multiply = T::blas_product();
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: the three views hold (m, k), (k, n) and (m, n) numbers at these strides, which is
        // all that the library reads and writes, and `c` is borrowed alone.
        unsafe {
            multiply(
                ROW_MAJOR,
                in_a.order,
                in_b.order,
                m,
                n,
                k,
                alpha,
                a,
                in_a.stride,
                b,
                in_b.stride,
                beta,
                c,
                in_c.stride,
            );
        }
        true
    }

    const AS_IT_IS: c_int = 111;
    const TRANSPOSED: c_int = 112;

    /// How a matrix lies in memory.
    struct Lies {
        order: c_int,
        /// From one row to the next, or from one column to the next if it is transposed.
        stride: c_int,
    }

    /// A side of length 1 lies either way, whatever its stride.
    fn lies<T>(matrix: ArrayView2<'_, T>) -> Option<Lies> {
        let ((rows, columns), strides) = (matrix.dim(), matrix.strides());
        let along = |len: usize, stride: isize| len <= 1 || stride == 1;
        let across = |count: usize, stride: isize, len: usize| {
            let stride = if count <= 1 { len.max(1) as isize } else { stride };
            c_int::try_from(stride).ok().filter(|&stride| stride as usize >= len.max(1))
        };
        let by_rows =
            along(columns, strides[1]).then(|| across(rows, strides[0], columns)).flatten();
        let by_columns =
            along(rows, strides[0]).then(|| across(columns, strides[1], rows)).flatten();
        by_rows
            .map(|stride| Lies { order: AS_IT_IS, stride })
            .or(by_columns.map(|stride| Lies { order: TRANSPOSED, stride }))
    }

    pub(super) fn name() -> String {
        // SAFETY: both functions return a pointer to a string that ends in a zero byte, lives as
        // long as the library (a static buffer or a literal) and is not written after loading.
        let (config, core) = unsafe {
            (CStr::from_ptr(openblas_get_config()), CStr::from_ptr(openblas_get_corename()))
        };
        // The configuration begins "OpenBLAS 0.3.21 NO_LAPACKE ..."; the rest names build options.
        let config = config.to_string_lossy();
        let version: Vec<&str> = config.split_whitespace().take(2).collect();
        let mut name = format!("{} {}", version.join(" "), core.to_string_lossy());
        // The one setting of its environment that moves block sizes, and with them the bits,
        // without showing in the name of the kernel.
        if let Ok(size) = std::env::var("OPENBLAS_L2_SIZE") {
            name.push_str(&format!(" L2_SIZE={size}"));
        }
        name
    }
}

#[allow(unsafe_code)]
mod in_rust {
    use gemm_common::Parallelism;
    use ndarray::{ArrayView2, ArrayViewMut2};

    use crate::Scalar;

    /// `dst = alpha dst + beta lhs rhs` of the crate: rows, columns, inner side; `dst` with the
    /// strides of its columns and rows, and whether it is read; `lhs` and `rhs` alike; `alpha` and
    /// `beta`; three that matter to complex numbers; threads.
    pub(crate) type RustProduct<T> = unsafe fn(
        usize,
        usize,
        usize,
        *mut T,
        isize,
        isize,
        bool,
        *const T,
        isize,
        isize,
        *const T,
        isize,
        isize,
        T,
        T,
        bool,
        bool,
        bool,
        Parallelism,
    );

    /// Inner sides are taken in stretches of at most this, so that the bits do not depend on the
    /// size of the caches, by which the crate would choose another.
    const LONGEST: usize = 512;

    /// `c = alpha a b + beta c`, by the crate `gemm`. As in BLAS, what stood in `c` is not read when beta
    /// is 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn product<T: Scalar>(
        alpha: T,
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        beta: T,
        c: &mut ArrayViewMut2<'_, T>,
    ) {
        if c.strides()[0] > c.strides()[1] {
            // The kernels write columns: what lies by rows is the transpose of what they see.
            return by_columns(alpha, b.t(), a.t(), beta, &mut c.view_mut().reversed_axes());
        }
        by_columns(alpha, a, b, beta, c);
    }

    fn by_columns<T: Scalar>(
        alpha: T,
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        beta: T,
        c: &mut ArrayViewMut2<'_, T>,
    ) {
        let ((m, k), n) = (a.dim(), b.ncols());
        assert!(b.nrows() == k && c.dim() == (m, n), "{:?} times {:?}", a.dim(), b.dim());
        let strides = |view: &[isize]| (view[1], view[0]);
        let ((a_column, a_row), (b_column, b_row)) = (strides(a.strides()), strides(b.strides()));
        let (c_column, c_row) = strides(c.strides());
        let product = T::rust_product();
        for start in (0..k).step_by(LONGEST) {
            let len = (k - start).min(LONGEST);
            let beta = if start == 0 { beta } else { T::ONE };
            // SAFETY: the views hold (m, k), (k, n) and (m, n) numbers at these strides, as was
            // asserted; `start + len <= k`; `c` is borrowed for writing, so it overlaps neither; and
            // the function is the crate's own for `T`, chosen by what this machine can do.
            unsafe {
                product(
                    m,
                    n,
                    len,
                    c.as_mut_ptr(),
                    c_column,
                    c_row,
                    beta != T::ZERO,
                    a.as_ptr().offset(start as isize * a_column),
                    a_column,
                    a_row,
                    b.as_ptr().offset(start as isize * b_row),
                    b_column,
                    b_row,
                    beta,
                    alpha,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
        }
    }

    /// Name and version of the crate with the instruction set that it chooses at run time.
    pub(super) fn name() -> String {
        format!("gemm {VERSION} {}", instructions())
    }

    pub(super) const VERSION: &str = "0.19.0";

    fn instructions() -> &'static str {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                "avx512f"
            } else if std::arch::is_x86_feature_detected!("fma") {
                "fma"
            } else {
                "scalar"
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        std::env::consts::ARCH
    }
}

pub(crate) use in_rust::RustProduct;
#[cfg(feature = "openblas")]
pub(crate) use openblas::{BlasProduct, IN_DOUBLE, IN_SINGLE};

/// `c = a b + beta c` by the crate `gemm`.
pub(crate) use in_rust::product as rust_product;
/// `c = a b + beta c` by OpenBLAS, if it can.
#[cfg(feature = "openblas")]
pub(crate) use openblas::product as blas_product;

/// Sets OpenBLAS to one thread, for good: its own threads change the bits with their number and
/// halve the throughput of parallel runs. Call it once before the first product. The crate `gemm`
/// is asked for one with every product.
pub fn use_one_thread() {
    #[cfg(feature = "openblas")]
    openblas::use_threads(1);
}

/// Runs `work` with the product library on `threads` of its own threads, as no training ever does,
/// and sets it back to one: for the floors that training is measured against. The embedded product
/// has one thread whatever is asked.
pub fn with_library_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    /// Also after a panic.
    struct OneAgain;
    impl Drop for OneAgain {
        fn drop(&mut self) {
            use_one_thread();
        }
    }
    let _one_again = OneAgain;
    #[cfg(feature = "openblas")]
    openblas::use_threads(threads);
    #[cfg(not(feature = "openblas"))]
    let _ = threads;
    work()
}

/// The sizes of one product `C = A B`, row major: `A` (M, K), `B` (K, N), `C` (M, N), where each
/// factor may lie transposed in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of `A` and `C`.
    pub m: usize,
    /// Columns of `B` and `C`.
    pub n: usize,
    /// Columns of `A`, rows of `B`.
    pub k: usize,
    /// Whether `A` lies as (K, M).
    pub transpose_a: bool,
    /// Whether `B` lies as (N, K).
    pub transpose_b: bool,
}

/// One call of the product library with nothing around it: what a floor is made of. Training goes
/// by [`crate::matmul`], which may know a shorter way.
///
/// # Panics
/// If a slice has another length than `product` says.
pub fn library_product(product: Product, a: &[f32], b: &[f32], c: &mut [f32]) {
    let Product { m, n, k, .. } = product;
    assert!(
        a.len() == m * k && b.len() == k * n && c.len() == m * n,
        "{product:?} over {}, {} and {} numbers",
        a.len(),
        b.len(),
        c.len()
    );
    let factor = |rows, columns, is_transposed, numbers| {
        let lies = if is_transposed { (columns, rows) } else { (rows, columns) };
        let view = ArrayView2::from_shape(lies, numbers).expect("the length was checked");
        if is_transposed { view.reversed_axes() } else { view }
    };
    let (a, b) = (factor(m, k, product.transpose_a, a), factor(k, n, product.transpose_b, b));
    let mut c = ArrayViewMut2::from_shape((m, n), c).expect("the length was checked");
    #[cfg(feature = "openblas")]
    assert!(openblas::product(1.0, a, b, 0.0, &mut c), "plain matrices lie as the library wants");
    #[cfg(not(feature = "openblas"))]
    in_rust::product(1.0, a, b, 0.0, &mut c);
}

/// Name and version of what multiplies matrices with the kernels it chose, for the stamp: equal
/// names on the same target give equal bits.
pub fn product_name() -> String {
    #[cfg(feature = "openblas")]
    return format!("{}, {}", openblas::name(), in_rust::name());
    #[cfg(not(feature = "openblas"))]
    return format!("embedded {}", in_rust::name());
}

#[cfg(test)]
mod tests {
    use super::{Product, library_product, use_one_thread, with_library_threads};

    /// A B by its definition, and that neither way of lying in memory nor threads change it.
    #[test]
    fn the_bare_product_is_the_product() {
        use_one_thread();
        let (m, n, k) = (5, 9, 13);
        let at = |row: usize, column: usize| ((row * 7 + column * 3) % 11) as f32 - 5.0;
        let lie = |rows: usize, columns: usize, is_transposed: bool| -> Vec<f32> {
            (0..rows * columns)
                .map(|place| match is_transposed {
                    true => at(place % rows, place / rows),
                    false => at(place / columns, place % columns),
                })
                .collect()
        };
        let sum = |place: usize| (0..k).map(|i| at(place / n, i) * at(i, place % n)).sum::<f32>();
        let expected: Vec<f32> = (0..m * n).map(sum).collect();
        for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true)] {
            let product = Product { m, n, k, transpose_a, transpose_b };
            let (a, b) = (lie(m, k, transpose_a), lie(k, n, transpose_b));
            let mut c = vec![f32::NAN; m * n];
            library_product(product, &a, &b, &mut c);
            assert_eq!(c, expected, "{product:?}");
            with_library_threads(2, || library_product(product, &a, &b, &mut c));
            assert_eq!(c, expected, "{product:?}");
        }
    }

    #[test]
    fn product_is_named_with_its_kernel() {
        super::use_one_thread();
        let name = super::product_name();
        assert!(name.split_whitespace().count() >= 2, "{name}");
    }

    /// The bits of its products belong to its version.
    #[test]
    fn the_version_in_the_name_is_the_one_that_is_built() {
        let lock = std::fs::read_to_string("../../Cargo.lock").expect("the lock file is there");
        let package = format!("name = \"gemm-f32\"\nversion = \"{}\"\n", super::in_rust::VERSION);
        assert!(lock.contains(&package), "{package}");
    }
}
