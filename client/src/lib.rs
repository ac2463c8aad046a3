// SPDX-License-Identifier: MIT OR Apache-2.0

//! `client.sys`: a client of the Echo NPI, and a provider of Echo telemetry.
//!
//! This file is the driver's life cycle: load and register, deregister and unload.
//! Its modules are in `echo`, with its `worker`, and in `telemetry`; `control` is its
//! device. `provider.sys` mirrors it, file by file.

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
use crate::telemetry::{SOURCE, Source};

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

// The driver's events for Event Tracing for Windows: see `wdm::events`.
tracelogging::define_provider!(EVENTS, "NmrPair.EchoClient");

/// `DriverEntry`: sets `DriverUnload`, and loads the driver by [`EchoDriver::load`].
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-client-module>
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name, which no other symbol has.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, called once, with its arguments.
    let status = unsafe { wdm::driver_entry::<EchoDriver>(driver, registry_path) };
    if status < 0 {
        wdk::println!("echo client: not loaded: {status:#010x}");
    }
    status
}

/// The driver: what it registers, and how it unloads.
enum EchoDriver {}

impl Driver for EchoDriver {
    type Entry<'entry> = wdm::Entry<'entry>;

    /// The Echo client, and a telemetry provider that can be switched off.
    type Modules = (Registration<EchoModule>, Switched<Source>);

    /// The driver's part of `DriverEntry`. What a failing step leaves behind is
    /// undone: a registration that is dropped is deregistered and waited for before
    /// `DriverEntry` returns. IRQL = `PASSIVE_LEVEL`.
    fn load(entry: wdm::Entry<'_>) -> Result<Self::Modules> {
        entry.register_events(&EVENTS);
        entry.create_control_device::<Control>()?;
        let echo = EchoModule::new(&entry.parameters(), entry.passive())?;
        // Registers last: NMR may attach providers, and detach them again, before these
        // return. `NmrRegisterClient` and `NmrRegisterProvider`:
        let echo = entry.register(echo)?;
        let source = entry.register_switched(&SOURCE, Source)?;
        Ok((echo, source))
    }

    /// `DriverUnload`. The image is unmapped once it has returned, so it returns the proof
    /// that no module is registered any more. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-client-module>
    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        // Step 1: `NmrDeregisterClient` and `NmrDeregisterProvider`. NMR calls the
        // detach callbacks of all bindings; nothing is waited for before both have
        // begun.
        let ((echo, source), wait) = modules.deregister();

        // Step 2: each module's deregistration is complete, pending or failed; Windows
        // returns `STATUS_PENDING` to each. A pending one is waited for until the last
        // binding is cleaned up. The workers still run: once a binding detaches, they
        // submit nothing to it.
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

        // Step 3: the workers have no binding left to submit to, and end before the
        // image that they run goes.
        // `None` is for a module that was switched off.
        if let Some(echo) = echo.module() {
            echo.workers.join(wait.passive());
        }

        // Step 4: the proof. The caller, in `wdm::driver_entry`'s module, frees the modules;
        // then the device is deleted.
        (echo, source)
    }
}
