// SPDX-License-Identifier: MIT OR Apache-2.0

//! `client_wdf.sys`: the modules of `client.sys` in a non-PnP driver for the kernel-mode
//! driver framework (KMDF).
//!
//! Entry and unload are those of `client.sys`, with the crate `kmdf` in place of `wdm`.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

#[path = "../../src/control.rs"]
mod control;
#[path = "../../src/echo.rs"]
mod echo;
#[path = "../../src/telemetry.rs"]
mod telemetry;
#[path = "../../src/worker.rs"]
mod worker;

use nmr::{Deregistration, Driver, Modules, Registered, Registration, Result, Switched};
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use crate::control::Control;
use crate::echo::EchoModule;
use crate::telemetry::{SOURCE, Source};

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

// The driver's events for Event Tracing for Windows: see `wdm::events`.
tracelogging::define_provider!(EVENTS, "NmrPair.EchoClient");

/// `DriverEntry`: sets `EvtDriverUnload`, and calls [`EchoDriver::load`].
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-client-module>
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
    let status = unsafe { kmdf::driver_entry::<EchoDriver>(driver, registry_path) };
    if status < 0 {
        wdk::println!("echo client: not loaded: {status:#010x}");
    }
    status
}

/// The driver: its modules, its load and its unload.
enum EchoDriver {}

impl Driver for EchoDriver {
    type Entry<'entry> = kmdf::Entry<'entry>;

    /// The Echo client, and a telemetry provider that can be switched off.
    type Modules = (Registration<EchoModule>, Switched<Source>);

    /// Creates the control device, starts the workers, and registers both modules. If a
    /// step fails, the earlier ones are undone: a registration that is dropped is
    /// deregistered and waited for before `DriverEntry` returns. IRQL = `PASSIVE_LEVEL`.
    fn load(entry: kmdf::Entry<'_>) -> Result<Self::Modules> {
        entry.register_events(&EVENTS);
        entry.create_control_device::<Control>()?;
        let echo = EchoModule::new(&entry.parameters(), entry.passive())?;
        // `NmrRegisterClient` and `NmrRegisterProvider` come last: NMR may attach peers,
        // and detach them again, before these calls return.
        let echo = entry.register(echo)?;
        let source = entry.register_switched(&SOURCE, Source)?;
        Ok((echo, source))
    }

    /// `EvtDriverUnload`: deregisters both modules, and waits until that is complete.
    /// Windows then unmaps the image, so this returns the proof that no module is still
    /// registered. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-client-module>
    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        // Step 1: `NmrDeregisterClient` and `NmrDeregisterProvider`. NMR calls the
        // detach callbacks of all bindings. Both deregistrations begin before the driver
        // waits for either.
        let ((echo, source), wait) = modules.deregister();

        // Step 2: each deregistration is complete, pending or failed. Windows returns
        // `STATUS_PENDING` for every valid one; the wait for it ends when the module's last
        // binding has been cleaned up. The workers still run, but submit nothing to a
        // binding that detaches.
        let mut echo = match echo {
            // `STATUS_SUCCESS`.
            Deregistration::Complete(echo) => echo,
            // `STATUS_PENDING`.
            Deregistration::Pending(pending) => pending
                .wait_for_client_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            // Any other status: NMR would call into an unmapped image.
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        let source = match source {
            // `STATUS_SUCCESS`.
            Deregistration::Complete(source) => source,
            // `STATUS_PENDING`.
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            // Any other status: NMR would call into an unmapped image.
            Deregistration::Failed(failed) => failed.bug_check(),
        };

        // Step 3: the workers have no binding left to submit to. They must end before the
        // image, whose code they run, is unmapped.
        // `module` returns `None` only for a module that can be switched off, and was.
        if let Some(echo) = echo.module() {
            echo.workers.join(wait.passive());
        }

        // Step 4: return the proof. The crate `kmdf` frees the modules; then the framework
        // deletes the control device.
        (echo, source)
    }
}
