//! One file a command.

pub(crate) mod run;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod check;
pub(crate) mod accept;
pub(crate) mod gradcheck;
mod gradient_table;
pub(crate) mod doctor;
pub(crate) mod weights;
pub(crate) mod bench;
pub(crate) mod verify;
pub(crate) mod explain;
pub(crate) mod status;
pub(crate) mod forget;
