// SPDX-License-Identifier: MIT OR Apache-2.0

//! `client.sys`: a client of the Echo NPI, and a provider of Echo telemetry.
//!
//! Top to bottom this is one driver's life: registration, attach, calls, unload.
//! `DriverEntry`, which begins it, is in `wdm`, or in `wdf` for the package
//! beside. Detach and cleanup have no code here: the binding's gate in
//! [`nmr`] answers the one, dropping the binding is the other. The
//! second module is in `source`. `provider.sys` mirrors it.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

mod control;
#[cfg(not(feature = "wdf"))]
mod device;
mod name;
mod settings;
mod source;
mod thread;
#[cfg(feature = "wdf")]
mod wdf;
#[cfg(not(feature = "wdf"))]
mod wdm;
mod worker;
mod workers;

use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::{
    Bindings, Client, Deregistrations, Driver, InFlight, Kept, Module, PeerModule, Registration,
    Set, Slot, Switch,
};
use nmr::{NtStatus, Result};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding, Ready};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, ECHO_CLIENT_MODULE_ID, Echo, ProviderDispatch,
    VERSION,
};
use wdk_alloc::WdkAllocator;
use wdk_sys::ntddk::KeBugCheckEx;

#[cfg(not(feature = "wdf"))]
use crate::device::Device;
use crate::settings::Settings;
use crate::source::{ACTIVITY, SOURCE, Source};
#[cfg(feature = "wdf")]
use crate::wdf::Device;
use crate::workers::Workers;

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// The two modules: the one that the driver is for, and one that can be switched
/// off.
type Modules = (Registration<EchoModule>, &'static Switch<Source>);

/// What is kept while the driver is loaded; the device goes when the modules
/// have gone.
type Registrations = (Modules, Kept<Device>);

/// Where the registrations rest while the driver is loaded.
static REGISTRATIONS: Slot<Registrations> = Slot::new();

/// Registers both modules; none where one fails. IRQL = `PASSIVE_LEVEL`.
fn start(settings: Settings, passive: &PassiveLevel<'_>) -> Result<Modules> {
    let echo = EchoModule::start(settings, passive)?;
    // Where this fails `echo` is dropped, which deregisters it and waits.
    SOURCE.on(|| Ok(Source), passive)?;
    Ok((echo, &SOURCE))
}

/// The providers that the driver is bound to.
static PROVIDERS: Bindings<EchoModule> = Bindings::new();

/// The client module: NMR's registration context.
struct EchoModule {
    settings: Settings,
    /// Submit the requests of all bindings.
    workers: Workers,
}

impl EchoModule {
    /// Makes the module ready and registers it. IRQL = `PASSIVE_LEVEL`.
    fn start(settings: Settings, passive: &PassiveLevel<'_>) -> Result<Registration<Self>> {
        let workers = Workers::start(settings.threads, passive)?;
        Registration::register(Self { settings, workers }, passive)
    }
}

impl Module for EchoModule {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;

    const MODULE_ID: NPI_MODULEID = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(VERSION, VERSION, Capabilities::KNOWN, Capabilities::empty());
    const DISPATCH: &'static ClientDispatch = &client::dispatch::<Self>();

    fn attach(
        &self,
        provider: &PeerModule<'_, Echo>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        let theirs = provider.characteristics()?;
        ProviderBinding::new(
            Self::CHARACTERISTICS.negotiate(theirs)?,
            self.settings.depth,
        )
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&PROVIDERS)
    }

    fn usable(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, binding: InFlight<Self>) {
        binding.list();
        client::requests(&binding).for_each(|request| self.workers.add(request));
    }

    fn unusable(&self) {
        wdk::println!("echo client: a provider's dispatch table lacks functions: not used");
    }
}

impl EchoClient for EchoModule {
    fn unexpected(&self) {
        wdk::println!("echo client: a provider completed what it did not have");
    }

    /// A request is back: it goes round again, until its binding detaches.
    fn completed(&self, request: Ready<Self>) {
        ACTIVITY.came_back(request.status());
        if request.status().is_success() && !request.is_echo() {
            wdk::println!("echo client: a provider sent back something else");
        }
        self.workers.add(request);
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
    /// <https://learn.microsoft.com/windows-hardware/drivers/network/unloading-a-client-module>
    fn unload(
        registrations: Registrations,
        passive: &PassiveLevel<'_>,
    ) -> <Registrations as Set>::Ended {
        // Step one, for both modules: `NmrDeregisterClient` and
        // `NmrDeregisterProvider`. NMR calls the detach callbacks.
        let deregistrations = registrations.deregister();
        // Step two: where NMR has answered `STATUS_PENDING`, as Windows does,
        // `NmrWaitForClientDeregisterComplete` and
        // `NmrWaitForProviderDeregisterComplete`, until the last binding is
        // cleaned up. The workers still run: they retire the requests that the
        // bindings wait for.
        let mut ended = deregistrations
            .wait(passive)
            .unwrap_or_else(|failed| Self::stop(failed.status()));
        // Nothing can reach the workers any more, and they have nothing left to
        // do.
        let ((echo, _), _) = &mut ended;
        echo.workers.join(passive);
        // Whoever called drops this: the modules are freed, the device deleted.
        ended
    }

    /// NMR does not let go of a module. Its callbacks lead into this image,
    /// which is about to be unmapped, and `DriverUnload` cannot fail: the machine
    /// stops here, with a reason, rather than there, without one.
    fn stop(reason: NtStatus) -> ! {
        const NMR_INVALID_STATE: u32 = 0x125;
        wdk::println!("echo client: still registered: {reason}");
        let reason = u64::from(reason.0.cast_unsigned());
        // SAFETY: callable at any IRQL.
        unsafe { KeBugCheckEx(NMR_INVALID_STATE, 0, 0, 0, reason) }
    }
}
