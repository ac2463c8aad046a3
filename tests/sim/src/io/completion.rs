// SPDX-License-Identifier: MIT OR Apache-2.0

//! How requests end: `IoCompleteRequest` takes a request up its device stack, from one
//! completion routine to the next.

use windows_sys::Wdk::System::SystemServices::IRP_MJ_DEVICE_CONTROL;
use windows_sys::Win32::Foundation::{STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING};

use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::io::buffers;
use crate::io::control;
use crate::io::files;
use crate::io::irp::{Irp, PENDING_RETURNED, StackLocation, stack_location};
use crate::io::packets::{Origin, Passed};
use crate::io::requests::{Answer, name};
use crate::kernel::{State, with};
use crate::scheduling::Waitable;
use crate::verifier::driver_call;
use crate::verifier::locks;
use crate::verifier::routine::{EntryState, check_convention};

/// `SL_INVOKE_ON_CANCEL`, `SL_INVOKE_ON_SUCCESS` and `SL_INVOKE_ON_ERROR`.
const ON_CANCEL: u8 = 0x20;
const ON_SUCCESS: u8 = 0x40;
const ON_ERROR: u8 = 0x80;

/// `NT_ERROR`: nothing is put out; with a warning something may be.
pub(crate) const fn is_error(status: i32) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// What `IoCompleteRequest` does when the request is complete for every driver.
pub(crate) type Finish = fn(irp: usize);

/// `IoCompleteRequest`; `finish` ends a request of a driver that the I/O manager frees.
pub(crate) fn complete(irp: usize, finish: Finish) {
    if let Err((code, what)) = with(|state| check_completed(state, irp)) {
        stop(code, what);
    }
    let packet = irp as *mut Irp;
    loop {
        // SAFETY: a request that is not complete is in memory.
        let at_top = unsafe { (*packet).current_location > (*packet).stack_count };
        if at_top {
            break;
        }
        // SAFETY: as above, and it has a stack location.
        let number = unsafe { (*packet).current_location };
        let guard = with(|state| state.io.files.guard_of(irp, number));
        // SAFETY: as above.
        let routine = unsafe { ascend(packet) };
        let goes_on = routine.is_none_or(|(routine, context)| {
            // SAFETY: as above: only the routine can end that.
            unsafe { call_routine(packet, routine, context) }
        });
        if let Some(guard) = guard {
            with(|state| files::unguard(state, guard));
        }
        if !goes_on {
            return;
        }
    }
    end(irp, finish);
}

/// Checks that a request may be completed, as it is. Returns the breach.
fn check_completed(state: &State, irp: usize) -> Result<(), (Code, String)> {
    let again = |what: String| Err((("0x44", [irp, 0, 0, 0]).into(), what));
    let request = state.io.requests.sent.get(&irp);
    let packet = state.io.packets.get(irp);
    let name = match (request, packet) {
        (Some(request), _) => {
            let name = name(request.parameters.major);
            if request.answer.is_some() {
                return again(format!("an {name} was completed twice"));
            }
            name
        }
        (None, None) => {
            return again(format!(
                "{irp:#x} was completed, which is no request under way"
            ));
        }
        (None, Some(packet)) => {
            if !packet.is_live || (packet.completed && packet.origin != Origin::Threaded) {
                return again("an IRP was completed twice".to_owned());
            }
            if !packet.completed && !state.io.packets.is_under_way(irp) {
                let what = "an IRP was completed that was not sent to a driver";
                return Err((("0xC9", [0x239, 0, irp, 0]).into(), what.to_owned()));
            }
            // SAFETY: a request that is not freed is in memory.
            unsafe { name_of(irp as *mut Irp) }
        }
    };
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
    if let Some(request) = request {
        let room = request.parameters.output_length;
        let controls = u32::from(request.parameters.major) == IRP_MJ_DEVICE_CONTROL;
        if controls && !is_error(status) && information > room {
            let what = format!(
                "an {name} was completed with {information} bytes of output, the program has \
                 room for {room}"
            );
            return Err(("overrun".into(), what));
        }
    }
    if cancel != 0 {
        let what = format!("an {name} was completed while its cancel routine was set");
        return Err((("0xC9", [0x07, cancel, irp, 0]).into(), what));
    }
    Ok(())
}

/// What a request asks for in its present stack location.
///
/// # Safety
///
/// The request is in memory.
unsafe fn name_of(irp: *mut Irp) -> &'static str {
    // SAFETY: the request is in memory, by this function's contract.
    unsafe {
        if (*irp).current_location > (*irp).stack_count {
            return "IRP";
        }
        name((*stack_location(irp)).major)
    }
}

