// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload returns while the module is still registered.

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
        core::mem::forget(modules);
    }
}

fn main() {}
