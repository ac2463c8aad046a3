// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a stress run in the formats of other tools: `JUnit` for CI, SARIF for code
//! scanning, and the summary of a step of a GitHub workflow.
//!
//! Each is a function of the report, and contains the same findings, each with the broken rule
//! and the command that runs its cycle again.

mod junit;
mod location;
mod sarif;
mod step_summary;

use std::path::Path;

use anyhow::Result;
use scenarios::{Finding, Report};

use crate::explanations::{self, Explanation};
use crate::terminal::Verdict;
use crate::workspace::artifact;

/// The files to write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExchangePaths<'a> {
    pub(crate) junit: Option<&'a Path>,
    pub(crate) sarif: Option<&'a Path>,
    /// The summary of a step of a GitHub workflow, to which is appended.
    pub(crate) step_summary: Option<&'a Path>,
}

/// What is written of a run.
pub(crate) struct Exchange<'a> {
    pub(crate) report: &'a Report,
    pub(crate) verdict: &'a Verdict,
    /// `true` if the kernel of the run checks the rules of NMR.
    pub(crate) checks_rules: bool,
    /// The command that runs everything again.
    pub(crate) command: &'a str,
    /// Returns the command that runs a cycle of a seed again.
    pub(crate) again: &'a dyn Fn(u64, u64) -> String,
    /// The root of the workspace, below which paths are relative.
    pub(crate) root: &'a Path,
}

impl Exchange<'_> {
    /// Writes the files that are asked for.
    pub(crate) fn write(&self, paths: ExchangePaths<'_>) -> Result<()> {
        if let Some(path) = paths.junit {
            artifact::write(path, junit::text(self)?.as_bytes())?;
        }
        if let Some(path) = paths.sarif {
            artifact::write_json(path, &sarif::log(self))?;
        }
        if let Some(path) = paths.step_summary {
            step_summary::append(path, self)?;
        }
        Ok(())
    }
}

