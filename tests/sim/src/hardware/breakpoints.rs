// SPDX-License-Identifier: MIT OR Apache-2.0

//! Preemption inside driver code, at its atomic instructions.
//!
//! # Design
//!
//! When an image is mapped, each instruction with a lock prefix, each exchange
//! with memory and each `pause` gets a breakpoint in place of its first byte.
//! The breakpoint leads to a slot of machine code outside the image. The slot calls a
//! function of the scheduler, with every register preserved, executes the instruction,
//! which was moved there, and jumps to the next one.
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
//! No thread is preempted between two plain loads or stores; data races on those are
//! seen only near atomic instructions or calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Instruction, InstructionBlock, Mnemonic, OpKind,
};

use crate::hardware::arena::SLOTS;

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
        is_preemption_point(instruction).then(|| Self {
            offset: usize::try_from(instruction.ip()).expect("it is an offset"),
            instruction: *instruction,
        })
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

thread_local! {
    /// The slot of each breakpoint, by address.
    static PLANTED: RefCell<BTreeMap<usize, usize>> = const { RefCell::new(BTreeMap::new()) };
    /// The address of the instruction that the emulator has changed.
    static CHANGED: Cell<usize> = const { Cell::new(0) };
}

/// Where [`change`] puts code.
pub(crate) const CHANGED_SLOT: usize = END;

/// Puts `code` where it can be executed, made for the instruction at `home`; the code
/// before is gone.
pub(crate) fn change(home: usize, code: &[u8]) {
    assert!(code.len() <= SLOT, "it is one changed instruction");
    CHANGED.set(home);
    // SAFETY: the arena made the region writable, and nothing executes this part of it
    // now: the thread that did has gone on.
    unsafe { ptr::copy_nonoverlapping(code.as_ptr(), CHANGED_SLOT as *mut u8, code.len()) };
}

/// Forgets the breakpoints of the cycle before.
pub(crate) fn clear() {
    PLANTED.with_borrow_mut(BTreeMap::clear);
}

/// Prepares the slot for an instruction of the image at `base`. Returns
/// `false` if the instruction cannot be moved.
pub(crate) fn plant(stop: &PreemptionPoint, base: usize, stub: usize) -> bool {
    PLANTED.with_borrow_mut(|planted| {
        let slot = SLOTS.start + planted.len() * SLOT;
        if slot + SLOT > END {
            return false;
        }
        let Some(code) = slot_code(stop, base, slot, stub) else {
            return false;
        };
        // SAFETY: the arena made the region writable, and this part of it has
        // not been handed out in this cycle.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), slot as *mut u8, code.len()) };
        planted.insert(base + stop.offset, slot);
        true
    })
}

fn slot_code(stop: &PreemptionPoint, base: usize, slot: usize, stub: usize) -> Option<Vec<u8>> {
    let home = (base + stop.offset) as u64;
    let mut moved = stop.instruction;
    moved.set_ip(home);
    if moved.is_ip_rel_memory_operand() {
        let target = moved.memory_displacement64().wrapping_add(base as u64);
        moved.set_memory_displacement64(target);
    }
    let back = Instruction::with_branch(Code::Jmp_rel32_64, home + moved.len() as u64).ok()?;
    let both = [moved, back];
    let block = InstructionBlock::new(&both, (slot + HEAD) as u64);
    let tail = BlockEncoder::encode(64, block, BlockEncoderOptions::DONT_FIX_BRANCHES).ok()?;

    let mut code = vec![0x50, 0x48, 0xB8];
    code.extend((stub as u64).to_le_bytes());
    code.extend([0xFF, 0xD0, 0x58]);
    debug_assert_eq!(code.len(), HEAD);
    code.extend(tail.code_buffer);
    (code.len() <= SLOT).then_some(code)
}

/// The slot of the breakpoint at `address`, where the thread goes on.
pub(crate) fn slot_of(address: usize) -> Option<usize> {
    PLANTED.with_borrow(|planted| planted.get(&address).copied())
}

/// The place in an image for a place in a slot.
pub(crate) fn home_of(address: usize) -> usize {
    if !SLOTS.contains(&address) {
        return address;
    }
    if address >= CHANGED_SLOT {
        return CHANGED.get();
    }
    let slot = SLOTS.start + (address - SLOTS.start) / SLOT * SLOT;
    PLANTED.with_borrow(|planted| {
        let mut all = planted.iter();
        let home = all.find(|&(_, &its)| its == slot);
        home.map_or(address, |(&home, _)| home)
    })
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
