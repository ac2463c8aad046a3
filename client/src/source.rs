// SPDX-License-Identifier: MIT OR Apache-2.0

//! The second module: a provider of Echo telemetry, which tells how this client
//! of Echo fares.

use core::sync::atomic::{AtomicU64, Ordering};

use nmr::Result;
use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::versions::Versions;
use nmr::{Bindings, Module, PeerModule, Provider, Switch};
use shared_npi::telemetry::source::{self, TelemetrySource};
use shared_npi::telemetry::{
    Activity, Characteristics, ClientDispatch, ProviderDispatch, Sample,
    TELEMETRY_SOURCE_MODULE_ID, Telemetry, VERSION,
};

/// Where the module is registered, unless it is switched off.
pub(crate) static SOURCE: Switch<Source> = Switch::new();

/// What the driver has done.
pub(crate) static ACTIVITY: Activity = Activity::new();

/// The monitors that have subscribed.
pub(crate) static SUBSCRIBERS: Bindings<Source> = Bindings::new();

/// Samples published.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);

/// The source: NMR's registration context.
pub(crate) struct Source;

impl Module for Source {
    type Role = Provider;
    type Npi = Telemetry;
    type Binding = ();

    const MODULE_ID: NPI_MODULEID = TELEMETRY_SOURCE_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(Versions::new(VERSION, VERSION));
    const DISPATCH: &'static ProviderDispatch = &source::dispatch::<Self>();

    fn attach(&self, monitor: &PeerModule<'_, Telemetry>, _passive: &PassiveLevel<'_>) -> Result {
        let theirs = monitor.characteristics()?;
        Self::CHARACTERISTICS.versions.common(theirs.versions)?;
        Ok(())
    }

    fn usable((): &(), table: &ClientDispatch) -> bool {
        source::usable(table)
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

/// How many samples have been published.
pub(crate) fn published() -> u64 {
    PUBLISHED.load(Ordering::Relaxed)
}

/// Tells every subscriber. IRQL <= `DISPATCH_LEVEL`.
pub(crate) fn publish() {
    PUBLISHED.fetch_add(1, Ordering::Relaxed);
    source::publish(&SUBSCRIBERS, &ACTIVITY.snapshot());
}
