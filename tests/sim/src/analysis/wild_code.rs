// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains a call of what is no code: which pointer led there, and which driver has put
//! it there. It is not always the driver that calls.

use crate::hardware::trap::{Exception, ExceptionKind};
use crate::kernel::State;
use crate::loader::drivers::Site;
use crate::scheduling::frame::TableEntry;

/// A pointer that leads to no code.
#[derive(Debug)]
pub(crate) struct WildPointer {
    /// What it is: `DriverUnload of the driver object`.
    pub(crate) what: String,
    /// The code that is responsible for it.
    pub(crate) site: Option<Site>,
}

/// The pointer by which `fault` came about, if it is a call by the kernel, or by
/// `caller` through its peer's dispatch table.
pub(crate) fn find(state: &State, fault: &Exception, caller: Option<Site>) -> Option<WildPointer> {
    if fault.kind != ExceptionKind::Execute {
        return None;
    }
    match caller {
        Some(caller) => in_table(state, fault.address, caller),
        None => routine(state, fault.address),
    }
}

/// The routine at `address` that the kernel calls.
fn routine(state: &State, address: usize) -> Option<WildPointer> {
    let current = state.scheduling.current();
    let routine = current.routines.last()?;
    let calls = routine.address == address && routine.depth == current.frames.len();
    calls.then(|| WildPointer {
        what: routine.what.to_string(),
        site: routine.by,
    })
}

/// The entry of a dispatch table that was handed to the driver of `caller`.
fn in_table(state: &State, address: usize, caller: Site) -> Option<WildPointer> {
    let calls = &state.verifier.binding_calls;
    let module = |binding, side| state.loader.drivers.site(calls.code(binding, side));
    let mut entries = state.verifier.dispatch_tables.entries_with(address);
    let (handed, offset) = entries.find(|(handed, _)| {
        let peer = module(handed.binding, handed.owner.peer());
        peer.is_some_and(|peer| peer.driver == caller.driver)
    })?;
    let entry = TableEntry::new(Some(handed.binding), handed.npi, handed.owner, offset);
    let caller = state.loader.drivers.show(caller);
    Some(WildPointer {
        what: format!(
            "{entry} of binding {}, which {caller} calls,",
            handed.binding.0
        ),
        site: module(handed.binding, handed.owner),
    })
}
