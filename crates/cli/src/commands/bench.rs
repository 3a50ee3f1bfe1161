//! `bench`: how fast this machine trains, beside the floor that matrix products alone set.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use gradus_core::product_name;
use gradus_report::{Machine, Performance, cliff_sentence, write_performance};
use gradus_runner::bench::{
    Growth, Measured, Pace, Peers, Point, SWEEP, Spread, WORKLOADS, Workload, cliff,
    measure_growth, measure_steps, measure_sweep, run_steps,
};
use gradus_runner::cores;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{command_line, exit, json_number, print, print_json};

pub(crate) const EXAMPLES: &str = "\
Lines are `workload threads samples_per_s min max floor_fraction`: median, least and greatest of the
repetitions, and the median over that of the floor, the step's matrix products alone, measured in
turns with it. S is the sweep by the pool of this process, S-cold by a process of its own.
Of growth they are `growth size ns_per_sample floor_ns times_floor`.

Examples:
  cargo xtask bench
  cargo xtask bench T D M --threads 1
  cargo xtask bench S --json
  cargo xtask bench growth
  cargo xtask bench --write docs/PERFORMANCE.md --peers docs/peers.txt";

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// T, D, M, L, C (single runs), S (a sweep), or growth: the time of a sample against width,
    /// depth, batch and runs. When left out, all workloads; with --write all and growth.
    #[arg(value_name = "WORKLOAD")]
    words: Vec<String>,
    /// Threads of a single run, and runs of the sweep at the same time; by default 1 and 2 for the
    /// workloads with large steps, 1 for the others, and 2 for the sweep.
    #[arg(long, value_name = "N,N", value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Prints JSON with stable keys in place of text.
    #[arg(long)]
    json: bool,
    /// Writes the page on speed, and the chart of growth beside it.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    write: Option<PathBuf>,
    /// The lines that the harness of the peers printed, for the page.
    #[arg(long, value_name = "FILE", requires = "write")]
    peers: Option<PathBuf>,
    /// Runs exactly so many steps of one workload on one thread, measures nothing and prints
    /// nothing: for programs that count instructions.
    #[arg(long, value_name = "N", conflicts_with_all = ["threads", "json", "write"])]
    steps: Option<u64>,
}

/// What the words of the command line ask for.
#[derive(Debug)]
struct Chosen {
    workloads: Vec<Workload>,
    growth: bool,
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let chosen = chosen(&self.words, self.write.is_some())?;
        if let Some(steps) = self.steps {
            return run_only(&chosen, steps);
        }
        // Before anything takes its time.
        let peers = self.peers.as_deref().map(read_peers).transpose()?.unwrap_or_default();
        let measured = self.measure(&chosen.workloads)?;
        let growths = if chosen.growth { self.grow()? } else { Vec::new() };
        if self.json {
            print_json(&document(&measured, &growths))?;
        }
        if let Some(page) = &self.write {
            let performance = Performance {
                command: command_line(),
                peers_file: self.peers.as_ref().map(|file| file.display().to_string()),
                machine: machine(),
                measured,
                peers,
                growths,
            };
            write(&performance, page)?;
        }
        Ok(exit(false))
    }

    fn measure(&self, workloads: &[Workload]) -> Result<Vec<Measured>, Failure> {
        let pace = Pace::USUAL;
        let mut all: Vec<Measured> = Vec::new();
        if !self.json && !workloads.is_empty() {
            print(HEADER)?;
        }
        for workload in workloads {
            let single = (workload.name != SWEEP.name).then(|| workload.subject());
            for threads in self.threads_of(workload) {
                let new = match &single {
                    Some(subject) => vec![measure_steps(subject, threads, pace)],
                    None => measure_sweep(&this_program()?, threads, pace)?.to_vec(),
                };
                if !self.json {
                    // At once: the next takes a while.
                    new.iter().try_for_each(|measured| print(&row(measured)))?;
                }
                all.extend(new);
            }
        }
        if !self.json {
            print(&walls(&all))?;
        }
        Ok(all)
    }

    fn grow(&self) -> Result<Vec<Growth>, Failure> {
        if !self.json {
            print(GROWTH_HEADER)?;
        }
        let mut printed = Ok(());
        let shown = |what: &'static str, point| {
            if !self.json && printed.is_ok() {
                printed = print(&growth_row(what, point));
            }
        };
        let growths = measure_growth(Pace::QUICK, shown)?;
        printed?;
        if !self.json {
            print(&format!("# {}\n", cliff_sentence(cliff(&growths))))?;
        }
        Ok(growths)
    }

    fn threads_of(&self, workload: &Workload) -> Vec<usize> {
        if !self.threads.is_empty() {
            return self.threads.iter().copied().map(usize::from).collect();
        }
        match workload {
            sweep if sweep.name == SWEEP.name => vec![2],
            wide if wide.is_wide && cores() > 1 => vec![1, 2],
            _ => vec![1],
        }
    }
}

