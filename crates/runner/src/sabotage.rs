//! Guards that a build for tests can leave out, to show that the tests notice. The shipped program
//! is built without the feature `sabotage`: there, nothing asks and nothing can be left out.

/// Whether this guard is to be left out: the one that `GRADUS_SABOTAGE` names.
#[cfg(feature = "sabotage")]
pub fn is_removed(guard: &str) -> bool {
    static REMOVED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    REMOVED.get_or_init(|| std::env::var("GRADUS_SABOTAGE").ok()).as_deref() == Some(guard)
}

/// No guard is ever left out.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn is_removed(_guard: &str) -> bool {
    false
}

/// What a generator that all runs share would add to a seed; 0 while each has its own.
#[cfg(feature = "sabotage")]
pub(crate) fn shared_draws() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    if is_removed("draws") { 1 + BEGUN.fetch_add(1, Ordering::Relaxed) } else { 0 }
}

/// Every run has draws of its own.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub(crate) const fn shared_draws() -> u64 {
    0
}

/// Keeps memory for so many records for ever, where nothing bounds what is kept.
#[cfg(feature = "sabotage")]
pub(crate) fn leak(records: usize) {
    if is_removed("growth") {
        // Written to: what is only asked for takes no memory.
        std::mem::forget(vec![1u8; records << 14]);
    }
}

/// Nothing is kept.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub(crate) const fn leak(_records: usize) {}
