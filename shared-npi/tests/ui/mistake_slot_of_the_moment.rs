// SPDX-License-Identifier: MIT OR Apache-2.0

//! The unload routine is pointed at another slot than the registration is in.

mod support;

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Deregistration, Driver, Ended, Registration, Slot};
use support::Sample;

enum SampleDriver {}

impl Driver for SampleDriver {
    type Registrations = Registration<Sample>;

    const SLOT: &'static Slot<Registration<Sample>> =
        Box::leak(Box::new(Slot::new()));

    fn unload(
        registration: Registration<Sample>,
        passive: &PassiveLevel<'_>,
    ) -> Ended<Sample> {
        match registration.deregister() {
            Deregistration::Pending(pending) => match pending.wait(passive) {
                Ok(ended) => ended,
                Err(failed) => Self::stop(failed.status()),
            },
            Deregistration::Complete(ended) => ended,
            Deregistration::Failed(failed) => Self::stop(failed.status()),
        }
    }

    fn stop(reason: NtStatus) -> ! {
        panic!("{reason}")
    }
}

fn main() {}
