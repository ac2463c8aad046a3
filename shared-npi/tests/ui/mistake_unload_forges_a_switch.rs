// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload says of a switch that it was off, without having closed it.

mod support;

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Deregistrations, Driver, Registration, Set, Slot, Switch};
use support::Sample;

type Both = (Registration<Sample>, &'static Switch<Sample>);

static BOTH: Slot<Both> = Slot::new();

enum SampleDriver {}

impl Driver for SampleDriver {
    type Registrations = Both;

    const SLOT: &'static Slot<Both> = &BOTH;

    fn unload(both: Both, passive: &PassiveLevel<'_>) -> <Both as Set>::Ended {
        match both.0.deregister().wait(passive) {
            Ok(ended) => (ended, None),
            Err(failed) => Self::stop(failed.status()),
        }
    }

    fn stop(reason: NtStatus) -> ! {
        panic!("{reason}")
    }
}

fn main() {}
