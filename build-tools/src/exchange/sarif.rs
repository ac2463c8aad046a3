// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report as a SARIF 2.1.0 log, which code scanning shows at the lines of the sources.
//!
//! A result's fingerprint is made of what does not change from run to run: the code, the
//! driver, the file and the function. So another seed finds the same result again.

use std::fmt::Write;

use scenarios::{Finding, Frame, Place};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::location::Location;
use super::{Exchange, explained};
use crate::explanations::{self, Explanation, Subject};
use crate::terminal::PROGRAM;
use crate::terminal::Word;

/// The root of the workspace, as viewers know it.
const ROOT: &str = "%SRCROOT%";

/// The log.
pub(super) fn log(run: &Exchange<'_>) -> Value {
    let report = run.report;
    let rules = rules(run);
    let findings = report.findings.iter().map(|it| (it, "error"));
    let notes = report.notes.iter().map(|it| (it, "note"));
    let results: Vec<_> = findings
        .chain(notes)
        .map(|(finding, level)| result(run, &rules, finding, level))
        .collect();
    let descriptors: Vec<_> = rules.iter().map(descriptor).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": format!("{PROGRAM} stress"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "automationDetails": { "id": format!("nmr-stress/{}/", report.tier) },
            "columnKind": "utf16CodeUnits",
            "invocations": [invocation(run)],
            "results": results,
            "properties": {
                "seed": report.seed,
                "cycles": report.cycles_done,
                "verdict": run.verdict.to_string(),
                "command": run.command,
            },
        }],
    })
}

/// A rule that results refer to.
enum Rule {
    Explained(&'static Explanation),
    /// A code of which nothing is known here.
    Unknown(String),
}

impl Rule {
    fn id(&self) -> &str {
        match self {
            Self::Explained(it) => &it.name,
            Self::Unknown(code) => code,
        }
    }
}

/// All rules of NMR, and the other codes that were found.
fn rules(run: &Exchange<'_>) -> Vec<Rule> {
    let all = explanations::all().iter();
    let mut rules: Vec<_> = all
        .filter(|it| it.subject == Subject::Rule)
        .map(Rule::Explained)
        .collect();
    for finding in run.report.findings.iter().chain(&run.report.notes) {
        let (name, explanation) = explained(finding);
        if !rules.iter().any(|rule| rule.id() == name) {
            let unknown = || Rule::Unknown(name.to_owned());
            rules.push(explanation.map_or_else(unknown, Rule::Explained));
        }
    }
    rules
}

fn descriptor(rule: &Rule) -> Value {
    let it = match rule {
        Rule::Explained(it) => it,
        Rule::Unknown(code) => return json!({ "id": code }),
    };
    let Explanation {
        name,
        title,
        rule,
        source,
        defect,
        correct,
        ..
    } = it;
    json!({
        "id": name,
        "shortDescription": { "text": format!("{title}.") },
        "fullDescription": { "text": rule },
        "help": {
            "text": format!("{rule}\n\nTypical defect: {defect}\n\nCorrect:\n{correct}\n\n{source}"),
            "markdown": format!(
                "{rule}\n\n**Typical defect:** {defect}\n\n**Correct:**\n\n```c\n{correct}\n```\n\n\
                 [Microsoft's documentation]({source})"
            ),
        },
        "helpUri": source,
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["nmr", "driver", "reliability"] },
    })
}

fn result(run: &Exchange<'_>, rules: &[Rule], finding: &Finding, level: &str) -> Value {
    let (name, _) = explained(finding);
    let index = rules.iter().position(|rule| rule.id() == name);
    let again = (run.again)(finding.seed, finding.cycle);
    let stack: Vec<_> = finding
        .stack
        .iter()
        .filter_map(|frame| frame_location(run, frame))
        .collect();
    json!({
        "ruleId": name,
        "ruleIndex": index,
        "level": level,
        "message": { "text": format!("{}: {}. Run it again: {again}", finding.headline(), finding.what) },
        "locations": [location(run, finding)],
        "relatedLocations": stack,
        "partialFingerprints": { "nmrStress/v1": fingerprint(run, finding) },
        "occurrenceCount": finding.count.max(1),
        "properties": {
            "seed": finding.seed,
            "cycle": finding.cycle,
            "replay": again,
            "kernels": finding.kernels,
            "thread": finding.thread,
            "history": finding.history,
        },
    })
}

/// The line of a finding; the image, if that is all that is known.
fn location(run: &Exchange<'_>, finding: &Finding) -> Value {
    let place = finding.place.as_ref();
    let file = place.and_then(|place| Location::of_place(place, run.root));
    let file = file.unwrap_or_else(|| Location::of_image(finding));
    let line = place.and_then(|place| place.line);
    let mut value = json!({ "physicalLocation": physical(&file, line) });
    if let Some(place) = place {
        value["logicalLocations"] = json!([logical(place)]);
    }
    value
}

fn frame_location(run: &Exchange<'_>, frame: &Frame) -> Option<Value> {
    let place = frame.place.as_ref()?;
    let file = Location::of_place(place, run.root)?;
    Some(json!({
        "physicalLocation": physical(&file, place.line),
        "logicalLocations": [logical(place)],
        "message": { "text": format!("in {frame}") },
    }))
}

fn physical(file: &Location, line: Option<u32>) -> Value {
    let mut artifact = json!({ "uri": file.uri });
    if file.is_relative {
        artifact["uriBaseId"] = ROOT.into();
    }
    json!({
        "artifactLocation": artifact,
        "region": { "startLine": line.unwrap_or(1).max(1) },
    })
}

fn logical(place: &Place) -> Value {
    json!({ "fullyQualifiedName": place.function, "kind": "function" })
}

/// The digest of what does not change from run to run.
fn fingerprint(run: &Exchange<'_>, finding: &Finding) -> String {
    let place = finding.place.as_ref();
    let file = place.and_then(|place| Location::of_place(place, run.root));
    let file = file.map_or_else(String::new, |file| file.uri);
    let function = match place {
        Some(place) => place.function.clone(),
        None => finding
            .offset
            .map_or_else(String::new, |offset| format!("{offset:#x}")),
    };
    let (name, _) = explained(finding);
    let text = [name, &finding.driver, &file, &function].join("\n");
    let digest = Sha256::digest(text.as_bytes());
    // Half of it is enough to tell findings apart.
    let (half, _) = digest.split_at(16);
    half.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// How the run itself went.
fn invocation(run: &Exchange<'_>) -> Value {
    let word = run.verdict.word();
    let mut notifications: Vec<_> = run
        .report
        .unsupported
        .iter()
        .map(|it| {
            let text = format!("{it}. Run it again: {}", (run.again)(it.seed, it.cycle));
            json!({ "level": "error", "message": { "text": text } })
        })
        .collect();
    if word == Word::NotTested {
        let text = run.verdict.to_string();
        notifications.push(json!({ "level": "error", "message": { "text": text } }));
    }
    json!({
        "commandLine": run.command,
        "executionSuccessful": matches!(word, Word::Pass | Word::Fail),
        "toolExecutionNotifications": notifications,
    })
}
