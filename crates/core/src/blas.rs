//! What multiplies matrices here, and the one rule about it: OpenBLAS never starts threads.

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

/// Sets OpenBLAS to one thread, for good: its own threads change the bits with their number and
/// halve the throughput of parallel runs. Call it once before the first product. The embedded
/// product has no threads to switch off.
pub fn use_one_thread() {
    #[cfg(feature = "openblas")]
    openblas::use_one_thread();
}

/// Name and version of the matrix product with the kernel it chose, for the stamp: equal names on
/// the same target give equal bits.
pub fn product_name() -> String {
    #[cfg(feature = "openblas")]
    return openblas::name();
    #[cfg(not(feature = "openblas"))]
    return format!("embedded {}", embedded_kernel());
}

/// The instruction set that `matrixmultiply` chooses at run time, in its order of preference.
#[cfg(not(feature = "openblas"))]
fn embedded_kernel() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("fma") {
            "fma"
        } else if std::arch::is_x86_feature_detected!("avx") {
            "avx"
        } else {
            "sse2"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    #[test]
    fn product_is_named_with_its_kernel() {
        super::use_one_thread();
        let name = super::product_name();
        assert!(name.split_whitespace().count() >= 2, "{name}");
    }
}