/// Takes a request one stack location up. Returns the completion routine that is to be called
/// for that, and its context.
///
/// # Safety
///
/// The request is in memory and has a present stack location.
unsafe fn ascend(irp: *mut Irp) -> Option<(usize, usize)> {
    // SAFETY: the request has a present location, by this function's contract.
    let (location, number, status, cancel) = unsafe {
        let location = stack_location(irp);
        let number = (*irp).current_location;
        (location, number, (*irp).status, (*irp).cancel != 0)
    };
    // SAFETY: as above.
    let (control, routine, context) = unsafe {
        let location = &*location;
        (
            location.control,
            location.completion_routine,
            location.context,
        )
    };
    let marked = control & PENDING_RETURNED != 0;
    with(|state| {
        let passed = Passed { marked, status };
        state.io.packets.pass(irp.addr(), number, passed);
    });
    // SAFETY: as above.
    let above = unsafe {
        (*irp).pending_returned = u8::from(marked);
        (*irp).current_location += 1;
        (*irp).current_stack_location = location.wrapping_add(1).addr();
        (*location).control = 0;
        (number < (*irp).stack_count).then(|| location.wrapping_add(1))
    };
    let failed = status < 0;
    let wanted = (!failed && control & ON_SUCCESS != 0)
        || (failed && control & ON_ERROR != 0)
        || (cancel && control & ON_CANCEL != 0);
    if wanted && routine != 0 {
        return Some((routine, context));
    }
    if let Some(above) = above.filter(|_| marked) {
        // SAFETY: the location above is the request's.
        unsafe { (*above).control |= PENDING_RETURNED };
    }
    None
}

/// Calls a completion routine. Returns `false` if it keeps the request.
///
/// # Safety
///
/// The request is in memory.
unsafe fn call_routine(irp: *mut Irp, routine: usize, context: usize) -> bool {
    const WHAT: &str = "a completion routine";

    // SAFETY: the request is in memory, and it is at its present stack location if it has one.
    let (above, pended) = unsafe {
        let has_location = (*irp).current_location <= (*irp).stack_count;
        let above = has_location.then(|| stack_location(irp));
        (above, (*irp).pending_returned != 0)
    };
    // SAFETY: the location is the request's.
    let device = above.map_or(0, |above: *mut StackLocation| unsafe { (*above).device });
    let before = EntryState::now();
    let by = with(|state| state.io.packets.get(irp.addr())?.by);
    // SAFETY: a completion routine takes a device, a request and its context.
    let result = unsafe { driver_call::call(WHAT, routine, by, &[device, irp.addr(), context]) };
    let site = with(|state| state.loader.drivers.site(routine));
    check_convention(WHAT, site);
    let now = with(|state| state.scheduling.current().irql);
    if now != before.level {
        let code = (
            "0xC4",
            [0xFA, routine, usize::from(before.level), usize::from(now)],
        );
        stop_at(code, format!("{WHAT} changed the IRQL"), site);
    }
    locks::check_none_taken(WHAT, before, site);
    if driver_call::status(result) == STATUS_MORE_PROCESSING_REQUIRED {
        return false;
    }
    if with(|state| state.io.packets.is_freed(irp.addr())) {
        let what = format!(
            "{WHAT} freed the IRP and did not return STATUS_MORE_PROCESSING_REQUIRED: the I/O \
             manager goes on with it"
        );
        stop_at("0xC9", what, site);
    }
    // SAFETY: the location is the request's, which was not freed.
    let marked = above.is_none_or(|above| unsafe { (*above).control } & PENDING_RETURNED != 0);
    if pended && !marked {
        let code = ("0xC9", [0x228, routine, irp.addr(), 0]);
        let what =
            format!("{WHAT} did not call IoMarkIrpPending for an IRP whose PendingReturned is set");
        stop_at(code, what, site);
    }
    true
}

/// A request is complete for every driver.
fn end(irp: usize, finish: Finish) {
    let origin = with(|state| {
        let packet = state.io.packets.get(irp)?;
        Some((packet.origin, packet.by))
    });
    match origin {
        Some((Origin::Threaded, _)) => finish(irp),
        Some((_, by)) => {
            let what = "an IRP that its driver has allocated was completed, and no completion \
                        routine of the driver returned STATUS_MORE_PROCESSING_REQUIRED: the I/O \
                        manager has no thread to complete it for";
            stop_at("0xC9", what.to_owned(), by);
        }
        None => {
            // SAFETY: a request that is not complete is in memory.
            let (status, information) = unsafe {
                let irp = irp as *mut Irp;
                ((*irp).status, (*irp).information)
            };
            with(|state| answer(state, irp, status, information));
        }
    }
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
    let output = unsafe { buffers.read(length.min(request.parameters.output_length)) };
    request.answer = Some(Answer {
        status,
        information,
        output,
    });
    control::count(state, code, status);
    buffers::free(state, buffers);
    let by = caller(state);
    let _ = state.memory.pool.free(irp, 0, by);
    state.scheduling.wake_all(Waitable::Object(irp));
}
