// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is found of modules whose NPI nobody has described.

use scenarios::{Report, Role};

use crate::fixture::Workshop;
use crate::program::sim;

/// Runs both modules of `stranger.c`; the one in this role has the defect.
fn run(role: Role, defect: &str) -> Report {
    let workshop = Workshop::new();
    let (mut provider, mut client) = (vec!["PROVIDER"], vec![]);
    match role {
        Role::Provider => provider.push(defect),
        Role::Client => client.push(defect),
    }
    let provider = workshop.compile("p.sys", "stranger.c", &provider);
    let client = workshop.compile("c.sys", "stranger.c", &client);
    let script = "--script=+p.+c.-p.-c";
    sim(&provider, &client, &["--seed=5", "--cycles=5", script]).report()
}

#[test]
fn a_correct_pair_is_silent() {
    for role in [Role::Provider, Role::Client] {
        let report = run(role, "CORRECT");
        assert!(report.is_clean(), "{:#?}", report.findings);
        assert_eq!(report.counts.calls, report.counts.attaches);
    }
}

#[test]
fn what_can_be_known_is_found_against_the_line_that_is_wrong() {
    use Role::{Client, Provider};

    for (role, defect, code, function, says) in [
        (
            Provider,
            "CALLS_EARLY",
            "R15",
            "Attach",
            "the function at 0x8 of the Client's table was called before",
        ),
        (
            Client,
            "CALLS_LATE",
            "R18",
            "Cleanup",
            "the function at 0x8 of the Provider's table was called after the Client",
        ),
        (
            Client,
            "CALLS_LATE_IN_PLACE_OF_A_RETURN",
            "R18",
            "",
            "the function at 0x8 of the Provider's table was called after the Client",
        ),
        (
            Client,
            "CALLS_UNMAPPED",
            "R18",
            "Unload",
            "was called after the Client had completed its detach; p.sys was unloaded",
        ),
        (
            Client,
            "READS_UNMAPPED",
            "0xCE",
            "Unload",
            "the Provider's dispatch table of binding 1, which was unloaded",
        ),
        (
            Provider,
            "FREES_CONTEXT",
            "0xCC",
            "Ask",
            "the Provider's binding context of binding 1",
        ),
        (
            Provider,
            "FREES_TABLE",
            "0xCC",
            "Free",
            "the Provider's dispatch table of binding 1",
        ),
    ] {
        let report = run(role, defect);
        let [found, ..] = &report.findings[..] else {
            panic!("{defect} is not found");
        };
        assert_eq!(found.code, code, "{defect}: {found}");
        let driver = match role {
            Provider => "p.sys",
            Client => "c.sys",
        };
        assert_eq!(found.driver, driver, "{defect}: {found}");
        let place = found.place.as_ref().map(|place| place.function.as_str());
        assert_eq!(place.unwrap_or_default(), function, "{defect}: {found}");
        assert!(found.what.contains(says), "{defect}: {found}");
    }
}
