// SPDX-License-Identifier: MIT OR Apache-2.0

//! I/O request packets as drivers see them, with a stack location behind for each device of
//! the stack that they are sent to.

use std::ffi::c_void;
use std::mem::offset_of;

use windows_sys::Wdk::System::SystemServices::IRP_MJ_SHUTDOWN;

use crate::io::buffers::Buffers;

/// `IRP`.
#[repr(C)]
pub(crate) struct Irp {
    pub(crate) kind: u16,
    pub(crate) size: u16,
    pub(crate) mdl: usize,
    pub(crate) flags: u32,
    pub(crate) system_buffer: usize,
    pub(crate) thread_list: [usize; 2],
    pub(crate) status: i32,
    pub(crate) information: usize,
    pub(crate) requestor_mode: u8,
    pub(crate) pending_returned: u8,
    pub(crate) stack_count: u8,
    pub(crate) current_location: u8,
    pub(crate) cancel: u8,
    pub(crate) cancel_irql: u8,
    environment: u8,
    allocation: u8,
    pub(crate) user_status: usize,
    pub(crate) user_event: usize,
    overlay: [usize; 2],
    pub(crate) cancel_routine: usize,
    pub(crate) user_buffer: usize,
    pub(crate) driver_context: [usize; 4],
    pub(crate) thread: usize,
    auxiliary: usize,
    list: [usize; 2],
    pub(crate) current_stack_location: usize,
    pub(crate) original_file: usize,
    rest: usize,
}

/// `IO_STACK_LOCATION`, with the parameters of `IRP_MJ_DEVICE_CONTROL`.
#[repr(C)]
pub(crate) struct StackLocation {
    pub(crate) major: u8,
    minor: u8,
    flags: u8,
    pub(crate) control: u8,
    /// Each has the alignment of a pointer.
    pub(crate) output_length: usize,
    pub(crate) input_length: usize,
    pub(crate) code: usize,
    pub(crate) type3_input: usize,
    pub(crate) device: usize,
    pub(crate) file: usize,
    pub(crate) completion_routine: usize,
    pub(crate) context: usize,
}

const _: () = assert!(size_of::<Irp>() == 0xD0 && offset_of!(Irp, status) == 0x30);
const _: () = assert!(offset_of!(Irp, cancel) == 0x44 && offset_of!(Irp, cancel_routine) == 0x68);
const _: () = assert!(offset_of!(Irp, driver_context) == 0x78);
const _: () = assert!(offset_of!(Irp, current_stack_location) == 0xB8);
const _: () =
    assert!(size_of::<StackLocation>() == 0x48 && offset_of!(StackLocation, file) == 0x30);

/// What `IoMarkIrpPending` sets in [`StackLocation::control`].
pub(crate) const PENDING_RETURNED: u8 = 1;

/// The size in bytes of a request with `stack_count` stack locations: `IoSizeOfIrp`.
pub(crate) const fn size(stack_count: u8) -> usize {
    size_of::<Irp>() + stack_count as usize * size_of::<StackLocation>()
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) major: u8,
    pub(crate) file: usize,
    pub(crate) code: u32,
    pub(crate) buffers: Buffers,
    pub(crate) input_length: usize,
    pub(crate) output_length: usize,
    /// Whether a driver sends it, and no program.
    pub(crate) is_drivers: bool,
}

/// Makes an empty request in `memory`: `IoInitializeIrp`.
///
/// # Safety
///
/// The memory is the caller's alone, is zero, and has [`size`] bytes.
pub(crate) unsafe fn initialize(memory: *mut c_void, stack_count: u8) -> *mut Irp {
    /// `IO_TYPE_IRP`.
    const KIND: u16 = 6;
    let irp: *mut Irp = memory.cast();
    let list = irp.addr() + offset_of!(Irp, thread_list);
    let end = irp.wrapping_add(1).cast::<StackLocation>();
    let end = end.wrapping_add(usize::from(stack_count));
    // SAFETY: the memory has room for it, by this function's contract; all-zero is valid.
    unsafe {
        (*irp).kind = KIND;
        (*irp).size = u16::try_from(size(stack_count)).expect("it is small");
        (*irp).stack_count = stack_count;
        (*irp).current_location = stack_count + 1;
        (*irp).thread_list = [list; 2];
        (*irp).current_stack_location = end.addr();
    }
    irp
}

/// Makes a request of a program in `memory`.
///
/// # Safety
///
/// The memory is the caller's alone, is zero, and has [`size`] bytes for as many stack
/// locations.
pub(crate) unsafe fn make(
    memory: *mut c_void,
    stack_count: u8,
    parameters: &Parameters,
) -> *mut Irp {
    const KERNEL_MODE: u8 = 0;
    const USER_MODE: u8 = 1;
    // SAFETY: this function has the same contract.
    let irp = unsafe { initialize(memory, stack_count) };
    // SAFETY: it was just made, and has a location.
    unsafe {
        let location = stack_location(irp).wrapping_sub(1);
        (*irp).requestor_mode = match u32::from(parameters.major) {
            IRP_MJ_SHUTDOWN => KERNEL_MODE,
            _ if parameters.is_drivers => KERNEL_MODE,
            _ => USER_MODE,
        };
        (*irp).system_buffer = parameters.buffers.system;
        (*irp).mdl = parameters.buffers.mdl;
        [(*irp).user_buffer, (*location).type3_input] = parameters.buffers.user;
        (*irp).original_file = parameters.file;
        (*location).major = parameters.major;
        (*location).file = parameters.file;
        (*location).code = parameters.code as usize;
        (*location).input_length = parameters.input_length;
        (*location).output_length = parameters.output_length;
    }
    irp
}

/// The present stack location of a request; where it is if it has none.
///
/// # Safety
///
/// The request is in memory.
pub(crate) const unsafe fn stack_location(irp: *const Irp) -> *mut StackLocation {
    // SAFETY: the request is in memory, by this function's contract.
    unsafe { (*irp).current_stack_location as *mut StackLocation }
}
