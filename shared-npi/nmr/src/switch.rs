// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module that is registered and deregistered while its driver stays loaded.
//!
//! Microsoft's documents allow a driver to deregister a module before the unload, when a
//! subcomponent is deactivated, so that the unload finds it registered or not. A [`Switch`] is
//! a `static` that holds such a module. The driver's entry opens it, and the resulting
//! [`Switched`] is one of the driver's [`Modules`](crate::Modules). One thread at a time
//! changes it: a second change in the meantime is refused, because waiting for the first could
//! mean waiting for every peer of the module.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::irql::{PassiveLevel, WaitAllowed};
use crate::module::Module;
use crate::registration::{self, Counted, Deregistered, Deregistration, Failed, Registration};
use crate::{NtStatus, Result};

/// The state before the driver's entry has opened the switch, and once it is closed.
const CLOSED: u8 = 0;
const OFF: u8 = 1;
/// The state while a thread changes the switch, and owns the registration.
const CHANGING: u8 = 2;
const ON: u8 = 3;
/// The state while the switch is being closed: by a thread that takes the registration, or
/// while another thread changes the switch and still owns the registration.
const CLOSING: u8 = 4;

/// A `static` that holds a module which can be switched on and off.
///
/// # Invariants
///
/// Only the thread that has changed `state` from `OFF` or `ON` to `CHANGING`, or from `ON` to
/// `CLOSING`, touches `registration`, until it changes `state` again: to `OFF` or `ON`, or from
/// `CLOSING` to `CLOSED`. `registration` has a value while the state is `ON`.
pub struct Switch<M: Module> {
    state: AtomicU8,
    registration: UnsafeCell<Option<Registration<M>>>,
}

// SAFETY: by the invariant one thread at a time touches the registration, and the changes of
// `state` order these accesses. A registration is not `Send` only to keep it out of statics
// of other types; NMR accepts its handle from any thread.
unsafe impl<M: Module> Sync for Switch<M> {}

impl<M: Module> Switch<M> {
    /// Creates a closed switch, which cannot be used until the driver's entry
    /// [opens](crate::Loading::open) it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(CLOSED),
            registration: UnsafeCell::new(None),
        }
    }

    /// Opens the switch. Its module is off. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` if it is open, or a change that was in progress when it was closed
    /// has not ended.
    pub(crate) fn open(&'static self) -> Result<Switched<M>> {
        self.state
            .compare_exchange(CLOSED, OFF, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| NtStatus::DEVICE_BUSY)?;
        Ok(Switched {
            switch: self,
            not_send: PhantomData,
        })
    }

    /// Registers the module that `make` returns, unless one is registered already. Returns
    /// `true` if this call registered it. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` while another thread changes the switch,
    /// `STATUS_DELETE_PENDING` before the driver's entry has opened the switch and once the
    /// driver unloads, and the errors of `make` and of [`Loading::register`]. This call has
    /// then registered nothing.
    ///
    /// [`Loading::register`]: crate::Loading::register
    pub fn on(&self, make: impl FnOnce() -> Result<M>, wait: &WaitAllowed<'_>) -> Result<bool> {
        self.register(make, wait.passive())
    }

    /// Implements [`on`](Self::on), also for the driver's entry, which has no
    /// [`WaitAllowed`].
    fn register(
        &self,
        make: impl FnOnce() -> Result<M>,
        passive: &PassiveLevel<'_>,
    ) -> Result<bool> {
        if !self.begin(OFF, ON)? {
            return Ok(false);
        }
        let _counted = Counted::new();
        let registered = make().and_then(|module| registration::register(module, passive));
        match registered {
            Ok(registration) => {
                // SAFETY: by the invariant this thread, which changes the switch, owns the
                // registration.
                unsafe { *self.registration.get() = Some(registration) };
                if self.finish(ON) {
                    return Ok(true);
                }
                // The driver unloads: the library waits for this deregistration, too.
                // SAFETY: by the invariant the thread that closes the switch has left the
                // registration to this one.
                drop(unsafe { (*self.registration.get()).take() });
                self.state.store(CLOSED, Ordering::Release);
                Err(NtStatus::DELETE_PENDING)
            }
            Err(status) => {
                self.finish_off();
                Err(status)
            }
        }
    }

    /// Deregisters the module, if it is registered, and waits until that is complete. Returns
    /// `true` if this call deregistered it. Never returns if the caller keeps a
    /// [`Call`](crate::Call) or a [`Hold`](crate::Hold) of the module.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` and `STATUS_DELETE_PENDING` as for [`on`](Self::on), or NMR's
    /// status; after the latter the module counts as registered for ever, and can no longer be
    /// switched.
    pub fn off(&self, wait: &WaitAllowed<'_>) -> Result<bool> {
        if !self.begin(ON, OFF)? {
            return Ok(false);
        }
        // SAFETY: by the invariant this thread, which changes the switch, owns the
        // registration.
        let registration = unsafe { (*self.registration.get()).take() };
        if let Some(registration) = registration {
            match registration.deregister() {
                Deregistration::Complete(deregistered) => drop(deregistered),
                Deregistration::Pending(pending) => {
                    drop(pending.wait(wait).map_err(Failed::status)?);
                }
                Deregistration::Failed(failed) => return Err(failed.status()),
            }
        }
        self.finish_off();
        Ok(true)
    }

    /// Returns `true` if the module is currently registered. Any IRQL.
    pub fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ON
    }

    /// Begins a change from state `from`. Returns `false` if the state is `to` already.
    fn begin(&self, from: u8, to: u8) -> Result<bool> {
        let began =
            self.state
                .compare_exchange(from, CHANGING, Ordering::Acquire, Ordering::Relaxed);
        match began {
            Ok(_) => Ok(true),
            Err(state) if state == to => Ok(false),
            Err(CLOSED | CLOSING) => Err(NtStatus::DELETE_PENDING),
            Err(_) => Err(NtStatus::DEVICE_BUSY),
        }
    }

    /// Ends a change with the module off. Closes the switch if it is being closed.
    fn finish_off(&self) {
        if !self.finish(OFF) {
            self.state.store(CLOSED, Ordering::Release);
        }
    }

    /// Ends a change. Returns `false` if the switch is being closed, which the caller must
    /// then finish.
    #[must_use]
    fn finish(&self, to: u8) -> bool {
        self.state
            .compare_exchange(CHANGING, to, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }
}

