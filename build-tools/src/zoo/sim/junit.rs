// SPDX-License-Identifier: MIT OR Apache-2.0

//! The result as `JUnit` XML: a test case for each module.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::row::Row;
use crate::terminal::PROGRAM;

/// The rows of the modules of these names as XML. A module that was not tried, because of a signal, is skipped.
pub(super) fn text(names: &[String], rows: &[Result<Row, String>]) -> Result<String> {
    let mut suite = TestSuite::new("modules");
    for (place, name) in names.iter().enumerate() {
        let status = match rows.get(place) {
            Some(Ok(row)) => status(row),
            Some(Err(why)) => broken(why),
            None => untried(),
        };
        let mut case = TestCase::new(name.as_str(), status);
        case.set_classname("zoo.sim");
        suite.add_test_case(case);
    }
    let mut report = Report::new(format!("{PROGRAM} zoo"));
    report.add_test_suite(suite);
    report
        .to_string()
        .context("the result cannot be written as JUnit")
}

fn untried() -> TestCaseStatus {
    let mut skipped = TestCaseStatus::skipped();
    skipped.set_message("a signal has ended the trials before this one");
    skipped
}

/// The status of a module that cannot be tried.
fn broken(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why.lines().next().unwrap_or_default());
    status.set_description(why);
    status
}

/// Whether the module's defect is found, and its corrected twin is clean.
fn status(row: &Row) -> TestCaseStatus {
    let deviations = row.deviations();
    let Some(first) = deviations.first() else {
        return TestCaseStatus::success();
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type("deviation");
    status.set_message(first.as_str());
    let again = row.replay.iter();
    let again = again.map(|line| format!("again: {PROGRAM} replay {line}"));
    let lines: Vec<_> = deviations.iter().cloned().chain(again).collect();
    status.set_description(lines.join("\n"));
    status
}
