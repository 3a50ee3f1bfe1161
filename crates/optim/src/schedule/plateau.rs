//! A schedule that listens: it falls when the judged metric no longer does.

use super::Schedule;
use crate::walk::Walk;

/// What `Plateau` remembers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlateauState {
    pub(super) factor: f64,
    best: f64,
    stale_epochs: u64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { factor: 1.0, best: f64::INFINITY, stale_epochs: 0 }
    }
}

impl PlateauState {
    /// Walks over all of it.
    pub(crate) fn walk<T>(&mut self, walk: &mut dyn Walk<T>) {
        walk.double("plateau.factor", &mut self.factor);
        walk.double("plateau.best", &mut self.best);
        walk.count("plateau.stale_epochs", &mut self.stale_epochs);
    }
}

impl Schedule {
    /// Shows it the judged metric of an epoch, lower is better; only `Plateau` listens.
    pub(crate) fn observe(&self, metric: f64, state: &mut PlateauState) {
        let Schedule::Plateau { factor, patience, threshold, minimum } = *self else { return };
        let is_first = state.best.is_infinite() && !metric.is_nan();
        if metric < state.best - threshold * state.best.abs() || is_first {
            state.best = metric;
            state.stale_epochs = 0;
            return;
        }
        state.stale_epochs += 1;
        if state.stale_epochs > u64::from(patience) {
            state.factor = (state.factor * factor).max(minimum);
            state.stale_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PlateauState, Schedule};

    #[test]
    fn plateau_falls_after_patience_and_not_below_its_minimum() {
        let schedule =
            Schedule::Plateau { factor: 0.1, patience: 1, threshold: 0.01, minimum: 0.05 };
        let mut state = PlateauState::default();
        let mut factors = Vec::new();
        // 0.995 is no fall by 1 %, 0.9 is; NaN never is.
        for metric in [1.0, 0.995, 0.9, 0.9, 0.9, f64::NAN, f64::NAN] {
            schedule.observe(metric, &mut state);
            factors.push(state.factor);
        }
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.05]);
    }
}
