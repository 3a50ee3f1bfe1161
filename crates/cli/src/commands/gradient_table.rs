//! `gradcheck --all`: every layer and loss of the catalogue against finite differences.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use gradus_core::{GradientCheck, Mode, Worst, gradient_families, product_name};
use gradus_optim::penalty_table;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{exit, json_number, print, print_json, write_file};

/// In training and in evaluation: what is drawn in a step is drawn alike each time.
const MODES: [(&str, Mode); 2] =
    [("training", Mode::Train { step: 7 }), ("evaluation", Mode::Evaluate)];

/// One row of the table, checked in both modes.
struct Row {
    family: &'static str,
    name: String,
    passed: bool,
    coordinates: usize,
    failures: usize,
    corners: usize,
    /// With the mode it was found in.
    worst: Option<(&'static str, Worst)>,
}

/// A family of the catalogue with its rows.
type Family = (&'static str, Vec<Row>);

/// Prints the table, and writes it as a page of Markdown to `page` if there is one.
pub(crate) fn run(json: bool, page: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut families: Vec<Family> = Vec::new();
    for (family, cases) in gradient_families() {
        let rows = cases.iter().map(|case| {
            let checks = MODES.map(|(mode_name, mode)| (mode_name, case.check(mode)));
            row(family, case.name.to_string(), checks)
        });
        families.push((family, rows.collect()));
    }
    let penalties = penalty_table()
        .into_iter()
        .map(|case| row("penalties", case.penalty.to_string(), [("training", case.check())]));
    families.push(("penalties", penalties.collect()));
    if !json {
        for (family, rows) in &families {
            print(&format!("{family}\n{}\n", table(rows)))?;
        }
    }
    let rows = || families.iter().flat_map(|(_, rows)| rows);
    if json {
        print_json(&rows().map(as_json).collect::<Vec<_>>().into())?;
    } else {
        print(&summary(&families))?;
    }
    if let Some(path) = page {
        write_file(path, markdown(&families, path).as_bytes())?;
    }
    Ok(exit(rows().any(|row| !row.passed)))
}

/// A row of what was found, each time in a mode.
fn row(
    family: &'static str,
    name: String,
    checks: impl IntoIterator<Item = (&'static str, GradientCheck)>,
) -> Row {
    let mut row =
        Row { family, name, passed: true, coordinates: 0, failures: 0, corners: 0, worst: None };
    for (mode_name, check) in checks {
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

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let verdict = if row.passed { "pass" } else { "FAIL" };
        let (coordinates, name) = (row.coordinates, &row.name);
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
    text
}

/// A line a family, and one for all.
fn summary(families: &[Family]) -> String {
    let mut text = format!(
        "{:<12} {:>5} {:>12} {:>7}  {}\n",
        "family", "rows", "coordinates", "failed", "worst share of the bound"
    );
    for [family, rows, coordinates, failed, worst, name] in totals(families) {
        let _ = writeln!(
            text,
            "{family:<12} {rows:>5} {coordinates:>12} {failed:>7}  {worst} in {name}"
        );
    }
    text
}

/// Family, rows, coordinates, failed rows, the worst share and its row; at the end those of all.
fn totals(families: &[Family]) -> Vec<[String; 6]> {
    let of = |name: &str, rows: Vec<&Row>| {
        let by_share =
            |a: &&&Row, b: &&&Row| share(a.worst.as_ref()).total_cmp(&share(b.worst.as_ref()));
        let worst = rows.iter().max_by(by_share);
        [
            name.to_string(),
            rows.len().to_string(),
            rows.iter().map(|row| row.coordinates).sum::<usize>().to_string(),
            rows.iter().filter(|row| !row.passed).count().to_string(),
            worst.map_or("-".into(), |row| format!("{:.3}", share(row.worst.as_ref()))),
            worst.map_or("-".into(), |row| row.name.clone()),
        ]
    };
    let each = families.iter().map(|(family, rows)| of(family, rows.iter().collect()));
    each.chain([of("all", families.iter().flat_map(|(_, rows)| rows).collect())]).collect()
}

/// The page of the documentation, made by the command that it names.
fn markdown(families: &[Family], page: &Path) -> String {
    let mut text = format!(
        "# Gradients against central differences\n\n\
         Written by `cargo xtask gradcheck --all --write {}`; do not edit. Every layer, activation \
         and loss in small nets, in `f64`, every coordinate of the gradient, in training (with the \
         mask of dropout and the state of normalization held) and in evaluation.\n\n\
         The step is `h = 1e-6 max(1, |x|)`, the numeric value `n = (f(x + h) - f(x - h))/2h`, and \
         the bound `|a - n| <= 1e-6 max(|a|, |n|) + 1e-9 max|g|`. A share of the bound above 1 \
         fails; where rounding blurs the difference, a five-point difference with a wider step \
         decides, under the same bound. Penalties are held against their \
         values, such as `½λ‖w‖²`. 200 random nets are held by \
         `crates/core/tests/random_nets.rs`, what lies beyond ordinary numbers by \
         `crates/core/tests/extremes.rs`.\n\n\
         Matrix product: {}.\n\n\
         | family | rows | coordinates | failed | worst share of the bound | in |\n\
         | --- | ---: | ---: | ---: | ---: | --- |\n",
        page.display(),
        product_name()
    );
    for total in totals(families) {
        let _ = writeln!(text, "| {} |", total.join(" | "));
    }
    for (family, rows) in families {
        let _ = write!(
            text,
            "\n## {family}\n\n\
             | case | coordinates | worst share of the bound | at | in | verdict |\n\
             | --- | ---: | ---: | --- | --- | --- |\n"
        );
        for row in rows {
            let (mode, place) =
                row.worst.as_ref().map_or(("-", "-".to_string()), |(mode, worst)| {
                    (*mode, format!("`{}`", worst.place))
                });
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} | {place} | {mode} | {} |",
                row.name,
                row.coordinates,
                share(row.worst.as_ref()),
                if row.passed { "pass" } else { "**FAIL**" }
            );
        }
    }
    text
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