/// The name under which a finding is explained, and the explanation if there is one.
fn explained(finding: &Finding) -> (&str, Option<&'static Explanation>) {
    let explanation = explanations::of(finding);
    let name = explanation.map_or(finding.code.as_str(), |it| it.name.as_str());
    (name, explanation)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use junit_parser::{TestCase, TestStatus, TestSuites};
    use scenarios::{Place, Unsupported};
    use serde_json::Value;

    use super::*;
    use crate::terminal::{Verdict, Word};

    /// The official schema, with its licence beside it.
    const SCHEMA: &str = include_str!("../tests/schemas/sarif-2.1.0.json");

    fn finding(code: &str, seed: u64) -> Finding {
        Finding {
            driver: "client.sys".to_owned(),
            offset: Some(0x1150),
            place: Some(Place {
                function: "Unload".to_owned(),
                file: Some("/w/client/src/lib.rs".to_owned()),
                line: Some(140),
            }),
            scenarios: ["races".to_owned()].into(),
            thread: "unload client".to_owned(),
            count: 2,
            ..Finding::bare(code, "it <waits> & \u{1}\"leaves\"".to_owned(), seed, 3)
        }
    }

    /// A run with a finding of a rule, one of a bug check, one of an unknown code without a
    /// place, and a cycle that was cut short.
    fn report(seed: u64) -> Report {
        let mut report = Report::new("sim", seed, 1000);
        report.cycles_done = 1000;
        report.counts.attaches = 5;
        report.scenarios = [("races", 10), ("paired", 990)]
            .map(|(name, cycles)| (name.to_owned(), cycles))
            .into();
        report.add_finding(finding("R28", seed));
        let leak = Some([0x62, 0, 0, 1]);
        report.add_finding(Finding {
            parameters: leak,
            ..finding("0xC4", seed)
        });
        report.add_finding(Finding::bare(
            "0xDEAD",
            "it asked for it".to_owned(),
            seed,
            9,
        ));
        report.add_unsupported(Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: None,
            place: None,
            cycle: 4,
            seed,
            thread: String::new(),
            stack: Vec::new(),
            count: 1,
        });
        report
    }

    fn with<T>(report: &Report, verdict: &Verdict, then: impl FnOnce(&Exchange<'_>) -> T) -> T {
        then(&Exchange {
            report,
            verdict,
            checks_rules: true,
            command: "cargo xtask stress --seed 7",
            again: &|seed, cycle| format!("cargo xtask replay seed={seed},cycle={cycle}"),
            root: Path::new("/w"),
        })
    }

    fn junit(report: &Report, verdict: &Verdict) -> TestSuites {
        let text = with(report, verdict, |run| junit::text(run).expect("XML"));
        let escaped = "it &lt;waits&gt; &amp; &quot;leaves&quot;";
        assert_eq!(
            text.contains(escaped),
            !report.findings.is_empty(),
            "{text}"
        );
        junit_parser::from_reader(Cursor::new(text)).expect("JUnit")
    }

    fn case<'a>(suites: &'a TestSuites, name: &str) -> &'a TestCase {
        let mut cases = suites.suites.iter().flat_map(|suite| &suite.cases);
        cases
            .find(|case| case.original_name.starts_with(name))
            .unwrap_or_else(|| panic!("{name}"))
    }

    #[test]
    fn junit_has_a_case_for_each_scenario_and_rule() {
        let report = report(7);
        let suites = junit(&report, &Verdict::fail("3 findings"));
        let failed = |name: &str| match &case(&suites, name).status {
            TestStatus::Failure(failure) => failure.text.clone(),
            other => panic!("{name}: {other:?}"),
        };
        for name in ["R28 ", "0xC4/0x62 ", "races", "0xDEAD"] {
            let text = failed(name);
            assert!(text.contains("cargo xtask replay seed=7,cycle="), "{text}");
        }
        assert!(failed("R28 ").contains("waits"));
        assert!(failed("R28 ").contains("https://learn.microsoft.com/"));
        assert!(matches!(case(&suites, "R19 ").status, TestStatus::Success));
        assert!(matches!(
            case(&suites, "paired").status,
            TestStatus::Success
        ));
        for name in ["R36 ", "R32 ", "gate"] {
            assert!(
                matches!(case(&suites, name).status, TestStatus::Skipped(_)),
                "{name}"
            );
        }
        let rules = suites.suites.iter().find(|suite| suite.name == "rules");
        assert_eq!(rules.map(|suite| suite.cases.len()), Some(38));
    }

    #[test]
    fn junit_passes_nothing_that_was_not_tested() {
        let report = Report::new("sim", 7, 10);
        let suites = junit(
            &report,
            &Verdict::new(Word::NotTested, "no client attached"),
        );
        let cases = suites.suites.iter().flat_map(|suite| &suite.cases);
        for case in cases {
            assert!(matches!(case.status, TestStatus::Skipped(_)), "{case:?}");
        }
        let unsupported = Verdict::new(Word::Unsupported, "1 cycle was cut short");
        let suites = junit(&self::report(7), &unsupported);
        let TestStatus::Error(error) = &case(&suites, "all cycles").status else {
            panic!("no error");
        };
        assert!(error.text.contains("NtFoo"), "{error:?}");
    }

    fn sarif(report: &Report) -> Value {
        let log = with(report, &Verdict::fail("3 findings"), sarif::log);
        // Its only pattern that is no regular expression has a bracket too many.
        let schema = SCHEMA.replace("{2}]?$", "{2}$");
        let schema: Value = serde_json::from_str(&schema).expect("the schema");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<_> = validator
            .iter_errors(&log)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        log["runs"][0].clone()
    }

    #[test]
    fn sarif_follows_its_schema_and_leads_to_lines_and_texts() {
        let run = sarif(&report(7));
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), 3);
        for result in results {
            let index = result["ruleIndex"].as_u64().expect("an index");
            let rule = &rules[usize::try_from(index).expect("it is small")];
            assert_eq!(rule["id"], result["ruleId"]);
        }
        let leak = results.iter().find(|it| it["ruleId"] == "0xC4/0x62");
        let place = &leak.expect("a leak")["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "client/src/lib.rs");
        assert_eq!(place["region"]["startLine"], 140);
        for rule in rules.iter().filter(|rule| rule["id"] != "0xDEAD") {
            let uri = rule["helpUri"].as_str().expect("an address");
            assert!(uri.starts_with("https://"), "{uri}");
            assert!(rule["help"]["markdown"].is_string(), "{rule}");
        }
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
        sarif(&Report::new("vm", 1, 1));
    }

    #[test]
    fn fingerprints_do_not_change_with_the_seed_but_with_the_place() {
        let prints = |report: &Report| -> Vec<Value> {
            let run = sarif(report);
            let results = run["results"].as_array().expect("results");
            let print = |it: &Value| it["partialFingerprints"]["nmrStress/v1"].clone();
            results.iter().map(print).collect()
        };
        let mut other = report(8);
        assert_eq!(prints(&report(7)), prints(&other));
        let place = other.findings[0].place.as_mut().expect("a place");
        place.line = Some(150);
        assert_eq!(prints(&report(7)), prints(&other));
        let place = other.findings[0].place.as_mut().expect("a place");
        place.function = "Detach".to_owned();
        assert_ne!(prints(&report(7))[0], prints(&other)[0]);
    }

    #[test]
    fn the_summary_of_a_step_is_appended() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "before\n").expect("written");
        let report = report(7);
        let verdict = Verdict::fail("3 findings");
        with(&report, &verdict, |run| {
            step_summary::append(file.path(), run).expect("appended");
        });
        let text = std::fs::read_to_string(file.path()).expect("text");
        for part in [
            "before\n### NMR stress (sim)",
            "**FAIL  3 findings**",
            "| 1,000 | 5 |",
            "[R28](https://learn.microsoft.com/",
            "`cargo xtask replay seed=7,cycle=3`",
            "it &lt;waits> &amp;",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
