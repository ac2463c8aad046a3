// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drivers that this project ships.

use std::path::{Path, PathBuf};

use scenarios::{Coverage, Report};

use crate::program::{Run, sim_with_any_instances as sim, sim_without_npis};

/// The driver `name` as it was built last.
pub(crate) fn driver(name: &str) -> PathBuf {
    image("drivers", name, "cargo xtask build")
}

/// The image in C `name` as `cargo xtask test` or `stress` built it last.
pub(crate) fn interop(name: &str) -> PathBuf {
    image("interop", name, "cargo xtask test sim")
}

/// The image `name` in a directory below the target directory.
fn image(directory: &str, name: &str, built_by: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let target = target.expect("it is below the target directory");
    let image = target.join(directory).join(name);
    let shown = image.display();
    assert!(
        image.is_file(),
        "{shown} is missing: run `{built_by}` first"
    );
    image
}

fn run(arguments: &[&str]) -> Run {
    sim(&driver("provider.sys"), &driver("client.sys"), arguments)
}

#[test]
fn two_hundred_cycles_are_clean_and_both_sides_pend() {
    let run = run(&["--seed", "7", "--cycles", "200"]);
    let report = run.report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(run.status, Some(0));
    let counts = report.counts;
    assert!(counts.loads >= 400);
    assert!(counts.every_driver_ended());
    // A binding of drivers that are loaded at a shutdown stays.
    let stay = 2 * counts.attaches - counts.detaches;
    assert!(stay <= 2 * counts.loaded_at_shutdown, "{stay}");
    assert!(counts.detaches_pending_client > 0);
    assert!(counts.detaches_pending_provider > 0);
    assert_eq!(
        counts.detaches_pending,
        counts.detaches_pending_client + counts.detaches_pending_provider
    );
    assert!(counts.calls > counts.completions);
    assert!(counts.completions > 0);
    assert!(counts.waits > 0);
    let measured = &counts.histograms;
    assert_eq!(measured.cycle_us.count(), 200);
    // A shutdown may come before the end of what has begun.
    for (begun, ended) in [
        (counts.detaches, measured.detach_us.count()),
        (counts.waits, measured.wait_us.count()),
    ] {
        assert!(
            begun - ended <= 2 * counts.loaded_at_shutdown,
            "{begun} {ended}"
        );
    }
    assert_eq!(measured.in_flight_at_detach.count(), counts.detaches);
    assert!(measured.in_flight_at_detach.max() > 0);
    assert!(measured.detach_us.max() < measured.cycle_us.max());
    let of_pairs = report.orders.keys().filter(|it| it.starts_with("load"));
    assert_eq!(of_pairs.count(), 15);
}

/// What is judged by a description is not judged without one.
#[test]
fn cycles_without_descriptions_are_clean() {
    let [provider, client] = ["provider.sys", "client.sys"].map(driver);
    let report = sim_without_npis(&provider, &client, &["--seed=3", "--cycles=200"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[test]
fn every_edge_is_walked_and_nothing_that_the_model_rules_out() {
    let coverage = Coverage::of(&run(&["--seed", "7", "--cycles", "400"]).report());
    assert_eq!(coverage.edges.missing, [""; 0]);
    assert_eq!(coverage.beyond, [""; 0]);
}

#[test]
fn an_unload_can_wait_for_its_modules_stage() {
    let script = "--script=+p.+c.-p-c@idle";
    let report = run(&["--seed", "7", "--cycles", "20", script]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let peers = &report.edges["client idle > unloading"];
    assert!(peers.contains_key("unloading"), "{peers:?}");
    assert!(!report.edges.contains_key("client attached > unloading"));
    // One that never comes keeps nobody.
    let script = "--script=+p.-p@detaching";
    assert!(
        run(&["--seed", "7", "--cycles", "1", script])
            .report()
            .is_clean()
    );
}

#[test]
fn the_devices_are_for_administrators() {
    let run = run(&["--seed", "7", "--cycles", "60", "--trace"]);
    let lines = |what: &str| run.out.lines().filter(|it| it.contains(what)).count();
    for name in [r"\??\provider", r"\??\client"] {
        assert!(lines(&format!("Administrator opens {name}")) > 0, "{name}");
        assert!(
            lines(&format!("User cannot open {name}: 0xc0000022")) > 0,
            "{name}"
        );
        assert_eq!(lines(&format!("User opens {name}")), 0, "{name}");
    }
}

#[test]
fn a_device_cannot_be_opened_before_its_driver_is_loaded_nor_while_it_goes() {
    // STATUS_NO_SUCH_DEVICE
    const ABSENT: &str = r"Administrator cannot open \??\client: 0xc000000e";
    let run = run(&[
        "--seed",
        "7",
        "--cycles",
        "60",
        "--only=switching",
        "--trace",
    ]);
    let refused = |thread: &str| {
        let lines = run.out.lines().filter(|line| line.contains(ABSENT));
        lines.filter(|line| line.contains(thread)).count()
    };
    assert!(refused("program switch client") > 0);
    assert!(!run.out.contains(r"User opens \??\client"));
}

#[test]
fn the_same_seed_takes_the_same_course() {
    let arguments = ["--seed", "8", "--cycles", "60"];
    let once = run(&arguments).report();
    assert!(once.same_course(&run(&arguments).report()));
    let other = run(&["--seed", "9", "--cycles", "60"]).report();
    assert_ne!(once.digest, other.digest);
}

#[test]
fn the_course_does_not_depend_on_how_cycles_are_dealt() {
    let whole = run(&["--seed", "8", "--cycles", "60"]).report();
    let mut dealt = Report::new("sim", 8, 60);
    for (first, cycles) in [("40", "20"), ("0", "1"), ("1", "39")] {
        let arguments = ["--seed", "8", "--first", first, "--cycles", cycles];
        dealt.merge(run(&arguments).report());
    }
    assert!(whole.same_course(&dealt));
}

#[test]
fn a_cycle_has_the_same_trace_every_time() {
    let arguments = ["--seed", "8", "--first", "17", "--cycles", "1", "--trace"];
    let once = run(&arguments);
    assert!(once.out.lines().count() > 100, "{}", once.out);
    assert_eq!(once.out, run(&arguments).out);
}
