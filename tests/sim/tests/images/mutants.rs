// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mutants of an image, which judge the checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scenarios::{Mutant, Mutation};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{mutants, sim_with_any_instances as sim};

pub(crate) fn mutants_of(image: &Path) -> Vec<Mutant> {
    let run = mutants(image);
    assert_eq!(run.status, Some(0), "{}", run.err);
    let lines = run.out.lines();
    let all = lines.map(|line| serde_json::from_str(line).expect("a mutant"));
    all.collect()
}

#[test]
fn both_drivers_have_mutants_of_every_kind_in_their_own_sources() {
    for name in ["provider.sys", "client.sys"] {
        let image = driver(name);
        let content = fs::read(&image).expect("it was built");
        let all = mutants_of(&image);
        let kinds: BTreeSet<_> = all.iter().map(|it| it.mutation).collect();
        assert_eq!(kinds, BTreeSet::from(Mutation::ALL), "{name}");
        for mutant in &all {
            let range = mutant.position..mutant.position + mutant.bytes.len();
            assert_ne!(content[range], mutant.bytes, "{mutant:?}");
            let file = mutant.place.file.as_deref().unwrap_or_default();
            let own = ["provider/", "client/", "shared-npi/"];
            assert!(own.iter().any(|it| file.starts_with(it)), "{mutant:?}");
        }
    }
}

/// The mutant that does not wait for the completion of its deregistration.
#[test]
fn a_driver_without_the_call_that_waits_is_found() {
    let workshop = Workshop::new();
    let client = driver("client.sys");
    let all = mutants_of(&client);
    let is_wait = |it: &&Mutant| {
        it.mutation == Mutation::NoCall && it.subject == "`NmrWaitForClientDeregisterComplete`"
    };
    let mutant = all.iter().find(is_wait).expect("the client waits");
    let mut content = fs::read(&client).expect("it was built");
    content[mutant.position..][..mutant.bytes.len()].copy_from_slice(&mutant.bytes);
    let image = workshop.path("client.sys");
    fs::write(&image, content).expect("the directory is there");
    let report = sim(
        &driver("provider.sys"),
        &image,
        &["--seed=1", "--cycles=100"],
    )
    .report();
    assert_eq!(report.findings[0].driver, "client.sys");
}

#[test]
fn an_image_without_debug_information_has_none() {
    let workshop = Workshop::new();
    let image = workshop.path("provider.sys");
    fs::copy(driver("provider.sys"), &image).expect("it was built");
    assert!(mutants_of(&image).is_empty());
}
