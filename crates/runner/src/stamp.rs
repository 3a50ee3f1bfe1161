//! What the bits of a run may depend on beside its key.

use crate::sabotage::is_removed;
use gradus_core::{NUMERIC_VERSION, product_name};

/// Numeric version of the engine, matrix product with its kernel, target: equal keys with equal
/// stamps give equal bits.
pub fn stamp() -> String {
    if is_removed("stamp") {
        return String::new();
    }
    let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("numerics {NUMERIC_VERSION}; {}; {arch}-{system}", product_name())
}
