// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dispatch of a control request: decodes its input, calls the driver, and encodes the
//! output.

use super::buffer::Buffer;
use super::list::{self, BindingEntry};
use super::session::Session;
use super::{
    HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, SwitchRequest,
};
use nmr::header::{Header, Plain};
use nmr::irql::WaitAllowed;
use nmr::layout::Layout;
use nmr::{NtStatus, Result};

/// The driver's part in the requests of its control device. An image is one driver, whose
/// state is in statics, so that the functions take no `self`.
pub trait Controlled: 'static {
    /// The output of [`QUERY_STATUS`]: a header of version
    /// [`VERSION`](super::VERSION), followed by the driver's own fields.
    type Status: Layout + Plain;

    /// Returns the status of the driver, whose unload `holds` holds block.
    /// IRQL = `PASSIVE_LEVEL`.
    fn status(holds: u32) -> Self::Status;

    /// Reports each binding of each module. IRQL = `PASSIVE_LEVEL`.
    fn bindings(report: &mut dyn FnMut(BindingEntry));

    /// Registers or deregisters a module, and waits until that is complete.
    /// IRQL = `PASSIVE_LEVEL`, in the thread of the requesting program.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_PARAMETER` for an unknown `subcomponent`;
    /// `STATUS_DEVICE_BUSY` while another thread is switching it;
    /// `STATUS_DELETE_PENDING` once the driver unloads; otherwise NMR's status.
    fn switch(subcomponent: u32, on: bool, wait: &WaitAllowed<'_>) -> Result;
}

/// Handles the control request `code` for the driver `C`. Returns the status with which to
/// complete the request, and the number of bytes of output. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// The request came through the file of `session`. The session is dropped before the file's
/// `IRP_MJ_CLOSE` is completed.
pub unsafe fn handle<C: Controlled, O>(
    code: u32,
    mut buffer: Buffer<'_>,
    session: &Session<'_, O>,
    wait: &WaitAllowed<'_>,
) -> (NtStatus, usize) {
    let without_output = |()| (NtStatus::SUCCESS, 0);
    let answer = match code {
        QUERY_STATUS => buffer
            .answer(C::status(session.all_holds()))
            .map(|end| (NtStatus::SUCCESS, end)),
        LIST_BINDINGS => list::write(&mut buffer, |report| C::bindings(report)),
        SWITCH_SUBCOMPONENT => switch::<C>(&buffer, wait).map(without_output),
        HOLD_UNLOAD => buffer.input::<Header>().and_then(|_| {
            // SAFETY: by this function's contract the request came through the
            // session's file, and the session is dropped in time.
            unsafe { session.hold() }.map(without_output)
        }),
        RELEASE_UNLOAD => buffer
            .input::<Header>()
            .and_then(|_| session.release().map(without_output)),
        _ => Err(NtStatus::INVALID_DEVICE_REQUEST),
    };
    answer.unwrap_or_else(|status| (status, 0))
}

fn switch<C: Controlled>(buffer: &Buffer<'_>, wait: &WaitAllowed<'_>) -> Result {
    let request = buffer.input::<SwitchRequest>()?;
    let on = match request.on {
        0 => false,
        1 => true,
        _ => return Err(NtStatus::INVALID_PARAMETER),
    };
    C::switch(request.subcomponent, on, wait)
}
