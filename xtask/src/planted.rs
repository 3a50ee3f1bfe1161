//! `cargo xtask planted`: plants bugs in a copy of the sources and says which the gate finds.
//!
//! Each bug compiles and trains. The program that has it is held against the project's own baselines
//! by `gradus check`, whose instruments are named: the witness, the statistics of seeds, claims. That
//! digests differ is none: every change of a bit does that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::fault_file::Fault;
use crate::planting::{Bench, choose};
use crate::process::{self, Failure};
use crate::setup::{self, Product};
use crate::workspace;

const FOLDER: &str = "crates/runner/tests/planted";
const PAGE: &str = "docs/PLANTED.md";

/// Bugs that the gate may miss.
const MOST_MISSED: usize = 1;

/// What `check` said of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    exit: u8,
    /// Where the witness departs first, for each file in which it does.
    departures: Vec<String>,
    /// Figures that are worse, better and undecided.
    worse: usize,
    better: usize,
    undecided: usize,
    /// Claims that fail.
    claims: usize,
}

/// A bug with what became of it.
struct Verdict {
    bug: Fault,
    /// What the check said, or why it said nothing.
    said: Result<Said, String>,
}

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    let words = arguments.words("planted", &["--write"], 1)?;
    let name = words.first().copied();
    if name.is_some() && arguments.has("--write") {
        return Err(Failure::wrong_use(
            "cargo xtask planted: --write writes the table of all bugs; leave out the name",
        ));
    }
    let bugs = choose(FOLDER, name)?;
    let files = guarded(&workspace::root().join("experiments"))?;
    let trial =
        Trial { bench: Bench::set_up("planted")?, product: setup::product(arguments), files };
    trial.demand_that_the_right_program_passes()?;
    let mut verdicts = Vec::new();
    for bug in bugs {
        process::message(&format!("planting {}", bug.name));
        let said = trial.bench.with(&bug, || trial.said())?.and_then(|said| said);
        verdicts.push(Verdict { bug, said });
    }
    process::print(&table(&verdicts));
    if arguments.has("--write") {
        workspace::write(&workspace::root().join(PAGE), &page(&verdicts))?;
        process::message(&format!("wrote {PAGE}"));
    }
    let missed = verdicts.iter().filter(|verdict| !verdict.is_found()).count();
    Ok(u8::from(missed > MOST_MISSED))
}

/// The experiments that have a gate, in order.
pub(crate) fn guarded(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    walk(folder, &mut found)
        .map_err(|error| Failure::new(format!("cannot list {}: {error}", folder.display())))?;
    found.sort();
    if found.is_empty() {
        return Err(Failure::new("no experiment has a gate, so nothing can find anything"));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() && entry.file_name() != "data" {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "ron")
            && fs::read_to_string(&path)?.lines().any(|line| line.trim_start().starts_with("gate:"))
        {
            found.push(path);
        }
    }
    Ok(())
}

/// Builds the program of the copy and holds it against the baselines.
struct Trial {
    bench: Bench,
    product: Product,
    files: Vec<PathBuf>,
}

impl Trial {
    /// The control: a gate that fails by itself would seem to find each bug.
    fn demand_that_the_right_program_passes(&self) -> Result<(), Failure> {
        process::message("control: the program without a bug");
        let start = Instant::now();
        let why = match self.said()? {
            Ok(Said { exit: 0, .. }) => {
                process::message(&format!("it passes, in {} s", start.elapsed().as_secs()));
                return Ok(());
            }
            Ok(said) => said.words(),
            Err(why) => why,
        };
        Err(Failure::new(format!("the gate must pass before bugs are planted: {why}")))
    }

