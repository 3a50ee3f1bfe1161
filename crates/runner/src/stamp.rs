//! What the bits of a run may depend on beside its key.

use std::fs;
use std::io;

use gradus_core::{NUMERIC_VERSION, product_name};

use crate::digest;

/// Numeric version of the engine, matrix product with its kernel, target: equal keys with equal
/// stamps give equal bits.
pub fn stamp() -> String {
    let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("numerics {NUMERIC_VERSION}; {}; {arch}-{system}", product_name())
}

/// The first 16 hexadecimal digits of the digest of this program's own file.
///
/// # Errors
/// When it cannot be read.
pub fn program_digest() -> io::Result<String> {
    let mut digest = digest::of(&fs::read(std::env::current_exe()?)?);
    digest.truncate(16);
    Ok(digest)
}
