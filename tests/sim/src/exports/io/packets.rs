// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that drivers allocate, and sending them.

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::Foundation::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::arena::POOL;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::irp::{self, Irp, stack_location};
use crate::io::packets::{Origin, Packet};
use crate::io::travel;
use crate::kernel::{State, with};
use crate::memory::pool::Hold;
use crate::network::requests;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "IoAllocateIrp" <= DISPATCH_LEVEL => io_allocate_irp: *mut Irp;
    "IoFreeIrp" <= DISPATCH_LEVEL => io_free_irp: ();
    "IoReuseIrp" <= DISPATCH_LEVEL => io_reuse_irp: ();
    "IoInitializeIrp" <= DISPATCH_LEVEL => io_initialize_irp: ();
    "IofCallDriver" <= DISPATCH_LEVEL => iof_call_driver: i32;
    "IoSetCompletionRoutineEx" <= DISPATCH_LEVEL => io_set_completion_routine_ex: i32;
}

const TAG: u32 = u32::from_le_bytes(*b"Irp ");

/// Makes a request for the driver that calls; `None` if there is no memory.
pub(super) fn make(state: &mut State, stack_count: u8, origin: Origin) -> Option<*mut Irp> {
    if faults::fails(state, FaultKind::Allocation) {
        return None;
    }
    let by = caller(state);
    let size = irp::size(stack_count);
    let memory = state.memory.pool.allocate(size, TAG, true, None)?;
    state.io.packets.add(memory, Packet::new(origin, by));
    // SAFETY: the memory was just allocated for it, zeroed.
    Some(unsafe { irp::initialize(memory as *mut c_void, stack_count) })
}

unsafe extern "win64" fn io_allocate_irp(stack_count: i8, _charge_quota: u8) -> *mut Irp {
    let stack_count = u8::try_from(stack_count).unwrap_or(0);
    let made = with(|state| make(state, stack_count, Origin::Allocated));
    made.unwrap_or(ptr::null_mut())
}

/// Ends the cycle unless a driver has made this request and nobody freed it, or it is one that
/// the driver was sent. `verb` says what is done with it.
fn check_live(irp: *mut Irp, verb: &str, code: usize) {
    let at = irp.addr();
    if with(|state| state.io.packets.is_live(at) || state.io.requests.owed(at).is_some()) {
        return;
    }
    let freed = with(|state| {
        let by = state.io.packets.get(at)?.freed?;
        Some(state.loader.drivers.show(by))
    });
    match freed {
        Some(by) => stop(
            ("0xC9", [code, at, 0, 0]),
            format!("an IRP was {verb} that {by} has freed"),
        ),
        None if with(|state| state.io.packets.is_freed(at)) => stop(
            ("0xC9", [code, at, 0, 0]),
            format!("an IRP was {verb} that the I/O manager has freed when it was complete"),
        ),
        None => stop(
            ("0xC9", [code, at, 0, 0]),
            format!("{at:#x} was {verb} as an IRP, which it is not"),
        ),
    }
}

/// The driver that has a request, or what the network has it for, in words.
fn holder(irp: *mut Irp) -> Option<String> {
    with(|state| {
        if let Some(holder) = requests::holder(state, irp.addr()) {
            return Some(holder);
        }
        let by = state.io.packets.holder(irp.addr())?;
        Some(state.loader.drivers.show(by))
    })
}

/// Ends the cycle if a request belongs to a thread.
fn forbid_threaded(irp: *mut Irp, function: &str) {
    let threaded = with(|state| {
        let packet = state.io.packets.get(irp.addr());
        packet.is_some_and(|packet| packet.origin == Origin::Threaded)
    });
    if threaded {
        let code = ("0xC9", [0x02, irp.addr(), 0, 0]);
        let what = format!(
            "{function} was called for an IRP of a thread, from IoBuildDeviceIoControlRequest or \
             IoBuildSynchronousFsdRequest, which the I/O manager frees"
        );
        stop(code, what);
    }
}

unsafe extern "win64" fn io_free_irp(irp: *mut Irp) {
    check_live(irp, "freed", 0x01);
    forbid_threaded(irp, "IoFreeIrp");
    if let Some(holder) = holder(irp) {
        let code = ("0xC9", [0x20B, 0, irp.addr(), 0]);
        stop(code, format!("an IRP was freed that {holder} still has"));
    }
    with(|state| {
        let by = caller(state);
        let origin = state.io.packets.get(irp.addr()).map(|packet| packet.origin);
        state.io.packets.free(irp.addr(), by);
        if origin == Some(Origin::Allocated) {
            let _ = state.memory.pool.free(irp.addr(), 0, by);
        }
    });
}

unsafe extern "win64" fn io_reuse_irp(irp: *mut Irp, status: i32) {
    check_live(irp, "reused", 0x01);
    forbid_threaded(irp, "IoReuseIrp");
    if let Some(holder) = holder(irp) {
        let what = format!("IoReuseIrp was called for an IRP that {holder} still has");
        stop("0xC9", what);
    }
    // SAFETY: a request that is not freed is in memory, and nobody has it.
    unsafe {
        let stack_count = (*irp).stack_count;
        ptr::write_bytes(irp.cast::<u8>(), 0, irp::size(stack_count));
        irp::initialize(irp.cast(), stack_count);
        (*irp).status = status;
    }
}

