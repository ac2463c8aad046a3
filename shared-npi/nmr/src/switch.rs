// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module that is registered and deregistered while its driver stays loaded.
//!
//! "Deregistration may come earlier, when a subcomponent is deactivated", say
//! the documents, and unload must deal with either. A [`Switch`] is the place
//! of such a module, a `static`; the driver's entry opens it, and the
//! [`Switched`] that it gets for that is one of the driver's
//! [`Modules`](crate::Modules). One thread at a time changes it: a
//! second change that comes meanwhile is refused, because waiting for the first one
//! could mean waiting for every peer of the module.
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

/// Not opened by the driver's entry, or being unloaded.
const CLOSED: u8 = 0;
const OFF: u8 = 1;
/// A thread is switching, and has the registration.
const CHANGING: u8 = 2;
const ON: u8 = 3;
/// Being closed: by a thread that takes the registration out, or while another
/// thread is switching, which has the registration still.
const CLOSING: u8 = 4;

/// A module that can be switched on and off: a `static`.
///
/// # Invariants
///
/// `registration` is touched by the thread that has moved `state` from `OFF` or `ON`
/// to `CHANGING`, or from `ON` to `CLOSING`, until it moves it on: to `OFF` or `ON`,
/// or from `CLOSING` to `CLOSED`. It holds a value while the state is `ON`.
pub struct Switch<M: Module> {
    state: AtomicU8,
    registration: UnsafeCell<Option<Registration<M>>>,
}

// SAFETY: by the invariant one thread at a time touches the registration, in
// the order in which `state` changes. A registration is not `Send` only to keep
// it out of statics of other types; NMR takes its handle from any thread.
unsafe impl<M: Module> Sync for Switch<M> {}

impl<M: Module> Switch<M> {
    /// A switch that cannot be used until the driver's entry
    /// [opens](crate::Loading::open) it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(CLOSED),
            registration: UnsafeCell::new(None),
        }
    }

    /// Opens the switch, off. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` if it is open, or a change that was under way when it was
    /// closed has not ended.
    pub(crate) fn open(&'static self) -> Result<Switched<M>> {
        self.state
            .compare_exchange(CLOSED, OFF, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| NtStatus::DEVICE_BUSY)?;
        Ok(Switched {
            switch: self,
            not_send: PhantomData,
        })
    }

    /// Registers the module that `make` makes, unless it is registered already.
    /// Returns `true` if this call registered it. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` while another thread switches,
    /// `STATUS_DELETE_PENDING` before the driver has opened the switch and once it
    /// unloads, what `make` returns, and what [`Loading::register`] does. The module
    /// is off then.
    ///
    /// [`Loading::register`]: crate::Loading::register
    pub fn on(&self, make: impl FnOnce() -> Result<M>, wait: &WaitAllowed<'_>) -> Result<bool> {
        self.register(make, wait.passive())
    }

    /// [`on`](Self::on), also for the driver's entry, which cannot wait.
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
                // SAFETY: by the invariant: this thread is changing it.
                unsafe { *self.registration.get() = Some(registration) };
                if self.finish(ON) {
                    return Ok(true);
                }
                // The driver unloads: the library waits for this one, too.
                // SAFETY: by the invariant: the thread that is closing the switch has
                // left it to this one.
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

    /// Deregisters the module, if it is registered, and waits until that is
    /// complete. Returns `true` if this call deregistered it. A caller that keeps a
    /// [`Call`](crate::Call) or a [`Hold`](crate::Hold) of the module's waits for
    /// itself, for ever. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// As for [`on`](Self::on); and what NMR returns, in which case the module
    /// counts as registered for ever, and can be switched no more.
    pub fn off(&self, wait: &WaitAllowed<'_>) -> Result<bool> {
        if !self.begin(ON, OFF)? {
            return Ok(false);
        }
        // SAFETY: by the invariant: this thread is changing it.
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

    /// Returns `true` if the module is registered at the moment. Any IRQL.
    pub fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ON
    }

    /// Begins a change from state `from`; `false` if the state is `to` already.
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

    /// Ends a change with the module off. If the switch is being closed, this closes
    /// it.
    fn finish_off(&self) {
        if !self.finish(OFF) {
            self.state.store(CLOSED, Ordering::Release);
        }
    }

    /// Ends a change; `false` if the switch is being closed, which is then left to the
    /// caller.
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

/// A [`Switch`] that the driver's entry has opened: one of the driver's
/// [`Modules`](crate::Modules), which ends with them. Dropping it closes the switch
/// and, if the module is registered, begins its deregistration.
#[must_use = "dropping it closes the switch"]
pub struct Switched<M: Module> {
    switch: &'static Switch<M>,
    /// As a [`Registration`], it stays with the thread of its driver's entry.
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

    /// Closes the switch and begins to deregister the module, if it is on. While
    /// another thread is switching the deregistration has failed: a driver that
    /// switches otherwise than in a request to its device, which holds off the
    /// unload, must see to that itself. IRQL <= `DISPATCH_LEVEL`.
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
                // SAFETY: by the invariant: this thread is closing a switch that was on.
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
