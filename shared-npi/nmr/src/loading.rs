// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around the modules: what its entry and its unload routine run.

use alloc::boxed::Box;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::irql::{PassiveLevel, WaitAllowed};
use crate::memory::try_box;
use crate::{Module, NtStatus, Registration, Result, Set};

/// Proof that the driver's entry runs, which registering a module needs.
pub struct Loading<'entry>(WaitAllowed<'entry>);

impl Loading<'_> {
    /// The IRQL of the entry.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'_> {
        self.0.passive()
    }

    /// Registers `module`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, or NMR's own status.
    pub fn register<M: Module>(&self, module: M) -> Result<Registration<M>> {
        Registration::register(module, self.0.passive())
    }
}

/// A driver with network modules.
pub trait Driver: Sized + 'static {
    /// What the entry hands to [`load`](Self::load).
    type Entry<'entry>;

    /// What is registered while the driver is loaded.
    type Modules: Set;

    /// Prepares the driver and registers its modules. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status with which the entry fails.
    fn load(entry: Self::Entry<'_>) -> Result<Self::Modules>;

    /// Deregisters the modules and waits for them. IRQL = `PASSIVE_LEVEL`.
    fn unload(modules: Self::Modules, wait: &WaitAllowed<'_>) -> <Self::Modules as Set>::Ended;
}

/// What [`load`] keeps.
static MODULES: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Runs [`Driver::load`] and keeps what it returns. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called once, in the image's entry, whose unload routine calls [`unload`].
pub unsafe fn load<D: Driver>(
    make: impl FnOnce(Loading<'_>) -> <D as Driver>::Entry<'_>,
) -> NtStatus {
    // SAFETY: by this function's contract this is the entry.
    let wait = unsafe { WaitAllowed::assume() };
    let place = match try_box((0_u8, None::<D::Modules>)) {
        Ok(place) => Box::leak(place),
        Err(status) => return status,
    };
    match D::load(make(Loading(wait))) {
        Ok(modules) => {
            place.1 = Some(modules);
            MODULES.store(ptr::from_mut(place).cast(), Ordering::Release);
            NtStatus::SUCCESS
        }
        Err(status) => {
            // SAFETY: the place was leaked from a box above, and is in no static.
            drop(unsafe { Box::from_raw(place) });
            status
        }
    }
}

/// Runs [`Driver::unload`]. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called once, in the image's unload routine, after [`load`] of the same driver.
pub unsafe fn unload<D: Driver>() {
    // SAFETY: by this function's contract this is the unload routine.
    let wait = unsafe { WaitAllowed::assume() };
    let modules = MODULES.swap(ptr::null_mut(), Ordering::Acquire);
    if !modules.is_null() {
        // SAFETY: `load` of the same driver has stored it, and the swap took it.
        let modules = unsafe { Box::from_raw(modules.cast::<(u8, Option<D::Modules>)>()) };
        if let Some(modules) = modules.1 {
            drop(D::unload(modules, &wait));
        }
    }
}
