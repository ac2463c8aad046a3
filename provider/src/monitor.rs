// SPDX-License-Identifier: MIT OR Apache-2.0

//! The second module: a client of Echo telemetry, which looks at how the clients
//! of Echo fare.

use core::sync::atomic::{AtomicU64, Ordering};

use nmr::Result;
use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{Bindings, Client, InFlight, Module, PeerModule, Switch};
use shared_npi::telemetry::monitor::{self, TelemetryMonitor};
use shared_npi::telemetry::{
    Characteristics, ClientDispatch, ProviderDispatch, Sample, TELEMETRY_MONITOR_MODULE_ID,
    Telemetry, VERSION,
};

/// Where the module is registered, unless it is switched off.
pub(crate) static MONITOR: Switch<Monitor> = Switch::new();

/// The sources that the monitor has subscribed to.
pub(crate) static SOURCES: Bindings<Monitor> = Bindings::new();

/// Samples that sources have published.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);

/// The monitor: NMR's registration context.
pub(crate) struct Monitor;

impl Module for Monitor {
    type Role = Client;
    type Npi = Telemetry;
    type Binding = ();

    const MODULE_ID: NPI_MODULEID = TELEMETRY_MONITOR_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const DISPATCH: &'static ClientDispatch = &monitor::dispatch::<Self>();

    fn attach(&self, source: &PeerModule<'_, Telemetry>, _passive: &PassiveLevel<'_>) -> Result {
        let theirs = source.characteristics()?;
        Self::CHARACTERISTICS.versions.common(theirs.versions)?;
        Ok(())
    }

    fn usable((): &(), table: &ProviderDispatch) -> bool {
        monitor::usable(table)
    }

    fn attached(&self, source: InFlight<Self>) {
        // One that does not want to publish can still be asked.
        let _ = monitor::subscribe(&source);
        source.list();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&SOURCES)
    }

    fn unusable(&self) {
        wdk::println!("echo monitor: a source's dispatch table lacks functions: not used");
    }
}

impl TelemetryMonitor for Monitor {
    fn published(&self, _sample: &Sample) {
        PUBLISHED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many samples sources have published.
pub(crate) fn published() -> u64 {
    PUBLISHED.load(Ordering::Relaxed)
}

/// Asks every source for a sample. IRQL <= `DISPATCH_LEVEL`.
pub(crate) fn look() {
    SOURCES.for_each(|source| {
        // What a source does not tell it may tell the next time.
        let _ = monitor::sample(source);
    });
}
