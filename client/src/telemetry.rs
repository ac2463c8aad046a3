// SPDX-License-Identifier: MIT OR Apache-2.0

//! The telemetry provider: publishes samples of this client's activity.

use core::sync::atomic::{AtomicU64, Ordering};

use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{Bindings, Event, Module, ModuleId, PeerModule, Provider, Result, Switch, Table};
use shared_npi::telemetry::source::{self, TelemetrySource};
use shared_npi::telemetry::{
    Activity, Characteristics, ClientDispatch, Sample, TELEMETRY_SOURCE_MODULE_ID, Telemetry,
    VERSION,
};
use wdm::events;

use crate::EVENTS;

/// Holds the registration while the module is switched on.
pub(crate) static SOURCE: Switch<Source> = Switch::new();

/// Counts the requests since the driver was loaded.
pub(crate) static ACTIVITY: Activity = Activity::new();

/// The bindings to monitors that have subscribed.
pub(crate) static SUBSCRIBERS: Bindings<Source> = Bindings::new();

/// The number of samples that have been published.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);

/// The telemetry module, which is NMR's registration context.
pub(crate) struct Source;

impl Module for Source {
    type Role = Provider;
    type Npi = Telemetry;
    type Binding = ();

    const MODULE_ID: ModuleId = TELEMETRY_SOURCE_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const TABLE: Table<Self> = source::dispatch();

    fn attach(&self, monitor: &PeerModule<'_, Self>, _passive: &PassiveLevel<'_>) -> Result {
        let peer = monitor.characteristics()?;
        let common = Self::CHARACTERISTICS.versions.common(peer.versions);
        common.map(drop)
    }

    fn accepts_dispatch((): &(), table: &ClientDispatch) -> bool {
        source::accepts(table)
    }

    fn trace(&self, event: Event) {
        events::trace(&EVENTS, "Telemetry", event);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&SUBSCRIBERS)
    }
}

impl TelemetrySource for Source {
    fn sample(&self) -> Sample {
        ACTIVITY.snapshot()
    }
}

/// The number of samples that have been published. Any IRQL.
pub(crate) fn published() -> u64 {
    PUBLISHED.load(Ordering::Relaxed)
}

/// Publishes a sample to every subscriber. IRQL <= `DISPATCH_LEVEL`; the caller holds no
/// lock, because this calls the monitors.
pub(crate) fn publish() {
    PUBLISHED.fetch_add(1, Ordering::Relaxed);
    source::publish(&SUBSCRIBERS, &ACTIVITY.snapshot());
}
