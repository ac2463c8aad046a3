// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload deregisters only one of the driver's two modules.

mod support;

use nmr::{Deregistration, Driver, Loading, Modules, Registered, Registration, Result};
use support::Server;

enum SampleDriver {}

type All = (Registration<Server>, Registration<Server>);

impl Driver for SampleDriver {
    type Entry<'entry> = Loading<'entry>;
    type Modules = All;

    fn load(loading: Loading<'_>) -> Result<All> {
        Ok((loading.register(Server)?, loading.register(Server)?))
    }

    fn unload(modules: Registered<'_, All>) -> <All as Modules>::Deregistered {
        let ((first, _second), wait) = modules.deregister();
        match first {
            Deregistration::Complete(deregistered) => deregistered,
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        }
    }
}

fn main() {}
