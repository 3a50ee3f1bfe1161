//! The page on speed: ours, the peers' and the floor's, side by side, and how time grows.

use std::fmt::Write as _;
use std::path::Path;

use gradus_runner::bench::{
    COLD, Cliff, GOALS, Goal, Growth, Measured, PeerLine, Peers, SWEEP, Spread, WORKLOADS,
    Workload, cliff,
};

use crate::charts::growth;
use crate::files::{ReportError, write_file};
use crate::numbers::{counted, digits, short};

/// What was measured on.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Name of the processor.
    pub processor: String,
    /// What multiplies matrices, with its kernels.
    pub product: String,
    /// Version of the compiler.
    pub compiler: String,
}

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Performance {
    /// The command that makes it.
    pub command: String,
    /// Where the peers' lines stand, if they were given.
    pub peers_file: Option<String>,
    /// What was measured on.
    pub machine: Machine,
    /// Ours, each with its floor.
    pub measured: Vec<Measured>,
    /// Theirs.
    pub peers: Peers,
    /// How time grows.
    pub growths: Vec<Growth>,
}

/// The picture of growth, beside the page.
const PICTURE: &str = "performance-growth.png";

/// Writes the page as `name` into `folder`, and the picture of growth beside it.
///
/// # Errors
/// When a file cannot be written.
pub fn write_performance(
    performance: &Performance,
    folder: &Path,
    name: &str,
) -> Result<(), ReportError> {
    let subtitle =
        format!("{}, one thread, {}", performance.machine.processor, &performance.machine.product);
    if !performance.growths.is_empty() {
        write_file(folder, PICTURE, &growth::draw(&performance.growths, &subtitle).png())?;
    }
    write_file(folder, name, page(performance).as_bytes())
}

/// Where time rises most beyond the floor, in a sentence.
pub fn cliff_sentence(cliff: Option<Cliff>) -> String {
    let Some(cliff) = cliff else { return "Nothing was measured at two sizes.".to_string() };
    let Cliff { what, sizes: (from, to), rise, floor_rise } = cliff;
    format!(
        "The largest cliff: from {what} {from} to {to} the time of a sample changes by a factor of \
         {}, that of the floor by {}: {} beyond the floor.",
        short(rise),
        short(floor_rise),
        short(cliff.beyond_floor())
    )
}

fn page(performance: &Performance) -> String {
    let Machine { cores, processor, product, compiler } = &performance.machine;
    let mut page = format!(
        "# Performance\n\n\
         Made by `{}`; not edited by hand.\n\n\
         Ours is the product's own training loop with its defaults, each in turns with its floor: \
         the matrix products of its steps, and nothing else, by as many threads of the product \
         library, in the same process. The full floor, of one thread, is the same with the gather \
         of each step's rows and the update of the parameters as passes of their own, which every \
         training must do. Numbers are medians of repetitions, ratios those of medians.\n\n\
         - machine: {processor}, {cores} cores\n- matrix products: {product}\n\
         - compiler: {compiler}\n",
        performance.command
    );
    let _ = match &performance.peers_file {
        Some(file) => writeln!(page, "- peers (`{file}`): {}", performance.peers.head.join(" ")),
        None => writeln!(page, "- peers: none; `--peers FILE` adds the lines of their harness"),
    };
    page.push_str("\n## In short\n\n");
    row(
        &mut page,
        &[
            "workload",
            "threads",
            "gradus",
            "best peer",
            "times the peer",
            "floor",
            "of the floor",
            "of the full floor",
            "goal",
            "reached",
        ],
    );
    row(&mut page, &["---"; 10]);
    for ours in &performance.measured {
        short_row(&mut page, ours, &performance.peers);
    }
    for workload in WORKLOADS.iter().chain([&SWEEP]) {
        workload_section(&mut page, workload, performance);
    }
    if !performance.growths.is_empty() {
        growth_section(&mut page, &performance.growths);
    }
    page
}

