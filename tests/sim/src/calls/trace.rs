// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of calls between modules.

use registrar::host::Side;
use scenarios::{NpiCall, Role, TraceKind};

use crate::findings::caller;
use crate::kernel::State;
use crate::scheduling::frame::{Callee, Frame};

/// A call begins.
pub(super) fn call(state: &State, frame: &Frame) -> TraceKind {
    let caller = caller::origin(state, frame);
    TraceKind::Call {
        callee: frame.call.target(),
        caller: caller.map(|site| state.loader.drivers.code_place(site)),
        npi: npi_call(frame),
    }
}

/// A call returns.
pub(super) fn returned(frame: &Frame, value: u64) -> TraceKind {
    let pended = match frame.call {
        Callee::Dispatch { through, .. } => through.has_pended(value),
        Callee::Import { .. } => false,
    };
    TraceKind::Return {
        callee: frame.call.target(),
        value,
        npi: npi_call(frame),
        pended,
    }
}

fn npi_call(frame: &Frame) -> Option<NpiCall> {
    let Callee::Dispatch { through, .. } = frame.call else {
        return None;
    };
    Some(NpiCall {
        owner: match through.owner {
            Side::Client => Role::Client,
            Side::Provider => Role::Provider,
        },
        binding: through.binding.map(|binding| binding.0.get()),
        request: frame.request,
        completes: through.completes(),
    })
}
