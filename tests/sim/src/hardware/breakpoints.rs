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
//! A breakpoint is a jump where there is room for one: where the instruction is long
//! enough and none begins in the middle of it, and in the prologue of a function, to
//! which no code jumps. Elsewhere it is an `int3`, whose signal takes a thousand times
//! as long.
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
//! A function that begins with a call gets no breakpoint. Plain loads and stores are
//! [`accesses`](crate::hardware::accesses)' part.

mod moved;

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

use crate::hardware::accesses;
use crate::hardware::arena::{self, SLOTS};
use moved::branch;
pub(crate) use moved::room_in;
pub(in crate::hardware) use moved::{JUMP, Moved, jump, moved_branch};

/// `int3`.
const INT3: u8 = 0xCC;

/// An instruction at which a thread may be preempted.
#[derive(Clone, Debug)]
pub(crate) struct PreemptionPoint {
    /// Its offset in the image.
    pub(crate) offset: usize,
    /// `None` if it cannot be moved.
    moved: Option<Moved>,
    /// `true` if there is room for a jump in its place.
    has_room: bool,
    /// `true` if it only says that its loop spins.
    pub(crate) is_pause: bool,
}

impl PreemptionPoint {
    /// The points among all instructions of an image, whose addresses are their offsets
    /// there.
    pub(crate) fn all(code: &[Instruction]) -> Vec<Self> {
        let points = code.iter().filter(|it| is_preemption_point(it));
        points.map(|point| Self::at(point, code)).collect()
    }

    /// A point before this instruction among all of the image.
    pub(crate) fn at(instruction: &Instruction, code: &[Instruction]) -> Self {
        let behind = code.partition_point(|it| it.ip() <= instruction.ip());
        let is_whole = code
            .get(behind)
            .is_none_or(|next| next.ip() >= instruction.next_ip());
        Self {
            offset: usize::try_from(instruction.ip()).expect("it is an offset"),
            moved: Moved::of(instruction),
            has_room: is_whole && instruction.len() >= JUMP,
            is_pause: instruction.code() == Code::Pause,
        }
    }
}

