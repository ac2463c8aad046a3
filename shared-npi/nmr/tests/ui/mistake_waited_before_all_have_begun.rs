// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload waits for the first module before it has begun to deregister the second.

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
        let (first, second) = modules.modules;
        let (Deregistration::Pending(first), wait) = first.deregister() else {
            loop {}
        };
        let Ok(first) = first.wait_for_provider_deregister_complete(&wait) else {
            loop {}
        };
        let (Deregistration::Pending(second), wait) = second.deregister() else {
            loop {}
        };
        let Ok(second) = second.wait_for_provider_deregister_complete(&wait) else {
            loop {}
        };
        (first, second)
    }
}

fn main() {}
