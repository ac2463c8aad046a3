// SPDX-License-Identifier: MIT OR Apache-2.0

//! Breakpoints in driver code: at atomic instructions, for preemption, and at the
//! functions of dispatch tables, so that calls between modules are seen.
//!
//! # Design
//!
//! When an image is mapped, each instruction with a lock prefix, each exchange
//! with memory and each `pause` gets a breakpoint in place of its first byte.
//! The breakpoint leads to a slot of machine code outside the image. The slot calls a
//! function of the scheduler, with every register preserved, executes the instruction,
//! which was moved there, and jumps to the next one.
//!
//! The breakpoint at a function's first instruction leads to a thunk instead. The
//! thunk goes on in a slot with the moved instruction. So pointers to the function,
//! and the tables that contain them, stay as the driver wrote them.
//!
//! # Why it is sound
//!
//! - The slot adds a pause between two instructions of the thread, as any interrupt
//!   does on Windows: a schedule found this way is possible there if the IRQL permits
//!   it, which the scheduler checks.
//! - The instruction itself is the image's, operands included: where it names
//!   memory relative to itself, the distance is corrected, and the slots lie
//!   near enough. It runs as a whole, and no other thread runs meanwhile.
//! - Windows has no red zone: below `rsp` there is nothing of the driver's.
//! - Only what the loader knows to be an instruction gets a breakpoint, no table between
//!   functions. A driver that reads its own code would see breakpoints.
//! - `pause` marks a loop that spins until another thread is done: that thread must
//!   be able to run.
//!
//! # Limits
//!
//! A function that begins with a call gets no breakpoint. No thread is preempted between
//! two plain loads or stores; data races on those are seen only near atomic instructions or
//! calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, FlowControl, Instruction,
    InstructionBlock, Mnemonic, OpKind,
};

use crate::hardware::arena::{self, SLOTS};

/// An instruction at which a thread may be preempted.
#[derive(Clone, Debug)]
pub(crate) struct PreemptionPoint {
    /// Its offset in the image.
    pub(crate) offset: usize,
    instruction: Instruction,
}

impl PreemptionPoint {
    /// The point that an instruction of an image is, whose address is its offset there.
    pub(crate) fn of(instruction: &Instruction) -> Option<Self> {
        is_preemption_point(instruction).then(|| Self::at(*instruction))
    }

    /// One before this instruction of the image.
    pub(crate) fn at(instruction: Instruction) -> Self {
        Self {
            offset: usize::try_from(instruction.ip()).expect("it is an offset"),
            instruction,
        }
    }
}

fn is_preemption_point(instruction: &Instruction) -> bool {
    let exchange =
        instruction.mnemonic() == Mnemonic::Xchg && instruction.op0_kind() == OpKind::Memory;
    instruction.has_lock_prefix() || exchange || instruction.code() == Code::Pause
}

/// ```text
/// push rax
/// mov rax, stub
/// call rax
/// pop rax
/// ```
const HEAD: usize = 14;
/// A slot: the head, the instruction, and the jump back.
const SLOT: usize = 64;
/// The end of the slots for preemption points. One more is for an instruction that the
/// emulator has changed.
const END: usize = SLOTS.end - SLOT;

/// The breakpoints of a cycle.
#[derive(Debug, Default)]
struct Planted {
    /// Where each breakpoint leads to, by its address.
    targets: BTreeMap<usize, usize>,
    /// The address of the instruction that each slot contains.
    homes: Vec<usize>,
}

thread_local! {
    static PLANTED: RefCell<Planted> = RefCell::default();
    /// The address of the instruction that the emulator has changed.
    static CHANGED: Cell<usize> = const { Cell::new(0) };
}

impl Planted {
    /// The address of the slot that is filled next, if there is one.
    fn next_slot(&self) -> Option<usize> {
        let slot = SLOTS.start + self.homes.len() * SLOT;
        (slot + SLOT <= END).then_some(slot)
    }

    /// Fills the next slot with code that contains the instruction at `home`.
    fn fill(&mut self, slot: usize, code: &[u8], home: usize) {
        assert!(code.len() <= SLOT, "it is a slot's code");
        arena::write_code(slot, code);
        self.homes.push(home);
    }
}

/// Where [`change`] puts code.
pub(crate) const CHANGED_SLOT: usize = END;

/// Puts `code` where it can be executed, made for the instruction at `home`; the code
/// before is gone.
pub(crate) fn change(home: usize, code: &[u8]) {
    assert!(code.len() <= SLOT, "it is one changed instruction");
    CHANGED.set(home);
    arena::write_code(CHANGED_SLOT, code);
}

/// Forgets the breakpoints of the cycle before.
pub(crate) fn clear() {
    PLANTED.set(Planted::default());
}

/// Prepares the slot for an instruction of the image at `base`. Returns
/// `false` if the instruction cannot be moved.
pub(crate) fn plant(stop: &PreemptionPoint, base: usize, stub: usize) -> bool {
    PLANTED.with_borrow_mut(|planted| {
        let Some(slot) = planted.next_slot() else {
            return false;
        };
        let Some(code) = slot_code(stop, base, slot, stub) else {
            return false;
        };
        let home = base + stop.offset;
        planted.fill(slot, &code, home);
        planted.targets.insert(home, slot);
        true
    })
}

