// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider of Echo telemetry: its dispatch table, and the publishing of samples.

use nmr::abi::NTSTATUS;
use nmr::dispatch::Out;
use nmr::header::Header;
use nmr::{Binding, Bindings, Module, NtStatus, Provider, Table};

use super::dispatch::{ClientDispatch, ProviderDispatch};
use super::sample::Sample;
use super::{Telemetry, VERSION};

/// A module that provides Echo telemetry.
pub trait TelemetrySource: Module<Role = Provider, Npi = Telemetry> {
    /// Returns a sample of its driver's activity. IRQL <= `DISPATCH_LEVEL`.
    fn sample(&self) -> Sample;
}

/// Returns the dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: TelemetrySource>() -> Table<M> {
    let table = const {
        &ProviderDispatch {
            header: Header::of::<ProviderDispatch>(VERSION),
            subscribe: Some(subscribe::<M>),
            sample: Some(sample::<M>),
        }
    };
    // SAFETY: the functions are those of `M`.
    unsafe { Table::new(table) }
}

/// Returns `true` if a monitor's table has every function.
#[must_use]
pub const fn accepts(table: &ClientDispatch) -> bool {
    table.publish.is_some()
}

/// Publishes a sample to all subscribers. IRQL <= `DISPATCH_LEVEL`; the caller holds no
/// lock, because this calls the monitors.
pub fn publish<M: TelemetrySource>(subscribers: &Bindings<M>, sample: &Sample) {
    subscribers.for_each(|call| {
        call.make(|monitor| {
            if let Some(publish) = monitor.table().publish {
                // SAFETY: the monitor is attached, and the sample outlives the call.
                unsafe { publish(monitor.context(), sample) };
            }
        });
    });
}

nmr::dispatch_fn! {
    /// `subscribe` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn subscribe[M: TelemetrySource](binding: &Binding<M>) -> NTSTATUS {
        let Some(call) = binding.enter() else {
            return NtStatus::DEVICE_NOT_READY.0;
        };
        // This call shows that the client's attach is committed: it may be called.
        call.add_to_list();
        NtStatus::SUCCESS.0
    }
}

nmr::dispatch_fn! {
    /// `sample` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
    fn sample[M: TelemetrySource](binding: &Binding<M>, sample: Out<'call, Sample>) -> NTSTATUS {
        sample.write(binding.module().sample());
        NtStatus::SUCCESS.0
    }
}
