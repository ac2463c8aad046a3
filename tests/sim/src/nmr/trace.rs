// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of the registrar, as the trace has them.

use registrar::host::{Call, Event, Phase, Side};
use scenarios::{NmrCall, NmrMoment, Role, TraceKind};

use crate::findings::caller::caller;
use crate::kernel::State;

/// The role of a module of this side.
pub(super) const fn role(side: Side) -> Role {
    match side {
        Side::Client => Role::Client,
        Side::Provider => Role::Provider,
    }
}

/// An event of the registrar.
pub(super) fn kind(state: &State, event: &Event) -> TraceKind {
    let site = if event.call.is_callback() {
        state.loader.drivers.site(event.code)
    } else {
        caller(state)
    };
    TraceKind::Nmr(NmrMoment {
        call: match event.call {
            Call::Register => NmrCall::Register,
            Call::Deregister => NmrCall::Deregister,
            Call::Wait => NmrCall::Wait,
            Call::AttachProvider => NmrCall::AttachProvider,
            Call::DetachComplete => NmrCall::DetachComplete,
            Call::AttachCallback => NmrCall::AttachCallback,
            Call::DetachCallback => NmrCall::DetachCallback,
            Call::CleanupCallback => NmrCall::CleanupCallback,
        },
        side: role(event.side),
        registration: event.registration.map(|registration| registration.0.get()),
        binding: event.binding.map(|binding| binding.0.get()),
        status: match event.phase {
            Phase::Enter => None,
            Phase::Leave(status) => Some(status),
        },
        place: site.map(|site| state.loader.drivers.code_place(site)),
    })
}