/// The code of a breakpoint at `address`, which leads to `target`.
fn breakpoint(address: usize, target: usize, has_room: bool) -> Vec<u8> {
    if has_room {
        jump(address, target).to_vec()
    } else {
        vec![INT3]
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

/// What a slot contains.
#[derive(Clone, Copy, Debug)]
struct Content {
    /// The address of the instruction that was moved, or of the first of several.
    home: usize,
    /// The length of several, which begin with the slot.
    length: usize,
}

/// The breakpoints of a cycle.
#[derive(Debug, Default)]
struct Planted {
    /// Where each breakpoint leads to, by its address.
    targets: HashMap<usize, usize>,
    slots: Vec<Content>,
}

thread_local! {
    static PLANTED: RefCell<Planted> = RefCell::default();
    /// The address of the instruction that the emulator has changed.
    static CHANGED: Cell<usize> = const { Cell::new(0) };
}

impl Planted {
    /// The address of the slot that is filled next, if there is one.
    fn next_slot(&self) -> Option<usize> {
        let slot = SLOTS.start + self.slots.len() * SLOT;
        (slot + SLOT <= END).then_some(slot)
    }

    /// Fills the next slot with code. Returns `None` if it is too long.
    fn fill(&mut self, slot: usize, code: &[u8], content: Content) -> Option<()> {
        (code.len() <= SLOT).then(|| {
            arena::write_code(slot, code);
            self.slots.push(content);
        })
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
    accesses::clear();
}

/// Prepares the slot for an instruction of the image at `base`. Returns the breakpoint's
/// code, or `None` if the instruction cannot be moved.
pub(crate) fn plant(point: &PreemptionPoint, base: usize, stub: usize) -> Option<Vec<u8>> {
    let moved = point.moved.as_ref()?;
    PLANTED.with_borrow_mut(|planted| {
        let slot = planted.next_slot()?;
        let home = base + point.offset;
        let code = slot_code(moved, base, slot, stub);
        planted.fill(slot, &code, Content { home, length: 0 })?;
        planted.targets.insert(home, slot);
        Some(breakpoint(home, slot, point.has_room))
    })
}

/// Prepares a breakpoint at the first instruction of a function, whose first bytes
/// are `code`. Returns the address at which the function continues behind the
/// breakpoint, or `None` if the instruction cannot be moved.
pub(crate) fn move_first(function: usize, code: &[u8]) -> Option<usize> {
    PLANTED.with_borrow_mut(|planted| {
        // A preemption point is there already: its slot has the instruction.
        let known = planted.targets.get(&function).copied();
        if let Some(slot) = known.or_else(|| accesses::target_of(function)) {
            return Some(slot);
        }
        let slot = planted.next_slot()?;
        let first = Decoder::with_ip(64, code, function as u64, DecoderOptions::NONE).decode();
        // The return address of a call must lie in the image.
        let can_move = !first.is_invalid()
            && first.mnemonic() != Mnemonic::Int3
            && !matches!(
                first.flow_control(),
                FlowControl::Call | FlowControl::IndirectCall
            );
        let code = can_move.then(|| match Moved::of(&first) {
            Some(moved) => {
                let mut code = Vec::with_capacity(SLOT);
                moved.put(0, &mut code, slot);
                Some(code)
            }
            None => branch(first, slot),
        })??;
        let content = Content {
            home: function,
            length: 0,
        };
        planted.fill(slot, &code, content)?;
        Some(slot)
    })
}

/// Prepares a jump in place of the first instructions of a function, whose code is
/// `prologue`. Returns the address at which the function continues, or `None` if there is
/// a breakpoint already.
pub(crate) fn move_prologue(function: usize, prologue: &[u8]) -> Option<usize> {
    PLANTED.with_borrow_mut(|planted| {
        let length = prologue.len();
        let mut all = function..function + length;
        if all.any(|address| {
            planted.targets.contains_key(&address) || accesses::target_of(address).is_some()
        }) {
            return None;
        }
        let slot = planted.next_slot()?;
        let mut code = prologue.to_vec();
        code.extend(jump(slot + length, function + length));
        let content = Content {
            home: function,
            length,
        };
        planted.fill(slot, &code, content)?;
        Some(slot)
    })
}

/// Lets the breakpoint at a function's first instruction lead to `thunk`. Returns its
/// code, which is a jump if `has_room`.
pub(crate) fn divert(function: usize, thunk: usize, has_room: bool) -> Vec<u8> {
    PLANTED.with_borrow_mut(|planted| planted.targets.insert(function, thunk));
    breakpoint(function, thunk, has_room)
}

fn slot_code(moved: &Moved, base: usize, slot: usize, stub: usize) -> Vec<u8> {
    let mut code = Vec::with_capacity(SLOT);
    code.extend([0x50, 0x48, 0xB8]);
    code.extend((stub as u64).to_le_bytes());
    code.extend([0xFF, 0xD0, 0x58]);
    debug_assert_eq!(code.len(), HEAD);
    moved.put(base, &mut code, slot);
    code
}

/// Where the thread continues that has met the breakpoint at `address`.
pub(crate) fn target_of(address: usize) -> Option<usize> {
    let planted = PLANTED.with_borrow(|planted| planted.targets.get(&address).copied());
    planted.or_else(|| accesses::target_of(address))
}

/// The place in an image for a place in a slot.
pub(crate) fn home_of(address: usize) -> usize {
    let address = accesses::home_of(address);
    if !SLOTS.contains(&address) {
        return address;
    }
    if address >= CHANGED_SLOT {
        return CHANGED.get();
    }
    let (slot, offset) = (
        (address - SLOTS.start) / SLOT,
        (address - SLOTS.start) % SLOT,
    );
    PLANTED.with_borrow(|planted| match planted.slots.get(slot) {
        Some(content) => content.home + if offset < content.length { offset } else { 0 },
        None => address,
    })
}

/// Returns `true` if the instruction at an address in an image or a slot counts as one of
/// the driver's. What was moved alone counts at its own place, where a breakpoint is now.
pub(crate) fn is_drivers(address: usize) -> bool {
    PLANTED.with_borrow(|planted| {
        if SLOTS.contains(&address) {
            let offset = (address - SLOTS.start) % SLOT;
            let content = planted.slots.get((address - SLOTS.start) / SLOT);
            return content.is_some_and(|content| offset < content.length);
        }
        let several = |content: &Content| content.home == address && content.length > 0;
        !planted.targets.contains_key(&address) || !planted.slots.iter().any(several)
    })
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    fn points(code: &[u8]) -> Vec<PreemptionPoint> {
        let decoder = Decoder::with_ip(64, code, 0x1000, DecoderOptions::NONE);
        PreemptionPoint::all(&decoder.into_iter().collect::<Vec<_>>())
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
    fn a_point_has_a_jump_if_nothing_begins_within_it() {
        // lock cmpxchg [rcx], rdx; lock inc dword ptr [rcx]
        let code = [0xF0, 0x48, 0x0F, 0xB1, 0x11, 0xF0, 0xFF, 0x01];
        let rooms: Vec<_> = points(&code).iter().map(|point| point.has_room).collect();
        assert_eq!(rooms, [true, false]);
        let decode = |offset: usize| {
            let ip = 0x1000 + offset as u64;
            Decoder::with_ip(64, &code[offset..], ip, DecoderOptions::NONE).decode()
        };
        // A branch leads behind the prefix.
        let overlapping = [decode(0), decode(1), decode(5)];
        assert!(!PreemptionPoint::all(&overlapping)[0].has_room);
    }

    #[test]
    fn a_moved_instruction_names_the_same_memory() {
        // lock inc dword ptr [rip + 10h]
        let code = [0xF0, 0xFF, 0x05, 0x10, 0, 0, 0];
        let stop = points(&code).remove(0);
        let (base, slot) = (0x1000_0000_0000, 0x1000_0400_0000);
        let moved = slot_code(&stop.moved.expect("it is no branch"), base, slot, 0);
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