/// Ours against the best of theirs; sweeps by their wall time.
fn short_row(page: &mut String, ours: &Measured, peers: &Peers) {
    let rivals = rivals(ours, peers);
    let (value, best, ratio) = match ours.wall {
        Some(wall) => {
            let best = rivals.iter().min_by(|a, b| a.values[0].total_cmp(&b.values[0]));
            let ratio = best.map(|best| best.values[0] / wall.median);
            (format!("{} s", digits(wall.median, 3)), best, ratio)
        }
        None => {
            let best = rivals.iter().max_by(|a, b| a.values[0].total_cmp(&b.values[0]));
            let ratio = best.map(|best| ours.rate.median / best.values[0]);
            (format!("{} /s", grouped(ours.rate.median)), best, ratio)
        }
    };
    let best = best.map_or("not measured".to_string(), |best| match ours.wall {
        Some(_) => format!("{} {} s", best.peer, digits(best.values[0], 3)),
        None => format!("{} {} /s", best.peer, grouped(best.values[0])),
    });
    let floor = match ours.wall {
        Some(wall) => format!("{} s", digits(wall.median * ours.floor_fraction(), 3)),
        None => format!("{} /s", grouped(ours.floor.median)),
    };
    let full = ours.full_floor.map(|full| short(ours.rate.median / full.median));
    let full = full.unwrap_or_default();
    let goal =
        GOALS.iter().find(|goal| (goal.workload, goal.threads) == (ours.workload, ours.threads));
    let (goal, reached) = goal.map_or_else(
        || (String::new(), ""),
        |goal| (goal_words(goal), if_reached(goal, ours, ratio)),
    );
    row(
        page,
        &[
            ours.workload,
            &ours.threads.to_string(),
            &value,
            &best,
            &ratio.map_or(String::new(), |ratio| format!("**{}**", short(ratio))),
            &floor,
            &format!("**{}**", short(ours.floor_fraction())),
            &full,
            &goal,
            reached,
        ],
    );
}

fn goal_words(goal: &Goal) -> String {
    let Goal { times_peer, of_floor, wall, .. } = goal;
    let words = [
        times_peer.map(|times| format!("{} times the peer", short(times))),
        of_floor.map(|part| format!("{} of the floor", short(part))),
        wall.map(|seconds| format!("{} s", short(seconds))),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Whether all parts of the goal are; that of a peer who was not measured nobody knows.
fn if_reached(goal: &Goal, ours: &Measured, ratio: Option<f64>) -> &'static str {
    let parts = [
        goal.times_peer.map(|times| ratio.map(|ratio| ratio >= times)),
        goal.of_floor.map(|part| Some(ours.floor_fraction() >= part)),
        goal.wall.map(|seconds| ours.wall.map(|wall| wall.median <= seconds)),
    ];
    let parts: Vec<Option<bool>> = parts.into_iter().flatten().collect();
    match parts {
        parts if parts.contains(&Some(false)) => "no",
        parts if parts.contains(&None) => "unknown",
        _ => "yes",
    }
}

/// The peers' lines that a measurement is held against.
fn rivals<'a>(ours: &Measured, peers: &'a Peers) -> Vec<&'a PeerLine> {
    let is_rival = |line: &&PeerLine| {
        line.workload == ours.workload && (ours.wall.is_some() || line.threads == ours.threads)
    };
    let lines = if ours.wall.is_some() { &peers.walls } else { &peers.rates };
    lines.iter().filter(is_rival).collect()
}

fn workload_section(page: &mut String, workload: &Workload, performance: &Performance) {
    let is_of_it = |ours: &&Measured| {
        ours.workload == workload.name || (workload.name == SWEEP.name && ours.workload == COLD)
    };
    let ours: Vec<&Measured> = performance.measured.iter().filter(is_of_it).collect();
    if ours.is_empty() {
        return;
    }
    let (question, text) = workload.text.split_once('\n').unwrap_or(("", workload.text));
    let question = question.trim_start_matches("//").trim();
    let _ = write!(
        page,
        "\n## {}: {question}\n\n```ron\n{}\n```\n\nWhat limits it now: {}\n",
        workload.name,
        text.trim_end(),
        workload.limit
    );
    for ours in ours {
        detail(page, ours, &performance.peers);
    }
}

