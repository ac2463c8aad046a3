// SPDX-License-Identifier: MIT OR Apache-2.0

//! The function that driver code calls before each memory access. It preserves every register.

use std::arch::naked_asm;

use super::{report, shadow};
use crate::hardware::accesses::AccessKind;
use crate::hardware::convention;
use crate::hardware::registers::Registers;
use crate::hardware::{stack, trap};
use crate::kernel::{State, with};
use crate::scheduling::{preempt, spin};

/// The address of the function. It finds the number of the access in `eax`, and on the
/// stack its own return address and below that the driver's `rax`.
pub(crate) fn stub() -> usize {
    recorder_stub as *const () as usize
}

/// The bytes that the call pushes: the driver's `rax` and a return address.
const PUSHED: usize = 16;

#[unsafe(naked)]
unsafe extern "win64" fn recorder_stub() {
    naked_asm!(
        "pushfq",
        "push r15",
        "push r14",
        "push r13",
        "push r12",
        "push r11",
        "push r10",
        "push r9",
        "push r8",
        "push rdi",
        "push rsi",
        "push rbp",
        "push rsp",
        "push rbx",
        "push rdx",
        "push rcx",
        // The driver's rax, behind the registers, the flags and the return address.
        "push [rsp + 0x88]",
        "mov ecx, eax",
        "mov rdx, rsp",
        "mov rbp, rsp",
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
        "add rsp, 8",
        "pop rcx",
        "pop rdx",
        "pop rbx",
        "add rsp, 8",
        "pop rbp",
        "pop rsi",
        "pop rdi",
        "pop r8",
        "pop r9",
        "pop r10",
        "pop r11",
        "pop r12",
        "pop r13",
        "pop r14",
        "pop r15",
        "popfq",
        "ret",
        regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
        mxcsr = const convention::MXCSR,
        body = sym accessed,
    )
}

/// The driver is about to make the access with this number, with these registers, the stack
/// pointer excepted: it is that of the stub when it pushed it.
unsafe extern "win64" fn accessed(point: u32, registers: *const [u64; 16]) {
    /// What the stub has pushed when it pushes the stack pointer.
    const ABOVE: usize = 12 * size_of::<u64>() + PUSHED;
    const RSP: usize = 4;

    // SAFETY: the stub passes the registers that it has saved on its own stack.
    let mut registers = Registers(unsafe { registers.read() });
    registers.0[RSP] += ABOVE as u64;
    if with(|state| is_preemption_point(state, point, &registers)) {
        preempt();
    }
    let home = with(|state| state.verifier.races.points[point as usize].home);
    if trap::is_overdue(home, &registers) {
        spin();
    }
    with(|state| record(state, point, &registers));
}

/// Returns `true` if threads may be switched before this access.
fn is_preemption_point(state: &mut State, number: u32, registers: &Registers) -> bool {
    let races = &mut state.verifier.races;
    let point = &races.points[number as usize];
    if point.access.kind == AccessKind::Atomic {
        return races.preempts;
    }
    let Some(switches) = &mut races.switches else {
        return false;
    };
    if !switches.draw() {
        return false;
    }
    let (address, _) = point.access.resolve(registers, point.base);
    let thread = state.scheduling.current_id();
    // Others may get to know of anything but the thread's own stack.
    let is_elsewhere = shadow::is_recorded(address) && !stack::is_current(address);
    is_elsewhere || races.shadow.is_shared(address, thread)
}

/// Records the access with this number.
fn record(state: &mut State, number: u32, registers: &Registers) {
    let point = state.verifier.races.points[number as usize];
    let (address, size) = point.access.resolve(registers, point.base);
    if !shadow::is_recorded(address) {
        return;
    }
    let races = &mut state.verifier.races;
    let present = shadow::Present {
        address,
        size,
        kind: point.access.kind,
        is_repeated: point.access.repeated,
        serial: races.passed,
        point: number,
    };
    record_access(state, &present, Some(registers));
}

/// Records an access, by an instruction with these registers or by the function that the
/// driver has called, and reports it if it is a race.
pub(super) fn record_access(
    state: &mut State,
    present: &shadow::Present,
    registers: Option<&Registers>,
) {
    let races = &mut state.verifier.races;
    races.passed += 1;
    for stack in state.scheduling.clocks.new_stacks.drain(..) {
        races.shadow.forget_stack(stack);
    }
    if races.wanted == Some(present.serial) {
        report::describe(state, present, registers);
    }
    let races = &mut state.verifier.races;
    let race = races.shadow.record(&mut state.scheduling, present);
    let is_reported = races.reports;
    if let Some(earlier) = race.filter(|_| is_reported)
        && !state.verifier.races.is_excused(present.address)
    {
        report::race(state, present, &earlier, registers);
    }
}
