//! Verdicts as JUnit's XML, which every CI shows.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::CheckedFiles;

/// One suite a file, one case a claim or figure; files that were skipped are skipped cases,
/// files that were refused errors.
pub fn junit(files: &CheckedFiles) -> String {
    let CheckedFiles { claims, gates, skipped, refused } = files;
    let mut report = Report::new("gradus check");
    for case in claims {
        let mut suite = TestSuite::new(format!("{}: claims", case.file));
        for line in &case.lines {
            let name = joined([&line.what, &line.cell, &line.bound]);
            let said = format!("{}: {}", line.measured, line.margin);
            suite.add_test_case(test_case(&name, &case.name, !line.holds, &said));
        }
        report.add_test_suite(suite);
    }
    for case in gates {
        let mut suite = TestSuite::new(format!("{}: baseline", case.file));
        // What no single figure decides: the bits, the witness.
        suite.add_test_case(test_case("the whole", &case.name, case.fails, &case.sentence));
        for line in &case.lines {
            let name = joined([&line.what, &line.cell]);
            let change = format!("change {}, margin {}", line.change, line.margin);
            let said = format!("{}: {}, was {}; {change}", line.verdict, line.now, line.before);
            suite.add_test_case(test_case(&name, &case.name, line.fails, &said));
        }
        report.add_test_suite(suite);
    }
    for file in skipped {
        let mut suite = TestSuite::new(file.clone());
        suite.add_test_case(TestCase::new("the whole", TestCaseStatus::skipped()));
        report.add_test_suite(suite);
    }
    for (file, why) in refused {
        let mut suite = TestSuite::new(file.clone());
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(why.clone());
        suite.add_test_case(TestCase::new("the whole", status));
        report.add_test_suite(suite);
    }
    report.to_string().expect("text is written to memory")
}

fn joined<const N: usize>(parts: [&String; N]) -> String {
    let parts: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

fn test_case(name: &str, class: &str, fails: bool, said: &str) -> TestCase {
    let status = if fails {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(said);
        status
    } else {
        TestCaseStatus::success()
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case.set_system_out(said);
    case
}
