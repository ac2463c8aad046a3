// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drivers of the example in `tests/keyvalue`: an NPI that is not Echo, on the same
//! library, and the same in C.

use std::path::{Path, PathBuf};

use crate::program::{Run, sim_with_any_instances as sim};

/// The image `name` as `cargo xtask test` built it last.
pub(crate) fn example(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let image = target
        .expect("it is below the target directory")
        .join("keyvalue")
        .join(name);
    let shown = image.display();
    assert!(
        image.is_file(),
        "{shown} is missing: run `cargo xtask test sim`, which builds it"
    );
    image
}

fn run(arguments: &[&str]) -> Run {
    let (provider, client) = ("keyvalue_provider.sys", "keyvalue_client.sys");
    sim(&example(provider), &example(client), arguments)
}

#[test]
fn cycles_are_clean_and_both_sides_pend() {
    for arguments in [
        ["--seed=1", "--cycles=500", "--strategy=random"],
        ["--seed=2", "--cycles=200", "--strategy=pct"],
        ["--seed=3", "--cycles=200", "--preempt"],
        ["--seed=4", "--cycles=200", "--faults=random"],
    ] {
        let report = run(&arguments).report();
        assert!(report.is_clean(), "{arguments:?}: {:#?}", report.findings);
        let counts = report.counts;
        assert!(counts.every_driver_ended());
        // A binding of drivers that are loaded at a shutdown stays.
        let stay = 2 * counts.attaches - counts.detaches;
        assert!(stay <= 2 * counts.loaded_at_shutdown, "{stay}");
        assert!(counts.detaches_pending_client > 0);
        assert!(counts.detaches_pending_provider > 0);
    }
}

#[test]
fn drivers_in_c_and_in_rust_serve_each_other() {
    let npi = concat!(env!("CARGO_MANIFEST_DIR"), "/../keyvalue/npi/npi.toml");
    let images =
        |role| ["keyvalue", "keyvalue_c"].map(|name| example(&format!("{name}_{role}.sys")));
    for provider in images("provider") {
        for client in images("client") {
            let arguments = ["--seed=6", "--cycles=100", "--npi", npi];
            let report = sim(&provider, &client, &arguments).report();
            let pair = format!("{} and {}", provider.display(), client.display());
            assert!(report.is_clean(), "{pair}: {:#?}", report.findings);
            let counts = report.counts;
            assert!(counts.completions > 300, "{pair}: {}", counts.completions);
            assert!(counts.detaches_pending_client > 0, "{pair}");
            assert!(counts.detaches_pending_provider > 0, "{pair}");
        }
    }
}

#[test]
fn values_come_back_and_are_right() {
    let run = run(&["--seed=5", "--cycles=20", "--trace"]);
    assert!(!run.out.contains("wrong value"), "{}", run.out);
    assert!(!run.out.contains("was not asked"), "{}", run.out);
    let right = run.out.lines().filter_map(|line| {
        let (_, said) = line.split_once("keyvalue client: ")?;
        said.split_once(" values were right")?.0.parse::<u64>().ok()
    });
    assert!(right.sum::<u64>() > 20);
}
