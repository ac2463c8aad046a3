// SPDX-License-Identifier: MIT OR Apache-2.0

//! I/O request packets as drivers see them, with one stack location behind: a
//! control device has nothing below it.

use std::ffi::c_void;
use std::mem::offset_of;

use windows_sys::Wdk::System::SystemServices::IRP_MJ_SHUTDOWN;

use crate::io::buffers::Buffers;

/// `IRP`.
#[repr(C)]
pub(crate) struct Irp {
    kind: u16,
    size: u16,
    pub(crate) mdl: usize,
    flags: u32,
    pub(crate) system_buffer: usize,
    thread_list: [usize; 2],
    pub(crate) status: i32,
    pub(crate) information: usize,
    requestor_mode: u8,
    pending_returned: u8,
    stack_count: u8,
    current_location: u8,
    pub(crate) cancel: u8,
    pub(crate) cancel_irql: u8,
    environment: u8,
    allocation: u8,
    user_status: usize,
    user_event: usize,
    overlay: [usize; 2],
    pub(crate) cancel_routine: usize,
    user_buffer: usize,
    pub(crate) driver_context: [usize; 4],
    thread: usize,
    auxiliary: usize,
    list: [usize; 2],
    current_stack_location: usize,
    original_file: usize,
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
    type3_input: usize,
    pub(crate) device: usize,
    pub(crate) file: usize,
    completion_routine: usize,
    context: usize,
}

const _: () = assert!(size_of::<Irp>() == 0xD0 && offset_of!(Irp, status) == 0x30);
const _: () = assert!(offset_of!(Irp, cancel) == 0x44 && offset_of!(Irp, cancel_routine) == 0x68);
const _: () = assert!(offset_of!(Irp, driver_context) == 0x78);
const _: () = assert!(offset_of!(Irp, current_stack_location) == 0xB8);
const _: () =
    assert!(size_of::<StackLocation>() == 0x48 && offset_of!(StackLocation, file) == 0x30);

/// What `IoMarkIrpPending` sets in [`StackLocation::control`].
pub(crate) const PENDING_RETURNED: u8 = 1;

/// What a request takes.
pub(crate) const SIZE: usize = size_of::<Irp>() + size_of::<StackLocation>();

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) major: u8,
    pub(crate) device: usize,
    pub(crate) file: usize,
    pub(crate) code: u32,
    pub(crate) buffers: Buffers,
    pub(crate) input_length: usize,
    pub(crate) output_length: usize,
}

/// Makes a request in `memory`, which is zero and has [`SIZE`] bytes.
///
/// # Safety
///
/// The memory is the caller's alone.
pub(crate) unsafe fn make(memory: *mut c_void, parameters: &Parameters) -> *mut Irp {
    /// `IO_TYPE_IRP`.
    const KIND: u16 = 6;
    const KERNEL_MODE: u8 = 0;
    const USER_MODE: u8 = 1;
    let irp: *mut Irp = memory.cast();
    let location = stack_location(irp);
    // SAFETY: the memory has room for both, by this function's contract;
    // all-zero is valid.
    unsafe {
        (*irp).kind = KIND;
        (*irp).size = u16::try_from(SIZE).expect("it is small");
        (*irp).requestor_mode = match u32::from(parameters.major) {
            IRP_MJ_SHUTDOWN => KERNEL_MODE,
            _ => USER_MODE,
        };
        (*irp).stack_count = 1;
        (*irp).current_location = 1;
        (*irp).system_buffer = parameters.buffers.system;
        (*irp).mdl = parameters.buffers.mdl;
        [(*irp).user_buffer, (*location).type3_input] = parameters.buffers.user;
        (*irp).current_stack_location = location.addr();
        (*irp).original_file = parameters.file;
        (*location).major = parameters.major;
        (*location).device = parameters.device;
        (*location).file = parameters.file;
        (*location).code = parameters.code as usize;
        (*location).input_length = parameters.input_length;
        (*location).output_length = parameters.output_length;
    }
    irp
}

/// The stack location of a request.
pub(crate) const fn stack_location(irp: *mut Irp) -> *mut StackLocation {
    irp.wrapping_add(1).cast()
}
