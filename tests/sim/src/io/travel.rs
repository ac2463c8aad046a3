// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests on their way down a device stack: what `IoCallDriver` does.

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Win32::Foundation::{STATUS_ACCESS_VIOLATION, STATUS_PENDING};

use crate::findings::bug_check::Code;
use crate::findings::{stop, stop_at};
use crate::io::irp::{Irp, PENDING_RETURNED, StackLocation, stack_location};
use crate::io::requests::name;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::clocks::Sync;
use crate::scheduling::point;
use crate::verifier::driver_call;
use crate::verifier::locks;
use crate::verifier::routine::{EntryState, check_convention};

/// A call of a dispatch routine.
struct Descent {
    number: u64,
    major: u8,
    location: *const StackLocation,
    routine: Option<usize>,
    /// The call that created the device.
    maker: Option<Site>,
}

/// The device on top of the stack that a device is in.
pub(crate) fn top(device: usize) -> usize {
    let mut device = device as *const DEVICE_OBJECT;
    loop {
        // SAFETY: a device that is open or attached is in memory, and so is what is attached
        // to it.
        let above = unsafe { (*device).AttachedDevice };
        if above.is_null() {
            return device.addr();
        }
        device = above;
    }
}

/// Calls the dispatch routine of a device's driver with a request, in the next stack location.
/// Returns its status.
///
/// # Safety
///
/// The device and the request are in memory.
pub(crate) unsafe fn call_driver(device: usize, irp: *mut Irp) -> i32 {
    // SAFETY: both are in memory, by this function's contract.
    if unsafe { (*irp).current_location } <= 1 {
        let what = "a request was sent that has no stack location left for the driver below";
        stop(("0x35", [irp.addr(), 0, 0, 0]), what.to_owned());
    }
    // SAFETY: both are in memory, by this function's contract, and there is a location.
    let descent = with(|state| unsafe { descend(state, device, irp) });
    let Some(routine) = descent.routine else {
        let status = STATUS_ACCESS_VIOLATION.cast_unsigned() as usize;
        let what = format!(
            "the driver has put a null pointer in the place of {}",
            name(descent.major)
        );
        stop_at(("0x7E", [status, 0, 0, 0]), what, descent.maker);
    };
    let before = EntryState::now();
    let by = descent.maker;
    let by = with(|state| state.loader.drivers.entry(by?.driver));
    let what = format!(
        "MajorFunction[{}] of the driver object",
        name(descent.major)
    );
    // SAFETY: a dispatch routine takes a device and a request.
    let status = unsafe { driver_call::call(what, routine, by, &[device, irp.addr()]) };
    let status = driver_call::status(status);
    let now = with(|state| state.scheduling.current().irql);
    let site = with(|state| state.loader.drivers.site(routine));
    check_convention("a dispatch routine", site);
    if now != before.level {
        let code = (
            "0xC9",
            [0x05, device, usize::from(before.level), usize::from(now)],
        );
        stop_at(code, "a dispatch routine changed the IRQL".to_owned(), site);
    }
    locks::check_none_taken("a dispatch routine", before, site);
    let breach = with(|state| check_dispatched(state, irp.addr(), &descent, device, status));
    if let Some((code, what)) = breach {
        stop_at(code, what, site);
    }
    point();
    status
}

/// Takes a request one stack location down.
///
/// # Safety
///
/// The device and the request are in memory, and the request has a location left.
unsafe fn descend(state: &mut State, device: usize, irp: *mut Irp) -> Descent {
    // SAFETY: the request has a location left, by this function's contract.
    let (location, number) = unsafe {
        (*irp).current_location -= 1;
        let location = stack_location(irp).wrapping_sub(1);
        (*irp).current_stack_location = location.addr();
        (*location).device = device;
        (location, (*irp).current_location)
    };
    // SAFETY: the location is the request's, and a device and its driver's object are there.
    let (major, routine) = unsafe {
        let major = (*location).major;
        let driver = (*(device as *const DEVICE_OBJECT)).DriverObject;
        let routine = (*driver).MajorFunction.get(usize::from(major)).copied();
        (major, routine.flatten().map(|routine| routine as usize))
    };
    let to = routine.and_then(|routine| state.loader.drivers.site(routine));
    let call = state.io.packets.begin(irp.addr(), number, to);
    if let Some(request) = state.io.requests.sent.get_mut(&irp.addr()) {
        request.to = to;
    }
    state.scheduling.release(Sync::Object(irp.addr()));
    let maker = state.objects.names.maker(device);
    let maker = maker.or_else(|| state.objects.created.creator(device));
    Descent {
        number: call,
        major,
        location,
        routine,
        maker,
    }
}

/// Checks that what a dispatch routine returned fits what it did. Returns the breach.
fn check_dispatched(
    state: &mut State,
    irp: usize,
    descent: &Descent,
    device: usize,
    status: i32,
) -> Option<(Code, String)> {
    let name = name(descent.major);
    let passed = state.io.packets.end(irp, descent.number);
    // Its completion routine will mark it.
    let pends_below = passed.is_none() && state.io.packets.is_passed_on(irp, descent.number);
    if status == STATUS_PENDING && pends_below {
        return None;
    }
    let marked = passed.map_or_else(
        // SAFETY: a request whose completion has not passed this location is in memory.
        || unsafe { (*descent.location).control & PENDING_RETURNED != 0 },
        |passed| passed.marked,
    );
    let (number, what) = match &passed {
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
        Some(passed) if passed.status != status => {
            let (returned, set) = (status.cast_unsigned(), passed.status.cast_unsigned());
            (
                0x224,
                format!("returned {returned:#010x} and completed it with {set:#010x}"),
            )
        }
        Some(_) => return None,
    };
    let routine = descent.routine.unwrap_or_default();
    let code = ("0xC9", [number, routine, irp, device]);
    Some((
        code.into(),
        format!("the dispatch routine for {name} {what}"),
    ))
}
