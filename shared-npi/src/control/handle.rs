// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a request's bytes to its answer.

use super::buffer::Buffer;
use super::list::{self, BindingEntry};
use super::session::Session;
use super::{
    HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, Status,
    SwitchRequest, TELEMETRY,
};
use crate::unload_gate::UnloadGate;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};

/// A driver with a control device.
pub trait Controlled {
    /// How it fares; the holds are filled in by [`handle`].
    fn status(&self) -> Status;

    /// Tells of each binding of each module.
    fn bindings(&self, tell: &mut dyn FnMut(BindingEntry));

    /// Registers or deregisters the module of telemetry.
    ///
    /// # Errors
    ///
    /// As [`Switch::on`](nmr::Switch::on) and
    /// [`Switch::off`](nmr::Switch::off).
    fn switch(&self, on: bool, passive: &PassiveLevel<'_>) -> Result<bool>;
}

/// Handles the request `code`: the status to complete it with, and how many
/// bytes of answer there are. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// The request came through the open handle of `session`, whose
/// [`end`](Session::end) is called in its `IRP_MJ_CLOSE`.
pub unsafe fn handle<O>(
    code: u32,
    mut buffer: Buffer<'_>,
    driver: &impl Controlled,
    session: &Session,
    gate: &UnloadGate<O>,
    passive: &PassiveLevel<'_>,
) -> (NtStatus, usize) {
    let nothing = |()| (NtStatus::SUCCESS, 0);
    let answer = match code {
        QUERY_STATUS => {
            let status = Status {
                holds: gate.holds(),
                ..driver.status()
            };
            buffer.answer(status).map(|end| (NtStatus::SUCCESS, end))
        }
        LIST_BINDINGS => list::write(&mut buffer, |tell| driver.bindings(tell)),
        SWITCH_SUBCOMPONENT => switch(&buffer, driver, passive).map(nothing),
        HOLD_UNLOAD => buffer.input::<Header>().and_then(|_| {
            // SAFETY: by this function's contract.
            unsafe { session.hold(gate) }.map(nothing)
        }),
        RELEASE_UNLOAD => buffer
            .input::<Header>()
            .and_then(|_| session.release(gate).map(nothing)),
        _ => Err(NtStatus::INVALID_DEVICE_REQUEST),
    };
    answer.unwrap_or_else(|status| (status, 0))
}

fn switch(buffer: &Buffer<'_>, driver: &impl Controlled, passive: &PassiveLevel<'_>) -> Result {
    let wanted = buffer.input::<SwitchRequest>()?;
    let on = match wanted.on {
        0 => false,
        1 => true,
        _ => return Err(NtStatus::INVALID_PARAMETER),
    };
    if wanted.subcomponent != TELEMETRY {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    driver.switch(on, passive).map(drop)
}