/// Ours, theirs and the floors of one workload and number of threads, fastest first.
fn detail(page: &mut String, ours: &Measured, peers: &Peers) {
    let of = |spread: Spread| [spread.median, spread.min, spread.max];
    let is_sweep = ours.wall.is_some();
    let mut lines = vec![("**gradus**".to_string(), of(ours.wall.unwrap_or(ours.rate)))];
    lines.extend(rivals(ours, peers).into_iter().map(|line| (line.peer.clone(), line.values)));
    if !is_sweep {
        lines.push(("floor, in turns with gradus".to_string(), of(ours.floor)));
        let full = ours.full_floor.map(|full| ("full floor".to_string(), of(full)));
        lines.extend(full);
        let floors = peers.floors.iter();
        let floors = floors.filter(|f| f.workload == ours.workload && f.threads == ours.threads);
        lines.extend(floors.map(|line| (format!("floor, {}", line.peer), line.values)));
    }
    lines.sort_by(|(_, one), (_, other)| match is_sweep {
        true => one[0].total_cmp(&other[0]),
        false => other[0].total_cmp(&one[0]),
    });
    let (what, unit) = match (ours.workload, is_sweep) {
        (COLD, _) => ("by a process of its own, from start to exit", "wall seconds"),
        (_, true) => ("in a process that is warm", "wall seconds"),
        _ => ("a single run", "samples/s"),
    };
    let words = match is_sweep {
        true => format!("{} at a time", counted(ours.threads, "run")),
        false => counted(ours.threads, "thread"),
    };
    let _ = write!(page, "\n{what}, {words}:\n\n");
    row(page, &["", unit, "min .. max", "gradus is at"]);
    row(page, &["---"; 4]);
    let own = ours.wall.unwrap_or(ours.rate).median;
    for (name, [median, min, max]) in lines {
        let number = |value| if is_sweep { digits(value, 3) } else { grouped(value) };
        let ratio = if is_sweep { median / own } else { own / median };
        let ratio = if name.starts_with("**") { String::new() } else { short(ratio) };
        let range = format!("{} .. {}", number(min), number(max));
        row(page, &[&name, &number(median), &range, &ratio]);
    }
}

fn growth_section(page: &mut String, growths: &[Growth]) {
    let _ = write!(
        page,
        "\n## Growth\n\nNanoseconds of a sample on one thread, and of its floor: the least of the \
         repetitions. {}\n\n\
         ![The time of a sample against width, depth, batch and runs, beside the floor's]({PICTURE})\n\n",
        cliff_sentence(cliff(growths))
    );
    row(page, &["growing", "held", "size", "ns a sample", "floor", "times the floor"]);
    row(page, &["---"; 6]);
    for Growth { what, held, points } in growths {
        for point in points {
            let nanoseconds = |seconds: f64| digits(seconds * 1e9, 4);
            row(
                page,
                &[
                    what,
                    held,
                    &point.size.to_string(),
                    &nanoseconds(point.seconds),
                    &nanoseconds(point.floor),
                    &short(point.seconds / point.floor),
                ],
            );
        }
    }
}

