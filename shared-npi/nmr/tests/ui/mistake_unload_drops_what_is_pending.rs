// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload begins the deregistration, and drops it.

mod support;

use nmr::{Driver, Loading, Modules, Registered, Registration, Result};
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
        let _ = modules.deregister();
    }
}

fn main() {}
