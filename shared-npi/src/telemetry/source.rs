// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end of Echo telemetry.

use core::ffi::c_void;

use super::dispatch::{ClientDispatch, ProviderDispatch};
use super::sample::Sample;
use super::{Telemetry, VERSION};
use nmr::NtStatus;
use nmr::abi::NTSTATUS;
use nmr::header::{Header, checked};
use nmr::{Binding, Bindings, Module, Provider};

/// A module that provides Echo telemetry.
pub trait TelemetrySource: Module<Role = Provider, Npi = Telemetry> {
    /// How its driver fares. IRQL <= `DISPATCH_LEVEL`.
    fn sample(&self) -> Sample;
}

/// The dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: TelemetrySource>() -> ProviderDispatch {
    ProviderDispatch {
        header: Header::of::<ProviderDispatch>(VERSION),
        subscribe: Some(subscribe::<M>),
        sample: Some(sample::<M>),
    }
}

/// Whether a monitor's table has every function.
#[must_use]
pub const fn usable(table: &ClientDispatch) -> bool {
    table.publish.is_some()
}

/// Tells all subscribers. IRQL <= `DISPATCH_LEVEL`, no lock held: the monitors
/// run.
pub fn publish<M: TelemetrySource>(subscribers: &Bindings<M>, sample: &Sample) {
    subscribers.for_each(|call| {
        let peer = call.peer();
        if let Some(publish) = peer.dispatch().publish {
            // SAFETY: the call is in flight, so the monitor is attached; the
            // sample is lent for the call.
            unsafe { publish(peer.context(), sample) };
        }
    });
}

/// `subscribe` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a monitor that keeps the contract of the NPI.
unsafe extern "system" fn subscribe<M: TelemetrySource>(binding: *mut c_void) -> NTSTATUS {
    // SAFETY: a monitor passes the context that this source gave it, and calls
    // only while it is attached.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    let Some(call) = binding.enter() else {
        return NtStatus::DEVICE_NOT_READY.0;
    };
    // The client calls: its attach is committed, and it may be called.
    call.list();
    NtStatus::SUCCESS.0
}

/// `sample` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a monitor that keeps the contract of the NPI.
unsafe extern "system" fn sample<M: TelemetrySource>(
    binding: *mut c_void,
    sample: *mut Sample,
) -> NTSTATUS {
    // SAFETY: as in `subscribe`.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    // SAFETY: by the contract of the NPI the monitor lends the structure.
    if let Err(refused) = unsafe { checked::<Sample>(sample) } {
        return refused.0;
    }
    // SAFETY: checked, and lent for writing.
    unsafe { sample.write(binding.module().sample()) };
    NtStatus::SUCCESS.0
}
