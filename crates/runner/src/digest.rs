//! SHA-256 as hexadecimal text, over parts that cannot run into each other.

use gradus_core::{Parameters, Scalar};
use sha2::{Digest as _, Sha256};

use crate::sabotage::is_removed;

/// A digest at work.
#[derive(Clone, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// Adds a part, its length first, so that ("ab", "c") and ("a", "bc") differ.
    pub(crate) fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds numbers by their bits.
    pub(crate) fn add_numbers(&mut self, numbers: &[f64]) -> &mut Self {
        self.0.update((numbers.len() as u64).to_le_bytes());
        add_words(&mut self.0, numbers.iter().map(|number| number.to_le_bytes()));
        self
    }

    /// All 64 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hexadecimal(self.0)
    }
}

/// The digits of a finished digest.
pub(crate) fn hexadecimal(hasher: Sha256) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = hasher.finalize().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// Adds words one after the other. Gathered into blocks first: a call for each word costs more
/// than its digest.
pub(crate) fn add_words<const N: usize>(hasher: &mut Sha256, words: impl Iterator<Item = [u8; N]>) {
    let mut block = [0; 4096];
    let mut filled = 0;
    for word in words {
        block[filled..filled + N].copy_from_slice(&word);
        filled += N;
        if filled + N > block.len() {
            hasher.update(&block[..filled]);
            filled = 0;
        }
    }
    hasher.update(&block[..filled]);
}

/// The digest of a network's parameters, that of their bytes as one piece.
pub(crate) fn of_values<T: Scalar>(parameters: &Parameters<T>) -> String {
    let mut digest = Digest::default();
    digest.0.update(((parameters.values.len() * size_of::<T>()) as u64).to_le_bytes());
    parameters.value_bytes(|bytes| digest.0.update(bytes));
    digest.finish()
}

/// Whether what was read is what was stored.
pub(crate) fn agrees(found: &str, stored: &str) -> bool {
    found == stored || is_removed("checksum")
}

/// The digest of one piece of bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.finish()
}
