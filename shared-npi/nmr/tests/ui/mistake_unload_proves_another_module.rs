// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unload returns the proof of another module.

mod support;

use nmr::{Deregistration, Driver, Loading, Modules, Registered, Registration, Result, Switch, Switched};
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
        let ((server, _user), _wait) = modules.deregister();
        match server {
            Deregistration::Complete(server) => (server, server),
            Deregistration::Pending(_) => loop {},
            Deregistration::Failed(failed) => failed.bug_check(),
        }
    }
}

fn main() {}
