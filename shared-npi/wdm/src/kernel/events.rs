// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver's events for Event Tracing for Windows (ETW), written with Microsoft's crate
//! `tracelogging`.
//!
//! The driver defines its [`Provider`] with `tracelogging::define_provider!`, hands it to
//! `Entry::register_events`, and passes the events of its modules on to [`trace`]. The
//! library adds one event for the load and one for the unload.
//!
//! The event for each [`Event`] of a module has the same name. Its fields are `Module`,
//! followed by the fields of the [`Event`]; `Peer` is the GUID of the peer's identity, or zero.
//! `Load` has a `Status`, and `Unload` the `Microseconds` that the deregistrations and the
//! threads took. All events are informational (level 4) and have keyword 1.
//!
//! An event that no session has enabled costs a load and a branch. Without the features `etw`
//! and `kernel_mode` of `tracelogging` all of this compiles to nothing.
//!
//! ETW calls into the image when a session starts or stops, until the provider is
//! unregistered. So the library unregisters it last, in the unload and in an entry that fails.
//! The crate reads the session's level without synchronization: at the moment when a session
//! starts or stops, an event may be lost, or be written for no session.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-etwunregister>

use nmr::irql::PassiveLevel;
use nmr::{Event, Loading, ModuleId, NtStatus, Result, SpinLock};
use tracelogging::{Guid, Level, NATIVE_IMPLEMENTATION, NativeImplementation, write_event};
use wdk_sys::LARGE_INTEGER;
use wdk_sys::ntddk::KeQueryPerformanceCounter;

pub use tracelogging::Provider;

/// The keyword of all events: the life cycle of the driver and of its modules.
const LIFE: u64 = 1;

/// `true` if events are compiled in.
const ENABLED: bool = !matches!(NATIVE_IMPLEMENTATION, NativeImplementation::Other);

/// The provider that is registered, if there is one.
static REGISTERED: SpinLock<Option<&'static Provider>> = SpinLock::new(None);

/// Returns the provider that is registered, if there is one. IRQL <= `DISPATCH_LEVEL`.
fn registered() -> Option<&'static Provider> {
    if ENABLED {
        REGISTERED.with(|it| *it)
    } else {
        None
    }
}

/// Registers the provider of this image. If that fails, or a provider is registered already,
/// the events of this one are not written; a driver works without them. The caller calls
/// [`unregister`] last, in an entry that fails and in the unload.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-etwregister>
pub fn register(provider: &'static Provider, _loading: &Loading<'_>) {
    // The crate panics if a provider is registered twice, which this excludes.
    let take_place = |place: &mut Option<_>| {
        let is_free = place.is_none();
        place.get_or_insert(provider);
        is_free
    };
    if ENABLED && REGISTERED.with(take_place) {
        // SAFETY: the provider is a static, and the caller unregisters it before the image is
        // unmapped.
        unsafe { provider.register() };
    }
}

/// Unregisters the provider of this image, if there is one. Called last in an unload and in an
/// entry that fails: ETW does not call into the image afterwards.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-etwunregister>
pub fn unregister(_passive: &PassiveLevel<'_>) {
    if ENABLED && let Some(provider) = REGISTERED.with(Option::take) {
        // Ignored: the only error is for a handle that is not from ETW.
        provider.unregister();
    }
}

/// Writes an event of the module with the name `module`. Any IRQL.
#[inline]
pub fn trace(provider: &Provider, module: &'static str, event: Event) {
    if provider.enabled(Level::Informational, LIFE) {
        write(provider, module, event);
    }
}

/// Writes an event of a module. Any IRQL.
#[cold]
fn write(provider: &Provider, module: &'static str, event: Event) {
    // The status of `EtwWriteTransfer` is ignored: a session whose buffers are full loses
    // the event, and reports how many it has lost.
    let _ = match event {
        Event::Register { status } => write_event!(
            provider,
            "Register",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
            win_ntstatus("Status", &status.0),
        ),
        Event::Attach { peer, status } => write_event!(
            provider,
            "Attach",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
            guid("Peer", &guid_of(peer)),
            win_ntstatus("Status", &status.0),
        ),
        Event::Detach { peer, in_flight } => write_event!(
            provider,
            "Detach",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
            guid("Peer", &guid_of(peer)),
            u64("InFlight", &(in_flight as u64)),
        ),
        Event::Cleanup { peer } => write_event!(
            provider,
            "Cleanup",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
            guid("Peer", &guid_of(peer)),
        ),
        Event::Deregister { status } => write_event!(
            provider,
            "Deregister",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
            win_ntstatus("Status", &status.0),
        ),
        Event::Deregistered => write_event!(
            provider,
            "Deregistered",
            level(Informational),
            keyword(LIFE),
            str8("Module", module),
        ),
        // An event of a later version of `nmr`.
        _ => 0,
    };
}

/// Returns the GUID of a module's identity, or zero if there is none.
fn guid_of(peer: Option<ModuleId>) -> Guid {
    peer.and_then(ModuleId::guid).map_or_else(Guid::zero, |it| {
        Guid::from_fields(it.Data1, it.Data2, it.Data3, it.Data4)
    })
}

/// Writes the result of loading the driver. IRQL <= `DISPATCH_LEVEL`.
pub fn loaded(result: Result) {
    if let Some(provider) = registered() {
        let status = result.err().unwrap_or(NtStatus::SUCCESS);
        let _ = write_event!(
            provider,
            "Load",
            level(Informational),
            keyword(LIFE),
            win_ntstatus("Status", &status.0),
        );
    }
}

/// An unload in progress.
#[must_use = "it writes how long the unload took"]
pub struct Unloading {
    /// The performance counter at the beginning; `None` if no session has enabled the event.
    began: Option<i64>,
}

impl Unloading {
    /// Begins to measure the unload. IRQL <= `DISPATCH_LEVEL`.
    pub fn begin() -> Self {
        let listens = |it: &&Provider| it.enabled(Level::Informational, LIFE);
        let provider = registered().filter(listens);
        Self {
            began: provider.map(|_| performance_counter().0),
        }
    }

    /// Writes how long the unload took. IRQL <= `DISPATCH_LEVEL`.
    pub fn end(self) {
        let (Some(provider), Some(began)) = (registered(), self.began) else {
            return;
        };
        let (now, per_second) = performance_counter();
        let counts = now.saturating_sub(began).saturating_mul(1_000_000);
        let microseconds = counts.checked_div(per_second).unwrap_or_default();
        let _ = write_event!(
            provider,
            "Unload",
            level(Informational),
            keyword(LIFE),
            u64("Microseconds", &microseconds.unsigned_abs()),
        );
    }
}

/// The performance counter, and its counts per second. The interrupt time would not do: it is
/// updated once per tick of the clock, up to 15.6 ms. Any IRQL.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-kequeryperformancecounter>
fn performance_counter() -> (i64, i64) {
    let mut per_second = 0_i64;
    let place = (&raw mut per_second).cast::<LARGE_INTEGER>();
    // SAFETY: callable at any IRQL; `place` is that of a 64-bit integer, which `LARGE_INTEGER` is,
    // and outlives the call.
    let counter = unsafe { KeQueryPerformanceCounter(place) };
    // SAFETY: every bit pattern is a valid integer.
    (unsafe { counter.QuadPart }, per_second)
}