unsafe extern "win64" fn io_initialize_irp(irp: *mut Irp, size: u16, stack_count: i8) {
    let at = irp.addr();
    let allocated = with(|state| {
        let packet = state.io.packets.get(at);
        packet.is_some_and(|packet| packet.is_live && packet.origin != Origin::Own)
    });
    if allocated {
        let code = ("0xC9", [0x20D, 0, at, 0]);
        let what = "IoInitializeIrp was called for an IRP from IoAllocateIrp: IoReuseIrp makes it \
                    ready again";
        stop(code, what.to_owned());
    }
    let stack_count = u8::try_from(stack_count).unwrap_or(0);
    if usize::from(size) < irp::size(stack_count) {
        let what = format!("IoInitializeIrp was called with {size} bytes, which are too few");
        stop("0xC9", what);
    }
    // SAFETY: the memory is the caller's, as documented, and has room.
    unsafe {
        ptr::write_bytes(irp.cast::<u8>(), 0, usize::from(size));
        irp::initialize(irp.cast(), stack_count);
    }
    with(|state| {
        let by = caller(state);
        state.io.packets.add(at, Packet::new(Origin::Own, by));
    });
}

/// What a request leads to is there: its file object, and a system buffer of the length that it
/// says. The next driver trusts both.
fn check_parameters(irp: *mut Irp) {
    /// `IRP_MJ_DEVICE_CONTROL`, and the method of `METHOD_BUFFERED` in its code.
    const DEVICE_CONTROL: u8 = 14;
    const METHOD: usize = 3;

    // SAFETY: the request is in memory, as was just checked.
    let (left, location, buffer) = unsafe {
        let location = stack_location(irp);
        ((*irp).current_location, location, (*irp).system_buffer)
    };
    if left <= 1 {
        return;
    }
    // SAFETY: the location of the next driver is before the present one.
    let location = unsafe { &*location.sub(1) };
    let block = |at: usize| {
        POOL.contains(&at)
            .then(|| with(|state| state.memory.pool.near(at).map(|it| (it.end(), it.hold))))
            .flatten()
    };
    if let Some((_, Hold::Freed(_))) = block(location.file) {
        let what = "an IRP was sent with a file object to which the last reference is gone";
        stop("0xC9", what.to_owned());
    }
    let needed = location.input_length.max(location.output_length) & 0xFFFF_FFFF;
    if location.major == DEVICE_CONTROL
        && location.code & METHOD == 0
        && let Some((end, Hold::InUse)) = block(buffer)
        && end.saturating_sub(buffer) < needed
    {
        let what = format!(
            "an IRP was sent with a system buffer of {} bytes, although it speaks of {needed}",
            end.saturating_sub(buffer)
        );
        stop("0xC9", what);
    }
}

unsafe extern "win64" fn iof_call_driver(device: usize, irp: *mut Irp) -> i32 {
    check_live(irp, "sent", 0x03);
    if device == 0 {
        let code = ("0xC9", [0x204, 0, irp.addr(), 0]);
        stop(code, "an IRP was sent to the device NULL".to_owned());
    }
    let exists = with(|state| {
        state.objects.created.is(device, ObjectKind::Device) || state.io.files.keeps(device)
    });
    if !exists {
        let code = ("0xC9", [0x04, device, 0, 0]);
        let what = format!("an IRP was sent to {device:#x}, which is no device object");
        stop(code, what);
    }
    let beneath = with(|state| {
        let by = caller(state)?;
        let holder = state.io.packets.is_beneath(irp.addr(), by.driver);
        let holder = holder.map(|holder| state.loader.drivers.show(holder));
        holder.or_else(|| requests::holder(state, irp.addr()))
    });
    if let Some(holder) = beneath {
        let code = ("0xC9", [0x205, 0, irp.addr(), device]);
        stop(code, format!("an IRP was sent that {holder} still has"));
    }
    // SAFETY: the request is in memory, as was just checked.
    if unsafe { (*irp).cancel_routine } != 0 {
        let code = ("0xC9", [0x203, 0, irp.addr(), device]);
        let what = "an IRP was sent while its cancel routine was set";
        stop(code, what.to_owned());
    }
    check_parameters(irp);
    with(|state| {
        if let Some(by) = caller(state) {
            state.record_work(by.driver, "a driver that sends requests");
        }
    });
    // SAFETY: both are in memory, as was just checked.
    unsafe { travel::call_driver(device, irp) }
}

unsafe extern "win64" fn io_set_completion_routine_ex(
    _device: usize,
    irp: *mut Irp,
    routine: usize,
    context: usize,
    on_success: u8,
    on_error: u8,
    on_cancel: u8,
) -> i32 {
    check_live(irp, "given a completion routine", 0x03);
    if with(|state| faults::fails(state, FaultKind::Allocation)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let control = [(on_success, 0x40), (on_error, 0x80), (on_cancel, 0x20)];
    let control = control.iter().filter(|(on, _)| *on != 0);
    // SAFETY: the request is in memory, as was just checked, and has a next location, as
    // documented.
    unsafe {
        let next = stack_location(irp).wrapping_sub(1);
        (*next).completion_routine = routine;
        (*next).context = context;
        (*next).control = control.fold(0, |all, (_, flag)| all | flag);
    }
    with(|state| {
        if let Some(site) = state.loader.drivers.site(routine) {
            // SAFETY: as above.
            let location = unsafe { (*irp).current_location } - 1;
            state.io.files.guard(irp.addr(), location, site.driver);
        }
    });
    STATUS_SUCCESS
}
