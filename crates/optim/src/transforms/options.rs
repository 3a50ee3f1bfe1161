//! What the named options of transformations have in common: ranges, and how they are shown.

use gradus_core::Mistake;

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    FromZero,
    AboveZero,
    ZeroToBelowOne,
}

impl Allowed {
    /// A mistake, unless `value` is allowed.
    pub(super) fn check(self, place: &str, name: &str, value: f64) -> Option<Mistake> {
        let (holds, allowed) = match self {
            Allowed::FromZero => (value.is_finite() && value >= 0.0, "a finite number from 0"),
            Allowed::AboveZero => (value.is_finite() && value > 0.0, "a finite number above 0"),
            Allowed::ZeroToBelowOne => ((0.0..1.0).contains(&value), "from 0 to below 1"),
        };
        Mistake::unless(holds, place, name, value, allowed)
    }
}

/// Options that a file gives by name; each may be left out.
pub(super) trait Options: Default {
    /// Its numbers.
    fn numbers(&self) -> Vec<(&'static str, f64, Allowed)>;

    /// Its switches.
    fn switches(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    /// What is wrong with its numbers.
    fn mistakes(&self) -> Vec<Mistake> {
        let numbers = self.numbers().into_iter();
        numbers.filter_map(|(name, value, allowed)| allowed.check(name, name, value)).collect()
    }

    /// What differs from the defaults, as a file would say it.
    fn said(&self) -> String {
        let default = Self::default();
        let numbers = self.numbers().into_iter().zip(default.numbers());
        let numbers = numbers
            .filter(|(ours, default)| ours != default)
            .map(|((name, value, _), _)| format!("{name}: {value:?}"));
        let switches = self.switches().into_iter().zip(default.switches());
        let switches = switches
            .filter(|(ours, default)| ours != default)
            .map(|((name, value), _)| format!("{name}: {value}"));
        numbers.chain(switches).collect::<Vec<_>>().join(", ")
    }
}
