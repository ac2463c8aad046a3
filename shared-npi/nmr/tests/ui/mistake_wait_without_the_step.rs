// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload itself asserts that it may wait.

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
        let wait = nmr::irql::WaitAllowed::assume();
        let (first, second) = modules.deregister().0;
        match (first, second) {
            (Deregistration::Pending(first), Deregistration::Complete(second)) => {
                match first.wait_for_provider_deregister_complete(&wait) {
                    Ok(first) => (first, second),
                    Err(failed) => failed.bug_check(),
                }
            }
            _ => loop {},
        }
    }
}

fn main() {}
