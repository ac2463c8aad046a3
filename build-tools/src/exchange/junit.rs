// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report as `JUnit` XML: a test case for each scenario, each rule of NMR and each other
//! code that was found, and one for the run.
//!
//! A case that was not tested is skipped, with the reason.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use scenarios::{Finding, Scenario, Tier};

use super::{Exchange, explained};
use crate::explanations::{self, Subject};
use crate::terminal::PROGRAM;
use crate::terminal::Word;

/// The report as XML.
pub(super) fn text(run: &Exchange<'_>) -> Result<String> {
    let mut junit = Junit::new(format!("{PROGRAM} stress"));
    for (name, cases) in [
        ("run", vec![whole(run)]),
        ("scenarios", scenarios(run)),
        ("rules", rules(run)),
        ("other findings", others(run)),
    ] {
        if cases.is_empty() {
            continue;
        }
        let mut suite = TestSuite::new(name);
        for mut case in cases {
            case.set_classname(format!("stress.{}.{name}", run.report.tier));
            suite.add_test_case(case);
        }
        junit.add_test_suite(suite);
    }
    junit
        .to_string()
        .context("the report cannot be written as JUnit")
}

/// The run as a whole: whether it did what it was asked for.
fn whole(run: &Exchange<'_>) -> TestCase {
    let verdict = run.verdict.to_string();
    let status = match run.verdict.word() {
        Word::Pass => TestCaseStatus::success(),
        Word::NotTested => skipped(&verdict),
        Word::Fail => failure("fail", &verdict, format!("again: {}", run.command)),
        Word::Unsupported | Word::Missing | Word::Interrupted => {
            let uses = run.report.unsupported.iter();
            let uses = uses.map(|it| format!("{it}\nagain: {}\n", (run.again)(it.seed, it.cycle)));
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(verdict.as_str());
            status.set_description(uses.collect::<String>());
            status
        }
    };
    TestCase::new("all cycles", status)
}

fn scenarios(run: &Exchange<'_>) -> Vec<TestCase> {
    let tier = match run.report.tier.as_str() {
        "sim" => Tier::Sim,
        "vm" if !run.checks_rules => Tier::Windows,
        _ => Tier::Wine,
    };
    let case = |scenario: Scenario| {
        let name = scenario.name();
        let cycles = run.report.scenarios.get(name).copied().unwrap_or(0);
        let found = findings(run, |it| it.scenarios.contains(name));
        let status = match (&found[..], cycles) {
            ([], 0) if !scenario.is_on(tier) => skipped("this kernel does not have it"),
            ([], 0) => skipped("no cycle was of this scenario"),
            ([], _) => TestCaseStatus::success(),
            (found, _) => failed(run, found),
        };
        TestCase::new(name, status)
    };
    Scenario::ALL.map(case).into()
}

fn rules(run: &Exchange<'_>) -> Vec<TestCase> {
    let all = explanations::all().iter();
    let rules = all.filter(|it| it.subject == Subject::Rule);
    let case = |rule: &explanations::Explanation| {
        let found = findings(run, |it| it.code == rule.name);
        let status = match (&found[..], untested(run, &rule.name)) {
            ([], Some(why)) => skipped(why),
            ([], None) => TestCaseStatus::success(),
            (found, _) => failed(run, found),
        };
        TestCase::new(format!("{} {}", rule.name, rule.title), status)
    };
    rules.map(case).collect()
}

/// Why a run could not meet a breach of a rule.
fn untested(run: &Exchange<'_>, rule: &str) -> Option<&'static str> {
    let counts = &run.report.counts;
    let drawn = |scenario: Scenario| run.report.scenarios.contains_key(scenario.name());
    match rule {
        _ if !run.checks_rules => Some("the NMR of Windows does not say which rule is broken"),
        _ if counts.registrations_provider + counts.registrations_client == 0
            && counts.attaches == 0 =>
        {
            Some("no module was registered")
        }
        "R1" | "R2" | "R3" | "R28" | "R29" | "R30" => None,
        _ if counts.attaches == 0 => Some("no client attached to a provider"),
        "R32" | "R37" if !drawn(Scenario::Instances) => {
            Some("there was one provider and one client in each cycle")
        }
        "R36" if run.report.faults.is_empty() && counts.failed_entries == 0 => {
            Some("no call failed: --faults random lets calls fail")
        }
        _ => None,
    }
}

/// A case for each code that is no rule.
fn others(run: &Exchange<'_>) -> Vec<TestCase> {
    let is_rule =
        |name: &str| explanations::explanation(name).is_some_and(|it| it.subject == Subject::Rule);
    let names: BTreeSet<_> = run
        .report
        .findings
        .iter()
        .map(|finding| explained(finding).0)
        .filter(|name| !is_rule(name))
        .collect();
    let case = |name: &str| {
        let found = findings(run, |it| explained(it).0 == name);
        let title = explanations::explanation(name).map_or("", |it| &it.title);
        TestCase::new(format!("{name} {title}").trim_end(), failed(run, &found))
    };
    names.into_iter().map(case).collect()
}

fn findings<'a>(run: &Exchange<'a>, which: impl Fn(&Finding) -> bool) -> Vec<&'a Finding> {
    let all = run.report.findings.iter();
    all.filter(|finding| which(finding)).collect()
}

/// The failure of a case with these findings.
fn failed(run: &Exchange<'_>, found: &[&Finding]) -> TestCaseStatus {
    let describe = |finding: &&Finding| {
        let stack = finding.stack.iter().map(|frame| format!("  in {frame}\n"));
        let stack: String = stack.collect();
        let rule = match explained(finding) {
            (_, Some(it)) => format!("rule: {} ({})\n", it.rule, it.source),
            (_, None) => String::new(),
        };
        let again = (run.again)(finding.seed, finding.cycle);
        format!("{finding}\n{stack}{rule}again: {again}\n")
    };
    let texts: Vec<_> = found.iter().map(describe).collect();
    let message = match found {
        [one] => one.headline(),
        [first, ..] => format!("{} findings; first: {}", found.len(), first.headline()),
        [] => String::new(),
    };
    let code = found.first().map_or("", |it| it.code.as_str());
    failure(code, &message, texts.join("\n"))
}

fn failure(code: &str, message: &str, text: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(code);
    status.set_message(message);
    status.set_description(text);
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}
