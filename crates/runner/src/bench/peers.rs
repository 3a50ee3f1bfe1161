//! What other frameworks did: the lines that the harness of the peers prints.

/// What the harness printed, as far as it is compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peers {
    /// The remarks at the head: when and how it was measured.
    pub head: Vec<String>,
    /// Rates of training.
    pub rates: Vec<PeerLine>,
    /// Rates of floors by other product libraries, `peer` being the library.
    pub floors: Vec<PeerLine>,
    /// Wall seconds of sweeps, `workload` being `S` or `S-cold`.
    pub walls: Vec<PeerLine>,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerLine {
    /// The workload.
    pub workload: String,
    /// The framework or library.
    pub peer: String,
    /// Threads; 0 where the line does not say.
    pub threads: usize,
    /// Median, least and greatest.
    pub values: [f64; 3],
}

impl Peers {
    /// Reads lines such as
    ///
    /// ```text
    /// M jax 2 202111.0 180981.0 250314.0
    /// floor:M openblas-debian 2 345261.0 336963.0 354207.0
    /// # S-cold dfdx wall seconds 0.48 0.47 0.52
    /// ```
    ///
    /// `# S dfdx wall seconds …` likewise. Remarks before the first line of numbers are the head;
    /// other remarks, and what the harness prints of single products (`shape:…`, `peak`), are
    /// passed over.
    ///
    /// # Errors
    /// The first line that has another form, by its number.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut peers = Self::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = || {
                format!(
                    "line {}: {line:?} is no line of the peers' harness, which are `workload peer \
                     threads samples_per_s min max`",
                    number + 1
                )
            };
            match words.as_slice() {
                [] => {}
                ["#", workload, peer, "wall", "seconds", values @ ..] => {
                    let values = three(values).ok_or_else(wrong)?;
                    peers.walls.push(line_of(workload, peer, 0, values));
                }
                ["#", words @ ..] => {
                    if peers.rates.is_empty() && peers.floors.is_empty() && peers.walls.is_empty() {
                        peers.head.push(words.join(" "));
                    }
                }
                [shape, ..] if shape.starts_with("shape:") || *shape == "peak" => {}
                [workload, peer, threads, values @ ..] => {
                    let threads = threads.parse().map_err(|_| wrong())?;
                    let values = three(values).ok_or_else(wrong)?;
                    match workload.strip_prefix("floor:") {
                        Some(of) => peers.floors.push(line_of(of, peer, threads, values)),
                        None => peers.rates.push(line_of(workload, peer, threads, values)),
                    }
                }
                _ => return Err(wrong()),
            }
        }
        Ok(peers)
    }
}

fn line_of(workload: &str, peer: &str, threads: usize, values: [f64; 3]) -> PeerLine {
    PeerLine { workload: workload.to_string(), peer: peer.to_string(), threads, values }
}

fn three(words: &[&str]) -> Option<[f64; 3]> {
    let values: Vec<f64> = words.iter().map_while(|word| word.parse().ok()).collect();
    let all_finite = values.iter().all(|value: &f64| value.is_finite() && *value > 0.0);
    <[f64; 3]>::try_from(values).ok().filter(|_| all_finite && words.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_harness_are_read() {
        let text = "# 2026-11-23, pinned\n#  two cores \n\nT jax 1 3.0 2.0 4.0\n# load others 0.01\n\
                    floor:T mkl 2 65.5 53.7 66.6\nS dfdx 1 2545511.0 1.0 2.0\n\
                    # S dfdx wall seconds 0.451 0.44 0.53\n# S-cold jax wall seconds 3.85 3.70 4.01\n\
                    peak mkl 1 104.0 101.4 104.4 size 512\nshape:T0.fwd 32x1x16 mkl 1 0.2 5 -\n";
        let peers = Peers::read(text).expect("all lines are right");
        assert_eq!(peers.head, ["2026-11-23, pinned", "two cores"]);
        assert_eq!(
            peers.rates,
            [
                line_of("T", "jax", 1, [3.0, 2.0, 4.0]),
                line_of("S", "dfdx", 1, [2545511.0, 1.0, 2.0])
            ]
        );
        assert_eq!(peers.floors, [line_of("T", "mkl", 2, [65.5, 53.7, 66.6])]);
        let walls: Vec<_> =
            peers.walls.iter().map(|w| (w.workload.as_str(), w.values[0])).collect();
        assert_eq!(walls, [("S", 0.451), ("S-cold", 3.85)]);
    }

    #[test]
    fn other_lines_are_refused_by_their_number() {
        for line in ["T jax", "T jax one 3 2 4", "T jax 1 3 2", "T jax 1 3 2 x", "T jax 1 3 2 4 5"]
        {
            let said = Peers::read(&format!("# head\n{line}\n")).expect_err(line);
            assert!(said.starts_with("line 2: ") && said.contains(line), "{said}");
        }
    }
}
