//! The gate: what a program trains now against what a baseline holds.

mod description;
mod mistakes;
mod values;
mod witness;
mod baseline;
mod flips;
mod looks;
mod judge;
mod resolution;
mod compare;

pub use baseline::{Baseline, BaselineError, Cell, Values};
pub use compare::{Compared, Comparison};
pub use description::{Gate, Margin, Reaction};
pub use judge::{Case, DIVERGED_MARGIN, Evidence, Figure, Judged, Ruling, Verdict, judge};
pub use looks::{ERROR_RATE, Looks};
pub(crate) use mistakes::{alone, of_data};
pub use resolution::{POWER, Resolution, Spread, UNSURE, resolve};
pub use values::{Criterion, Envelope};
pub use witness::{
    Departure, Evaluated, Witness, WitnessError, WitnessStep, departure, steady_witnesses,
    witnesses,
};