/// Prepares a breakpoint at the first instruction of a function, whose first bytes
/// are `code`. Returns the address at which the function continues behind the
/// breakpoint, or `None` if the instruction cannot be moved.
pub(crate) fn move_first(function: usize, code: &[u8]) -> Option<usize> {
    PLANTED.with_borrow_mut(|planted| {
        // A preemption point is there already: its slot has the instruction.
        if let Some(&slot) = planted.targets.get(&function) {
            return Some(slot);
        }
        let slot = planted.next_slot()?;
        let first = Decoder::with_ip(64, code, function as u64, DecoderOptions::NONE).decode();
        // The return address of a call must lie in the image.
        let moves = !first.is_invalid()
            && first.mnemonic() != Mnemonic::Int3
            && !matches!(
                first.flow_control(),
                FlowControl::Call | FlowControl::IndirectCall
            );
        let code = moves.then(|| moved(first, slot, BlockEncoderOptions::NONE))??;
        (code.len() <= SLOT).then(|| planted.fill(slot, &code, function))?;
        Some(slot)
    })
}

/// Lets the breakpoint at a function's first instruction lead to `thunk`.
pub(crate) fn divert(function: usize, thunk: usize) {
    PLANTED.with_borrow_mut(|planted| planted.targets.insert(function, thunk));
}

/// Code for address `at` that executes an instruction and continues behind its home.
fn moved(instruction: Instruction, at: usize, options: u32) -> Option<Vec<u8>> {
    let next = instruction.next_ip();
    let back = Instruction::with_branch(Code::Jmp_rel32_64, next).ok()?;
    let both = [instruction, back];
    let block = InstructionBlock::new(&both, at as u64);
    Some(BlockEncoder::encode(64, block, options).ok()?.code_buffer)
}

fn slot_code(stop: &PreemptionPoint, base: usize, slot: usize, stub: usize) -> Option<Vec<u8>> {
    let mut instruction = stop.instruction;
    instruction.set_ip((base + stop.offset) as u64);
    if instruction.is_ip_rel_memory_operand() {
        let target = instruction
            .memory_displacement64()
            .wrapping_add(base as u64);
        instruction.set_memory_displacement64(target);
    }
    let tail = moved(
        instruction,
        slot + HEAD,
        BlockEncoderOptions::DONT_FIX_BRANCHES,
    )?;

    let mut code = vec![0x50, 0x48, 0xB8];
    code.extend((stub as u64).to_le_bytes());
    code.extend([0xFF, 0xD0, 0x58]);
    debug_assert_eq!(code.len(), HEAD);
    code.extend(tail);
    (code.len() <= SLOT).then_some(code)
}

/// Where the thread continues that has met the breakpoint at `address`.
pub(crate) fn target_of(address: usize) -> Option<usize> {
    PLANTED.with_borrow(|planted| planted.targets.get(&address).copied())
}

/// The place in an image for a place in a slot.
pub(crate) fn home_of(address: usize) -> usize {
    if !SLOTS.contains(&address) {
        return address;
    }
    if address >= CHANGED_SLOT {
        return CHANGED.get();
    }
    let slot = (address - SLOTS.start) / SLOT;
    PLANTED.with_borrow(|planted| planted.homes.get(slot).copied().unwrap_or(address))
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    fn points(code: &[u8]) -> Vec<PreemptionPoint> {
        let decoder = Decoder::with_ip(64, code, 0x1000, DecoderOptions::NONE);
        let all = decoder.into_iter();
        all.filter_map(|instruction| PreemptionPoint::of(&instruction))
            .collect()
    }

    #[test]
    fn atomic_instructions_are_stops() {
        let code = [
            0x90, // nop
            0xF0, 0x48, 0x0F, 0xC1, 0x42, 0x30, // lock xadd [rdx+30h], rax
            0x48, 0x87, 0x0F, // xchg [rdi], rcx
            0x48, 0x87, 0xC8, // xchg rax, rcx
            0xF3, 0x90, // pause
            0x48, 0x8B, 0x0F, // mov rcx, [rdi]
        ];
        let found: Vec<_> = points(&code).iter().map(|stop| stop.offset).collect();
        assert_eq!(found, [0x1001, 0x1007, 0x100D]);
    }

    #[test]
    fn a_moved_instruction_names_the_same_memory() {
        // lock inc dword ptr [rip + 10h]
        let code = [0xF0, 0xFF, 0x05, 0x10, 0, 0, 0];
        let stop = points(&code).remove(0);
        let (base, slot) = (0x1000_0000_0000, 0x1000_0400_0000);
        let moved = slot_code(&stop, base, slot, 0).expect("it is near");
        let at = (slot + HEAD) as u64;
        let mut decoder = Decoder::with_ip(64, &moved[HEAD..], at, DecoderOptions::NONE);
        let instruction = decoder.decode();
        assert!(instruction.has_lock_prefix());
        assert_eq!(
            instruction.memory_displacement64(),
            base as u64 + 0x1000 + 7 + 0x10
        );
        let back = decoder.decode();
        assert_eq!(back.near_branch_target(), base as u64 + 0x1007);
    }
}
