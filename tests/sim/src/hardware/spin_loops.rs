// SPDX-License-Identifier: MIT OR Apache-2.0

//! Spin loops: loops that do nothing but look at memory until somebody else changes it.
//!
//! # Design
//!
//! When an image is mapped, the branch that closes each spin loop gets a breakpoint. If
//! the branch is taken, the loop has looked at the memory and found it unchanged: the
//! scheduler lets other threads run, and time pass, before the loop looks again. So a loop
//! that spins until another thread is done goes on once that is done, and the places
//! at which it is interrupted do not depend on true time.
//!
//! A loop is a spin loop if it calls nobody, writes no memory (an interlocked instruction
//! that sets what it finds set is none), and carries no register from one turn to the
//! next: each turn then does the same as the one before as long as the memory is the same.
//!
//! A thread can also be switched right after it has stored to a variable of the image that
//! a spin loop looks at: what it does after that races with what the loop waits for.
//!
//! Another loop that runs for long without a call is interrupted by the timer of
//! [`trap`](crate::hardware::trap), wherever it is.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{
    ConditionCode, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    Register,
};

/// The most bytes of a spin loop.
const LONGEST: u64 = 128;

/// The variables of an image that its spin loops look at, as offsets.
pub(crate) type Watched = BTreeSet<u64>;

/// The branch that closes a spin loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpinLoop {
    /// Its offset in the image.
    pub(crate) offset: usize,
    /// When it is taken; `None` if always.
    condition: ConditionCode,
    /// The offset of the loop's first instruction.
    start: usize,
    /// The offset behind the branch.
    end: usize,
}

/// Those of all instructions of an image before which a variable is stored that a spin loop
/// looks at.
pub(crate) fn behind_stores(all: &[Instruction], watched: &Watched) -> Vec<Instruction> {
    if watched.is_empty() {
        return Vec::new();
    }
    let pairs = all.iter().zip(all.iter().skip(1));
    let behind = pairs.filter(|(store, next)| {
        next.ip() == store.next_ip()
            && store.is_ip_rel_memory_operand()
            && store.op0_kind() == OpKind::Memory
            && store.mnemonic() == Mnemonic::Mov
            && watched.contains(&store.ip_rel_memory_address())
            && matches!(next.flow_control(), FlowControl::Next | FlowControl::Return)
    });
    behind.map(|(_, &next)| next).collect()
}

/// The spin loops among all instructions of an image; adds what they look at to `watched`.
pub(crate) fn spin_loops(all: &[Instruction], watched: &mut Watched) -> Vec<SpinLoop> {
    let mut factory = InstructionInfoFactory::new();
    let closing = all.iter().enumerate().filter_map(|(last, branch)| {
        let start = closes_loop(branch)?;
        let first = all[..=last].partition_point(|instruction| instruction.ip() < start);
        let body = &all[first..=last];
        if body.first()?.ip() != start || !is_spin(body, &mut factory) {
            return None;
        }
        let variables = body.iter().filter(|looks| looks.is_ip_rel_memory_operand());
        watched.extend(variables.map(Instruction::ip_rel_memory_address));
        Some(branch)
    });
    closing.map(of_branch).collect()
}

fn of_branch(branch: &Instruction) -> SpinLoop {
    let offset = |address| usize::try_from(address).expect("it is an offset");
    SpinLoop {
        offset: offset(branch.ip()),
        condition: branch.condition_code(),
        start: offset(branch.near_branch_target()),
        end: offset(branch.next_ip()),
    }
}

/// The beginning of the short loop that a branch closes, if it closes one.
fn closes_loop(branch: &Instruction) -> Option<u64> {
    let conditional = branch.is_jcc_short_or_near();
    if !conditional && !branch.is_jmp_short_or_near() {
        return None;
    }
    let start = branch.near_branch_target();
    (start <= branch.ip() && branch.ip() - start <= LONGEST).then_some(start)
}

