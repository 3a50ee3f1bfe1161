//! `gradcheck --all`: every layer and loss of the catalogue against finite differences.

use std::fmt::Write as _;
use std::process::ExitCode;

use gradus_core::{GradientCase, Mode, Worst, gradient_families};
use serde_json::{Value, json};

use crate::output::{counted, exit, json_number, print, print_json};

/// In training and in evaluation: what is drawn in a step is drawn alike each time.
const MODES: [(&str, Mode); 2] =
    [("training", Mode::Train { step: 7 }), ("evaluation", Mode::Evaluate)];

/// One row of the table, checked in both modes.
struct Row {
    family: &'static str,
    name: &'static str,
    passed: bool,
    coordinates: usize,
    failures: usize,
    corners: usize,
    /// With the mode it was found in.
    worst: Option<(&'static str, Worst)>,
}

pub(crate) fn run(json: bool) -> ExitCode {
    let mut rows = Vec::new();
    for (family, cases) in gradient_families() {
        let checked: Vec<Row> = cases.iter().map(|case| check(family, case)).collect();
        if !json {
            print(&table(family, &checked));
        }
        rows.extend(checked);
    }
    let failed = rows.iter().filter(|row| !row.passed).count();
    if json {
        print_json(&rows.iter().map(as_json).collect::<Vec<_>>().into());
    } else {
        let coordinates: usize = rows.iter().map(|row| row.coordinates).sum();
        print(&format!(
            "{}, {}; {} failed; {}\n",
            counted(rows.len(), "row"),
            counted(coordinates, "coordinate"),
            failed,
            worst_of(&rows)
        ));
    }
    exit(failed > 0)
}

fn check(family: &'static str, case: &GradientCase) -> Row {
    let mut row = Row {
        family,
        name: case.name,
        passed: true,
        coordinates: 0,
        failures: 0,
        corners: 0,
        worst: None,
    };
    for (mode_name, mode) in MODES {
        let check = case.check(mode);
        // A corner cannot be compared: rows are made so that there is none.
        row.passed &= check.passed() && check.corners == 0;
        row.coordinates += check.coordinates;
        row.failures += check.failures;
        row.corners += check.corners;
        let found = check.worst.map(|worst| (mode_name, worst));
        if share(found.as_ref()) > share(row.worst.as_ref()) || row.worst.is_none() {
            row.worst = found;
        }
    }
    row
}

fn share(worst: Option<&(&str, Worst)>) -> f64 {
    worst.map_or(0.0, |(_, worst)| worst.share_of_bound)
}

fn table(family: &str, rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let verdict = if row.passed { "pass" } else { "FAIL" };
        let (coordinates, name) = (row.coordinates, row.name);
        let _ = write!(text, "{verdict}  {name:<width$}  {coordinates:>5} coordinates");
        if row.corners > 0 {
            let _ = write!(text, ", {} at a corner", row.corners);
        }
        if let Some((mode, worst)) = &row.worst {
            let _ = write!(text, "  {:.3} of the bound at {}", worst.share_of_bound, worst.place);
            if !row.passed {
                let Worst { analytic, numeric, .. } = worst;
                let _ = write!(
                    text,
                    " in {mode}: {analytic:e} by backpropagation, {numeric:e} by differences"
                );
            }
        }
        text.push('\n');
    }
    let _ = writeln!(text, "      {family}: {}\n", worst_of(rows));
    text
}

fn worst_of(rows: &[Row]) -> String {
    let order = |a: &&Row, b: &&Row| share(a.worst.as_ref()).total_cmp(&share(b.worst.as_ref()));
    let worst = rows.iter().max_by(order);
    worst.map_or("nothing was compared".to_string(), |row| {
        format!("worst {:.3} of the bound, in {}", share(row.worst.as_ref()), row.name)
    })
}

fn as_json(row: &Row) -> Value {
    json!({
        "family": row.family,
        "case": row.name,
        "passed": row.passed,
        "compared": row.coordinates,
        "failures": row.failures,
        "corners": row.corners,
        "worst": row.worst.as_ref().map(|(mode, worst)| json!({
            "mode": mode,
            "place": worst.place,
            "analytic": json_number(worst.analytic),
            "numeric": json_number(worst.numeric),
            "share_of_bound": json_number(worst.share_of_bound),
        })),
    })
}
