// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that the I/O manager builds for drivers: `IoBuildDeviceIoControlRequest` and its
//! kin, and what it does when those of a thread are complete.

use std::ptr;

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
};

use crate::exports::exports;
use crate::exports::io::{mdls, packets};
use crate::exports::sync::dispatcher::{self, Header};
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::hardware::irql::APC_LEVEL;
use crate::io::buffers::Method;
use crate::io::completion::is_error;
use crate::io::irp::{Irp, stack_location};
use crate::io::packets::{Built, Origin};
use crate::kernel::{State, with};
use crate::memory::extent;
use crate::objects::events::Completion;
use crate::objects::handles;
use crate::scheduling::Waitable;
use crate::verifier::stack_objects;

exports! {
    "IoBuildDeviceIoControlRequest" <= APC_LEVEL => device_control: *mut Irp;
    "IoBuildSynchronousFsdRequest" <= APC_LEVEL => synchronous: *mut Irp;
    "IoBuildAsynchronousFsdRequest" <= APC_LEVEL => asynchronous: *mut Irp;
}

const TAG: u32 = u32::from_le_bytes(*b"Irp ");
const STATUS_BLOCK: &str = "I/O status block";
const EVENT: &str = "event object";
/// `IRP_BUFFERED_IO`, `IRP_DEALLOCATE_BUFFER` and `IRP_INPUT_OPERATION`.
const BUFFERED: u32 = 0x10;
const DEALLOCATE: u32 = 0x20;
const INPUT: u32 = 0x40;

/// Where a request has its data.
#[derive(Clone, Copy)]
struct Data {
    input: (usize, u32),
    output: (usize, u32),
    method: Method,
    /// `true` if the device writes to what the direct methods describe.
    writes: bool,
}

/// What is told that a request is complete.
#[derive(Clone, Copy)]
struct Notice {
    status_block: usize,
    event: usize,
}

pub(in crate::exports) unsafe extern "win64" fn device_control(
    code: u32,
    device: *const DEVICE_OBJECT,
    input: usize,
    input_length: u32,
    output: usize,
    output_length: u32,
    internal: u8,
    event: usize,
    status_block: usize,
) -> *mut Irp {
    /// The method of `METHOD_IN_DIRECT`.
    const IN_DIRECT: u32 = 1;
    let notice = Notice {
        status_block,
        event,
    };
    let data = Data {
        input: (input, input_length),
        output: (output, output_length),
        method: Method::of(code),
        writes: code & 3 != IN_DIRECT,
    };
    check_buffers(&data, device.addr(), 0x09, code);
    // SAFETY: the device is in memory, as documented.
    let Some(irp) = (unsafe { build(device, &data, Origin::Threaded, notice) }) else {
        return ptr::null_mut();
    };
    let major = match internal {
        0 => IRP_MJ_DEVICE_CONTROL,
        _ => IRP_MJ_INTERNAL_DEVICE_CONTROL,
    };
    // SAFETY: the request was just made, with a location for each device of the stack.
    unsafe {
        let next = stack_location(irp).wrapping_sub(1);
        (*next).major = major.to_le_bytes()[0];
        (*next).code = code as usize;
        (*next).input_length = input_length as usize;
        (*next).output_length = output_length as usize;
        if data.method == Method::Neither {
            (*next).type3_input = input;
            (*irp).user_buffer = output;
        }
    }
    irp
}

pub(in crate::exports) unsafe extern "win64" fn synchronous(
    major: u32,
    device: *const DEVICE_OBJECT,
    buffer: usize,
    length: u32,
    offset: *const u64,
    event: usize,
    status_block: usize,
) -> *mut Irp {
    let notice = Notice {
        status_block,
        event,
    };
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe {
        transfer(
            major,
            device,
            (buffer, length),
            offset,
            Origin::Threaded,
            notice,
        )
    }
}

unsafe extern "win64" fn asynchronous(
    major: u32,
    device: *const DEVICE_OBJECT,
    buffer: usize,
    length: u32,
    offset: *const u64,
    status_block: usize,
) -> *mut Irp {
    let notice = Notice {
        status_block,
        event: 0,
    };
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe {
        transfer(
            major,
            device,
            (buffer, length),
            offset,
            Origin::Allocated,
            notice,
        )
    }
}