fn is_spin(body: &[Instruction], factory: &mut InstructionInfoFactory) -> bool {
    let mut written = BTreeSet::new();
    let mut carried = BTreeSet::new();
    let gaps = |pair: &[Instruction]| pair[0].next_ip() != pair[1].ip();
    if body.windows(2).any(gaps) {
        return false;
    }
    for instruction in body {
        let goes_on = matches!(
            instruction.flow_control(),
            FlowControl::Next | FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
        );
        if !goes_on || instruction.is_invalid() || instruction.is_privileged() {
            return false;
        }
        let info = factory.info(instruction);
        let writes = |access: OpAccess| !matches!(access, OpAccess::Read | OpAccess::CondRead);
        let reads = |access: OpAccess| !matches!(access, OpAccess::Write | OpAccess::CondWrite);
        let memory = info.used_memory().iter();
        if memory
            .filter(|used| used.access() != OpAccess::NoMemAccess)
            .any(|used| writes(used.access()))
            && !is_idempotent(instruction)
        {
            return false;
        }
        let registers = info.used_registers();
        for used in registers.iter().filter(|used| reads(used.access())) {
            let register = number(used.register());
            if !written.contains(&register) && !is_zeroing(instruction) {
                carried.insert(register);
            }
        }
        for used in registers.iter().filter(|used| writes(used.access())) {
            written.insert(number(used.register()));
        }
    }
    carried.is_disjoint(&written)
}

fn number(register: Register) -> u32 {
    register.full_register() as u32
}

/// `xor eax, eax` reads nothing.
fn is_zeroing(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Xor | Mnemonic::Sub)
        && instruction.op1_kind() == OpKind::Register
        && instruction.op0_register() == instruction.op1_register()
}

/// Returns `true` for an interlocked instruction that changes nothing if it finds what
/// it would write.
fn is_idempotent(instruction: &Instruction) -> bool {
    use Mnemonic::{And, Bts, Cmpxchg, Cmpxchg16b, Or, Xchg};

    match instruction.mnemonic() {
        Xchg => true,
        And | Bts | Cmpxchg | Cmpxchg16b | Or => instruction.has_lock_prefix(),
        _ => false,
    }
}

thread_local! {
    /// The spin loops of the images that are mapped, by the address of the breakpoint.
    static PLANTED: RefCell<BTreeMap<usize, SpinLoop>> = const { RefCell::new(BTreeMap::new()) };
    /// The function to which a thread goes that spins.
    static SPUN: Cell<usize> = const { Cell::new(0) };
}

/// Forgets the breakpoints of the cycle before.
pub(crate) fn clear() {
    PLANTED.with_borrow_mut(BTreeMap::clear);
}

/// Lets a thread that spins go to the function at `function`, which returns to the loop.
pub(crate) fn lead_to(function: usize) {
    SPUN.set(function);
}

/// Records the breakpoint of a loop of the image at `base`.
pub(crate) fn plant(spin: &SpinLoop, base: usize) {
    let at = |offset| base + offset;
    let planted = SpinLoop {
        offset: at(spin.offset),
        condition: spin.condition,
        start: at(spin.start),
        end: at(spin.end),
    };
    PLANTED.with_borrow_mut(|all| all.insert(planted.offset, planted));
}

/// The function to which a thread goes that spins; it has a return address, and
/// preserves all registers.
pub(crate) fn spun() -> Option<usize> {
    Some(SPUN.get()).filter(|&spun| spun != 0)
}

/// How a thread goes on at a breakpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The loop is left, at this address.
    Left(usize),
    /// The loop begins another turn, at this address.
    Again(usize),
}

/// How a thread goes on at the breakpoint at `address` with these flags, if there is one.
pub(crate) fn turn(address: usize, flags: usize) -> Option<Turn> {
    let spin = PLANTED.with_borrow(|all| all.get(&address).copied())?;
    Some(if holds(spin.condition, flags) {
        Turn::Again(spin.start)
    } else {
        Turn::Left(spin.end)
    })
}

