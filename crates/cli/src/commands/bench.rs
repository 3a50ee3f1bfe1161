//! `bench`: how fast this machine trains, beside the floor that matrix products alone set.

use std::process::ExitCode;

use clap::Args;
use gradus_core::product_name;
use gradus_runner::bench::{
    Pace, SWEEP, Spread, WORKLOADS, Workload, measure_cold, measure_steps, measure_warm, run_steps,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{exit, json_number, print, print_json};

pub(crate) const EXAMPLES: &str = "\
Lines are `workload threads samples_per_s min max floor_fraction`: median, least and greatest of the
repetitions, and the median over that of the floor, the step's matrix products alone, measured in
turns with it. S is the sweep by the pool of this process, S-cold by a process of its own.

Examples:
  cargo xtask bench
  cargo xtask bench T D M --threads 1
  cargo xtask bench S --json";

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// T, D, M, L, C (single runs) or S (a sweep); all when left out.
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// Threads of a single run, and runs of the sweep at the same time; by default 1 and 2 for the
    /// workloads with large steps, 1 for the others, and 2 for the sweep.
    #[arg(long, value_name = "N,N", value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Prints JSON with stable keys in place of text.
    #[arg(long)]
    json: bool,
    /// Runs exactly so many steps of one workload on one thread, measures nothing and prints
    /// nothing: for programs that count instructions.
    #[arg(long, value_name = "N", conflicts_with_all = ["threads", "json"])]
    steps: Option<u64>,
}

/// One line of the table.
struct Line {
    workload: &'static str,
    threads: usize,
    rate: Spread,
    floor: Spread,
    /// Of the whole, for a sweep.
    seconds: Option<Spread>,
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let chosen = chosen(&self.workloads)?;
        if let Some(steps) = self.steps {
            return run_only(&chosen, steps);
        }
        let pace = Pace::USUAL;
        let mut lines = Vec::new();
        if !self.json {
            print(HEADER)?;
        }
        for workload in chosen {
            let threads = self.threads_of(&workload);
            if workload.name == SWEEP.name {
                for jobs in threads {
                    self.take(sweep(jobs, pace)?, &mut lines)?;
                }
                continue;
            }
            let subject = workload.subject();
            for threads in threads {
                let measured = measure_steps(&subject, threads, pace);
                let (rate, floor) = (measured.rate, measured.floor);
                let line = Line { workload: workload.name, threads, rate, floor, seconds: None };
                self.take([line], &mut lines)?;
            }
        }
        if self.json {
            print_json(&document(&lines))?;
        } else {
            print(&seconds(&lines))?;
        }
        Ok(exit(false))
    }

    /// Shows what has been measured at once: the next takes a while.
    fn take(
        &self,
        new: impl IntoIterator<Item = Line>,
        lines: &mut Vec<Line>,
    ) -> Result<(), Failure> {
        for line in new {
            if !self.json {
                print(&row(&line))?;
            }
            lines.push(line);
        }
        Ok(())
    }

    fn threads_of(&self, workload: &Workload) -> Vec<usize> {
        if !self.threads.is_empty() {
            return self.threads.iter().copied().map(usize::from).collect();
        }
        let cores = gradus_runner::cores();
        match workload {
            sweep if sweep.name == SWEEP.name => vec![2],
            wide if wide.is_wide && cores > 1 => vec![1, 2],
            _ => vec![1],
        }
    }
}

