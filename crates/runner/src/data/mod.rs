//! Data sets: where the rows come from, how they are split, how they are scaled.
//!
//! Read in this order. [`Data`] is the `data` section of an experiment; [`Data::load`] makes a
//! [`Dataset`] (rows as read); [`Dataset::prepare`] splits and scales it into a [`Prepared`] for
//! one seed. A new source is one file, its `mod` line here, and its variant and its arm in
//! `source.rs`.

mod description;
mod dataset;
mod amount;
mod split;
mod draw;
mod test_rows;
mod scaling;
mod gather;
mod prepare;
mod source;
mod file;
mod lines;
mod records;
mod read_table;

mod circles;
mod digits;
mod idx;
mod iris;
mod line;
mod moons;
mod noise;
mod sequences;
mod spirals;
mod cs231n_spirals;
mod table;
mod text;
mod xor;

pub(crate) use file::is_missing;

pub use amount::Amount;
pub use dataset::{Dataset, RawTargets, Values};
pub use description::Data;
pub use noise::NoiseTargets;
pub use prepare::{Prepared, SampleTargets, Samples};
pub use scaling::Scaling;
pub use source::Source;
pub use split::{Limit, Method, Resample, Sizes, Split};
pub use table::{Column, Header, Target};
pub use test_rows::TestRows;
