// SPDX-License-Identifier: MIT OR Apache-2.0

//! Register, deregister all, wait for each that is pending, return the proof; call,
//! hold, submit.

mod support;
#[path = "support/netio.rs"]
mod netio;

use nmr::request::{Submission, submit};
use nmr::{
    Call, Deregistered, Deregistration, Driver, Failed, Hold, Loading, Modules, Registered,
    Registration, Result, Switch, Switched, driver,
};
use support::{Body, Server, User};

static SWITCH: Switch<User> = Switch::new();

enum SampleDriver {}

type All = (Registration<Server>, Switched<User>);

impl Driver for SampleDriver {
    type Entry<'entry> = Loading<'entry>;
    type Modules = All;

    fn load(loading: Loading<'_>) -> Result<All> {
        Ok((
            loading.register(Server)?,
            loading.register_switched(&SWITCH, User::default())?,
        ))
    }

    fn unload(modules: Registered<'_, All>) -> <All as Modules>::Deregistered {
        let ((server, user), wait) = modules.deregister();
        let server = match server {
            Deregistration::Complete(deregistered) => deregistered,
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed: Failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        let user: Deregistered<User> = match user {
            Deregistration::Complete(deregistered) => deregistered,
            Deregistration::Pending(pending) => pending
                .wait_for_client_deregister_complete(&wait)
                .unwrap_or_else(|failed: Failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        (server, user)
    }
}

fn use_it(call: Call<'_, User>) -> Hold<User> {
    let hold = call.hold();
    call.add_to_list();
    match submit(call, Body { status: 0 }) {
        Submission::Pending(pending) => pending.cancel(),
        Submission::Answered(request) => assert!(request.status().is_success()),
        Submission::NoSlot(_) => {}
    }
    hold
}

fn main() {
    let user = User::default();
    user.servers.for_each(|call| drop(use_it(call)));
    for _ in 0..2 {
        let loaded = unsafe { driver::load::<SampleDriver>(|loading| loading) };
        assert!(loaded.is_ok());
        assert!(SWITCH.is_on());
        unsafe { driver::unload::<SampleDriver>() };
        assert!(!SWITCH.is_on());
    }
}
