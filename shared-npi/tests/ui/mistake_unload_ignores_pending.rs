// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload takes `STATUS_PENDING` for the end.

mod support;

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Deregistration, Driver, Ended, Registration, Slot};
use support::{SLOT, Sample};

enum SampleDriver {}

impl Driver for SampleDriver {
    type Registrations = Registration<Sample>;

    const SLOT: &'static Slot<Registration<Sample>> = &SLOT;

    fn unload(
        registration: Registration<Sample>,
        _passive: &PassiveLevel<'_>,
    ) -> Ended<Sample> {
        match registration.deregister() {
            Deregistration::Pending(pending) => pending,
            Deregistration::Complete(ended) => ended,
            Deregistration::Failed(failed) => Self::stop(failed.status()),
        }
    }

    fn stop(reason: NtStatus) -> ! {
        panic!("{reason}")
    }
}

fn main() {}
