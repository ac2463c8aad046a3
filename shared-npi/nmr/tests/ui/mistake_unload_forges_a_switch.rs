// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload claims that a switch was off, without having closed it.

mod support;

use nmr::{Deregistered, Deregistration, Driver, Loading, Modules, Registered, Registration, Result, Switch, Switched};
use support::{Server, User};

static SWITCH: Switch<User> = Switch::new();

enum SampleDriver {}

type All = (Registration<Server>, Switched<User>);

impl Driver for SampleDriver {
    type Entry<'entry> = Loading<'entry>;
    type Modules = All;

    fn load(loading: Loading<'_>) -> Result<All> {
        Ok((loading.register(Server)?, loading.open(&SWITCH)?))
    }

    fn unload(modules: Registered<'_, All>) -> <All as Modules>::Deregistered {
        let ((server, _user), wait) = modules.deregister();
        let server = match server {
            Deregistration::Complete(deregistered) => deregistered,
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        (server, Deregistered::switched_off())
    }
}

fn main() {}
