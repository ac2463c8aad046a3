// SPDX-License-Identifier: MIT OR Apache-2.0

//! The telemetry client: subscribes to the samples of Echo clients.

use core::sync::atomic::{AtomicU64, Ordering};

use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{Bindings, Call, Client, Event, Module, ModuleId, PeerModule, Result, Switch, Table};
use shared_npi::telemetry::monitor::{self, TelemetryMonitor};
use shared_npi::telemetry::{
    Characteristics, ProviderDispatch, Sample, TELEMETRY_MONITOR_MODULE_ID, Telemetry, VERSION,
};
use wdm::events;

use crate::EVENTS;

/// Holds the registration while the module is switched on.
pub(crate) static MONITOR: Switch<Monitor> = Switch::new();

/// The bindings to sources.
pub(crate) static SOURCES: Bindings<Monitor> = Bindings::new();

/// The number of samples that sources have published.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);

/// The telemetry module, which is NMR's registration context.
pub(crate) struct Monitor;

impl Module for Monitor {
    type Role = Client;
    type Npi = Telemetry;
    type Binding = ();

    const MODULE_ID: ModuleId = TELEMETRY_MONITOR_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const TABLE: Table<Self> = monitor::dispatch();

    fn attach(&self, source: &PeerModule<'_, Self>, _passive: &PassiveLevel<'_>) -> Result {
        let peer = source.characteristics()?;
        let common = Self::CHARACTERISTICS.versions.common(peer.versions);
        common.map(drop)
    }

    fn accepts_dispatch((): &(), table: &ProviderDispatch) -> bool {
        monitor::accepts(table)
    }

    fn attached(&self, source: Call<'_, Self>) {
        source.add_to_list();
        // Ignored: a source that does not publish can still be polled.
        let _ = monitor::subscribe(source);
    }

    fn trace(&self, event: Event) {
        events::trace(&EVENTS, "Telemetry", event);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&SOURCES)
    }

    fn dispatch_rejected(&self) {
        wdk::println!("echo monitor: a source's dispatch table lacks functions: not used");
    }
}

impl TelemetryMonitor for Monitor {
    fn published(&self, _sample: &Sample) {
        PUBLISHED.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number of samples that sources have published. Any IRQL.
pub(crate) fn published() -> u64 {
    PUBLISHED.load(Ordering::Relaxed)
}

/// Polls every source for a sample. IRQL <= `DISPATCH_LEVEL`.
pub(crate) fn poll_sources() {
    SOURCES.for_each(|source| {
        // Ignored: the next poll retries.
        let _ = monitor::sample(source);
    });
}
