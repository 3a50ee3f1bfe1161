//! How strongly parameters are pulled towards zero, and which of them.

use std::fmt;

use gradus_core::{Mistake, ParameterRange, Role};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `λ` of `L2`, `L1` and `DecoupledDecay`. A file writes `L2(1e-4)`, which is for weights alone, or
/// `L2(lambda: 1e-4, roles: [Weight, Bias], divisor: Batch)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    /// `λ`, before the divisor.
    pub lambda: f64,
    /// What the parameters do that it is for.
    pub roles: Vec<Role>,
    /// What `λ` is divided by at each step.
    pub divisor: Divisor,
}

/// What the strength of a penalty is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Divisor {
    /// 1.
    #[default]
    One,
    /// The samples of the step, fewer for a short last batch: the penalty is added to the sum of
    /// the samples' losses and not to their mean, as scikit-learn's `alpha` is. As long as no
    /// batch is short, a plain `λ/batch` says the same.
    Batch,
}

impl Strength {
    /// For weights, divided by nothing.
    pub fn new(lambda: f64) -> Self {
        Self { lambda, roles: only_weights(), divisor: Divisor::One }
    }

    /// What is wrong with it.
    pub(super) fn mistakes(&self, kind: &str) -> Vec<Mistake> {
        let holds = self.lambda.is_finite() && self.lambda >= 0.0;
        let lambda =
            Mistake::unless(holds, "[0].lambda", kind, self.lambda, "a finite number from 0");
        let is_double = |(at, role): (usize, &Role)| self.roles[..at].contains(role);
        let roles = if self.roles.is_empty() {
            let help = "name at least one of Weight, Bias, Scale";
            Some(Mistake::new("[0].roles", format!("{kind} for no role"), help))
        } else {
            let double = self.roles.iter().enumerate().find(|&found| is_double(found));
            double.map(|(at, role)| {
                let message = format!("the role {role:?} stands twice");
                Mistake::new(format!("[0].roles[{at}]"), message, "name each role once")
            })
        };
        lambda.into_iter().chain(roles).collect()
    }

    /// `λ` in a step over this many samples.
    pub(super) fn over(&self, rows: u64) -> f64 {
        match self.divisor {
            Divisor::One => self.lambda,
            Divisor::Batch => self.lambda / rows as f64,
        }
    }

    /// The parameters that it is for; what is frozen is not among them.
    pub(super) fn of<'a>(
        &'a self,
        ranges: &'a [ParameterRange],
    ) -> impl Iterator<Item = &'a ParameterRange> {
        ranges.iter().filter(|parameter| {
            self.roles.contains(&parameter.role) && parameter.rate_multiplier != 0.0
        })
    }
}

fn only_weights() -> Vec<Role> {
    vec![Role::Weight]
}

/// The long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    lambda: f64,
    #[serde(default = "only_weights")]
    roles: Vec<Role>,
    #[serde(default)]
    divisor: Divisor,
}

impl Serialize for Strength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::new(self.lambda) {
            return self.lambda.serialize(serializer);
        }
        let Self { lambda, roles, divisor } = self.clone();
        Fields { lambda, roles, divisor }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Strength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

/// Reads both forms.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Strength;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, or `lambda: 1e-4, roles: [Weight, Bias]`")
    }

    fn visit_f64<E: serde::de::Error>(self, lambda: f64) -> Result<Strength, E> {
        Ok(Strength::new(lambda))
    }

    fn visit_u64<E: serde::de::Error>(self, lambda: u64) -> Result<Strength, E> {
        Ok(Strength::new(lambda as f64))
    }

    fn visit_i64<E: serde::de::Error>(self, lambda: i64) -> Result<Strength, E> {
        Ok(Strength::new(lambda as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Strength, A::Error> {
        let Fields { lambda, roles, divisor } =
            Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Strength { lambda, roles, divisor })
    }
}

/// As a file writes it.
impl fmt::Display for Strength {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::new(self.lambda) {
            return write!(formatter, "{:?}", self.lambda);
        }
        write!(formatter, "lambda: {:?}", self.lambda)?;
        if self.roles != only_weights() {
            write!(formatter, ", roles: {:?}", self.roles)?;
        }
        if self.divisor != Divisor::One {
            write!(formatter, ", divisor: {:?}", self.divisor)?;
        }
        Ok(())
    }
}
