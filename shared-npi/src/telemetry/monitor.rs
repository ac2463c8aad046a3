// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of Echo telemetry.

use core::ffi::c_void;

use super::dispatch::{ClientDispatch, ProviderDispatch};
use super::sample::Sample;
use super::{Telemetry, VERSION};
use nmr::header::{Header, checked};
use nmr::{Binding, Client, InFlight, Module};
use nmr::{NtStatus, Result};

/// A module that consumes Echo telemetry.
pub trait TelemetryMonitor: Module<Role = Client, Npi = Telemetry> {
    /// A source tells how it fares. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn published(&self, sample: &Sample);
}

/// The dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: TelemetryMonitor>() -> ClientDispatch {
    ClientDispatch {
        header: Header::of::<ClientDispatch>(VERSION),
        publish: Some(publish::<M>),
    }
}

/// Whether a source's table has every function.
#[must_use]
pub const fn usable(table: &ProviderDispatch) -> bool {
    table.subscribe.is_some() && table.sample.is_some()
}

/// Asks a source to publish. IRQL <= `DISPATCH_LEVEL`, no lock held: the source
/// runs.
///
/// # Errors
///
/// What the source answers.
pub fn subscribe<M: TelemetryMonitor>(call: &InFlight<M>) -> Result {
    let peer = call.peer();
    let subscribe = peer.dispatch().subscribe.ok_or(NtStatus::NOINTERFACE)?;
    // SAFETY: the call is in flight, so the source is attached.
    NtStatus(unsafe { subscribe(peer.context()) }).ok()
}

/// Asks a source how it fares. IRQL <= `DISPATCH_LEVEL`, no lock held: the
/// source runs.
///
/// # Errors
///
/// What the source answers.
pub fn sample<M: TelemetryMonitor>(call: &InFlight<M>) -> Result<Sample> {
    let mut sample = Sample::new();
    let peer = call.peer();
    let ask = peer.dispatch().sample.ok_or(NtStatus::NOINTERFACE)?;
    // SAFETY: the call is in flight, so the source is attached; the structure
    // is lent for the call.
    NtStatus(unsafe { ask(peer.context(), &raw mut sample) }).ok()?;
    Ok(sample)
}

/// `publish` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a source that keeps the contract of the NPI.
unsafe extern "system" fn publish<M: TelemetryMonitor>(
    binding: *mut c_void,
    sample: *const Sample,
) {
    // SAFETY: a source passes the context that this monitor gave it, and calls
    // only while it is attached.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    // SAFETY: by the contract of the NPI the source lends the structure.
    if let Ok(sample) = unsafe { checked(sample) } {
        binding.module().published(sample);
    }
}
