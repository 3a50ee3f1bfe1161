//! Loops in the widest vectors that the machine has, with the bits that they have in any.
//!
//! A kernel is plain code that the compiler vectorizes, once for each level (the baseline of the
//! target, AVX2, AVX-512); which of them runs is chosen when it is called. Bits stay the same
//! because nothing is contracted or reordered: Rust never fuses a product and a sum by itself,
//! elements do not depend on each other, and sums have lanes of a fixed number.

use pulp::{Arch, WithSimd};

/// Runs `work` at the highest level that there is here: some 2 ns beside the work itself.
///
/// Its `with_simd`, and all that it calls, is to be `#[inline(always)]`: what is only called, and a
/// closure of more than a few operations, runs at the baseline.
#[inline(always)]
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    Arch::new().dispatch(work)
}
