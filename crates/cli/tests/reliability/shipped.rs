//! What is shipped has no switch that leaves a guard out.

use std::fs;

use crate::program::{Program, VARIABLE};

/// Whether the executable has the name of the variable in it, without which nothing is left out.
fn has_switch(program: &Program) -> bool {
    let bytes = fs::read(&program.path).expect("the program is there");
    bytes.windows(VARIABLE.len()).any(|window| window == VARIABLE.as_bytes())
}

#[test]
fn shipped_program_has_no_guard_that_can_be_left_out() {
    assert!(!has_switch(&Program::under_test()), "it reads {VARIABLE}");
    if let Some(sabotaged) = Program::sabotaged() {
        assert!(has_switch(&sabotaged), "the search does not find what is there");
    }
    for package in ["cli", "runner"] {
        let path = format!("{}/../{package}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(path).expect("the manifest is there");
        assert!(manifest.contains("\nsabotage = ["), "{package}: it is a feature");
        assert!(!manifest.contains("\ndefault = "), "{package}: no feature is on by itself");
    }
}
