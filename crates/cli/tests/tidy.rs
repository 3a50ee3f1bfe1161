//! The house rules, over the files of the repository. Each rule is a function over text, and is
//! shown to catch what it forbids.

use std::fs;
use std::path::{Path, PathBuf};

use gradus_runner::File;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file of the repository's own folders, with its path from the root.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["crates", "xtask", "experiments", "docs"] {
        walk(folder, &mut found);
    }
    found.sort();
    found
}

fn walk(folder: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root().join(folder)).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        // What git ignores: builds, data that was brought, snapshots that are not accepted.
        let is_ours = !entry.file_name().to_string_lossy().starts_with('.')
            && !["target", "experiments/data"].iter().any(|ignored| path.ends_with(ignored));
        if is_ours && entry.path().is_dir() {
            walk(&path, found);
        } else if is_ours && let Ok(text) = fs::read_to_string(entry.path()) {
            found.push((path, text));
        }
    }
}

/// Holds a rule, which says what is wrong with a file, over the files that it is for.
fn hold(is_for: impl Fn(&str) -> bool, rule: impl Fn(&str, &str) -> Vec<String>) {
    let files = files();
    let chosen: Vec<_> = files.iter().filter(|(path, _)| is_for(path)).collect();
    assert!(!chosen.is_empty(), "a rule for no file");
    let found: Vec<String> = chosen.iter().flat_map(|(path, text)| rule(path, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// Rust text without comments and without what stands in quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hashes =
            rest.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        let raw = hashes.filter(|hashes| rest[1 + hashes..].starts_with('"'));
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = raw.filter(|_| !after_name) {
            let (start, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            quoted(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

/// Bytes of a text in quotes at the start of `rest`, both quotes included.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|&(_, c)| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// Whether `word` stands in `text` and is no part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

fn purpose(path: &str, text: &str) -> Vec<String> {
    let holds = text.starts_with("//! ");
    (!holds)
        .then(|| format!("{path}: the first line must say what it is for, with //!"))
        .into_iter()
        .collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_eq!(purpose("a.rs", "use std::fs;\n").len(), 1);
    hold(is_rust, purpose);
}

const MOST_LINES: usize = 500;

fn length(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES)
        .then(|| format!("{path}: {lines} lines, more than {MOST_LINES}"))
        .into_iter()
        .collect()
}

#[test]
fn no_file_is_longer_than_500_lines() {
    assert_eq!(length("a.rs", &"\n".repeat(501)).len(), 1);
    hold(is_rust, length);
}

fn no_unsafe(path: &str, text: &str) -> Vec<String> {
    let found = has_word(&code(text), "unsafe");
    found
        .then(|| format!("{path}: `unsafe` has a file of its own for each cause"))
        .into_iter()
        .collect()
}

#[test]
fn unsafe_stands_where_it_is_allowed() {
    assert_eq!(no_unsafe("a.rs", "fn f() { unsafe { g() } }").len(), 1);
    assert!(no_unsafe("a.rs", "#![forbid(unsafe_code)] // unsafe\nlet s = \"unsafe\";").is_empty());
    hold(|path| is_rust(path) && path != "crates/core/src/blas.rs", no_unsafe);
}

fn barred(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    // Unit tests stand at the foot of the file.
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let words = [".unwrap()", "todo!", "dbg!", "unimplemented!"];
    let found = words.into_iter().filter(|word| code.contains(word));
    found.map(|word| format!("{path}: {word} in the product's code")).collect()
}

#[test]
fn the_product_holds_no_shortcuts() {
    assert_eq!(barred("a.rs", "let x = y.unwrap(); dbg!(x); todo!()").len(), 3);
    assert!(
        barred("a.rs", "y.unwrap_or(1); // todo!\n#[cfg(test)]\nmod t { x.unwrap() }").is_empty()
    );
    hold(|path| is_rust(path) && path.contains("/src/"), barred);
}

fn skipped(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let found = ["#[ignore", "#[should_panic"].into_iter().filter(|word| code.contains(word));
    found.map(|word| format!("{path}: {word}]: a test runs, and says what it expects")).collect()
}

#[test]
fn no_test_is_skipped_or_content_with_any_panic() {
    assert_eq!(
        skipped("a.rs", "#[test]\n#[ignore = \"slow\"]\n#[should_panic]\nfn f() {}").len(),
        2
    );
    hold(is_rust, skipped);
}

/// Each may depend on those before it.
const CRATES: [&str; 5] = ["core", "optim", "runner", "report", "cli"];

fn wrong_dependencies(name: &str, manifest: &str) -> Vec<String> {
    let place = CRATES.iter().position(|other| *other == name).expect("every crate is in the line");
    let names = manifest.lines().filter_map(|line| line.strip_prefix("gradus-"));
    let names = names.map(|name| name.split(['.', ' ', '=']).next().unwrap_or_default());
    let is_wrong = |other: &&str| !CRATES[..place].contains(other);
    names.filter(is_wrong).map(|other| format!("{name} depends on {other}")).collect()
}

#[test]
fn dependencies_point_one_way() {
    let wrong = "[dependencies]\ngradus-core.workspace = true\ngradus-runner = { path = \"\" }\n";
    assert_eq!(wrong_dependencies("optim", wrong), ["optim depends on runner"]);
    for entry in fs::read_dir(root().join("crates")).expect("it can be read") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        assert_eq!(wrong_dependencies(&name, &manifest), [""; 0]);
    }
    let xtask = read("xtask/Cargo.toml");
    assert!(!xtask.contains("dependencies"), "the door is built before anything is downloaded");
}

/// The names of an enum's variants.
fn variants(text: &str, name: &str) -> Vec<String> {
    let start = text.find(&format!("pub enum {name} {{\n")).expect("the enum is there");
    let body = text[start..].split("\n}\n").next().unwrap_or_default();
    let is_name = |line: &&str| line.starts_with(|c: char| c.is_ascii_uppercase());
    let names = body.lines().skip(1).filter_map(|line| line.strip_prefix("    ")).filter(is_name);
    names.map(|line| line.split(['(', ',', ' ']).next().unwrap_or_default().to_string()).collect()
}

/// The modules of a folder of operations, as types: `clip_norm.rs` is `ClipNorm`.
fn modules(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let stems = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".rs")?.to_string()));
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    stems
        .filter(|stem| stem != "mod")
        .map(|stem| stem.split('_').map(capital).collect::<String>())
        .collect()
}

/// Those of the names that a table of tests does not know.
fn without_row(names: &[String], table: &str) -> Vec<String> {
    assert!(!names.is_empty(), "nothing to look for");
    names.iter().filter(|name| !has_word(table, name)).cloned().collect()
}

#[test]
fn every_operation_loss_and_layer_has_its_row_of_gradients() {
    let folder = "crates/core/src/gradient_table/";
    let is_table = |path: &str| path.starts_with(folder);
    let table: String =
        files().into_iter().filter(|(path, _)| is_table(path)).map(|(_, text)| text).collect();
    let mut names = modules("crates/core/src/ops");
    names.extend(modules("crates/core/src/losses"));
    let layers = variants(&read("crates/core/src/layers/mod.rs"), "Layer");
    assert!(layers.contains(&"Dense".to_string()), "{layers:?}");
    let random_nets = read("crates/core/tests/random_nets.rs");
    assert_eq!(without_row(&layers, &random_nets), [""; 0], "not drawn in random nets");
    names.extend(layers);
    assert_eq!(without_row(&names, &table), [""; 0]);
    assert_eq!(without_row(&["Cube".to_string(), "Relu".to_string()], &table), ["Cube"]);
}

#[test]
fn every_transformation_constraint_and_schedule_has_its_row() {
    let tables =
        ["convergence", "stepper"].map(|name| read(&format!("crates/optim/tests/{name}.rs")));
    let table = tables.concat();
    let mut names = variants(&read("crates/optim/src/transforms/mod.rs"), "Transform");
    assert!(names.contains(&"ClipNorm".to_string()), "{names:?}");
    names.extend(variants(&read("crates/optim/src/constraint.rs"), "Constraint"));
    assert_eq!(without_row(&names, &table), [""; 0]);
    let cut = read("crates/runner/tests/checkpoint.rs");
    assert_eq!(without_row(&names, &cut), [""; 0], "not cut and carried on");
    let schedules = read("crates/optim/src/schedule/mod.rs");
    let tests = schedules.split("#[cfg(test)]").nth(1).expect("its tests are at its foot");
    let names = variants(&schedules, "Schedule");
    assert!(names.contains(&"Plateau".to_string()), "{names:?}");
    assert_eq!(without_row(&names, tests), [""; 0]);
    assert_eq!(without_row(&names, &cut), [""; 0], "not cut and carried on");
    let rules = variants(&read("crates/runner/src/stop.rs"), "Stop");
    assert_eq!(without_row(&rules, &cut), [""; 0], "not cut and carried on");
    let averages = variants(&read("crates/optim/src/average.rs"), "Average");
    assert_eq!(without_row(&averages, &cut), [""; 0], "not cut and carried on");
}

fn question(path: &str, text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or_default();
    let holds = first.starts_with("// ") && first.ends_with('?');
    (!holds)
        .then(|| format!("{path}: the first line must be a comment that asks"))
        .into_iter()
        .collect()
}

#[test]
fn every_experiment_asks_and_can_be_run_or_says_what_it_needs() {
    assert_eq!(question("a.ron", "(\n    name: \"a\",\n").len(), 1);
    assert_eq!(question("a.ron", "// A sweep.\n(\n").len(), 1);
    let is_experiment = |path: &str| path.starts_with("experiments/") && path.ends_with(".ron");
    hold(is_experiment, question);
    // Without any data at hand, which is how a fresh clone finds itself.
    let nothing = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files().into_iter().filter(|(path, _)| is_experiment(path)) {
        let Err(errors) = File::read(&root().join(&path), Some(nothing.path())) else { continue };
        let said = errors.text;
        let obtain = text.lines().find_map(|line| line.trim().strip_prefix("obtain: \""));
        let obtain = obtain.unwrap_or_else(|| panic!("{path}: {said}")).trim_end_matches("\",");
        assert_eq!(said.matches("error: ").count(), said.matches("there is no file").count());
        assert!(said.contains(obtain) && said.contains("--data DIR"), "{path}: {said}");
    }
}

/// Paths that exist on the machine of one of us only.
fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let folders =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/t", "mp/"], ["/ho", "me/"]].map(|parts| parts.concat());
    let found = folders.into_iter().filter(|folder| text.contains(folder));
    found.map(|folder| format!("{path}: {folder} is a path of one machine")).collect()
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_eq!(machine_paths("a.md", &["see /ro", "ot/.cargo and /t", "mp/x"].concat()).len(), 2);
    hold(|_| true, machine_paths);
}
