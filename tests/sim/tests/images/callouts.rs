// SPDX-License-Identifier: MIT OR Apache-2.0

//! Callout drivers: what they may do while there is traffic, and what they must not.

use scenarios::Report;

use crate::fixture::{Workshop, check_found};
use crate::program::{Run, sim_with_drivers};

/// What comes of the callout driver with these macros.
fn run(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Run {
    let driver = workshop.compile("callout.sys", "callout.c", defines);
    sim_with_drivers(&[&driver], &[&["--seed=5"], arguments].concat())
}

fn report(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    run(workshop, defines, arguments).report()
}

#[test]
fn it_may_be_unloaded_while_there_is_traffic() {
    let workshop = Workshop::new();
    for model in [
        &[][..],
        &["FRAMEWORK"],
        &["VERSION=0"],
        &["VERSION=2"],
        &["VERSION=3", "BY_KEY"],
    ] {
        for faults in ["none", "random", "systematic"] {
            let faults = format!("--faults={faults}");
            let run = run(&workshop, model, &["--cycles=300", &faults]);
            let report = run.report();
            assert!(report.is_clean(), "{model:?}: {:#?}", report.findings);
            assert!(report.counts.unloads > 150, "{}", report.counts.unloads);
            assert_eq!(run.status, Some(0), "{}", run.err);
        }
    }
}

#[test]
fn an_unload_meets_flows_with_contexts_and_classifications_under_way() {
    let workshop = Workshop::new();
    // A context is seldom in use when it is removed.
    let trace = run(&workshop, &[], &["--cycles=900", "--trace"]).out;
    for answer in [
        // STATUS_DEVICE_BUSY, STATUS_PENDING and STATUS_SUCCESS.
        "FwpsCalloutUnregisterById0 = 0x80000011",
        "FwpsFlowRemoveContext0 = 0x103",
        "FwpsFlowRemoveContext0 = 0x0",
    ] {
        assert!(trace.contains(answer), "{answer}");
    }
}

/// Each function for callouts is the one that the driver calls.
#[test]
fn the_versions_of_the_functions_for_callouts_are_told_apart() {
    let workshop = Workshop::new();
    for (defines, registers, unregisters) in [
        (&["VERSION=0"][..], "FwpsCalloutRegister0", "ById0"),
        (&["VERSION=1"], "FwpsCalloutRegister1", "ById0"),
        (&["VERSION=2", "BY_KEY"], "FwpsCalloutRegister2", "ByKey0"),
        (&["VERSION=3", "BY_KEY"], "FwpsCalloutRegister3", "ByKey0"),
    ] {
        let trace = run(&workshop, defines, &["--cycles=20", "--trace"]).out;
        let unregisters = format!("FwpsCalloutUnregister{unregisters} = 0x0");
        let registers = format!("{registers} = 0x0");
        assert!(trace.contains(&registers), "{registers}");
        assert!(trace.contains(&unregisters), "{unregisters}");
    }
}

#[test]
fn what_the_engine_refuses_changes_nothing() {
    let report = report(&Workshop::new(), &["CHECKS"], &["--cycles=20"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[test]
fn a_session_that_is_closed_is_used_no_more() {
    let script = ["--cycles=1", "--script=+c.-c"];
    let report = report(&Workshop::new(), &["CLOSES_TWICE"], &script);
    check_found(&report, "CLOSES_TWICE", "0x93", 0, "StopFiltering");
}

#[test]
fn filters_that_stay_are_noted_with_what_they_do() {
    let script = ["--cycles=1", "--script=+c.-c"];
    let report = report(&Workshop::new(), &["STAYS"], &script);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let [note] = &report.notes[..] else {
        panic!("{:#?}", report.notes);
    };
    assert_eq!(note.code, "wfp");
    assert!(
        note.what
            .contains("a filter that FwpmFilterAdd0 added stays"),
        "{note}"
    );
    let place = note.place.as_ref().map(|place| place.function.as_str());
    assert_eq!(place, Some("AddFilters"), "{note}");
}

/// What comes of the inspector with these macros.
fn inspect(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    let driver = workshop.compile("inspector.sys", "inspector.c", defines);
    sim_with_drivers(&[&driver], &[&["--seed=5"], arguments].concat()).report()
}

#[test]
fn it_may_pend_connections_and_replace_packets() {
    let workshop = Workshop::new();
    for faults in ["none", "random", "systematic"] {
        let faults = format!("--faults={faults}");
        let report = inspect(&workshop, &[], &["--cycles=300", &faults]);
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
        assert_eq!(report.notes, []);
    }
}

#[test]
fn packets_are_injected_into_each_layer() {
    const WAYS: [(&str, &str); 5] = [
        ("NETWORK_SEND", "FwpsInjectNetworkSendAsync0"),
        ("NETWORK_RECEIVE", "FwpsInjectNetworkReceiveAsync0"),
        ("TRANSPORT_RECEIVE", "FwpsInjectTransportReceiveAsync0"),
        ("SEND_PARAMETERS", "FwpsInjectTransportSendAsync1"),
        ("STREAM", "FwpsStreamInjectAsync0"),
    ];
    let workshop = Workshop::new();
    for (way, function) in WAYS {
        for faults in ["none", "systematic"] {
            let faults = format!("--faults={faults}");
            let report = inspect(&workshop, &[way], &["--cycles=150", &faults]);
            assert!(report.is_clean(), "{way} {faults}: {:#?}", report.findings);
        }
        let driver = workshop.compile("inspector.sys", "inspector.c", &[way]);
        let trace = sim_with_drivers(&[&driver], &["--seed=5", "--cycles=40", "--trace"]).out;
        assert!(trace.contains(&format!("{function} = 0x0")), "{function}");
        assert!(trace.contains(" OnInjected ("), "{way}");
    }
}

#[test]
fn each_misuse_of_packets_and_pended_operations_is_found_where_it_is() {
    const MISUSES: [(&str, &str, &str); 10] = [
        ("GOES_ON", "wfp", "Pend"),
        ("COMPLETES_TWICE", "wfp", "CompletePended"),
        ("LEAVES_CLASSIFICATION", "leak", "Pend"),
        ("LEAVES_HANDLE", "leak", "Pend"),
        ("RELEASES_TWICE", "wfp", "Pend"),
        ("FREES_AS_OTHER", "wfp", "OnInjected"),
        ("FREES_TWICE", "wfp", "OnInjected"),
        ("DESTROYS_IN_COMPLETION", "deadlock", "OnInjected"),
        ("DEREFERENCES", "wfp", "OnSend"),
        ("OTHER_TYPE", "wfp", "OnSend"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, function) in MISUSES {
        let arguments = ["--cycles=2000", "--until-found"];
        let report = inspect(&workshop, &[misuse], &arguments);
        check_found(&report, misuse, code, 0, function);
    }
}

/// What comes of the driver with conditions and weights with these macros.
fn filter(defines: &[&str], arguments: &[&str]) -> Run {
    let workshop = Workshop::new();
    let driver = workshop.compile("filters.sys", "filters.c", defines);
    sim_with_drivers(&[&driver], &[&["--seed=5"], arguments].concat())
}

#[test]
fn filters_decide_by_their_conditions_and_weights() {
    for defines in [&[][..], &["SOFT"], &["VETOES"]] {
        for faults in ["none", "systematic"] {
            let faults = format!("--faults={faults}");
            let report = filter(defines, &["--cycles=200", &faults]).report();
            assert!(report.is_clean(), "{defines:?}: {:#?}", report.findings);
        }
    }
}

/// Each callout is called but the one behind a heavier filter that permits.
#[test]
fn each_filter_that_matches_has_its_callout_called() {
    for (callout, is_called) in [
        ("TCP", true),
        ("PORTS", true),
        ("HEAVY", true),
        ("LIGHT", false),
        ("LOWER", true),
        ("CLOSURE", true),
        ("RELEASE", true),
        ("PACKET", true),
    ] {
        let reaches = format!("REACHES={callout}");
        let report = filter(&[&reaches], &["--cycles=200", "--until-found"]).report();
        assert_eq!(!report.findings.is_empty(), is_called, "{callout}");
    }
    // A permit that is not final leaves the decision to the next sublayer.
    let report = filter(
        &["SOFT", "REACHES=SOFTLY"],
        &["--cycles=200", "--until-found"],
    )
    .report();
    assert!(!report.findings.is_empty());
}

#[test]
fn conditions_and_weights_that_cannot_be_are_refused() {
    let report = filter(&["CHECKS"], &["--cycles=20"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// What comes of the driver at the layers where connections are authorised with these macros.
fn ale(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Run {
    let driver = workshop.compile("ale.sys", "ale.c", defines);
    sim_with_drivers(&[&driver], &[&["--seed=5"], arguments].concat())
}

/// The driver checks fields, metadata and packets itself, and one thread moves the start of a
/// packet while another one classifies it.
#[test]
fn what_callouts_are_given_is_what_the_documents_say() {
    let workshop = Workshop::new();
    for faults in ["none", "systematic"] {
        let faults = format!("--faults={faults}");
        let report = ale(&workshop, &[], &["--cycles=300", &faults]).report();
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
        assert_eq!(report.notes, []);
    }
}

/// An inbound connection that is pended is authorised again, with the packet that the driver
/// injects.
#[test]
fn each_way_of_a_connection_is_met() {
    let workshop = Workshop::new();
    for place in ["1", "2", "3", "4", "5"] {
        let reaches = format!("REACHES={place}");
        let report = ale(&workshop, &[&reaches], &["--cycles=300", "--until-found"]).report();
        assert!(!report.findings.is_empty(), "{place}");
    }
}

#[test]
fn a_field_beyond_the_last_one_is_inaccessible() {
    let workshop = Workshop::new();
    let report = ale(&workshop, &["OVERREADS"], &["--cycles=50", "--until-found"]).report();
    check_found(&report, "OVERREADS", "0xCD", 0, "CheckOwner");
}

/// A service adds a filter where the driver has said at which layer its callout may be used.
#[test]
fn a_callout_without_a_filter_gets_one_from_a_service() {
    let workshop = Workshop::new();
    let without = &["WITHOUT_FILTERS"];
    let report = ale(&workshop, without, &["--cycles=200"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let reaches = &["WITHOUT_FILTERS", "REACHES=4"];
    let report = ale(&workshop, reaches, &["--cycles=200", "--until-found"]).report();
    assert!(!report.findings.is_empty());
}

#[test]
fn a_callout_that_no_filter_can_name_was_not_tested() {
    let run = ale(&Workshop::new(), &["WITHOUT_OBJECTS"], &["--cycles=20"]);
    let report = run.report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(
        (run.status, run.err.as_str()),
        (
            Some(1),
            "error: not tested: in 20 cycles no filter named a callout of ale.sys: no classifyFn \
             was called\n"
        )
    );
    let what: Vec<_> = report.notes.iter().map(|note| note.what.as_str()).collect();
    assert!(
        what.iter()
            .any(|it| it.contains("FwpmCalloutAdd0, which says at which layer")),
        "{what:?}"
    );
}

#[test]
fn a_callout_that_only_inspects_is_told_what_to_answer() {
    let defines = &["INSPECTS", "PERMITS"];
    let arguments = ["--cycles=300", "--until-found"];
    let report = ale(&Workshop::new(), defines, &arguments).report();
    let [found] = &report.findings[..] else {
        panic!("{:#?}", report.findings);
    };
    assert_eq!(found.code, "wfp");
    for words in ["FWPS_RIGHT_ACTION_WRITE", "must answer FWP_ACTION_CONTINUE"] {
        assert!(found.what.contains(words), "{}", found.what);
    }
}

/// The finding names the call whose status the entry point has returned, and a note what was wrong
/// with it.
#[test]
fn a_failed_entry_point_is_told_with_the_call_that_failed() {
    let report = ale(
        &Workshop::new(),
        &["WITHOUT_NOTIFY"],
        &["--cycles=20", "--until-found"],
    )
    .report();
    let [found] = &report.findings[..] else {
        panic!("{:#?}", report.findings);
    };
    assert_eq!(found.code, "load");
    let words = "with status 0xc022001c STATUS_FWP_NULL_POINTER, which FwpsCalloutRegister1 \
                 returned to ale.sys";
    assert!(found.what.contains(words), "{}", found.what);
    let what = "without a notifyFn, and has refused the callout";
    assert!(
        report.notes.iter().any(|note| note.what.contains(what)),
        "{:#?}",
        report.notes
    );
}

#[test]
fn what_the_kernel_has_made_for_a_driver_is_called_by_its_name() {
    let workshop = Workshop::new();
    for (mistake, code, words) in [
        (
            "USES_FREED_EXTENSION",
            "0xCC",
            "offset 0x4 of a device extension, which ale.sys",
        ),
        (
            "USES_NO_MDL",
            "0x7E",
            "where MmGetSystemAddressForMdlSafe reads if the MDL is NULL",
        ),
    ] {
        let report = ale(&workshop, &[mistake], &["--cycles=20", "--until-found"]).report();
        let [found] = &report.findings[..] else {
            panic!("{mistake}: {:#?}", report.findings);
        };
        assert_eq!(found.code, code, "{mistake}");
        assert!(found.what.contains(words), "{}", found.what);
    }
}
