// SPDX-License-Identifier: MIT OR Apache-2.0

//! `DriverEntry` and `EvtDriverUnload`, which run the driver's `load` and `unload`.
//!
//! ```text
//! driver_entry       the image is bound; WdfDriverCreate with EvtDriverUnload;
//!                    nmr::driver::load runs Driver::load;
//!                    then the control device is finished: it can be opened
//!                    if that fails: the end, as below; the image is unbound
//! evt_driver_unload  nmr::driver::unload runs Driver::unload; the end
//! the end            the threads of dropped workers are joined
//!                    bug check if another thread of this image was not joined
//!                    the provider of events is unregistered
//! framework          deletes the control device and the driver object, after
//!                    evt_driver_unload or as the image is unbound
//! ```

use core::ops::Deref;

use nmr::driver::Driver;
use nmr::irql::PassiveLevel;
use nmr::{Loading, NtStatus, Result};
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
use wdm::control::Controlled;
use wdm::events::{self, Provider, Unloading};
use wdm::parameters::Parameters;
use wdm::registry_path::RegistryPath;

use crate::abi::{WDF_DRIVER_CONFIG, WDFDRIVER};
use crate::framework::{DriverObject, Framework};
use crate::{control, stub};

/// The argument of [`Driver::load`]: the proof that `DriverEntry` runs, with its arguments.
pub struct Entry<'entry> {
    loading: Loading<'entry>,
    driver: DriverObject<'entry>,
    registry_path: RegistryPath<'entry>,
}

impl Entry<'_> {
    /// Opens the `Parameters` key of the driver's service. IRQL = `PASSIVE_LEVEL`.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'_> {
        Parameters::open(self.registry_path, self.passive())
    }

    /// Registers the driver's provider of [`wdm::events`]. If that fails, the driver loads
    /// without events. The library unregisters the provider last, in the unload or in an entry
    /// that fails. IRQL = `PASSIVE_LEVEL`.
    pub fn register_events(&self, provider: &'static Provider) {
        events::register(provider, &self.loading);
    }

    /// Creates the control device of the driver, which has the name of the driver's service
    /// and serves the control interface of [`wdm::control`] for `C`. It can be opened once
    /// [`Driver::load`] has succeeded. The framework deletes it after the unload, or after an
    /// entry that fails. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` if the name of the service is too long,
    /// `STATUS_DEVICE_BUSY` if there is a control device already, or the framework's
    /// status. If the device's link or queue cannot be created, the device and its name exist
    /// until the framework deletes it, so that [`Driver::load`] must return the error.
    pub fn create_control_device<C: Controlled>(&self) -> Result {
        control::create::<C>(self.driver, self.registry_path)
    }
}

impl<'entry> Deref for Entry<'entry> {
    type Target = Loading<'entry>;

    fn deref(&self) -> &Loading<'entry> {
        &self.loading
    }
}

/// Loads the driver `D`: does all that its `DriverEntry` does, and returns the status for it.
/// Binds the image to the framework, with a routine of the library as `EvtDriverUnload`.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/wdf/creating-a-framework-driver-object>
///
/// # Safety
///
/// Called once in the life of the image, by its `DriverEntry` with its arguments. `DriverEntry`
/// does nothing else to the driver object.
pub unsafe fn driver_entry<D>(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS
where
    D: for<'entry> Driver<Entry<'entry> = Entry<'entry>>,
{
    let load = |driver: &mut DRIVER_OBJECT, framework: Framework<'_>| {
        // SAFETY: this is `DriverEntry` with its arguments, and the image is bound.
        unsafe { load::<D>(driver, registry_path, framework) }
    };
    // SAFETY: this is the image's entry, called once, with its arguments.
    unsafe { stub::entry(driver, registry_path, load) }
}

/// Creates the driver object and loads the driver. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called once, in `DriverEntry` with its arguments. The image is bound until it is unloaded,
/// or until after this has failed.
unsafe fn load<D>(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    framework: Framework<'_>,
) -> NtStatus
where
    D: for<'entry> Driver<Entry<'entry> = Entry<'entry>>,
{
    let mut config = WDF_DRIVER_CONFIG::non_pnp(evt_driver_unload::<D>);
    // SAFETY: this is `DriverEntry` with its arguments; the callback is in this image.
    let created = unsafe { framework.create_driver(driver, registry_path, &mut config) };
    let handle = match created {
        Ok(driver) => driver.handle,
        Err(status) => return status,
    };
    // SAFETY: the I/O manager passes a valid path, which stays valid until
    // `DriverEntry` returns.
    let registry_path = unsafe { RegistryPath::new(registry_path) };
    // SAFETY: the image stays bound until `Driver::load`, which uses this, has returned.
    let bound = unsafe { Framework::bound() };
    let driver = DriverObject {
        handle,
        framework: bound,
    };
    // SAFETY: this is the image's entry, called once, and `evt_driver_unload` calls
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
        Ok(()) => {
            control::finish(framework);
            NtStatus::SUCCESS
        }
        Err(status) => {
            // SAFETY: the I/O manager calls `DriverEntry` at `PASSIVE_LEVEL`.
            end(&unsafe { PassiveLevel::assume() });
            status
        }
    }
}

/// `EvtDriverUnload` of the driver `D`. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/nc-wdfdriver-evt_wdf_driver_unload>
///
/// # Safety
///
/// Called by the framework, once, after [`driver_entry`] of the same driver has
/// succeeded.
unsafe extern "C" fn evt_driver_unload<D: Driver>(_driver: WDFDRIVER) {
    let unloading = Unloading::begin();
    // SAFETY: this is the unload routine, called once, after `load` has succeeded.
    unsafe { nmr::driver::unload::<D>() };
    unloading.end();
    // SAFETY: the framework calls `EvtDriverUnload` at `PASSIVE_LEVEL`.
    end(&unsafe { PassiveLevel::assume() });
}

/// Ends the threads and the event provider that the library owns. IRQL = `PASSIVE_LEVEL`.
fn end(passive: &PassiveLevel<'_>) {
    wdm::end_threads(passive);
    // ETW calls into the image until here.
    events::unregister(passive);
}