impl<M: Module> Default for Switch<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Switch`] that the driver's entry has opened. It is one of the driver's
/// [`Modules`](crate::Modules), and is closed with them. Dropping it closes the switch and, if
/// the module is registered, begins its deregistration.
#[must_use = "dropping it closes the switch"]
pub struct Switched<M: Module> {
    switch: &'static Switch<M>,
    /// Keeps it on the thread of the driver's entry, as a [`Registration`].
    not_send: PhantomData<*mut M>,
}

impl<M: Module> Switched<M> {
    /// Registers `module`, in the driver's entry. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// As for [`Switch::on`].
    pub(crate) fn register(&self, module: M, passive: &PassiveLevel<'_>) -> Result {
        self.switch.register(|| Ok(module), passive).map(drop)
    }

    /// Closes the switch and, if the module is on, begins its deregistration. Returns
    /// [`Deregistration::Failed`] while another thread changes the switch. Requests to the
    /// driver's device delay the unload, so that a change in one cannot be in progress; a
    /// driver that changes the switch elsewhere must ensure that itself.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn close(self) -> Deregistration<M> {
        let switch = ManuallyDrop::new(self).switch;
        let close = |state| match state {
            ON | CHANGING => Some(CLOSING),
            CLOSING => None,
            _ => Some(CLOSED),
        };
        let before = switch
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, close);
        match before {
            Ok(ON) => {
                // SAFETY: by the invariant this thread owns the registration, because it closes a
                // switch that was on.
                let registration = unsafe { (*switch.registration.get()).take() };
                switch.state.store(CLOSED, Ordering::Release);
                match registration {
                    Some(registration) => registration.deregister(),
                    None => Deregistration::Complete(Deregistered::switched_off()),
                }
            }
            Ok(CHANGING) | Err(_) => Deregistration::Failed(Failed::new(NtStatus::DEVICE_BUSY)),
            Ok(_) => Deregistration::Complete(Deregistered::switched_off()),
        }
    }
}

impl<M: Module> Drop for Switched<M> {
    fn drop(&mut self) {
        let this = Self {
            switch: self.switch,
            not_send: PhantomData,
        };
        drop(this.close());
    }
}