    fn said(&self) -> Result<Result<Said, String>, Failure> {
        let mut build = vec!["build", "--package", "gradus"];
        if self.product == Product::OpenBlas {
            build.extend(["--features", "openblas"]);
        }
        let (built, output) = self.bench.cargo(&build)?;
        if built != Some(true) {
            return Ok(Err(format!("does not compile:\n{}", process::tail(&output, 12))));
        }
        let program = format!("gradus{}", std::env::consts::EXE_SUFFIX);
        let results = self.bench.build.join("results");
        // What another program trained would be dropped; it need not even be read.
        if results.exists() {
            fs::remove_dir_all(&results).map_err(|error| {
                Failure::new(format!("cannot remove {}: {error}", results.display()))
            })?;
        }
        let mut check = Command::new(self.bench.build.join("debug").join(program));
        check.current_dir(workspace::root()).arg("check").args(&self.files);
        check.args(["--json", "--out"]).arg(&results).env("OPENBLAS_NUM_THREADS", "1");
        check.env_remove("GITHUB_STEP_SUMMARY");
        workspace::forget_own_package(&mut check);
        let (code, output) = self.bench.logged(&mut check)?;
        Ok(match code {
            Some(exit @ (0 | 1)) => Ok(Said::read(exit, &output)),
            // It prints what others came to as well; why it refused is in its errors.
            Some(exit) => {
                let errors: Vec<&str> =
                    output.lines().filter(|line| line.starts_with("error: ")).collect();
                let why =
                    if errors.is_empty() { process::tail(&output, 6) } else { errors.join("; ") };
                Err(format!("exit {exit}, {}", why.trim()))
            }
            None => Err("it did not end".to_owned()),
        })
    }
}

impl Said {
    /// From what `check --json` prints, one member a line; other lines are messages.
    pub(crate) fn read(exit: u8, output: &str) -> Self {
        let mut said = Self { exit, ..Self::default() };
        let mut departure: Option<Vec<String>> = None;
        for line in output.lines().map(|line| line.trim().trim_end_matches(',')) {
            let Some((key, value)) = line.split_once(": ") else {
                if line == "}"
                    && let Some(parts) = departure.take()
                {
                    said.departures.push(parts.join(", "));
                }
                continue;
            };
            match (key, value) {
                ("\"changed\"", "{") => departure = Some(Vec::new()),
                ("\"verdict\"", "\"worse\"") => said.worse += 1,
                ("\"verdict\"", "\"better\"") => said.better += 1,
                ("\"verdict\"", "\"undecided\"") => said.undecided += 1,
                ("\"holds\"", "false") => said.claims += 1,
                ("\"cell\"" | "\"quantity\"" | "\"step\"", value) if value != "null" => {
                    if let Some(parts) = &mut departure {
                        let value = value.trim_matches('"');
                        let step = if key == "\"step\"" { "step " } else { "" };
                        parts.push(format!("{step}{value}"));
                    }
                }
                _ => {}
            }
        }
        said
    }

    /// Whether the check did, with nothing found and nothing undecided.
    pub(crate) fn passes(&self) -> bool {
        self.exit == 0 && self.instruments().is_empty()
    }

    /// By which instruments it was found; empty where it was not.
    fn instruments(&self) -> Vec<&'static str> {
        let found = [
            ("witness", !self.departures.is_empty()),
            ("statistics", self.worse + self.better > 0),
            ("claims", self.claims > 0),
        ];
        let mut names: Vec<&str> =
            found.into_iter().filter(|(_, found)| *found).map(|(name, _)| name).collect();
        // Seeds that cannot tell fail a check, too, but find nothing.
        if names.is_empty() && self.exit == 1 && self.undecided > 0 {
            names.push("undecided");
        }
        names
    }

    pub(crate) fn words(&self) -> String {
        let Self { worse, better, undecided, claims, .. } = self;
        let mut words = Vec::new();
        words.extend(self.departures.first().map(|first| format!("witness departs at {first}")));
        for (count, what) in [
            (worse, "figures worse"),
            (better, "better"),
            (undecided, "undecided"),
            (claims, "claims failed"),
        ] {
            if *count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        if words.is_empty() { "nothing".to_owned() } else { words.join("; ") }
    }
}

impl Verdict {
    fn is_found(&self) -> bool {
        self.said.as_ref().is_ok_and(|said| said.exit == 1 && !said.instruments().is_empty())
    }

    fn found_by(&self) -> String {
        match &self.said {
            Ok(said) if self.is_found() => said.instruments().join(", "),
            Ok(_) => "NOT FOUND".to_owned(),
            Err(_) => "NO VERDICT".to_owned(),
        }
    }

    fn details(&self) -> String {
        match &self.said {
            Ok(said) => said.words(),
            Err(why) => why.trim_end().to_owned(),
        }
    }
}

