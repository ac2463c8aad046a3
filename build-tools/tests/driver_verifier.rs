// SPDX-License-Identifier: MIT OR Apache-2.0

//! `docs/driver-verifier.md` says of Driver Verifier's codes what the simulated kernel checks.
//! What it reports has an explanation, which another test sees to: so both lists are one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The code of which these are the first parameters.
const PREFIX: &str = "0xC4/";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A code as explanations write it: `0x32`.
fn code(text: &str) -> u32 {
    let digits = text.trim().trim_start_matches("0x");
    u32::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The codes that have an explanation.
fn explained() -> BTreeSet<u32> {
    let texts = read("build-tools/src/explanations/bug_checks.toml");
    let headings = texts.lines().filter_map(|line| {
        let name = line.strip_prefix("[\"")?.strip_suffix("\"]")?;
        name.strip_prefix(PREFIX).map(code)
    });
    headings.collect()
}

#[test]
fn the_page_calls_checked_what_is_explained() {
    let page = read("docs/driver-verifier.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let (codes, _, here) = (cells.next()?, cells.next()?, cells.next()?);
        (here == "checked").then_some(codes)
    });
    let checked: BTreeSet<_> = rows.flat_map(|codes| codes.split(", ")).map(code).collect();
    assert_eq!(checked, explained());
}

#[test]
fn the_page_leads_to_codes_that_are_explained() {
    let page = read("docs/driver-verifier.md");
    let explained = explained();
    for (at, _) in page.match_indices(PREFIX) {
        let digits = page[at + PREFIX.len()..].split(|it: char| !it.is_ascii_hexdigit());
        let digits = digits.into_iter().next().unwrap_or_default();
        assert!(explained.contains(&code(digits)), "{PREFIX}{digits}");
    }
}
