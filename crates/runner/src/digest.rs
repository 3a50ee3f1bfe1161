//! SHA-256 as hexadecimal text, over parts that cannot run into each other.

use sha2::{Digest as _, Sha256};

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
        for number in numbers {
            self.0.update(number.to_bits().to_le_bytes());
        }
        self
    }

    /// All 64 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of one piece of bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.finish()
}