fn holds(condition: ConditionCode, flags: usize) -> bool {
    let is_set = |bit: u32| flags & (1 << bit) != 0;
    let [carry, parity, zero, sign, overflow] = [0, 2, 6, 7, 11].map(is_set);
    match condition {
        ConditionCode::None => true,
        ConditionCode::o => overflow,
        ConditionCode::no => !overflow,
        ConditionCode::b => carry,
        ConditionCode::ae => !carry,
        ConditionCode::e => zero,
        ConditionCode::ne => !zero,
        ConditionCode::be => carry || zero,
        ConditionCode::a => !carry && !zero,
        ConditionCode::s => sign,
        ConditionCode::ns => !sign,
        ConditionCode::p => parity,
        ConditionCode::np => !parity,
        ConditionCode::l => sign != overflow,
        ConditionCode::ge => sign == overflow,
        ConditionCode::le => zero || sign != overflow,
        ConditionCode::g => !zero && sign == overflow,
    }
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    fn instructions(code: &[u8], offset: u64) -> Vec<Instruction> {
        let decoder = Decoder::with_ip(64, code, offset, DecoderOptions::NONE);
        decoder.into_iter().collect()
    }

    fn found(code: &[u8]) -> Vec<usize> {
        let all = spin_loops(&instructions(code, 0x1000), &mut Watched::new());
        all.iter().map(|spin| spin.offset).collect()
    }

    #[test]
    fn a_loop_that_only_looks_is_a_spin_loop() {
        // cmp dword ptr [rip + 10h], 0; je $-7
        assert_eq!(found(&[0x83, 0x3D, 0x10, 0, 0, 0, 0, 0x74, 0xF7]), [0x1007]);
        // mov eax, [rcx]; pause; test eax, eax; je $-6
        assert_eq!(
            found(&[0x8B, 0x01, 0xF3, 0x90, 0x85, 0xC0, 0x74, 0xF8]),
            [0x1006]
        );
        // mov edx, 1; xor eax, eax; lock cmpxchg [rcx], edx; jne
        let lock = [
            0xBA, 1, 0, 0, 0, 0x31, 0xC0, 0xF0, 0x0F, 0xB1, 0x11, 0x75, 0xF3,
        ];
        assert_eq!(found(&lock), [0x100B]);
    }

    #[test]
    fn a_loop_that_does_something_is_none() {
        // inc eax; cmp eax, [rcx]; jne
        assert!(found(&[0xFF, 0xC0, 0x3B, 0x01, 0x75, 0xFA]).is_empty());
        // mov [rcx], eax; cmp [rdx], ebx; jne
        assert!(found(&[0x89, 0x01, 0x39, 0x1A, 0x75, 0xFA]).is_empty());
        // call rax; test eax, eax; je
        assert!(found(&[0xFF, 0xD0, 0x85, 0xC0, 0x74, 0xFA]).is_empty());
    }

    #[test]
    fn a_store_to_what_a_loop_looks_at_is_known() {
        // cmp dword ptr [1017h], 0; je $-7; mov dword ptr [1017h], 1; ret
        let code = [
            0x83, 0x3D, 0x10, 0, 0, 0, 0, 0x74, 0xF7, 0xC7, 0x05, 4, 0, 0, 0, 1, 0, 0, 0, 0xC3,
        ];
        let mut watched = Watched::new();
        spin_loops(&instructions(&code, 0x1000), &mut watched);
        let behind = behind_stores(&instructions(&code, 0x1000), &watched);
        assert_eq!(
            behind.iter().map(Instruction::ip).collect::<Vec<_>>(),
            [0x1013]
        );
        assert!(behind_stores(&instructions(&code, 0x2000), &watched).is_empty());
    }

    #[test]
    fn a_branch_goes_on_as_its_flags_say() {
        plant(
            &SpinLoop {
                offset: 7,
                condition: ConditionCode::e,
                start: 0,
                end: 9,
            },
            0x1000,
        );
        assert_eq!(turn(0x1007, 1 << 6), Some(Turn::Again(0x1000)));
        assert_eq!(turn(0x1007, 0), Some(Turn::Left(0x1009)));
        assert_eq!(turn(0x1008, 0), None);
        clear();
    }
}