/// The workloads of these names, or all.
fn chosen(names: &[String]) -> Result<Vec<Workload>, Failure> {
    let all = || WORKLOADS.into_iter().chain([SWEEP]);
    if names.is_empty() {
        return Ok(all().collect());
    }
    let find = |name: &String| {
        let found = all().find(|workload| workload.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let known: Vec<&str> = all().map(|workload| workload.name).collect();
            Failure::usage(format!("{name}: no such workload; there are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn run_only(chosen: &[Workload], steps: u64) -> Result<ExitCode, Failure> {
    match chosen {
        [workload] if workload.name != SWEEP.name => {
            run_steps(workload, steps);
            Ok(exit(false))
        }
        _ => Err(Failure::usage(
            "--steps: it runs one workload of single runs; name one, as in `bench D --steps 100`",
        )),
    }
}

fn sweep(jobs: usize, pace: Pace) -> Result<[Line; 2], Failure> {
    let (warm, floor) = measure_warm(jobs, pace)?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::usage(format!("this program does not find itself ({error}); start it by its path"))
    })?;
    let cold = measure_cold(&program, jobs, pace)?;
    Ok([(SWEEP.name, warm), (COLD, cold)].map(|(workload, sweep)| Line {
        workload,
        threads: jobs,
        rate: sweep.rate(),
        floor,
        seconds: Some(sweep.seconds),
    }))
}

/// The sweep by a process of its own.
const COLD: &str = "S-cold";

const HEADER: &str = "workload threads samples_per_s          min          max floor_fraction\n";

fn row(line: &Line) -> String {
    let Line { workload, threads, rate, .. } = line;
    let Spread { median, min, max } = rate;
    let fraction = line.floor_fraction();
    format!("{workload:<8} {threads:>7} {median:>13.0} {min:>12.0} {max:>12.0} {fraction:>14.3}\n")
}

/// The wall time of sweeps, as remarks below the table.
fn seconds(lines: &[Line]) -> String {
    let of_sweeps = lines.iter().filter_map(|line| Some((line, line.seconds?)));
    of_sweeps
        .map(|(Line { workload, threads, .. }, Spread { median, min, max })| {
            format!("# {workload} {threads} wall seconds {median:.3} {min:.3} {max:.3}\n")
        })
        .collect()
}

impl Line {
    fn floor_fraction(&self) -> f64 {
        self.rate.median / self.floor.median
    }
}

fn document(lines: &[Line]) -> Value {
    let of_each: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "workload": line.workload,
                "threads": line.threads,
                "samples_per_s": json_number(line.rate.median),
                "min": json_number(line.rate.min),
                "max": json_number(line.rate.max),
                "floor_samples_per_s": json_number(line.floor.median),
                "floor_fraction": json_number(line.floor_fraction()),
                "wall_s": line.seconds.map(|seconds| json!({
                    "median": json_number(seconds.median),
                    "min": json_number(seconds.min),
                    "max": json_number(seconds.max),
                })),
            })
        })
        .collect();
    json!({ "matrix_product": product_name(), "measured": of_each })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seconds: Option<Spread>) -> Line {
        let rate = Spread { median: 3_412_345.6, min: 3_000_000.0, max: 3_500_000.0 };
        let floor = rate.map(|rate| rate * 20.0);
        Line { workload: "T", threads: 1, rate, floor, seconds }
    }

    #[test]
    fn columns_stand_below_their_names() {
        let row = row(&line(None));
        assert_eq!(row.len(), HEADER.len());
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words, ["T", "1", "3412346", "3000000", "3500000", "0.050"]);
        let ends = |text: &str, word: &str| text.find(word).map(|at| at + word.len());
        assert_eq!(ends(HEADER, "samples_per_s"), ends(&row, "3412346"));
        assert_eq!(ends(HEADER, "floor_fraction"), ends(&row, "0.050"));
    }

    #[test]
    fn json_has_its_keys() {
        let wall = Spread { median: 0.2, min: 0.1, max: 0.3 };
        let value = document(&[line(None), line(Some(wall))]);
        let keys = |value: &Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(keys(&value), ["matrix_product", "measured"]);
        let expected = [
            "floor_fraction",
            "floor_samples_per_s",
            "max",
            "min",
            "samples_per_s",
            "threads",
            "wall_s",
            "workload",
        ];
        assert_eq!(keys(&value["measured"][0]), expected);
        assert_eq!(value["measured"][0]["wall_s"], Value::Null);
        assert_eq!(keys(&value["measured"][1]["wall_s"]), ["max", "median", "min"]);
    }

    #[test]
    fn words_are_workloads_in_any_case_or_refused_with_all_there_are() {
        let names = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
            chosen(&words).map(|all| all.iter().map(|w| w.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).expect("all"), ["T", "D", "M", "L", "C", "S"]);
        assert_eq!(names(&["s", "D"]).expect("two"), ["S", "D"]);
        let refused = format!("{:?}", names(&["X"]).expect_err("there is none"));
        assert!(refused.contains("there are T, D, M, L, C, S"), "{refused}");
    }

    #[test]
    fn steps_are_of_one_workload() {
        assert!(run_only(&[SWEEP], 1).is_err());
        assert!(run_only(&WORKLOADS, 1).is_err());
        assert!(run_only(&WORKLOADS[..1], 1).is_ok());
    }
}
