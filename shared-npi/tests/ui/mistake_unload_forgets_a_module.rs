// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload ends one of the two modules that the driver has registered.

mod support;

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Deregistrations, Driver, Registration, Set, Slot};
use support::Sample;

type Both = (Registration<Sample>, Registration<Sample>);

static BOTH: Slot<Both> = Slot::new();

enum SampleDriver {}

impl Driver for SampleDriver {
    type Registrations = Both;

    const SLOT: &'static Slot<Both> = &BOTH;

    fn unload(both: Both, passive: &PassiveLevel<'_>) -> <Both as Set>::Ended {
        match both.0.deregister().wait(passive) {
            Ok(ended) => ended,
            Err(failed) => Self::stop(failed.status()),
        }
    }

    fn stop(reason: NtStatus) -> ! {
        panic!("{reason}")
    }
}

fn main() {}
