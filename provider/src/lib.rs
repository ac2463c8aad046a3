// SPDX-License-Identifier: MIT OR Apache-2.0

//! `provider.sys`: a provider of the Echo NPI, and a client of Echo telemetry.
//!
//! Top to bottom this is one driver's life: registration, attach, calls, unload.
//! `DriverEntry`, which begins it, is in `wdm`, or in `wdf` for the package
//! beside. Detach and cleanup have no code here: the binding's gate in
//! [`nmr`] answers the one, dropping the binding is the other. The
//! second module is in `monitor`. `client.sys` mirrors it.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

mod control;
#[cfg(not(feature = "wdf"))]
mod device;
mod monitor;
mod name;
mod thread;
#[cfg(feature = "wdf")]
mod wdf;
#[cfg(not(feature = "wdf"))]
mod wdm;
mod worker;

use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::{
    Bindings, Deregistrations, Driver, Kept, Module, PeerModule, Provider, Registration, Set, Slot,
    Switch,
};
use nmr::{NtStatus, Result};
use shared_npi::echo::provider::{self, Answer, ClientBinding, EchoProvider, Submitted};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo,
    ProviderDispatch, VERSION,
};
use wdk_alloc::WdkAllocator;
use wdk_sys::ntddk::KeBugCheckEx;

#[cfg(not(feature = "wdf"))]
use crate::device::Device;
use crate::monitor::{MONITOR, Monitor};
#[cfg(feature = "wdf")]
use crate::wdf::Device;
use crate::worker::Worker;

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// The two modules: the one that the driver is for, and one that can be switched
/// off.
type Modules = (Registration<EchoModule>, &'static Switch<Monitor>);

/// What is kept while the driver is loaded; the device goes when the modules
/// have gone.
type Registrations = (Modules, Kept<Device>);

/// Where the registrations rest while the driver is loaded.
static REGISTRATIONS: Slot<Registrations> = Slot::new();

/// Registers both modules; none where one fails. IRQL = `PASSIVE_LEVEL`.
fn start(passive: &PassiveLevel<'_>) -> Result<Modules> {
    let echo = EchoModule::start(passive)?;
    // Where this fails `echo` is dropped, which deregisters it and waits.
    MONITOR.on(|| Ok(Monitor), passive)?;
    Ok((echo, &MONITOR))
}

/// What the driver has done.
static COUNTERS: Counters = Counters::new();

/// The clients that have called.
static CLIENTS: Bindings<EchoModule> = Bindings::new();

/// The provider module: NMR's registration context.
struct EchoModule {
    /// Completes what `submit` has pended.
    worker: Worker,
}

impl EchoModule {
    /// Makes the module ready and registers it. IRQL = `PASSIVE_LEVEL`.
    fn start(passive: &PassiveLevel<'_>) -> Result<Registration<Self>> {
        let module = Self {
            worker: Worker::start(passive)?,
        };
        Registration::register(module, passive)
    }
}

impl Module for EchoModule {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;

    const MODULE_ID: NPI_MODULEID = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(VERSION, VERSION, Capabilities::KNOWN, Capabilities::empty());
    const DISPATCH: &'static ProviderDispatch = &provider::dispatch::<Self>();

    fn attach(
        &self,
        client: &PeerModule<'_, Echo>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ClientBinding> {
        let theirs = client.characteristics()?;
        Ok(ClientBinding::new(Self::CHARACTERISTICS.negotiate(theirs)?))
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&CLIENTS)
    }

    fn usable(binding: &ClientBinding, table: &ClientDispatch) -> bool {
        table.serves(binding.agreement())
    }
}

impl EchoProvider for EchoModule {
    /// One request in four is answered at once, the others later by the
    /// worker: so that a detach meets requests in flight.
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        if request.id().is_multiple_of(4) {
            return request.echo_now();
        }
        let (pended, answer) = request.pend();
        self.worker.add(pended);
        answer
    }

    fn counters(&self) -> &Counters {
        &COUNTERS
    }
}

/// What the I/O manager unloads.
enum EchoDriver {}

impl Driver for EchoDriver {
    type Registrations = Registrations;

    const SLOT: &'static Slot<Registrations> = &REGISTRATIONS;

    /// `DriverUnload`. Once it has returned the image is gone, so it returns
    /// only when nothing of the modules is left.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>
    fn unload(
        registrations: Registrations,
        passive: &PassiveLevel<'_>,
    ) -> <Registrations as Set>::Ended {
        // Step one, for both modules: `NmrDeregisterProvider` and
        // `NmrDeregisterClient`. NMR calls the detach callbacks.
        let deregistrations = registrations.deregister();
        // Step two: where NMR has answered `STATUS_PENDING`, as Windows does,
        // `NmrWaitForProviderDeregisterComplete` and
        // `NmrWaitForClientDeregisterComplete`, until the last binding is
        // cleaned up. The worker still runs: it completes the requests that the
        // bindings wait for.
        let mut ended = deregistrations
            .wait(passive)
            .unwrap_or_else(|failed| Self::stop(failed.status()));
        // Nothing can reach the worker any more, and it has nothing left to do.
        let ((echo, _), _) = &mut ended;
        echo.worker.join(passive);
        // Whoever called drops this: the modules are freed, the device deleted.
        ended
    }

    /// NMR does not let go of a module. Its callbacks lead into this image,
    /// which is about to be unmapped, and `DriverUnload` cannot fail: the machine
    /// stops here, with a reason, rather than there, without one.
    fn stop(reason: NtStatus) -> ! {
        const NMR_INVALID_STATE: u32 = 0x125;
        wdk::println!("echo provider: still registered: {reason}");
        let reason = u64::from(reason.0.cast_unsigned());
        // SAFETY: callable at any IRQL.
        unsafe { KeBugCheckEx(NMR_INVALID_STATE, 0, 0, 0, reason) }
    }
}
