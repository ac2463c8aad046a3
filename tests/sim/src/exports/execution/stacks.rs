// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls with a guaranteed amount of stack, and the check of frames of more than a page.
//!
//! The stacks of simulated threads are larger than any expanded stack of Windows, so that
//! the routine runs on its caller's stack.

use std::arch::naked_asm;
use std::ffi::c_void;

use windows_sys::Win32::Foundation::{
    STATUS_INVALID_PARAMETER_3, STATUS_INVALID_PARAMETER_4, STATUS_NO_MEMORY, STATUS_SUCCESS,
};

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::call_stack;
use crate::findings::caller::caller;
use crate::findings::stop_at;
use crate::hardware::convention;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::verifier::driver_call;
use crate::verifier::faults;
use crate::verifier::routine::{EntryState, check_return};
use crate::verifier::stack_depth;

exports! {
    "KeExpandKernelStackAndCallout" <= APC_LEVEL => expand: i32;
    "KeExpandKernelStackAndCalloutEx" <= DISPATCH_LEVEL => expand_ex: i32;
    "IoGetRemainingStackSize" <= HIGH_LEVEL => remaining: usize;
    "IoGetStackLimits" <= HIGH_LEVEL => limits: ();
    "RtlCaptureStackBackTrace" <= DISPATCH_LEVEL => back_trace: u16;
    "__chkstk" <= HIGH_LEVEL => check_stack: ();
}

/// `MAXIMUM_EXPANSION_SIZE`: 18 pages without half of the 6 of a usual stack.
const MOST: usize = 0xF000;

unsafe extern "win64" fn expand(callout: usize, parameter: *mut c_void, size: usize) -> i32 {
    call(callout, parameter, size)
}

unsafe extern "win64" fn expand_ex(
    callout: usize,
    parameter: *mut c_void,
    size: usize,
    wait: u8,
    _context: usize,
) -> i32 {
    if wait != 0 && levels::current() >= DISPATCH_LEVEL {
        return STATUS_INVALID_PARAMETER_4;
    }
    call(callout, parameter, size)
}

fn call(callout: usize, parameter: *mut c_void, room: usize) -> i32 {
    if room > MOST {
        return STATUS_INVALID_PARAMETER_3;
    }
    if with(|state| faults::fails(state, faults::FaultKind::Allocation)) {
        return STATUS_NO_MEMORY;
    }
    let entry = EntryState::now();
    let by = with(|state| caller(state));
    let what = "the routine for an expanded stack";
    let before = with(|state| {
        let current = state.scheduling.current_mut();
        let before = current.stack_room;
        current.stack_room = before.max(current.stack_used() + room);
        before
    });
    // SAFETY: the driver's own routine with its own argument.
    unsafe { driver_call::call(what, callout, by, &[parameter.addr()]) };
    with(|state| state.scheduling.current_mut().stack_room = before);
    let site = with(|state| state.loader.drivers.site(callout));
    check_return("ExpandedStackCall", entry, site);
    STATUS_SUCCESS
}

/// The size of the current thread's stack that drivers may still use.
unsafe extern "win64" fn remaining() -> usize {
    with(|state| {
        let current = state.scheduling.current();
        current.stack_room.saturating_sub(current.stack_used())
    })
}

/// Writes the limits of the stack. The lower one is that of [`remaining`].
unsafe extern "win64" fn limits(low: usize, high: usize) {
    // SAFETY: it needs nothing.
    let left = unsafe { remaining() };
    let (inner, end) = with(|state| {
        let frame = state.scheduling.current().frames.last();
        let inner = frame.map(|frame| frame.registers.rsp());
        let inner = inner.expect("a driver has called");
        let stack = state.scheduling.stacks().around(inner);
        (inner, stack.map_or(inner, |stack| stack.end))
    });
    set(low, inner - left);
    set(high, end);
}

/// The frames of drivers, each by the address to which it returns.
unsafe extern "win64" fn back_trace(skip: u32, most: u32, to: usize, hash: usize) -> u16 {
    let homes: Vec<_> = with(|state| {
        let homes = call_stack::homes(state).into_iter();
        homes.skip(skip as usize).take(most as usize).collect()
    });
    let mut sum = 0_u32;
    for (index, home) in homes.iter().enumerate() {
        set(to + index * size_of::<usize>(), *home);
        let low = u32::try_from(*home & 0xFFFF_FFFF).expect("it has 32 bits");
        sum = sum.wrapping_add(low);
    }
    if hash != 0 {
        set(hash, sum);
    }
    u16::try_from(homes.len()).expect("a call stack is short")
}

/// Compilers call it, without a thunk, where a function begins whose frame is larger than a page:
/// the frame's size is in `rax`, and every register keeps its value.
#[unsafe(naked)]
unsafe extern "win64" fn check_stack() {
    naked_asm!(
        "pushfq",
        "push rbp",
        "push rax",
        "push rcx",
        "push rdx",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "mov rbp, rsp",
        "mov rcx, rax",
        // Behind these nine and the return address is the caller's frame.
        "lea rdx, [rbp + 0x50]",
        "mov r8, [rbp + 0x48]",
        "sub rsp, 0x90",
        "and rsp, -16",
        "pushfq",
        "and dword ptr [rsp], {regular}",
        "popfq",
        "movups [rsp + 0x20], xmm0",
        "movups [rsp + 0x30], xmm1",
        "movups [rsp + 0x40], xmm2",
        "movups [rsp + 0x50], xmm3",
        "movups [rsp + 0x60], xmm4",
        "movups [rsp + 0x70], xmm5",
        "stmxcsr [rsp + 0x80]",
        "mov dword ptr [rsp + 0x84], {mxcsr}",
        "ldmxcsr [rsp + 0x84]",
        "call {body}",
        "ldmxcsr [rsp + 0x80]",
        "movups xmm0, [rsp + 0x20]",
        "movups xmm1, [rsp + 0x30]",
        "movups xmm2, [rsp + 0x40]",
        "movups xmm3, [rsp + 0x50]",
        "movups xmm4, [rsp + 0x60]",
        "movups xmm5, [rsp + 0x70]",
        "mov rsp, rbp",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rbp",
        "popfq",
        "ret",
        regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
        mxcsr = const convention::MXCSR,
        body = sym begin_frame,
    )
}

/// Code that returns to `home` is about to take a frame of `size` bytes below `end`.
unsafe extern "win64" fn begin_frame(size: usize, end: usize, home: usize) {
    let breach = with(|state| {
        let breach = stack_depth::check_at(state, end.saturating_sub(size))?;
        Some((breach, state.loader.drivers.site(home)))
    });
    if let Some(((code, what), site)) = breach {
        stop_at(code, what, site);
    }
}
