// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each rule, broken on purpose: exactly that rule is reported.
//!
//! Rules that NMR keeps itself are shown to be kept, and R6 shows as what comes of
//! breaking it; [`ELSEWHERE`] names those
//! that only the simulated kernel or another test can see broken.

use core::num::NonZeroU64;

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
const FIRST: BindingId = BindingId(NonZeroU64::MIN);

/// Rules without a test here, and what reports them.
const ELSEWHERE: [(u8, &str); 10] = [
    (3, "simulated kernel: 0xD1, paged memory at DISPATCH_LEVEL"),
    (12, "the registrar, as R11: zoo module validates_too_late"),
    (
        15,
        "simulated kernel, tests/sim/src/verifier/binding_calls.rs: zoo module calls_in_attach",
    ),
    (
        18,
        "simulated kernel, tests/sim/src/verifier/binding_calls.rs: zoo module keeps_calling",
    ),
    (
        19,
        "simulated kernel, tests/sim/src/verifier/binding_calls.rs: zoo module detach_ignores_calls",
    ),
    (27, "simulated kernel, 0xCC: zoo module freed_in_detach"),
    (
        29,
        "simulated kernel, tests/sim/src/analysis/unload_leaks.rs: zoo module forgotten_deregister",
    ),
    (
        32,
        "simulated kernel, 0xC4 and 0xCC: two peers come and go on two threads",
    ),
    (
        37,
        "the drivers' tests: they refuse a decoy of the same NPI",
    ),
    (
        38,
        "shared-npi: the gate under loom; zoo module flag_then_atomic_count",
    ),
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
