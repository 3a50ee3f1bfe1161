//! Experiments from their files to their stored results: reading, planning, training, storing.

#![forbid(unsafe_code)]

pub mod data;
mod experiment;
mod metric;
mod stop;
mod range;
mod axis;
mod file;
mod explain;
mod plan;
mod interruption;
mod train;
mod checkpoint;
mod cut;
mod batch;
mod score;
mod constant;
mod evaluate;
mod curves;
mod sharpness;
mod weights;
mod record;
mod digest;
mod stamp;
mod store_error;
mod store;
mod stored_record;
mod stored_plan;
mod checkpoints;
mod status;
mod results;
mod checks;
pub mod gate;
pub mod sabotage;
mod whole_file;
mod folder;
mod progress;
mod writer;
mod memory;
mod needs;
mod pool;
mod verify;
mod estimate;
mod gradcheck;
pub mod bench;
pub mod statistics;

pub use axis::{Axis, Coordinate, NamedModel, NamedOptimizer};
pub use checkpoints::{Checkpoint, CheckpointEntry, StoredCheckpoint};
pub use checks::{
    AxisValue, CellFinding, Check, Claim, Finding, Interval, Measure, Moment, Seeds, Trust,
    judge_checks,
};
pub use cut::{Cut, train_cut};
pub use estimate::{Estimate, estimate};
pub use experiment::{Experiment, LastBatch, Order, Part, Precision, Quantity, Sweep, Train};
pub use explain::{Explained, Origin, Source, explain};
pub use file::{File, FileErrors, has_checks};
pub use folder::{Folder, FolderError};
pub use gradcheck::{CheckedCell, gradcheck};
pub use interruption::{Interrupted, Interruption};
pub use metric::{At, Judge, Metric, best};
pub use plan::{LARGEST_PLAN, Plan};
pub use pool::{CHECKPOINT_EVERY, Tally, WORKER_NAME, Work, cores, train_runs};
pub use range::Range;
pub use record::{Curve, NamedArray, Outcome, RunRecord, Timing};
pub use results::{DataSummary, PlannedRun, Results};
pub use stamp::{program_digest, stamp};
pub use status::{Forgotten, Selection, Status};
pub use stop::{Stop, Watched};
pub use store::{Presence, Store, experiment_text};
pub use store_error::{StoreError, is_temporary};
pub use train::{Between, Run, Trained, train};
pub use verify::{Difference, Verified, VerifyError, verify};
pub use weights::{Init, Weights, safetensors_bytes};
pub use whole_file::write_whole;