/// Builds a request to read, write, flush or the like.
///
/// # Safety
///
/// The device is in memory, and so is the offset if there is one.
unsafe fn transfer(
    major: u32,
    device: *const DEVICE_OBJECT,
    buffer: (usize, u32),
    offset: *const u64,
    origin: Origin,
    notice: Notice,
) -> *mut Irp {
    const NONE: (usize, u32) = (0, 0);
    // SAFETY: the device is in memory, by this function's contract.
    let flags = unsafe { (*device).Flags };
    let (input, output) = match major {
        IRP_MJ_WRITE => (buffer, NONE),
        IRP_MJ_READ => (NONE, buffer),
        _ => (NONE, NONE),
    };
    let data = Data {
        input,
        output,
        method: Method::of_device(flags),
        writes: major == IRP_MJ_READ,
    };
    check_buffers(&data, device.addr(), 0x08, major);
    // SAFETY: the device is in memory, by this function's contract.
    let Some(irp) = (unsafe { build(device, &data, origin, notice) }) else {
        return ptr::null_mut();
    };
    // SAFETY: the request was just made; the offset is there, by this function's contract.
    unsafe {
        let next = stack_location(irp).wrapping_sub(1);
        (*next).major = major.to_le_bytes()[0];
        (*next).output_length = buffer.1 as usize;
        if !offset.is_null() {
            (*next).code = usize::try_from(offset.read_unaligned()).expect("as wide");
        }
        if data.method == Method::Neither {
            (*irp).user_buffer = buffer.0;
        }
    }
    irp
}

/// What a request to a file by its handle keeps until it is complete.
#[derive(Clone, Copy, Debug)]
pub(in crate::exports) struct FileRequest {
    pub(in crate::exports) file: usize,
    /// The event of a handle that it was sent with.
    pub(in crate::exports) event: Option<Completion>,
    /// The event of the file, if that is signalled beside the one of a handle.
    pub(in crate::exports) signals_file: Option<usize>,
}

/// Makes a request that was just built one to a file.
pub(in crate::exports) fn send_for_file(irp: *mut Irp, request: FileRequest) {
    let file = request.file;
    // SAFETY: the request was just made, with a location for each device of the stack.
    unsafe {
        let next = stack_location(irp).wrapping_sub(1);
        (*next).file = file;
        (*irp).original_file = file;
    }
    with(|state| {
        let Some(packet) = state.io.packets.get_mut(irp.addr()) else {
            return;
        };
        packet.built.file = file;
        packet.built.kept_event = request.event.map_or(0, |Completion(event)| event);
        packet.built.file_event = request.signals_file.unwrap_or(0);
        let by = packet.by;
        handles::reference(state, file, by);
        if let Some(by) = by {
            state.record_work(by.driver, "a driver that sends requests");
        }
    });
}

/// Ends the cycle if a buffer is not there, or cannot be written to.
fn check_buffers(data: &Data, device: usize, number: usize, request: u32) {
    let wrong = with(|state| {
        let missing = |(start, length): (usize, u32), write: bool| {
            if length == 0 {
                return None;
            }
            let extent = extent::around(state, start);
            let fits = extent.is_some_and(|extent| {
                start + length as usize <= extent.end() && (extent.writable || !write)
            });
            (!fits).then_some(start)
        };
        let level = state.scheduling.current().irql;
        debug_assert!(level <= APC_LEVEL);
        missing(data.input, false).or_else(|| missing(data.output, true))
    });
    if let Some(buffer) = wrong {
        let code = ("0xC9", [number, device, request as usize, 0]);
        let what = format!(
            "a request was built with the buffer {buffer:#x}, which is not all in memory or \
             cannot be written to"
        );
        stop(code, what);
    }
}

