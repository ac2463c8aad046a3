// SPDX-License-Identifier: MIT OR Apache-2.0

//! `explain`: everything that a run can report has an explanation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use registrar::knobs::Knob;
use registrar::rules::RULES;
use scenarios::{NetworkRule, Scenario};

use crate::xtask::{output, refusal};

/// The names that `explain` lists.
fn listed() -> BTreeSet<String> {
    let text = output(&["explain"]);
    let entries = text.lines().filter(|line| line.starts_with("  "));
    entries
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

#[test]
fn every_rule_open_point_and_scenario_is_listed() {
    let listed = listed();
    let rules = (1..=RULES.len()).map(|number| format!("R{number}"));
    let of_network = NetworkRule::ALL.map(|it| it.code().to_owned());
    let knobs = Knob::ALL.into_iter().map(|knob| knob.to_string());
    let scenarios = Scenario::ALL.into_iter().map(|it| it.to_string());
    for name in rules.chain(of_network).chain(knobs).chain(scenarios) {
        assert!(listed.contains(&name), "{name}");
    }
}

/// The codes that the simulated kernel reports have texts of their own, also for each
/// first parameter that is a number in its sources.
#[test]
fn every_code_of_the_simulated_kernel_is_listed() {
    let mut codes = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sim/src");
    read_folder(&sources, &mut codes);
    // Where this fails, the codes are written in another way than it reads them.
    for code in [
        "0xC4/0x62",
        "0xCC",
        "deadlock",
        "convention",
        "wdf",
        "0xC4/0xEA",
    ] {
        assert!(codes.contains(code), "{code} is not found in {codes:?}");
    }
    let listed = listed();
    let missing: Vec<_> = codes.difference(&listed).collect();
    assert!(missing.is_empty(), "without an explanation: {missing:?}");
}

fn read_folder(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_folder(&path, codes);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let tokens: TokenStream = text.parse().expect("tokens");
            read_tokens("", tokens, codes);
        }
    }
}

/// Collects the codes of `("0xC4", [0x62, ..])`, of `stop("deadlock", ..)` and the like, and
/// the numbers that are passed on to them. The tokens are those of a group that follows
/// `callee`.
fn read_tokens(callee: &str, tokens: TokenStream, codes: &mut BTreeSet<String>) {
    const REPORT: [&str; 5] = ["stop", "stop_at", "report", "report_on", "left"];
    const PASS_ON: [&str; 2] = ["require_dispatch", "require_no_apcs"];
    let tokens: Vec<_> = tokens.into_iter().collect();
    let word = |at: usize| tokens.get(at).map(ToString::to_string).unwrap_or_default();
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).map(word).unwrap_or_default();
        match (token, literal(token)) {
            (_, Some(code)) if is_bug_check(&code) && callee != "expect" => {
                let first = tokens.get(place + 2).and_then(first_number);
                codes.extend(first.map(|first| format!("{code}/{first}")));
                codes.insert(code);
            }
            (_, Some(code)) if is_word(&code) => {
                let converted = word(place + 1) == "." && word(place + 2) == "into";
                let is_constant = before == "=" && word(place - 2) == "str";
                let starts = before.is_empty() || before == ":" || before == "return";
                if REPORT.contains(&callee) || is_constant || converted && starts {
                    codes.insert(code);
                }
            }
            // Attributes and tests report nothing.
            (TokenTree::Group(group), _) if before != "#" && before != "tests" => {
                if PASS_ON.contains(&before.as_str()) {
                    let mut numbers = group.stream().into_iter();
                    let number = numbers.find_map(|it| hexadecimal(&it));
                    codes.extend(number.map(|number| format!("0xC4/{number}")));
                }
                read_tokens(&before, group.stream(), codes);
            }
            _ => {}
        }
    }
}

fn literal(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else {
        return None;
    };
    let text = literal.to_string();
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

fn is_bug_check(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    (1..=3).contains(&digits.len()) && u32::from_str_radix(digits, 16).is_ok()
}

fn is_word(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|it| it.is_ascii_lowercase())
}

/// The number with which an array begins.
fn first_number(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            hexadecimal(&group.stream().into_iter().next()?)
        }
        _ => None,
    }
}

fn hexadecimal(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            text.starts_with("0x").then_some(text)
        }
        _ => None,
    }
}

#[test]
fn an_explanation_has_its_rule_its_source_a_defect_and_code() {
    for (name, parts) in [
        (
            "R28",
            &[
                "DriverUnload",
                "unloading-a-client-module",
                "zoo missing_wait",
            ][..],
        ),
        ("0xc4/62", &["0xC4/0x62", "bug-check-0xc4", "zoo leak"]),
        (
            "0xCC",
            &["PAGE_FAULT_IN_FREED_SPECIAL_POOL", "ExFreePoolWithTag"],
        ),
        (
            "DetachOrder",
            &["--kernel windows", "--knobs DetachOrder:1"],
        ),
        ("failed-entry", &["DriverEntry", "--only failed-entry"]),
        ("deadlock", &["DetachComplete"]),
        ("missing_wait", &["R28", "tests/zoo/modules/missing_wait.c"]),
    ] {
        let text = output(&["explain", name]);
        let headings = ["defect", "source", "try"];
        for part in parts.iter().chain(&headings) {
            assert!(text.contains(part), "{name}: {part}: {text}");
        }
        let mut lines = text.lines().filter(|line| !line.contains("https://"));
        assert!(lines.all(|line| line.len() <= 100), "{text}");
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_ones() {
    for (name, near) in [
        ("deadlok", "deadlock"),
        ("DetachOder", "DetachOrder"),
        ("missing_wat", "missing_wait"),
        ("R99", "R9"),
        ("D1", "is it 0xD1?"),
    ] {
        let text = refusal(&["explain", name]);
        assert!(text.contains(name) && text.contains(near), "{text}");
    }
    let text = refusal(&["explain", "zzzz"]);
    assert!(text.contains("`zzzz`") && !text.contains("is it"), "{text}");
}
