// SPDX-License-Identifier: MIT OR Apache-2.0

//! `provider.sys`: a provider of the Echo NPI, and a client of Echo telemetry.
//!
//! This file has the driver's life cycle: load, register, deregister, unload. The Echo
//! module is in `echo`, the work of its system thread in `worker`, the telemetry module in
//! `telemetry`, and the control device in `control`. `client.sys` mirrors it file by file.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

mod control;
mod echo;
mod telemetry;
mod worker;

use nmr::{Deregistration, Driver, Modules, Registered, Registration, Result, Switched};
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use crate::control::Control;
use crate::echo::EchoModule;
use crate::telemetry::{MONITOR, Monitor};

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

// The driver's events for Event Tracing for Windows: see `wdm::events`.
tracelogging::define_provider!(EVENTS, "NmrPair.EchoProvider");

/// `DriverEntry`: sets `DriverUnload`, and calls [`EchoDriver::load`].
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-provider-module>
///
/// # Safety
///
/// The I/O manager calls this once.
// The linker looks for the entry point under this name. No other symbol has it.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, called once, and these are its arguments.
    let status = unsafe { wdm::driver_entry::<EchoDriver>(driver, registry_path) };
    if status < 0 {
        wdk::println!("echo provider: not loaded: {status:#010x}");
    }
    status
}

/// The driver: its modules, its load and its unload.
enum EchoDriver {}

impl Driver for EchoDriver {
    type Entry<'entry> = wdm::Entry<'entry>;

    /// The Echo provider, and a telemetry client that can be switched off.
    type Modules = (Registration<EchoModule>, Switched<Monitor>);

    /// Creates the control device, starts the worker, and registers both modules. If a
    /// step fails, the earlier ones are undone: a registration that is dropped is
    /// deregistered and waited for before `DriverEntry` returns. IRQL = `PASSIVE_LEVEL`.
    fn load(entry: wdm::Entry<'_>) -> Result<Self::Modules> {
        entry.register_events(&EVENTS);
        entry.create_control_device::<Control>()?;
        let echo = EchoModule::new(entry.passive())?;
        // `NmrRegisterProvider` and `NmrRegisterClient` come last: NMR may attach peers,
        // and detach them again, before these calls return.
        let echo = entry.register(echo)?;
        let monitor = entry.register_switched(&MONITOR, Monitor)?;
        Ok((echo, monitor))
    }

    /// `DriverUnload`: deregisters both modules, and waits until that is complete.
    /// Windows then unmaps the image, so this returns the proof that no module is still
    /// registered. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>
    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        // Step 1: `NmrDeregisterProvider` and `NmrDeregisterClient`. NMR calls the
        // detach callbacks of all bindings. Both deregistrations begin before the driver
        // waits for either.
        let ((echo, monitor), wait) = modules.deregister();

        // Step 2: each deregistration is complete, pending or failed. Windows returns
        // `STATUS_PENDING` for every valid one; the wait for it ends when the module's last
        // binding has been cleaned up. The worker still runs: it completes the requests for
        // which detaches are pending.
        let mut echo = match echo {
            // `STATUS_SUCCESS`.
            Deregistration::Complete(echo) => echo,
            // `STATUS_PENDING`.
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            // Any other status: NMR would call into an unmapped image.
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        let monitor = match monitor {
            // `STATUS_SUCCESS`.
            Deregistration::Complete(monitor) => monitor,
            // `STATUS_PENDING`.
            Deregistration::Pending(pending) => pending
                .wait_for_client_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            // Any other status: NMR would call into an unmapped image.
            Deregistration::Failed(failed) => failed.bug_check(),
        };

        // Step 3: the worker has nothing left to complete. It must end before the image,
        // whose code it runs, is unmapped.
        // `module` returns `None` only for a module that can be switched off, and was.
        if let Some(echo) = echo.module() {
            echo.worker.join(wait.passive());
        }

        // Step 4: return the proof. The crate `wdm` frees the modules, and then deletes the
        // control device.
        (echo, monitor)
    }
}
