// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload returns while the module is still registered.

mod support;

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Driver, Ended, Registration, Slot};
use support::{SLOT, Sample};

enum SampleDriver {}

impl Driver for SampleDriver {
    type Registrations = Registration<Sample>;

    const SLOT: &'static Slot<Registration<Sample>> = &SLOT;

    fn unload(
        registration: Registration<Sample>,
        _passive: &PassiveLevel<'_>,
    ) -> Ended<Sample> {
        core::mem::forget(registration);
    }

    fn stop(reason: NtStatus) -> ! {
        panic!("{reason}")
    }
}

fn main() {}
