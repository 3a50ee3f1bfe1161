//! The gate: what a program trains now against what a baseline holds.

mod flips;
mod looks;
mod judge;
mod resolution;

pub use judge::{Case, DIVERGED_MARGIN, Evidence, Figure, Judged, Ruling, Verdict, judge};
pub use looks::{ERROR_RATE, Looks};
pub use resolution::{POWER, Resolution, Spread, UNSURE, resolve};
