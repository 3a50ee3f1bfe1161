//! Counts what the test programs of `cargo test` report, line by line.

/// How many tests or steps ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(crate) const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The count so far.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Names of the tests that failed.
    pub(crate) failed: Vec<String>,
    /// Names of the tests that were ignored, each with its reason where it has one.
    pub(crate) ignored: Vec<String>,
}

impl Tally {
    pub(crate) fn of(output: &str) -> Self {
        let mut tally = Self::default();
        output.lines().for_each(|line| tally.read_line(line));
        tally
    }

    /// Takes one line of what the test programs print.
    pub(crate) fn read_line(&mut self, line: &str) {
        if let Some(counts) = result_line(line) {
            self.counts.add(counts);
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        {
            if outcome == "FAILED" {
                self.failed.push(name.to_owned());
            } else if let Some(reason) = outcome.strip_prefix("ignored") {
                self.ignored.push(format!("{name}{reason}"));
            }
        }
    }

    /// Moves tests that said of themselves that they did nothing from passed to skipped.
    pub(crate) fn take_skips(&mut self, count: usize) {
        let moved = count.min(self.counts.passed);
        self.counts.passed -= moved;
        self.counts.skipped += count;
    }
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; …`.
fn result_line(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        numbers.split("; ").find_map(|part| part.strip_suffix(word)?.trim_end().parse().ok())
    };
    Some(Counts {
        passed: number("passed")?,
        failed: number("failed")?,
        skipped: number("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 4 tests
test affine::forward ... ok
test affine::backward ... FAILED
test blas::kernel ... ignored, needs OpenBLAS
test crates/core/src/lib.rs - arena (line 12) ... FAILED

test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running tests/other.rs
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.20s
";

    #[test]
    fn results_of_all_programs_are_summed() {
        let tally = Tally::of(OUTPUT);
        assert_eq!(tally.counts, Counts { passed: 13, failed: 2, skipped: 1 });
        assert_eq!(tally.failed, ["affine::backward", "crates/core/src/lib.rs - arena (line 12)"]);
        assert_eq!(tally.ignored, ["blas::kernel, needs OpenBLAS"]);
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "test result: ", "test result: ok", "    test result: ok. 1 passed;", "ok"]
        {
            assert_eq!(result_line(line), None, "{line:?}");
        }
        assert_eq!(Tally::of("a test ... FAILED\ntest of the loss\n"), Tally::default());
    }

    #[test]
    fn a_test_that_skipped_itself_has_not_passed() {
        let mut tally = Tally::of(OUTPUT);
        tally.take_skips(3);
        assert_eq!(tally.counts, Counts { passed: 10, failed: 2, skipped: 4 });
    }
}
