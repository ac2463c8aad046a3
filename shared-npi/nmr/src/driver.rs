// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver's entry and unload, around the two routines that its author writes.
//!
//! `DriverUnload` returns nothing, so its type cannot show that the modules are
//! deregistered. [`Driver::unload`] returns the proof of it, which only completed
//! deregistrations yield. Registering takes a [`Loading`], which only the entry provides, so
//! that an unload routine is set before anything is registered.
//!
//! | the driver's entry | the library |
//! |---|---|
//! | returns its modules | keeps them until the driver is unloaded |
//! | returns an error | waits for the registrations that were dropped, then fails the load |
//! | leaves a module registered by `mem::forget` | bug-checks, with the reason |
//!
//! | the driver's unload | the library |
//! |---|---|
//! | returns the proof | frees the modules; Windows can unmap the image |
//! | drops a pending deregistration elsewhere | waits for it before it returns |
//! | leaves a module registered by `mem::forget` | bug-checks, with the reason |
//!
//! The crates for the driver models, `wdm` and `kmdf`, call [`load`] and [`unload`].
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_unload>

use alloc::boxed::Box;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::irql::{PassiveLevel, WaitAllowed};
use crate::module::Module;
use crate::modules::{Modules, Registered};
use crate::registration::{self, Registration};
use crate::switch::{Switch, Switched};
use crate::{Result, bug_check, dropped, memory};

/// A driver with network modules.
pub trait Driver: Sized + 'static {
    /// The argument of [`load`](Self::load), by driver model: `wdm::Entry` or `kmdf::Entry`.
    /// It gives access to a [`Loading`].
    type Entry<'entry>;

    /// The modules that the driver registers.
    type Modules: Modules;

    /// The driver's part of `DriverEntry`: prepares everything that a callback may use, and
    /// registers the modules last, because NMR may call back before a registration returns.
    /// If it fails, the library deregisters the modules that it has dropped, and waits for
    /// them. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status that `DriverEntry` returns. A success counts as `STATUS_UNSUCCESSFUL`.
    fn load(entry: Self::Entry<'_>) -> Result<Self::Modules>;

    /// `DriverUnload`: deregisters the modules in one step, waits for each that is
    /// pending, ends its threads, and returns the proof. IRQL = `PASSIVE_LEVEL`.
    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered;
}

/// Permission to register modules: the driver's entry is running.
#[derive(Debug)]
pub struct Loading<'entry>(PassiveLevel<'entry>);

impl<'entry> Loading<'entry> {
    /// Asserts that a driver's entry is running. [`load`] calls this.
    ///
    /// # Safety
    ///
    /// The caller runs at `PASSIVE_LEVEL` during `'entry`, not in a callback of NMR, and
    /// deregisters everything that is registered with this value before its image is
    /// unmapped.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { PassiveLevel::assume() })
    }

    /// The proof of the IRQL of a driver's entry.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'entry> {
        &self.0
    }

    /// Registers a module: `NmrRegisterClient` or `NmrRegisterProvider`. Attach callbacks
    /// may run, and detach callbacks after them, before this returns: `module` must be ready
    /// for them. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-provider-module>
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, or NMR's status. `module` has then been dropped.
    pub fn register<M: Module>(&self, module: M) -> Result<Registration<M>> {
        registration::register(module, &self.0)
    }

    /// Opens a switch, and leaves its module off. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_BUSY` if it is open already.
    pub fn open<M: Module>(&self, switch: &'static Switch<M>) -> Result<Switched<M>> {
        switch.open()
    }

    /// Opens a switch, and [registers](Self::register) its module.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open) and [`register`](Self::register).
    pub fn register_switched<M: Module>(
        &self,
        switch: &'static Switch<M>,
        module: M,
    ) -> Result<Switched<M>> {
        let switched = switch.open()?;
        switched.register(module, &self.0)?;
        Ok(switched)
    }
}

/// The modules of the loaded driver: a `D::Modules` in a box, or null.
static LOADED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Runs the entry of `D` and keeps its modules. IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// The status that [`Driver::load`] returns, or `STATUS_INSUFFICIENT_RESOURCES`; nothing is
/// registered then.
///
/// # Safety
///
/// Called in the image's entry, once, at `PASSIVE_LEVEL`. If it succeeds, [`unload`] is
/// called with the same `D`, once, before the image is unmapped.
pub unsafe fn load<D: Driver>(
    make: impl for<'entry> FnOnce(Loading<'entry>) -> D::Entry<'entry>,
) -> Result {
    let loaded = memory::try_box(MaybeUninit::<D::Modules>::uninit()).and_then(|mut place| {
        // SAFETY: by this function's contract an entry is running. Everything that it
        // registers is deregistered below if it fails, or else in `unload`.
        let loading = unsafe { Loading::assume() };
        place.write(D::load(make(loading))?);
        Ok(place)
    });
    // SAFETY: by this function's contract this is the entry, at `PASSIVE_LEVEL`, and a
    // registration that was dropped has begun to deregister.
    dropped::finish_all(&unsafe { WaitAllowed::assume() });
    match loaded {
        Ok(place) => {
            LOADED.store(Box::into_raw(place).cast(), Ordering::Release);
            Ok(())
        }
        Err(status) => {
            assert_none_registered();
            // A success would keep the image loaded without its modules.
            Err(status.or_unsuccessful())
        }
    }
}

/// Runs the unload of `D`. Once it has returned, NMR has no pointer into the image.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called in the image's unload routine, once, at `PASSIVE_LEVEL`, after [`load`]
/// with the same `D` has succeeded.
pub unsafe fn unload<D: Driver>() {
    let place = LOADED.swap(ptr::null_mut(), Ordering::Acquire);
    if !place.is_null() {
        // SAFETY: `load` with the same `D` stored the address of a box, and the swap makes
        // this its only owner.
        let place = unsafe { Box::from_raw(place.cast::<D::Modules>()) };
        // SAFETY: by this function's contract this is the unload routine.
        drop(D::unload(unsafe { Registered::new(*place) }));
    }
    // SAFETY: by this function's contract this is the unload routine, at `PASSIVE_LEVEL`,
    // and a registration that was dropped has begun to deregister.
    dropped::finish_all(&unsafe { WaitAllowed::assume() });
    assert_none_registered();
}

/// Bug-checks if a module is registered.
fn assert_none_registered() {
    match registration::live() {
        0 => {}
        left => bug_check::left_registered(left),
    }
}
