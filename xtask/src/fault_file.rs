//! The format of a planted fault, `*.fault`: one deliberate mistake in one source file.
//!
//! ```text
//! # What the fault is, in a sentence.
//! file crates/core/src/ops/affine.rs
//! test gradients          (optional; this is the default; `lib`: the tests inside of the sources)
//! package gradus-core     (optional; this is the default)
//! <<<<
//! the text as it stands, which must occur exactly once
//! ====
//! the faulty text
//! >>>>
//! ```

/// What stands for the tests inside of the sources in place of a test target.
pub(crate) const LIB: &str = "lib";

/// One planted fault.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fault {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The sentence on top.
    pub(crate) about: String,
    /// The source file, relative to the root of the workspace.
    pub(crate) file: String,
    pub(crate) package: String,
    /// The test target that must see the fault.
    pub(crate) test: String,
    edits: Vec<Edit>,
}

#[derive(Debug, Default, PartialEq)]
struct Edit {
    old: String,
    new: String,
}

/// Which part of the file a line belongs to.
enum Place {
    Top,
    Old,
    New,
}

impl Fault {
    /// Reads the text of `NAME.fault`; `Err` names the line.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut fault = Self {
            name: name.to_owned(),
            package: "gradus-core".to_owned(),
            test: "gradients".to_owned(),
            ..Self::default()
        };
        let mut place = Place::Top;
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            match (&place, line) {
                (Place::Top, "<<<<") => place = Place::Old,
                (Place::Old, "====") => place = Place::New,
                (Place::New, ">>>>") => {
                    place = Place::Top;
                    let edit = Edit { old: old.join("\n"), new: new.join("\n") };
                    (old, new) = (Vec::new(), Vec::new());
                    fault.add_edit(edit).map_err(|error| at(name, index, &error))?;
                }
                (Place::Top, line) => {
                    fault.read_top(line).map_err(|error| at(name, index, &error))?;
                }
                (Place::Old, line) => old.push(line),
                (Place::New, line) => new.push(line),
            }
        }
        if !matches!(place, Place::Top) {
            return Err(format!("{name}.fault: the last block is not closed; end it with `>>>>`"));
        }
        if fault.file.is_empty() || fault.edits.is_empty() {
            return Err(format!("{name}.fault: it needs a line `file PATH` and a block `<<<<`"));
        }
        Ok(fault)
    }

    fn read_top(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            if !self.about.is_empty() {
                self.about.push(' ');
            }
            self.about.push_str(comment.trim());
            return Ok(());
        }
        let value = |rest: &str| rest.trim().to_owned();
        match line.split_once(' ') {
            Some(("file", rest)) => self.file = value(rest),
            Some(("test", rest)) => self.test = value(rest),
            Some(("package", rest)) => self.package = value(rest),
            _ if line.trim().is_empty() => {}
            _ => {
                return Err(format!(
                    "`{line}` is none of `# comment`, `file`, `test`, `package`, `<<<<`"
                ));
            }
        }
        Ok(())
    }

    fn add_edit(&mut self, edit: Edit) -> Result<(), String> {
        if edit.old.trim().is_empty() {
            return Err("the text to replace is empty".to_owned());
        }
        if edit.old == edit.new {
            return Err("the faulty text is the same as the right one".to_owned());
        }
        self.edits.push(edit);
        Ok(())
    }

    /// The source with the fault in it; `Err` says which text the source no longer has just once.
    pub(crate) fn apply(&self, source: &str) -> Result<String, String> {
        let mut source = source.to_owned();
        for Edit { old, new } in &self.edits {
            let count = source.matches(old.as_str()).count();
            if count != 1 {
                let first = old.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                return Err(format!(
                    "stale: `{}` … occurs {count} times in {}, not once",
                    first.trim(),
                    self.file
                ));
            }
            source = source.replace(old.as_str(), new);
        }
        Ok(source)
    }
}

fn at(name: &str, index: usize, error: &str) -> String {
    format!("{name}.fault, line {}: {error}", index + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::root;

    const SIGN: &str = "\
# The gradient of the bias has the wrong sign,
# everywhere.
file crates/core/src/ops/affine.rs

<<<<
    db += dy;
====
    db -= dy;
>>>>
<<<<
one
two
====
>>>>
";

    fn sign() -> Fault {
        Fault::parse("sign", SIGN).expect("it is well formed")
    }

    #[test]
    fn a_fault_has_defaults_and_any_number_of_blocks() {
        let fault = sign();
        assert_eq!(fault.about, "The gradient of the bias has the wrong sign, everywhere.");
        assert_eq!((&*fault.package, &*fault.test), ("gradus-core", "gradients"));
        assert_eq!(fault.edits.len(), 2);
        let named = SIGN.replace("\n\n", "\ntest convergence\npackage gradus-optim\n\n");
        let fault = Fault::parse("sign", &named).expect("it is well formed");
        assert_eq!((&*fault.package, &*fault.test), ("gradus-optim", "convergence"));
    }

    #[test]
    fn applying_replaces_each_text_once() {
        let source = "fn f() {\n    db += dy;\n}\none\ntwo\nthree\n";
        assert_eq!(
            sign().apply(source).expect("both texts occur once"),
            "fn f() {\n    db -= dy;\n}\n\nthree\n"
        );
    }

    #[test]
    fn a_text_that_is_gone_or_doubled_makes_a_fault_stale() {
        for (source, count) in [("one\ntwo\n", 0), ("    db += dy;\n    db += dy;\none\ntwo", 2)] {
            let error = sign().apply(source).expect_err("must be stale");
            assert_eq!(
                error,
                format!(
                    "stale: `db += dy;` … occurs {count} times in crates/core/src/ops/affine.rs, not once"
                )
            );
        }
    }

    #[test]
    fn every_fault_of_the_workspace_still_applies() {
        for (folder, least) in
            [("crates/core/tests/faults", 60), ("crates/runner/tests/planted", 20)]
        {
            let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
            let paths = entries.map(|entry| entry.expect("it can be listed").path());
            let faults: Vec<PathBuf> =
                paths.filter(|path| path.extension().is_some_and(|end| end == "fault")).collect();
            assert!(faults.len() >= least, "{} in {folder}", faults.len());
            for path in faults {
                let text = fs::read_to_string(&path).expect("it can be read");
                let fault = Fault::parse(&path.display().to_string(), &text)
                    .unwrap_or_else(|error| panic!("{error}"));
                let source = fs::read_to_string(root().join(&fault.file)).expect("it can be read");
                fault.apply(&source).unwrap_or_else(|stale| panic!("{}: {stale}", fault.name));
            }
        }
    }

    #[test]
    fn malformed_files_name_the_line() {
        for (text, part) in [
            ("file a.rs\nbogus\n", "x.fault, line 2: `bogus`"),
            ("file a.rs\n<<<<\na\n====\na\n>>>>\n", "line 6: the faulty text is the same"),
            ("file a.rs\n<<<<\n\n====\na\n>>>>\n", "line 6: the text to replace is empty"),
            ("file a.rs\n<<<<\na\n====\nb\n", "not closed"),
            ("file a.rs\n", "needs a line"),
            ("<<<<\na\n====\nb\n>>>>\n", "needs a line"),
        ] {
            let error = Fault::parse("x", text).expect_err("must be refused");
            assert!(error.contains(part), "{error}");
        }
    }
}