/// Builds a request with its buffers. Returns `None` if there is no memory.
///
/// # Safety
///
/// The device is in memory.
unsafe fn build(
    device: *const DEVICE_OBJECT,
    data: &Data,
    origin: Origin,
    notice: Notice,
) -> Option<*mut Irp> {
    // SAFETY: the device is in memory, by this function's contract.
    let stack_count = u8::try_from(unsafe { (*device).StackSize }).unwrap_or(1);
    with(|state| {
        let irp = packets::make(state, stack_count, origin)?;
        let mut built = Built {
            status_block: notice.status_block,
            event: notice.event,
            ..Built::default()
        };
        let (input, output) = (data.input.1 as usize, data.output.1 as usize);
        let mut flags = 0;
        let copied = match data.method {
            Method::Buffered => input.max(output),
            // A request to read or write has one buffer, which is described.
            Method::Direct if data.output.1 > 0 => input,
            Method::Direct | Method::Neither => 0,
        };
        if copied > 0 {
            let by = caller(state).filter(|_| origin == Origin::Allocated);
            let buffer = state.memory.pool.allocate(copied, TAG, true, by)?;
            built.system_buffer = buffer;
            // SAFETY: the buffer was just made and is no shorter; what is copied is in memory,
            // as was checked.
            unsafe { (buffer as *mut u8).copy_from(data.input.0 as *const u8, input) };
            flags |= BUFFERED | DEALLOCATE;
        }
        if data.method == Method::Buffered && output > 0 {
            (built.output, built.room) = (data.output.0, output);
            flags |= INPUT;
        }
        let (start, length) = if output > 0 { data.output } else { data.input };
        if data.method == Method::Direct && length > 0 {
            let mdl = mdls::describe_locked(state, start, length, data.writes, origin)?;
            built.mdl = mdl;
        }
        // SAFETY: the request was just made.
        unsafe {
            (*irp).system_buffer = built.system_buffer;
            (*irp).mdl = built.mdl;
            (*irp).flags = flags;
            (*irp).user_status = notice.status_block;
            (*irp).user_event = notice.event;
        }
        let thread = state.scheduling.current_id();
        if let Some(packet) = state.io.packets.get_mut(irp.addr()) {
            packet.built = built;
            packet.thread = (origin == Origin::Threaded).then_some(thread);
        }
        if origin == Origin::Threaded {
            let at = irp.addr();
            stack_objects::add_answer(state, at, notice.status_block, STATUS_BLOCK, Some(0x0C));
            stack_objects::add_answer(state, at, notice.event, EVENT, Some(0x0D));
        }
        Some(irp)
    })
}

/// Ends a request of a thread that is complete: its output, its status, and its event.
pub(crate) fn finish(irp: usize) {
    let (built, sender) = with(|state| {
        let packet = state.io.packets.get(irp)?;
        Some((packet.built, packet.by))
    })
    .unwrap_or_default();
    // SAFETY: a request that is complete and not freed is in memory.
    let (status, information, has_pended) = unsafe {
        let irp = irp as *const Irp;
        (
            (*irp).status,
            (*irp).information,
            (*irp).pending_returned != 0,
        )
    };
    if !is_error(status) && built.output != 0 {
        if information > built.room {
            let what = format!(
                "a request was completed with {information} bytes of output, its sender has room \
                 for {}",
                built.room
            );
            stop("overrun", what);
        }
        check_there(irp, built.output, "output buffer");
        // SAFETY: both buffers are in memory, as was just checked, and have room.
        unsafe {
            let from = built.system_buffer as *const u8;
            (built.output as *mut u8).copy_from(from, information);
        }
    }
    stack_objects::check_answers(irp);
    check_there(irp, built.status_block, STATUS_BLOCK);
    if built.event != 0 {
        check_there(irp, built.event, EVENT);
    }
    let block = built.status_block as *mut [usize; 2];
    // SAFETY: the block is in memory, as was just checked.
    unsafe { block.write([status.cast_unsigned() as usize, information]) };
    with(|state| {
        state.io.packets.free(irp, None);
        state.scheduling.wake_all(Waitable::Object(irp));
        let by = caller(state);
        let _ = state.memory.pool.free(irp, 0, by);
        if built.system_buffer != 0 {
            let _ = state.memory.pool.free(built.system_buffer, 0, None);
        }
        mdls::free_locked(state, built.mdl);
        // The sender of a request by handle that fails at once has its status.
        let is_signalled = built.file == 0 || has_pended || !is_error(status);
        for event in [built.event, built.file_event] {
            if event == 0 || !is_signalled {
                continue;
            }
            let event = event as *mut Header;
            // SAFETY: the event is in memory, as was just checked, or kept by the request.
            unsafe {
                (*event).state = 1;
                dispatcher::signal(state, event);
            }
        }
        if built.kept_event != 0 {
            handles::release(state, built.kept_event);
        }
        if built.file != 0 {
            handles::dereference(state, built.file, sender);
        }
    });
}

/// Ends the cycle if what a request's sender gave for its completion is not there any more.
fn check_there(irp: usize, address: usize, what: &str) {
    let gone = |state: &State| {
        let by = state.io.packets.get(irp)?.by;
        extent::around(state, address).is_none().then_some(by)
    };
    if let Some(by) = with(|state| gone(state)) {
        let what = format!("the {what} of a request is gone when the request is completed");
        stop_at("0xC9", what, by);
    }
}
