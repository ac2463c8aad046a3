// SPDX-License-Identifier: MIT OR Apache-2.0

//! Dispatch tables of an NPI that nobody has described: their calls are counted, and
//! nothing in them is changed, whatever their layout and wherever they are.

use scenarios::{NpiReport, Report};

use crate::fixture::Workshop;
use crate::program::sim;

/// Runs both modules of `tables.c` with these macros.
fn run(workshop: &Workshop, defines: &[&str]) -> Report {
    let mut provider = defines.to_vec();
    provider.push("PROVIDER");
    let provider = workshop.compile("p.sys", "tables.c", &provider);
    let client = workshop.compile("c.sys", "tables.c", defines);
    sim(&provider, &client, &["--seed=5", "--cycles=20"]).report()
}

/// The NPI that both modules use.
fn npi(report: &Report) -> &NpiReport {
    let mut npis = report.counts.npis.values();
    let npi = npis.next().expect("it was registered");
    assert_eq!(npis.next(), None);
    npi
}

#[test]
fn tables_are_left_alone_and_their_calls_counted() {
    let workshop = Workshop::new();
    for define in [
        "USHORT_FIRST",
        "ULONG_FIRST",
        "SIZE_T_FIRST",
        "VERSION_FIRST",
        "NO_HEADER",
        "PACKED",
        "UNALIGNED",
        "SECTION_END",
        "DATA",
        "POOL",
        "ROOM",
        "CHANGED",
    ] {
        let report = run(&workshop, &[define]);
        assert!(report.is_clean(), "{define}: {:#?}", report.findings);
        let npi = npi(&report);
        assert!(npi.attaches > 0, "{define}: {npi:?}");
        let own = if define == "CHANGED" { 4 } else { 3 };
        assert_eq!(npi.calls_of_clients, own * npi.attaches, "{define}");
        assert_eq!(npi.calls_of_providers, npi.attaches, "{define}");
        assert_eq!(npi.attaches_without_functions, 0, "{define}");
        assert_eq!(npi.name, None, "{define}");
        let remark = npi.remark().expect("it is not described");
        assert!(remark.contains("R19 for calls that pend"), "{remark}");
        assert!(remark.contains("calls were seen"), "{remark}");
    }
}

#[test]
fn a_binding_without_tables_says_that_calls_cannot_be_seen() {
    let report = run(&Workshop::new(), &["NO_TABLE"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let npi = npi(&report);
    assert!(npi.attaches > 0, "{npi:?}");
    assert_eq!(npi.attaches_without_functions, npi.attaches);
    let remark = npi.remark().expect("no call can be seen");
    assert!(remark.ends_with("calls cannot be seen"), "{remark}");
    let text = "R15, R18 and R19 where no dispatch table has functions";
    assert!(npi.not_checked.contains(text), "{npi:?}");
}
