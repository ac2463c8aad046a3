// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client of Echo telemetry: its dispatch table, subscribing and polling.

use nmr::dispatch::Lent;
use nmr::header::Header;
use nmr::{Binding, Call, Client, Module, NtStatus, Result, Table};

use super::dispatch::{ClientDispatch, ProviderDispatch};
use super::sample::Sample;
use super::{Telemetry, VERSION};

/// A module that consumes Echo telemetry.
pub trait TelemetryMonitor: Module<Role = Client, Npi = Telemetry> {
    /// Receives a sample that a source has published. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn published(&self, sample: &Sample);
}

/// Returns the dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: TelemetryMonitor>() -> Table<M> {
    let table = const {
        &ClientDispatch {
            header: Header::of::<ClientDispatch>(VERSION),
            publish: Some(publish::<M>),
        }
    };
    // SAFETY: the functions are those of `M`.
    unsafe { Table::new(table) }
}

/// Returns `true` if a source's table has every function.
#[must_use]
pub const fn accepts(table: &ProviderDispatch) -> bool {
    table.subscribe.is_some() && table.sample.is_some()
}

/// Subscribes to a source's samples. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock,
/// because this calls the source.
///
/// # Errors
///
/// The status that the source returns.
pub fn subscribe<M: TelemetryMonitor>(call: Call<'_, M>) -> Result {
    call.make(|source| {
        let subscribe = source.table().subscribe.ok_or(NtStatus::NOINTERFACE)?;
        // SAFETY: the source is attached.
        NtStatus(unsafe { subscribe(source.context()) }).ok()
    })
}

/// Polls a source for a sample. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock,
/// because this calls the source.
///
/// # Errors
///
/// The status that the source returns.
pub fn sample<M: TelemetryMonitor>(call: Call<'_, M>) -> Result<Sample> {
    call.make(|source| {
        let mut sample = Sample::new();
        let ask = source.table().sample.ok_or(NtStatus::NOINTERFACE)?;
        // SAFETY: the source is attached, and the structure outlives the call.
        NtStatus(unsafe { ask(source.context(), &raw mut sample) }).ok()?;
        Ok(sample)
    })
}

nmr::dispatch_fn! {
    /// `publish` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn publish[M: TelemetryMonitor](binding: &Binding<M>, sample: Lent<'call, Sample>) {
        binding.module().published(&sample);
    }
}