fn table(verdicts: &[Verdict]) -> String {
    let names = verdicts.iter().map(|verdict| verdict.bug.name.len()).max().unwrap_or(0);
    let found = verdicts.iter().map(|verdict| verdict.found_by().len()).max().unwrap_or(0);
    let mut text = String::new();
    for verdict in verdicts {
        let (name, found_by) = (&verdict.bug.name, verdict.found_by());
        text.push_str(&format!("{name:<names$} | {found_by:<found$} | {}\n", verdict.details()));
    }
    text.push_str(&closing_line(verdicts));
    text
}

fn closing_line(verdicts: &[Verdict]) -> String {
    let by = |name: &str| {
        let has = |said: &Said| said.instruments().contains(&name);
        verdicts.iter().filter(|verdict| verdict.said.as_ref().is_ok_and(has)).count()
    };
    let found = verdicts.iter().filter(|verdict| verdict.is_found()).count();
    format!(
        "{found} of {} found: {} by the witness, {} by the statistics of seeds, {} by claims\n",
        verdicts.len(),
        by("witness"),
        by("statistics"),
        by("claims")
    )
}

/// The same as a page of Markdown, with what each bug is.
fn page(verdicts: &[Verdict]) -> String {
    let mut text = format!(
        "# Planted bugs\n\n\
         Written by `cargo xtask planted --write`; do not edit. Each row is one bug from `{FOLDER}/`, \
         planted in a copy of the sources; it compiles and trains. `gradus check` holds the program \
         against the project's own baselines; without a bug it passes. Statistics are of paired \
         seeds: figures that became worse or better, and those that the seeds cannot decide.\n\n\
         | bug | what is wrong | found by | what the check says |\n| --- | --- | --- | --- |\n"
    );
    for verdict in verdicts {
        let Fault { name, about, .. } = &verdict.bug;
        let found_by = match verdict.is_found() {
            true => verdict.found_by(),
            false => format!("**{}**", verdict.found_by().to_lowercase()),
        };
        let cells = [name, about, &found_by, &verdict.details()]
            .map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push_str(&format!("\n{}", closing_line(verdicts)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"experiments/a.ron: baseline of 8 runs
{
  "checked": [{
      "findings": [
        {
          "holds": false,
          "margin": -0.1
        }
      ]
  }],
  "gates": [
    {
      "changed": {
        "before": 1.0,
        "cell": "model dense",
        "now": 2.0,
        "quantity": "loss",
        "seed": 0,
        "step": 3
      },
      "figures": [
        {
          "cell": "model dense",
          "verdict": "worse"
        },
        {
          "verdict": "undecided"
        },
        {
          "verdict": "equivalent"
        }
      ],
      "passes": false
    },
    {
      "changed": null,
      "figures": []
    }
  ]
}
"#;

    #[test]
    fn instruments_are_read_from_what_check_prints() {
        let said = Said::read(1, OUTPUT);
        let departures = vec!["model dense, loss, step 3".to_owned()];
        let expected =
            Said { exit: 1, departures, worse: 1, undecided: 1, claims: 1, ..Said::default() };
        assert_eq!(said, expected);
        assert_eq!(said.instruments(), ["witness", "statistics", "claims"]);
        let undecided = Said { exit: 1, undecided: 2, ..Said::default() };
        assert_eq!(undecided.instruments(), ["undecided"]);
        assert!(Said { exit: 0, undecided: 2, ..Said::default() }.instruments().is_empty());
    }

    #[test]
    fn the_page_tells_found_from_missed() {
        let text = "# It | is wrong.\nfile a.rs\n<<<<\n+\n====\n-\n>>>>\n";
        let bug = |name: &str| Fault::parse(name, text).expect("it is well formed");
        let verdicts = [
            Verdict { bug: bug("a"), said: Ok(Said::read(1, OUTPUT)) },
            Verdict { bug: bug("b"), said: Ok(Said::default()) },
            Verdict { bug: bug("c"), said: Err("exit 2:\n  why\n".to_owned()) },
        ];
        let page = page(&verdicts);
        assert!(page.contains("| a | It \\| is wrong. | witness, statistics, claims | witness"));
        assert!(page.contains("| **not found** | nothing |") && page.contains("**no verdict**"));
        let closing = "1 of 3 found: 1 by the witness, 1 by the statistics of seeds, 1 by claims\n";
        assert!(page.ends_with(closing) && table(&verdicts).ends_with(closing), "{page}");
    }
}