fn row(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// A rate to the sample: `1,234,567`.
fn grouped(value: f64) -> String {
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use gradus_runner::bench::Point;

    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median * 0.9, max: median * 1.1 }
    }

    fn performance() -> Performance {
        let single = |workload, rate: f64| Measured {
            workload,
            threads: 1,
            rate: spread(rate),
            floor: spread(4e6),
            full_floor: (workload == "T").then(|| spread(3.2e6)),
            wall: None,
        };
        let sweep = |workload, wall| Measured {
            threads: 2,
            wall: Some(spread(wall)),
            ..single(workload, 1e6)
        };
        let peers = "# taken in spring\nT slow 1 5e5 4e5 6e5\nT jax 1 1e6 9e5 1.1e6\n\
                     T jax 2 9e6 8e6 1e7\nfloor:T mkl 1 3e6 2e6 4e6\n# S dfdx wall seconds 0.6 0.5 0.7\n";
        let points = [(1, 2e-7), (2, 6e-7)];
        let point = |(size, seconds)| Point { size, seconds, floor: 1e-7 };
        Performance {
            command: "cargo xtask bench --write p.md".into(),
            peers_file: Some("docs/peers.txt".into()),
            machine: Machine {
                cores: 2,
                processor: "A Processor".into(),
                product: "A Product".into(),
                compiler: "rustc 1".into(),
            },
            measured: vec![single("T", 2e6), single("L", 3e6), sweep("S", 0.2), sweep(COLD, 0.15)],
            peers: Peers::read(peers).expect("the lines are right"),
            growths: vec![Growth {
                what: "width",
                held: "all else",
                points: points.map(point).to_vec(),
            }],
        }
    }

    #[test]
    fn ratios_are_against_the_best_peer_with_as_many_threads() {
        let page = page(&performance());
        for line in [
            "- machine: A Processor, 2 cores",
            "- peers (`docs/peers.txt`): taken in spring",
            "| T | 1 | 2,000,000 /s | jax 1,000,000 /s | **2** | 4,000,000 /s | **0.5** | 0.625 \
             | 3.5 times the peer | no |",
            "| L | 1 | 3,000,000 /s | not measured |  | 4,000,000 /s | **0.75** |  \
             | 1 times the peer, 0.98 of the floor | no |",
            // A sweep is the faster the fewer seconds it takes.
            "| S | 2 | 0.2 s | dfdx 0.6 s | **3** | 0.05 s | **0.25** |  | 0.11 s | no |",
            "| S-cold | 2 | 0.15 s | not measured |  | 0.0375 s | **0.25** |  | 0.2 s | yes |",
            "| full floor | 3,200,000 | 2,880,000 .. 3,520,000 | 0.625 |",
            "| floor, mkl | 3,000,000 | 2,000,000 .. 4,000,000 | 0.667 |",
            "| dfdx | 0.6 | 0.5 .. 0.7 | 3 |",
            "| width | all else | 2 | 600 | 100 | 6 |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(page.contains("from width 1 to 2"), "{page}");
        assert!(!page.contains("## M"), "nothing was measured of it");
    }

    #[test]
    fn a_goal_is_reached_by_all_of_its_parts() {
        let ours = |rate: f64| Measured { rate: spread(rate), ..performance().measured[0] };
        let goal = Goal {
            workload: "T",
            threads: 1,
            times_peer: Some(1.5),
            of_floor: Some(0.9),
            wall: None,
        };
        for (rate, ratio, reached) in [
            (3.6e6, Some(1.5), "yes"),
            (3.6e6, Some(1.4), "no"),
            (3.5e6, Some(2.0), "no"),
            (3.6e6, None, "unknown"),
            (3.5e6, None, "no"),
        ] {
            assert_eq!(if_reached(&goal, &ours(rate), ratio), reached, "{rate} {ratio:?}");
        }
    }

    #[test]
    fn without_peers_the_page_says_so() {
        let (peers, peers_file) = (Peers::default(), None);
        let page = page(&Performance { peers, peers_file, ..performance() });
        assert!(page.contains("\n- peers: none; `--peers FILE`"), "{page}");
        assert_eq!(page.matches("| not measured |").count(), 4, "{page}");
    }

    #[test]
    fn page_and_picture_are_written_side_by_side() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_performance(&performance(), folder.path(), "P.md").expect("there is room");
        let page = std::fs::read_to_string(folder.path().join("P.md")).expect("it is there");
        assert!(page.contains(&format!("({PICTURE})")));
        let picture = std::fs::read(folder.path().join(PICTURE)).expect("it is there");
        assert!(picture.starts_with(b"\x89PNG"));
    }
}
