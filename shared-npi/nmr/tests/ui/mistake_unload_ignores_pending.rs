// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload takes `STATUS_PENDING` for completion.

mod support;

use nmr::{Deregistration, Driver, Loading, Modules, Registered, Registration, Result};
use support::Server;

enum SampleDriver {}

type All = Registration<Server>;

impl Driver for SampleDriver {
    type Entry<'entry> = Loading<'entry>;
    type Modules = All;

    fn load(loading: Loading<'_>) -> Result<All> {
        loading.register(Server)
    }

    fn unload(modules: Registered<'_, All>) -> <All as Modules>::Deregistered {
        let (module, _wait) = modules.deregister();
        match module {
            Deregistration::Complete(deregistered) => deregistered,
            Deregistration::Pending(pending) => pending,
            Deregistration::Failed(failed) => failed.bug_check(),
        }
    }
}

fn main() {}
