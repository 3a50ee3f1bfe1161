//! Nothing is lost: faults injected from outside, row by row, and the same bytes demanded after
//! each. A sample of the cases at every change; all of them, with the negative controls, by
//! `cargo xtask reliability`.

#![cfg(target_os = "linux")]

#[path = "../../../../xtask/src/outside.rs"]
mod outside;
mod program;
mod place;
mod disk;
mod random;
mod trial;

mod determinism;
mod calls;
mod kills;
mod folders;
mod damage;
mod input;
mod memory;
mod table;
mod shipped;
