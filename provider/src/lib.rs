// SPDX-License-Identifier: MIT OR Apache-2.0

//! `provider.sys`: a provider of the Echo NPI.
//!
//! Top to bottom this is one driver's life: entry, registration, attach,
//! calls, unload. Detach and cleanup have no code here: the binding's gate in
//! [`shared_npi::nmr`] answers the one, dropping the binding is the other.
//! `client.sys` mirrors it.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

mod thread;
mod worker;

use shared_npi::echo::provider::{self, Answer, ClientBinding, EchoProvider, Submitted};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo,
    ProviderDispatch, VERSION,
};
use shared_npi::nmr::abi::NPI_MODULEID;
use shared_npi::nmr::irql::PassiveLevel;
use shared_npi::nmr::{
    Deregistration, Driver, Ended, Module, PeerModule, Provider, Registration, Slot, set_unload,
};
use shared_npi::{NtStatus, Result};
use wdk_alloc::WdkAllocator;
use wdk_sys::ntddk::KeBugCheckEx;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use crate::worker::Worker;

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// Where the registration rests while the driver is loaded.
static REGISTRATION: Slot<EchoModule> = Slot::new();

/// `DriverEntry`: sets `DriverUnload`, makes the module ready, and registers it
/// last, because its callbacks may run before the registration has returned.
/// What a failing step leaves behind is undone. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-provider-module>
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name, which no other symbol
// has.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, and the object is this driver's own.
    let unloadable = unsafe { set_unload::<EchoDriver, _>(&mut driver.DriverUnload) };
    // SAFETY: the I/O manager calls `DriverEntry` at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    match EchoModule::start(&passive) {
        Ok(registration) => {
            unloadable.keep(registration);
            NtStatus::SUCCESS.0
        }
        Err(status) => {
            wdk::println!("echo provider: not loaded: {status}");
            status.0
        }
    }
}

/// The provider module: NMR's registration context.
struct EchoModule {
    counters: Counters,
    /// Completes what `submit` has pended.
    worker: Worker,
}

impl EchoModule {
    /// Makes the module ready and registers it. IRQL = `PASSIVE_LEVEL`.
    fn start(passive: &PassiveLevel<'_>) -> Result<Registration<Self>> {
        let module = Self {
            counters: Counters::new(),
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
        &self.counters
    }
}

/// What the I/O manager unloads.
enum EchoDriver {}

impl Driver for EchoDriver {
    type Module = EchoModule;

    const SLOT: &'static Slot<EchoModule> = &REGISTRATION;

    /// `DriverUnload`. Once it has returned the image is gone, so it returns
    /// only when nothing of the module is left.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-provider-module>
    fn unload(
        registration: Registration<EchoModule>,
        passive: &PassiveLevel<'_>,
    ) -> Ended<EchoModule> {
        // Step one: `NmrDeregisterProvider`. NMR calls the detach callbacks.
        let mut ended = match registration.deregister() {
            // Step two: `NmrWaitForProviderDeregisterComplete`, until the last
            // binding is cleaned up. The worker still runs: it completes the
            // requests that the bindings wait for.
            Deregistration::Pending(pending) => pending
                .wait(passive)
                .unwrap_or_else(|failed| Self::stop(failed.status())),
            Deregistration::Complete(ended) => ended,
            Deregistration::Failed(failed) => Self::stop(failed.status()),
        };
        // Nothing can reach the worker any more, and it has nothing left to do.
        ended.worker.join(passive);
        ended
    }

    /// NMR does not let go of the module. Its callbacks lead into this image,
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
