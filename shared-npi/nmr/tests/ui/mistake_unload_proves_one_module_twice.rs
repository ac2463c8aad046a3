// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload returns the proof of one of its two modules for both.

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
        let ((first, _second), _wait) = modules.deregister();
        match first {
            Deregistration::Complete(deregistered) => (deregistered, deregistered),
            Deregistration::Pending(_) => loop {},
            Deregistration::Failed(failed) => failed.bug_check(),
        }
    }
}

fn main() {}
