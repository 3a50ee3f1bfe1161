//! An experiment's stored results by name, and its runs by their keys.

use std::path::{Path, PathBuf};

use gradus_runner::{Plan, Store};

use crate::failure::Failure;

/// A store that is there, with its plan.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) store: Store,
    pub(crate) plan: Plan,
    pub(crate) folder: PathBuf,
}

impl Stored {
    /// Opens the results of that name.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub(crate) fn open(out: &Path, name: &str) -> Result<Self, Failure> {
        let folder = out.join(name);
        let nothing = || {
            let store = folder.join("runs.sqlite");
            Failure::usage(format!(
                "{}: no results of that name; `run` makes them",
                store.display()
            ))
        };
        let store = Store::open_existing(&folder)?.ok_or_else(nothing)?;
        let plan = store.plan()?.ok_or_else(nothing)?;
        Ok(Self { store, plan, folder })
    }

    /// The position of the one run whose key begins so.
    ///
    /// # Errors
    /// When there is none, or more than one: with those that there are.
    pub(crate) fn position(&self, key: &str) -> Result<usize, Failure> {
        let all = || self.plan.keys.iter().enumerate();
        let fitting: Vec<usize> =
            all().filter(|(_, full)| full.starts_with(key)).map(|(position, _)| position).collect();
        if let [position] = fitting[..] {
            return Ok(position);
        }
        let (what, listed) = match fitting.len() {
            0 => ("no key begins so", all().map(|(position, _)| position).collect()),
            _ => ("more than one key begins so", fitting),
        };
        let shown = listed.iter().take(MOST_LISTED).map(|&position| {
            format!("  {}  {}", &self.plan.keys[position][..12], run_label(&self.plan, position))
        });
        let shown = shown.collect::<Vec<_>>().join("\n");
        let more = listed.len().saturating_sub(MOST_LISTED);
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        Err(Failure::usage(format!("{key}: {what}; the runs are\n{shown}{more}")))
    }
}

/// Runs that a message lists, at most.
const MOST_LISTED: usize = 20;

/// `seed 0, learning rate 0.1`.
pub(crate) fn run_label(plan: &Plan, position: usize) -> String {
    let (seed, cell) = (plan.seed(position), plan.cell_label(plan.cell(position)));
    if cell.is_empty() { format!("seed {seed}") } else { format!("seed {seed}, {cell}") }
}
