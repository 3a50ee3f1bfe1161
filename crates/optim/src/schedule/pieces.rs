//! Schedules one after the other.

use gradus_core::Mistake;
use serde::{Deserialize, Serialize};

use super::{PlateauState, ROUNDING, Schedule, Time, one};

/// A piece of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Epochs from the end of the warm-up to the end of the piece; the last piece has none.
    #[serde(default)]
    pub until: Option<f64>,
    /// What the rate is multiplied by all through the piece.
    #[serde(default = "one")]
    pub factor: f64,
    /// How the rate changes within the piece.
    #[serde(default)]
    pub schedule: Schedule,
}

/// The factor at a moment that is not before the first piece.
pub(super) fn at(pieces: &[Piece], now: Time, plateau: PlateauState) -> f64 {
    let mut begin = 0.0;
    for piece in pieces {
        let end =
            piece.until.map_or(now.length, |until| (until * now.steps_per_epoch - ROUNDING).ceil());
        if now.steps < end || piece.until.is_none() {
            let inside = Time { steps: now.steps - begin, length: end - begin, ..now };
            return piece.factor * piece.schedule.at(inside, plateau);
        }
        begin = end;
    }
    unreachable!("the last piece has no end")
}

/// Everything that is wrong with them; places are those inside the list.
pub(super) fn mistakes(pieces: &[Piece]) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut begin = 0.0;
    if pieces.is_empty() {
        found.push(Mistake::new("[0]", "no pieces", "allowed: at least one"));
    }
    for (index, piece) in pieces.iter().enumerate() {
        let place = format!("[0][{index}]");
        let is_last = index + 1 == pieces.len();
        match piece.until {
            None if !is_last => {
                let message = "a piece without `until` before the last";
                found.push(Mistake::new(&place, message, "say the epoch at which it ends"));
            }
            Some(_) if is_last => {
                let message = "the last piece has an `until`";
                let help = "leave it out: the last piece goes on to the end of the run";
                found.push(Mistake::new(format!("{place}.until"), message, help));
            }
            Some(until) => {
                let holds = until.is_finite() && until > begin;
                let allowed = format!("a number of epochs above {begin}, where the piece begins");
                let at = format!("{place}.until");
                found.extend(Mistake::unless(holds, at, "until", until, &allowed));
                begin = until;
            }
            None => {}
        }
        let holds = piece.factor.is_finite() && piece.factor >= 0.0;
        let at = format!("{place}.factor");
        let allowed = "a finite number from 0";
        found.extend(Mistake::unless(holds, at, "the factor", piece.factor, allowed));
        let inside = format!("{place}.schedule");
        if matches!(piece.schedule, Schedule::Plateau { .. } | Schedule::Pieces(_)) {
            let message = format!("{} as a piece of a schedule", piece.schedule.kind());
            let help = "a piece is a schedule of time alone, and holds no pieces itself";
            found.push(Mistake::new(inside, message, help));
        } else {
            let own = piece.schedule.mistakes().into_iter();
            found.extend(own.map(|mistake| mistake.within(&inside)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Piece, Schedule};

    #[test]
    fn wrong_pieces_are_named_with_their_place() {
        let piece = |until, factor, schedule| Piece { until, factor, schedule };
        let linear = Schedule::Linear { to: 0.0 };
        let wrong = Schedule::Pieces(vec![
            piece(Some(2.0), 0.5, Schedule::Pieces(vec![])),
            piece(Some(1.0), -0.5, linear),
            piece(None, 1.0, Schedule::Constant),
            piece(Some(9.0), 1.0, Schedule::Exponential { factor: 0.0 }),
        ]);
        let found = wrong.mistakes();
        let places: Vec<&str> = found.iter().map(|mistake| mistake.place.as_str()).collect();
        let expected = ["[0].schedule", "[1].until", "[1].factor", "[2]", "[3].until"];
        let expected = expected.map(|place| format!("[0]{place}"));
        assert_eq!(places[..5], expected);
        assert_eq!(places[5..], ["[0][3].schedule.factor"]);
    }
}
