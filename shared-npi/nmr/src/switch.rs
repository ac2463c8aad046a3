// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module that comes and goes while its driver stays: a subcomponent.
//!
//! "Deregistration may come earlier, when a subcomponent is deactivated", say
//! the documents, and unload must deal with either. A [`Switch`] is the place
//! of such a module. Whoever changes it does so alone: a second change that
//! comes meanwhile is refused, because to wait for the first one could mean to
//! wait for every peer of the module.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use super::irql::PassiveLevel;
use super::module::Module;
use super::registration::{Deregistration, Failed, Registration};
use super::set::Deregistrations;
use crate::{NtStatus, Result};

const OFF: u8 = 0;
/// Somebody is switching, and has the registration.
const CHANGING: u8 = 1;
const ON: u8 = 2;
/// The driver is unloading.
const CLOSED: u8 = 3;

/// A module that can be switched on and off: a `static`, and a member of the
/// driver's [`Set`](super::Set).
///
/// # Invariants
///
/// `registration` is touched by whoever has moved `state` from `OFF` or `ON` to
/// `CHANGING`, until the change has ended, and by whoever has moved it from `ON`
/// to `CLOSED`. It holds a value while it is `ON`.
pub struct Switch<M: Module> {
    state: AtomicU8,
    registration: UnsafeCell<Option<Registration<M>>>,
}

// SAFETY: by the invariant one thread at a time touches the registration, in
// the order in which `state` changes. A registration is not `Send` only to keep
// it out of statics of other types; NMR takes its handle from any thread.
unsafe impl<M: Module> Sync for Switch<M> {}

impl<M: Module> Switch<M> {
    /// A module that is switched off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(OFF),
            registration: UnsafeCell::new(None),
        }
    }

    /// Registers the module that `make` makes, unless there is one already;
    /// whether there was none. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` while somebody else switches,
    /// `STATUS_DELETE_PENDING` once the driver unloads, what `make` answers,
    /// and what [`Registration::register`] does. The module is off then.
    pub fn on(&self, make: impl FnOnce() -> Result<M>, passive: &PassiveLevel<'_>) -> Result<bool> {
        if !self.change(OFF, ON)? {
            return Ok(false);
        }
        let registered = make().and_then(|module| Registration::register(module, passive));
        match registered {
            Ok(registration) => {
                // SAFETY: by the invariant: this thread is changing it.
                unsafe { *self.registration.get() = Some(registration) };
                if self.changed(ON) {
                    return Ok(true);
                }
                // SAFETY: as above: who has closed the switch has left it alone.
                drop(unsafe { (*self.registration.get()).take() });
                Err(NtStatus::DELETE_PENDING)
            }
            Err(status) => {
                // Off it is in any case.
                let _ = self.changed(OFF);
                Err(status)
            }
        }
    }

    /// Deregisters the module, if there is one, and waits until that is
    /// complete; whether there was one. IRQL = `PASSIVE_LEVEL`, in no callback
    /// of the module.
    ///
    /// # Errors
    ///
    /// As for [`on`](Self::on); and what NMR answers, in which case the module
    /// counts as registered for ever, and can be switched no more.
    pub fn off(&self, passive: &PassiveLevel<'_>) -> Result<bool> {
        if !self.change(ON, OFF)? {
            return Ok(false);
        }
        // SAFETY: by the invariant: this thread is changing it.
        let registration = unsafe { (*self.registration.get()).take() };
        if let Some(registration) = registration {
            let ended = registration.deregister().wait(passive);
            drop(ended.map_err(Failed::status)?);
        }
        // Off it is in any case.
        let _ = self.changed(OFF);
        Ok(true)
    }

    /// Whether the module is registered, at the moment. Any IRQL.
    pub fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ON
    }

    /// Begins a change of state `from`; `false` where it is `to` already.
    fn change(&self, from: u8, to: u8) -> Result<bool> {
        let began =
            self.state
                .compare_exchange(from, CHANGING, Ordering::Acquire, Ordering::Relaxed);
        match began {
            Ok(_) => Ok(true),
            Err(state) if state == to => Ok(false),
            Err(CLOSED) => Err(NtStatus::DELETE_PENDING),
            Err(_) => Err(NtStatus::DEVICE_BUSY),
        }
    }

    /// Ends a change; `false` if the switch has been closed meanwhile.
    #[must_use]
    fn changed(&self, to: u8) -> bool {
        self.state
            .compare_exchange(CHANGING, to, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Begins to deregister the module for the last time, if it is on. Where
    /// somebody is still switching the deregistration has failed: a driver that
    /// switches otherwise than in a request to its device, which holds off the
    /// unload, must see to that itself. IRQL <= `DISPATCH_LEVEL`.
    pub(super) fn close(&self) -> Option<Deregistration<M>> {
        match self.state.swap(CLOSED, Ordering::Acquire) {
            // SAFETY: by the invariant: it was on, and this thread closed it.
            ON => unsafe { (*self.registration.get()).take() }.map(Registration::deregister),
            CHANGING => Some(Deregistration::Failed(Failed::new(NtStatus::DEVICE_BUSY))),
            _ => None,
        }
    }
}

impl<M: Module> Default for Switch<M> {
    fn default() -> Self {
        Self::new()
    }
}
