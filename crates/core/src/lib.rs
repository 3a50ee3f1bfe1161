//! Tensors over one arena, operations with their gradients, and the compiled program.
//!
//! Describe, compile, run: a list of [`Layer`]s is plain data; [`Graph::build`] turns it into
//! operations and finds every mistake; [`Program::compile`] places every buffer; after that a
//! training step cannot fail and does not allocate. This crate knows no files, no clock and no
//! experiment. Read the modules in the order below.

#![deny(unsafe_code)]

mod mistake;
mod shape;
mod pair;
mod functions;
mod scalar;
mod simd;
mod shares;
mod random;
mod blas;
mod matmul;
mod tokens;
mod recurrence;
mod orthogonal;
mod initializer;
mod parameters;
mod operation;
mod elementwise;
mod window;
mod correlation;
mod ops;
mod graph;
mod layers;
mod losses;
mod tile;
mod piece;
mod program;
mod room;
mod gradient_check;
mod gradient_table;

pub use blas::{Product, library_product, product_name, use_one_thread, with_library_threads};
pub use gradient_check::{
    GradientCheck, Worst, check_direction, check_gradients, check_gradients_of,
};
pub use gradient_table::{CaseSamples, GradientCase, Inputs, gradient_families, gradient_table};
pub use graph::{BuildError, Graph, NodeId, Vocabulary};
pub use initializer::{Distribution, Initializer};
pub use layers::{Conv2d, Dense, Initialization, Layer, Lstm, MultiHeadAttention, Pool2d, Scope};
pub use losses::{Loss, TargetKind, Targets};
pub use matmul::matmul;
pub use mistake::Mistake;
pub use operation::{Backward, Deferred, Destination, Forward, Mode, Operation, State};
pub use pair::Pair;
pub use parameters::{ParameterRange, Parameters, Role};
pub use piece::Update;
pub use program::{Program, StateRange};
pub use random::{Stream, StreamName};
pub use scalar::Scalar;
pub use shape::Shape;
pub use simd::vectorized;

/// Version of the arithmetic: it changes exactly when the same file gives other bits on the same
/// machine. It is part of every record's stamp, and a committed trajectory holds it
/// (`crates/runner/tests/reference.rs`).
pub const NUMERIC_VERSION: u32 = 3;
