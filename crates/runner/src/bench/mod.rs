//! Measurements of speed: workloads as experiments, run by the product's own training loop, each in
//! turns with its floor, the matrix products of its steps and nothing else.
//!
//! Read in this order. `workloads` has the experiments as a file would say them; `rates` times
//! things in turns; `floor` lists and runs the products of a step; `steps` measures one workload;
//! `sweep` measures a whole sweep, warm and as a process of its own; `growth` looks for cliffs;
//! `peers` reads what other frameworks did.

mod workloads;
mod rates;
mod floor;
mod steps;
mod sweep;
mod growth;
mod peers;

pub use growth::{Cliff, Growth, Point, cliff, measure_growth};
pub use peers::{PeerLine, Peers};
pub use rates::{Pace, Spread};
pub use steps::{Measured, Subject, measure_steps, run_steps};
pub use sweep::{SweepError, measure_sweep};
pub use workloads::{COLD, GOALS, Goal, SWEEP, WORKLOADS, Workload};
