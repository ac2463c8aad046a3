// SPDX-License-Identifier: MIT OR Apache-2.0

//! `DriverEntry` and `DriverUnload`, which run the driver's `load` and `unload`.
//!
//! ```text
//! driver_entry     DriverUnload is set; nmr::driver::load runs Driver::load
//!                  if that fails: the end, as below
//! driver_unload    nmr::driver::unload runs Driver::unload
//!                  the end
//! the end          the threads of dropped workers are joined
//!                  bug check if another thread of this image was not joined
//!                  the control device and its link are deleted
//!                  the provider of events is unregistered
//! ```

use core::ops::Deref;
use core::ptr::NonNull;

use nmr::driver::Driver;
use nmr::irql::PassiveLevel;
use nmr::{Loading, NtStatus, Result};
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use super::events::{self, Provider, Unloading};
use super::parameters::Parameters;
use super::registry_path::RegistryPath;
use super::{device, thread, worker};
use crate::control::Controlled;

/// The argument of [`Driver::load`]: the proof that `DriverEntry` runs, with its arguments.
///
/// # Invariants
///
/// During `'entry`, `DriverEntry` runs, `driver` is its driver object, and nothing else refers
/// to the driver object.
pub struct Entry<'entry> {
    loading: Loading<'entry>,
    driver: NonNull<DRIVER_OBJECT>,
    registry_path: RegistryPath<'entry>,
}

impl Entry<'_> {
    /// Opens the `Parameters` key of the driver's service. IRQL = `PASSIVE_LEVEL`.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'_> {
        Parameters::open(self.registry_path, self.passive())
    }

    /// Registers the driver's provider of [`events`]. If that fails, the driver loads without
    /// events. The library unregisters the provider last, in the unload or in an entry that
    /// fails. IRQL = `PASSIVE_LEVEL`.
    pub fn register_events(&self, provider: &'static Provider) {
        events::register(provider, &self.loading);
    }

    /// Creates the control device of the driver, which has the name of the driver's service
    /// and serves the [control interface](crate::control) for `C`. It can be opened once
    /// `DriverEntry` has returned. The library deletes it at the end of the unload, or of an
    /// entry that fails. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` if the name of the service is too long,
    /// `STATUS_DEVICE_BUSY` if there is a control device already, or the kernel's
    /// status.
    pub fn create_control_device<C: Controlled>(&self) -> Result {
        let mut driver = self.driver;
        // SAFETY: the driver object is valid, and nothing else refers to it, by the
        // invariant; the reference ends with this call.
        let driver = unsafe { driver.as_mut() };
        // SAFETY: `DriverEntry` runs, by the invariant; `DriverUnload` is
        // `driver_unload`, which, like an entry that fails, ends with `end`.
        unsafe { device::create::<C>(driver, self.registry_path, self.passive()) }
    }
}

impl<'entry> Deref for Entry<'entry> {
    type Target = Loading<'entry>;

    fn deref(&self) -> &Loading<'entry> {
        &self.loading
    }
}

/// Loads the driver `D`: does all that its `DriverEntry` does, and returns the status for it.
/// Sets the driver object's `DriverUnload` to a routine of the library.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_initialize>
///
/// # Safety
///
/// Called once in the life of the image, by its `DriverEntry` with its arguments.
/// `DriverEntry` does nothing else to the driver object, and nothing changes the driver
/// object's `DriverUnload` and dispatch table afterwards.
pub unsafe fn driver_entry<D>(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS
where
    D: for<'entry> Driver<Entry<'entry> = Entry<'entry>>,
{
    driver.DriverUnload = Some(driver_unload::<D>);
    let driver = NonNull::from(driver);
    // SAFETY: the I/O manager passes a valid path, which stays valid until
    // `DriverEntry` returns.
    let registry_path = unsafe { RegistryPath::new(registry_path) };
    // SAFETY: this is the image's entry, called once, and `driver_unload` calls
    // `unload`.
    let loaded = unsafe {
        nmr::driver::load::<D>(|loading| Entry {
            loading,
            driver,
            registry_path,
        })
    };
    events::loaded(loaded);
    match loaded {
        Ok(()) => NtStatus::SUCCESS.0,
        Err(status) => {
            // SAFETY: the entry fails, so that no code of the driver runs after this.
            unsafe { end() };
            status.0
        }
    }
}

/// `DriverUnload` of the driver `D`. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_unload>
///
/// # Safety
///
/// Called by the I/O manager, once, after [`driver_entry`] of the same driver has
/// succeeded.
unsafe extern "C" fn driver_unload<D: Driver>(_driver: *mut DRIVER_OBJECT) {
    let unloading = Unloading::begin();
    // SAFETY: this is the unload routine, called once, after `load` has succeeded.
    unsafe { nmr::driver::unload::<D>() };
    unloading.end();
    // SAFETY: the modules are deregistered, and no code of the driver runs after this.
    unsafe { end() };
}

/// Ends the threads, the control device and the event provider. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called at the end of the unload, or of an entry that fails.
unsafe fn end() {
    // SAFETY: the I/O manager calls `DriverEntry` and `DriverUnload` at
    // `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    end_threads(&passive);
    // SAFETY: the I/O manager opens no handle before `DriverEntry` returns, and calls
    // `DriverUnload` after the last one is closed.
    unsafe { device::delete(&passive) };
    // ETW calls into the image until here.
    events::unregister(&passive);
}

/// Joins the threads of all workers that were dropped, and bug-checks if another thread of
/// this image has not been joined, because the image is about to be unmapped.
/// [`driver_entry`] and the unload routine that it sets call this. An image with other entry
/// points, such as those of the crate `kmdf`, calls it last in both. IRQL = `PASSIVE_LEVEL`.
///
/// The bug check is `DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS` (0xCE);
/// its first parameter is the number of these threads.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-0xce--driver-unloaded-without-cancelling-pending-operations>
pub fn end_threads(passive: &PassiveLevel<'_>) {
    worker::join_dropped(passive);
    thread::check_all_joined();
}