/// The workloads of these words, or all.
fn chosen(words: &[String], writes: bool) -> Result<Chosen, Failure> {
    let all = || WORKLOADS.into_iter().chain([SWEEP]);
    if words.is_empty() {
        return Ok(Chosen { workloads: all().collect(), growth: writes });
    }
    let mut chosen = Chosen { workloads: Vec::new(), growth: false };
    for word in words {
        if word.eq_ignore_ascii_case("growth") {
            chosen.growth = true;
            continue;
        }
        let found = all().find(|workload| workload.name.eq_ignore_ascii_case(word));
        chosen.workloads.push(found.ok_or_else(|| {
            let known: Vec<&str> = all().map(|workload| workload.name).collect();
            let known = known.join(", ");
            Failure::usage(format!("{word}: no such workload; there are {known} and growth"))
        })?);
    }
    Ok(chosen)
}

fn run_only(chosen: &Chosen, steps: u64) -> Result<ExitCode, Failure> {
    match chosen.workloads.as_slice() {
        [workload] if workload.name != SWEEP.name && !chosen.growth => {
            run_steps(workload, steps);
            Ok(exit(false))
        }
        _ => Err(Failure::usage(
            "--steps: it runs one workload of single runs; name one, as in `bench D --steps 100`",
        )),
    }
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::usage(format!("this program does not find itself ({error}); start it by its path"))
    })
}

fn read_peers(path: &Path) -> Result<Peers, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let next = "give the file of lines that the peers' harness printed";
        Failure::usage(format!("--peers {}: {error}; {next}", path.display()))
    })?;
    Peers::read(&text)
        .map_err(|message| Failure::usage(format!("--peers {}: {message}", path.display())))
}

fn write(performance: &Performance, page: &Path) -> Result<(), Failure> {
    let name = page.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failure::usage(format!("--write {}: name a file, such as PERFORMANCE.md", page.display()))
    })?;
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(write_performance(performance, folder.unwrap_or(Path::new(".")), name)?)
}

fn machine() -> Machine {
    let compiler = Command::new("rustc").arg("--version").output().ok();
    let compiler = compiler.filter(|output| output.status.success());
    let compiler =
        compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    Machine {
        cores: cores(),
        processor: processor(),
        product: product_name(),
        compiler: compiler.unwrap_or_else(|| "no rustc on PATH tells its version".to_string()),
    }
}

/// As Linux names it; elsewhere the architecture must do.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        let line = text.lines().find(|line| line.split(':').next().map(str::trim) == Some(key));
        line.and_then(|line| line.split(':').nth(1)).map(|value| value.trim().to_string())
    };
    match (of("model name"), of("cpu family"), of("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family}, model {model})")
        }
        (Some(name), ..) => name,
        _ => std::env::consts::ARCH.to_string(),
    }
}

const HEADER: &str = "workload threads samples_per_s          min          max floor_fraction\n";

fn row(measured: &Measured) -> String {
    let Measured { workload, threads, rate, .. } = measured;
    let Spread { median, min, max } = rate;
    let fraction = measured.floor_fraction();
    format!("{workload:<8} {threads:>7} {median:>13.0} {min:>12.0} {max:>12.0} {fraction:>14.3}\n")
}

/// The wall time of sweeps, as remarks below the table.
fn walls(all: &[Measured]) -> String {
    let of_sweeps = all.iter().filter_map(|measured| Some((measured, measured.wall?)));
    of_sweeps
        .map(|(Measured { workload, threads, .. }, Spread { median, min, max })| {
            format!("# {workload} {threads} wall seconds {median:.3} {min:.3} {max:.3}\n")
        })
        .collect()
}

const GROWTH_HEADER: &str = "growth   size ns_per_sample     floor_ns times_floor\n";

fn growth_row(what: &str, point: Point) -> String {
    let Point { size, seconds, floor } = point;
    let (time, floor_time, times) = (seconds * 1e9, floor * 1e9, seconds / floor);
    format!("{what:<6} {size:>6} {time:>13.1} {floor_time:>12.1} {times:>11.2}\n")
}

