// SPDX-License-Identifier: MIT OR Apache-2.0

//! How requests end: `IoCompleteRequest`, and what a dispatch routine says about
//! it.

use windows_sys::Wdk::System::SystemServices::IRP_MJ_DEVICE_CONTROL;
use windows_sys::Win32::Foundation::STATUS_PENDING;

use crate::findings::bug_check::Code;
use crate::findings::stop;
use crate::io::buffers;
use crate::io::control;
use crate::io::irp::{Irp, PENDING_RETURNED, stack_location};
use crate::io::requests::{Answer, name};
use crate::kernel::{State, with};
use crate::scheduling::Waitable;

/// `NT_ERROR`: nothing is put out; with a warning something may be.
const fn is_error(status: i32) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// `IoCompleteRequest`.
pub(crate) fn complete(irp: usize) {
    match with(|state| complete_request(state, irp)) {
        Ok(()) => {}
        Err((code, what)) => stop(code, what),
    }
}

fn complete_request(state: &mut State, irp: usize) -> Result<(), (Code, String)> {
    let again = |what: String| Err((("0x44", [irp, 0, 0, 0]).into(), what));
    let Some(request) = state.io.requests.sent.get(&irp) else {
        return again(format!(
            "{irp:#x} was completed, which is no request under way"
        ));
    };
    let name = name(request.parameters.major);
    if request.answer.is_some() {
        return again(format!("an {name} was completed twice"));
    }
    // SAFETY: a request that is not complete is in memory.
    let (status, information, cancel) = unsafe {
        let irp = irp as *mut Irp;
        ((*irp).status, (*irp).information, (*irp).cancel_routine)
    };
    if status == STATUS_PENDING || status == -1 {
        let shown = status.cast_unsigned();
        let code = ("0xC9", [0x06, shown as usize, irp, 0]);
        let what = format!("an {name} was completed with status {shown:#010x}");
        return Err((code.into(), what));
    }
    let room = request.parameters.output_length;
    let controls = u32::from(request.parameters.major) == IRP_MJ_DEVICE_CONTROL;
    if controls && !is_error(status) && information > room {
        let what = format!(
            "an {name} was completed with {information} bytes of output, the program has room \
             for {room}"
        );
        return Err(("overrun".into(), what));
    }
    if cancel != 0 {
        let what = format!("an {name} was completed while its cancel routine was set");
        return Err((("0xC9", [0x07, cancel, irp, 0]).into(), what));
    }
    answer(state, irp, status, information);
    Ok(())
}

/// Completes a request: frees its memory and wakes the thread that waits.
fn answer(state: &mut State, irp: usize, status: i32, information: usize) {
    let Some(request) = state.io.requests.sent.get_mut(&irp) else {
        return;
    };
    let buffers = request.parameters.buffers;
    let length = if is_error(status) { 0 } else { information };
    let code = request.parameters.code;
    // SAFETY: the request is in memory with its buffers, and there is room for
    // what it says of its output.
    unsafe {
        let output = buffers.read(length.min(request.parameters.output_length));
        let location = stack_location(irp as *mut Irp);
        request.marked = (*location).control & PENDING_RETURNED != 0;
        request.answer = Some(Answer { status, output });
    }
    control::count(state, code, status);
    buffers::free(state, buffers);
    let _ = state.memory.pool.free(irp, 0, None);
    state.scheduling.wake_all(Waitable::Object(irp));
}

/// Checks that what a dispatch routine returned fits what it did. Returns the breach.
pub(crate) fn check_dispatched(
    state: &State,
    irp: *mut Irp,
    routine: usize,
    status: i32,
) -> Option<(Code, String)> {
    let request = &state.io.requests.sent[&irp.addr()];
    let name = name(request.parameters.major);
    let marked = match &request.answer {
        Some(_) => request.marked,
        // SAFETY: a request that is not complete is in memory.
        None => unsafe { (*stack_location(irp)).control & PENDING_RETURNED != 0 },
    };
    let (number, what) = match &request.answer {
        _ if status == STATUS_PENDING && !marked => (
            0x23D,
            "returned STATUS_PENDING without IoMarkIrpPending".to_owned(),
        ),
        _ if status == STATUS_PENDING => return None,
        None => (
            0x226,
            "returned without completing it or STATUS_PENDING".to_owned(),
        ),
        Some(_) if marked => (
            0x23E,
            format!(
                "marked it pending and returned {:#010x}",
                status.cast_unsigned()
            ),
        ),
        Some(answer) if answer.status != status => {
            let (returned, set) = (status.cast_unsigned(), answer.status.cast_unsigned());
            (
                0x224,
                format!("returned {returned:#010x} and completed it with {set:#010x}"),
            )
        }
        Some(_) => return None,
    };
    let code = (
        "0xC9",
        [number, routine, irp.addr(), request.parameters.device],
    );
    Some((
        code.into(),
        format!("the dispatch routine for {name} {what}"),
    ))
}
