// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each rule, broken on purpose: exactly that rule is reported.
//!
//! Rules that NMR keeps itself are shown to be kept; [`ELSEWHERE`] names those
//! that only the simulated kernel or another test can see broken.

use registrar::host::BindingId;

macro_rules! rules {
    ($($(#[$meta:meta])* $rule:literal $name:ident $body:block)*) => {
        pub(super) const HERE: &[u8] = &[$($rule),*];

        $($(#[$meta])* #[test] fn $name() $body)*
    };
}

use rules;

mod attach;
mod detach;
mod handle;
mod registration;

/// The first binding of a registrar.
const FIRST: BindingId = BindingId(1);

/// Rules without a test here, and what reports them.
const ELSEWHERE: [(u8, &str); 6] = [
    (
        3,
        "simulated kernel: pageable memory is away while IRQL is DISPATCH_LEVEL",
    ),
    (
        12,
        "scenarios: a peer that calls the client's dispatch at once on accept",
    ),
    (
        27,
        "simulated kernel: a fault in a context or table that the peer may still use",
    ),
    (
        32,
        "scenarios: two peers attach and detach on two threads; the model here allows it",
    ),
    (
        37,
        "scenarios: a decoy with the same NPI and another ModuleId that must be refused",
    ),
    (38, "shared-npi: the gate under loom"),
];

#[test]
fn every_rule_is_accounted_for() {
    for rule in 1..=38 {
        let here = [attach::HERE, detach::HERE, handle::HERE, registration::HERE]
            .iter()
            .any(|rules| rules.contains(&rule));
        let elsewhere = ELSEWHERE.iter().any(|&(other, _)| other == rule);
        assert!(
            here != elsewhere,
            "R{rule} is here {here}, elsewhere {elsewhere}"
        );
    }
}
