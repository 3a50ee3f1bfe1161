//! `cargo xtask kernels`: the unchanged program on other kernels, held against the baselines.
//!
//! A gate that fails since a machine differs is flaky. Every kernel of OpenBLAS sums in an order of
//! its own, so that nearly none has the bits of the baseline; none may be `worse` or `changed`.

use std::path::PathBuf;
use std::process::Command;

use crate::arguments::Arguments;
use crate::planted::{Said, guarded};
use crate::process::{self, Failure};
use crate::program;
use crate::setup::{self, Product};
use crate::workspace;

const PAGE: &str = "docs/KERNELS.md";

/// What `OPENBLAS_CORETYPE` may name on x86-64. A kernel that the processor lacks instructions for is
/// replaced by OpenBLAS itself, or the program is ended and the row says so. Opteron,
/// whose 3DNow! no processor has any more, is left out.
const KERNELS: [&str; 16] = [
    "Prescott",
    "Core2",
    "Penryn",
    "Dunnington",
    "Nehalem",
    "Atom",
    "Barcelona",
    "Bobcat",
    "Sandybridge",
    "Bulldozer",
    "Piledriver",
    "Steamroller",
    "Excavator",
    "Haswell",
    "Zen",
    "SkylakeX",
];

/// KiB of the level-2 cache that OpenBLAS blocks its products for: other blocks, other sums.
const CACHES: [&str; 5] = ["256", "512", "1024", "2048", "4096"];

/// One way to compute, with what became of the check.
struct Row {
    product: String,
    /// None where the processor cannot run it.
    said: Option<Said>,
    same_bits: usize,
}

/// The exit code of a program that met an instruction which the processor does not know.
const ILLEGAL_INSTRUCTION: u8 = 128 + 4;

pub(crate) fn command(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.words("kernels", &["--write"], 0)?;
    let files = guarded(&workspace::root().join("experiments"))?;
    let mut rows = Vec::new();
    if setup::product(arguments) == Product::OpenBlas {
        let program = program::build(Product::OpenBlas)?;
        for kernel in KERNELS {
            for cache in CACHES {
                let set = [("OPENBLAS_CORETYPE", kernel), ("OPENBLAS_L2_SIZE", cache)];
                let product = format!("OpenBLAS, {kernel}, {cache} KiB");
                rows.push(check(&program, &files, product, &set)?);
            }
        }
    }
    let program = program::build(Product::Embedded)?;
    rows.push(check(&program, &files, "embedded".to_owned(), &[])?);
    let text = page(&rows, files.len());
    process::print(&text);
    if arguments.has("--write") {
        workspace::write(&workspace::root().join(PAGE), &text)?;
        process::message(&format!("wrote {PAGE}"));
    }
    Ok(u8::from(!rows.iter().all(Row::passes)))
}

fn check(
    program: &PathBuf,
    files: &[PathBuf],
    product: String,
    environment: &[(&str, &str)],
) -> Result<Row, Failure> {
    process::message(&product);
    let out = workspace::target_folder().join("kernels");
    if out.exists() {
        std::fs::remove_dir_all(&out)
            .map_err(|error| Failure::new(format!("cannot remove {}: {error}", out.display())))?;
    }
    let mut check = Command::new(program);
    check.current_dir(workspace::root()).arg("check").args(files).args(["--json", "--out"]);
    check.arg(&out).env("OPENBLAS_NUM_THREADS", "1").env_remove("GITHUB_STEP_SUMMARY");
    check.envs(environment.iter().copied());
    workspace::forget_own_package(&mut check);
    let output = process::capture(&mut check)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let code = process::exit_code(output.status);
    if code == ILLEGAL_INSTRUCTION {
        return Ok(Row { product, said: None, same_bits: 0 });
    }
    if code > 1 {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("{product}: exit {code}: {}", process::tail(&said, 6))));
    }
    let same_bits = text.matches("\"same_bits\": true").count();
    Ok(Row { product, said: Some(Said::read(code, &text)), same_bits })
}

impl Row {
    fn passes(&self) -> bool {
        self.said.as_ref().is_none_or(Said::passes)
    }
}

fn page(rows: &[Row], n_files: usize) -> String {
    let mut text = format!(
        "# The gate on other kernels\n\n\
         Written by `cargo xtask kernels --write`; do not edit. The unchanged program by other \
         kernels of OpenBLAS, blocked for other caches, and by the embedded product, held against \
         the {n_files} baselines of the project. None may be worse or changed.\n\n\
         | product | baselines with the same bits | check | what it says |\n| --- | --- | --- | --- |\n"
    );
    for row in rows {
        let Some(said) = &row.said else {
            text.push_str(&format!("| {} |  | cannot run here |  |\n", row.product));
            continue;
        };
        let verdict = if row.passes() { "passes" } else { "**fails**" };
        let (bits, said) = (row.same_bits, said.words());
        text.push_str(&format!("| {} | {bits} of {n_files} | {verdict} | {said} |\n", row.product));
    }
    let run: Vec<&Row> = rows.iter().filter(|row| row.said.is_some()).collect();
    let passed = run.iter().filter(|row| row.passes()).count();
    let other = run.iter().filter(|row| row.same_bits < n_files).count();
    text.push_str(&format!("\n{passed} of {} pass, {other} of them with other bits\n", run.len()));
    text
}
