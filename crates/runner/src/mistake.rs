//! Stand-in while `data` is written against this path.
pub use gradus_core::Mistake;