fn document(all: &[Measured], growths: &[Growth]) -> Value {
    let spread = |spread: Spread| {
        json!({
            "median": json_number(spread.median),
            "min": json_number(spread.min),
            "max": json_number(spread.max),
        })
    };
    let of_each = |measured: &Measured| {
        json!({
            "workload": measured.workload,
            "threads": measured.threads,
            "samples_per_s": json_number(measured.rate.median),
            "min": json_number(measured.rate.min),
            "max": json_number(measured.rate.max),
            "floor_samples_per_s": json_number(measured.floor.median),
            "floor_fraction": json_number(measured.floor_fraction()),
            "full_floor_samples_per_s": measured.full_floor.map(|floor| json_number(floor.median)),
            "wall_s": measured.wall.map(spread),
        })
    };
    let points = growths.iter().flat_map(|growth| {
        growth.points.iter().map(|point| {
            json!({
                "what": growth.what,
                "size": point.size,
                "s_per_sample": json_number(point.seconds),
                "floor_s_per_sample": json_number(point.floor),
            })
        })
    });
    json!({
        "matrix_product": product_name(),
        "measured": all.iter().map(of_each).collect::<Vec<_>>(),
        "growth": points.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(wall: Option<Spread>) -> Measured {
        let rate = Spread { median: 3_412_345.6, min: 3_000_000.0, max: 3_500_000.0 };
        let floor = rate.map(|rate| rate * 20.0);
        Measured { workload: "T", threads: 1, rate, floor, full_floor: None, wall }
    }

    const POINT: Point = Point { size: 4096, seconds: 12e-6, floor: 10e-6 };

    #[test]
    fn columns_stand_below_their_names() {
        let ends = |text: &str, word: &str| text.find(word).map(|at| at + word.len());
        let line = row(&measured(None));
        assert_eq!(line.len(), HEADER.len());
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["T", "1", "3412346", "3000000", "3500000", "0.050"]);
        assert_eq!(ends(HEADER, "samples_per_s"), ends(&line, "3412346"));
        assert_eq!(ends(HEADER, "floor_fraction"), ends(&line, "0.050"));
        let line = growth_row("width", POINT);
        assert_eq!(line.len(), GROWTH_HEADER.len());
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["width", "4096", "12000.0", "10000.0", "1.20"]);
        assert_eq!(ends(GROWTH_HEADER, "ns_per_sample"), ends(&line, "12000.0"));
    }

    #[test]
    fn json_has_its_keys() {
        let wall = Spread { median: 0.2, min: 0.1, max: 0.3 };
        let growth = Growth { what: "width", held: "", points: vec![POINT] };
        let value = document(&[measured(None), measured(Some(wall))], &[growth]);
        let keys = |value: &Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(keys(&value), ["growth", "matrix_product", "measured"]);
        let expected = [
            "floor_fraction",
            "floor_samples_per_s",
            "full_floor_samples_per_s",
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
        let expected = ["floor_s_per_sample", "s_per_sample", "size", "what"];
        assert_eq!(keys(&value["growth"][0]), expected);
    }

    #[test]
    fn words_are_workloads_in_any_case_or_refused_with_all_there_are() {
        let names = |words: &[&str], writes| {
            let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
            let chosen = chosen(&words, writes)?;
            let names: Vec<&str> = chosen.workloads.iter().map(|w| w.name).collect();
            Ok::<_, Failure>((names, chosen.growth))
        };
        let all = vec!["T", "D", "M", "L", "C", "S"];
        assert_eq!(names(&[], false).expect("all"), (all.clone(), false));
        assert_eq!(names(&[], true).expect("all and growth"), (all, true));
        assert_eq!(names(&["s", "D"], true).expect("two"), (vec!["S", "D"], false));
        assert_eq!(names(&["growth"], false).expect("it alone"), (vec![], true));
        let refused = format!("{:?}", names(&["X"], false).expect_err("there is none"));
        assert!(refused.contains("there are T, D, M, L, C, S and growth"), "{refused}");
    }

    #[test]
    fn steps_are_of_one_workload() {
        let of = |workloads: &[Workload], growth| Chosen { workloads: workloads.to_vec(), growth };
        for wrong in [of(&[SWEEP], false), of(&WORKLOADS, false), of(&WORKLOADS[..1], true)] {
            assert!(run_only(&wrong, 1).is_err());
        }
        assert!(run_only(&of(&WORKLOADS[..1], false), 1).is_ok());
    }
}
