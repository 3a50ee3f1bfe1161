//! What multiplies matrices here, OpenBLAS and the crate `gemm`, and the one rule about it: neither
//! ever starts threads.

#[cfg(feature = "openblas")]
#[allow(unsafe_code)]
mod openblas {
    // Named so that the linker is told of the library.
    extern crate openblas_src as _;

    use std::ffi::{CStr, c_char, c_int};

    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
        fn openblas_get_config() -> *mut c_char;
        fn openblas_get_corename() -> *mut c_char;
    }

    pub(super) fn use_one_thread() {
        // SAFETY: takes a plain integer and touches only the library's own state; called before
        // any product runs, as the caller's contract says.
        unsafe { openblas_set_num_threads(1) }
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
    use gemm::Parallelism;
    use ndarray::{ArrayView2, ArrayViewMut2};

    use crate::Scalar;

    /// Inner sides are taken in stretches of at most this, so that the bits do not depend on the
    /// size of the caches, by which the crate would choose another.
    const LONGEST: usize = 512;

    /// `c = a b + beta c`, by the crate `gemm`. As in BLAS, what stood in `c` is not read when beta
    /// is 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn product<T: Scalar>(
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
        for start in (0..k).step_by(LONGEST) {
            let len = (k - start).min(LONGEST);
            let beta = if start == 0 { beta } else { T::ONE };
            // SAFETY: the views hold (m, k), (k, n) and (m, n) numbers at these strides, as was
            // asserted; `start + len <= k`; `c` is borrowed for writing, so it overlaps neither; and
            // `T` is `f32` or `f64`, which the crate knows.
            unsafe {
                gemm::gemm(
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
                    T::ONE,
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

pub(crate) use in_rust::product;

/// Sets OpenBLAS to one thread, for good: its own threads change the bits with their number and
/// halve the throughput of parallel runs. Call it once before the first product. The crate `gemm`
/// is asked for one with every product.
pub fn use_one_thread() {
    #[cfg(feature = "openblas")]
    openblas::use_one_thread();
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
        let package = format!("name = \"gemm\"\nversion = \"{}\"\n", super::in_rust::VERSION);
        assert!(lock.contains(&package), "{package}");
    }
}
