// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the entry and the unload of a driver do with a module, and a call that lasts as
//! long as a test wants.

use std::sync::{Condvar, Mutex, PoisonError};

use nmr::abi::STATUS_PENDING;
use nmr::{Client, Deregistration, Loading, Module, Provider, Registered, Registration};
use registrar::host::{Call, Event, Phase, Side};
use registrar::process;

/// Registers a module, as a driver's entry does.
pub(crate) fn register<M: Module>(module: M) -> Registration<M> {
    // SAFETY: a thread of a test has no IRQL, and is in no callback; each test ends what
    // it registers.
    let loading = unsafe { Loading::assume() };
    loading.register(module).expect("NMR has memory")
}

/// The modules of a test, to be ended as a driver's unload does.
pub(crate) fn registered<M: Module>(
    registration: Registration<M>,
) -> Registered<'static, Registration<M>> {
    // SAFETY: a thread of a test may wait: it has no IRQL, and is in no callback.
    unsafe { Registered::new(registration) }
}

/// Deregisters a client, runs `meanwhile`, and waits.
pub(crate) fn end_client<M: Module<Role = Client>>(
    client: Registration<M>,
    meanwhile: impl FnOnce(),
) {
    let (client, wait) = registered(client).deregister();
    meanwhile();
    match client {
        Deregistration::Complete(client) => drop(client),
        Deregistration::Pending(pending) => drop(
            pending
                .wait_for_client_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
        ),
        Deregistration::Failed(failed) => failed.bug_check(),
    }
}

/// Deregisters a provider, runs `meanwhile`, and waits.
pub(crate) fn end_provider<M: Module<Role = Provider>>(
    provider: Registration<M>,
    meanwhile: impl FnOnce(),
) {
    let (provider, wait) = registered(provider).deregister();
    meanwhile();
    match provider {
        Deregistration::Complete(provider) => drop(provider),
        Deregistration::Pending(pending) => drop(
            pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
        ),
        Deregistration::Failed(failed) => failed.bug_check(),
    }
}

/// The numbers of detach callbacks that have returned `STATUS_PENDING` since the last
/// call: of clients, and of providers.
pub(crate) fn pended_detaches() -> (usize, usize) {
    let events = process::registrar().take_events();
    let pended = |side| {
        let is_pended = |event: &&Event| {
            event.side == side
                && event.call == Call::DetachCallback
                && event.phase == Phase::Leave(STATUS_PENDING)
        };
        events.iter().filter(is_pended).count()
    };
    (pended(Side::Client), pended(Side::Provider))
}

/// A place in a call where it stays until the test has seen it.
#[derive(Default)]
pub(crate) struct Pause {
    state: Mutex<Passage>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Passage {
    /// Calls pass without a pause.
    #[default]
    Free,
    /// The next call pauses.
    Armed,
    /// A call is in the pause.
    Inside,
}

impl Pause {
    /// Lets the next call pause.
    pub(crate) fn arm(&self) {
        self.set(Passage::Armed);
    }

    /// Pauses here, if the pause is armed.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != Passage::Armed {
            return;
        }
        *state = Passage::Inside;
        self.changed.notify_all();
        let inside = |state: &mut Passage| *state == Passage::Inside;
        drop(self.changed.wait_while(state, inside));
    }

    /// Waits until a call is in the pause.
    pub(crate) fn reached(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outside = |state: &mut Passage| *state != Passage::Inside;
        drop(self.changed.wait_while(state, outside));
    }

    /// Lets the call go on.
    pub(crate) fn end(&self) {
        self.set(Passage::Free);
    }

    fn set(&self, passage: Passage) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = passage;
        self.changed.notify_all();
    }
}
