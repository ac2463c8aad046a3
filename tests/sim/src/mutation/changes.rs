// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can be changed in one instruction.

use std::iter;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use scenarios::Mutation;

use super::{is_call, offset, returns_here};

/// A change of an image.
pub(super) struct Change {
    pub(super) mutation: Mutation,
    /// The offset of the first changed byte in the image.
    pub(super) at: u32,
    /// The bytes instead.
    pub(super) bytes: Vec<u8>,
    /// What it is about; none for the function that the instruction calls.
    pub(super) subject: Option<String>,
}

/// `nop`.
const NOP: u8 = 0x90;
/// The prefix of an atomic instruction.
const LOCK: u8 = 0xF0;

/// The changes of an instruction with these bytes.
pub(super) fn of(instruction: &Instruction, bytes: &[u8]) -> Vec<Change> {
    let change = |mutation, bytes, subject| Change {
        mutation,
        at: offset(instruction),
        bytes,
        subject,
    };
    let text = || Some(String::new());
    let mut changes = Vec::new();
    if is_call(instruction) {
        let without = without_call(instruction, bytes.len());
        changes.extend(without.map(|bytes| change(Mutation::NoCall, bytes, None)));
    }
    if let Some(bytes) = other_condition(bytes) {
        changes.push(change(Mutation::OtherBranch, bytes, text()));
    }
    if instruction.has_lock_prefix() {
        changes.push(change(Mutation::NoLock, without_lock(bytes), text()));
    } else if stores(instruction) {
        let nothing = vec![NOP; bytes.len()];
        changes.push(change(Mutation::NoStore, nothing, text()));
    }
    if has_constant(instruction)
        && let Some((bytes, before)) = other_constant(bytes)
    {
        changes.push(change(Mutation::OtherConstant, bytes, Some(before)));
    }
    if loads_field(instruction)
        && let Some((bytes, before)) = other_field(instruction, bytes)
    {
        changes.push(change(Mutation::OtherField, bytes, Some(before)));
    }
    changes
}

/// Code of this length that returns 0 instead of calling.
fn without_call(instruction: &Instruction, length: usize) -> Option<Vec<u8>> {
    /// `xor eax, eax`, and `ret` behind it.
    const ZERO: [u8; 3] = [0x31, 0xC0, 0xC3];
    let zero = if returns_here(instruction) {
        &ZERO[..2]
    } else {
        &ZERO
    };
    let padding = length.checked_sub(zero.len())?;
    Some(
        zero.iter()
            .copied()
            .chain(iter::repeat_n(NOP, padding))
            .collect(),
    )
}

/// A conditional jump, set or move with the negated condition.
fn other_condition(bytes: &[u8]) -> Option<Vec<u8>> {
    let prefixes = bytes
        .iter()
        .take_while(|byte| matches!(byte, 0x40..=0x4F | 0x66));
    let opcode = prefixes.count();
    let condition = match bytes.get(opcode..)? {
        [0x70..=0x7F, ..] => opcode,
        [0x0F, 0x40..=0x4F | 0x80..=0x9F, ..] => opcode + 1,
        _ => return None,
    };
    let mut other = bytes.to_vec();
    other[condition] ^= 1;
    Some(other)
}

/// The same instruction, but not atomic.
fn without_lock(bytes: &[u8]) -> Vec<u8> {
    let rest = bytes.iter().copied().filter({
        let mut seen = false;
        move |&byte| {
            seen || {
                seen = byte == LOCK;
                !seen
            }
        }
    });
    iter::once(NOP).chain(rest).collect()
}

/// Returns `true` if the instruction does nothing but write memory that is not its
/// function's own.
fn stores(instruction: &Instruction) -> bool {
    let moves = matches!(
        instruction.mnemonic(),
        Mnemonic::Mov
            | Mnemonic::Movups
            | Mnemonic::Movaps
            | Mnemonic::Movdqu
            | Mnemonic::Movdqa
            | Mnemonic::Movq
    );
    moves && instruction.op0_kind() == OpKind::Memory && !is_in_frame(instruction)
}

/// Returns `true` if the memory operand is in the function's frame.
fn is_in_frame(instruction: &Instruction) -> bool {
    matches!(instruction.memory_base(), Register::RSP | Register::RBP)
}

/// Returns `true` if the instruction has a constant of the source: not the size of a frame.
fn has_constant(instruction: &Instruction) -> bool {
    let mut kinds = (0..instruction.op_count()).map(|operand| instruction.op_kind(operand));
    let immediate = kinds.any(|kind| {
        matches!(
            kind,
            OpKind::Immediate8
                | OpKind::Immediate16
                | OpKind::Immediate32
                | OpKind::Immediate64
                | OpKind::Immediate8to16
                | OpKind::Immediate8to32
                | OpKind::Immediate8to64
                | OpKind::Immediate32to64
        )
    });
    let moves_stack = instruction.op0_kind() == OpKind::Register
        && matches!(instruction.op0_register(), Register::RSP | Register::RBP);
    immediate && !moves_stack && instruction.mnemonic() != Mnemonic::Int
}

/// Returns `true` if the instruction loads eight bytes of a structure.
fn loads_field(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Mov
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().is_gpr64()
        && instruction.op1_kind() == OpKind::Memory
        && !is_in_frame(instruction)
        && instruction.memory_base() != Register::RIP
        && instruction.memory_base() != Register::None
}

/// The bytes with a constant that is one more, and the constant.
fn other_constant(bytes: &[u8]) -> Option<(Vec<u8>, String)> {
    let (instruction, constants) = decode(bytes);
    let (at, size) = (constants.immediate_offset(), constants.immediate_size());
    let last = instruction.op_count().checked_sub(1)?;
    let shown = (0..=last)
        .rev()
        .find_map(|operand| instruction.try_immediate(operand).ok())?;
    Some((
        one_more(bytes, at, size, 1)?,
        format!("the constant {shown:#x}"),
    ))
}

/// The bytes with a field eight bytes further on, and the field.
fn other_field(instruction: &Instruction, bytes: &[u8]) -> Option<(Vec<u8>, String)> {
    let (_, constants) = decode(bytes);
    let (at, size) = (
        constants.displacement_offset(),
        constants.displacement_size(),
    );
    let shown = format!("that at {:#x}", instruction.memory_displacement64());
    Some((one_more(bytes, at, size, 8)?, shown))
}

fn decode(bytes: &[u8]) -> (Instruction, iced_x86::ConstantOffsets) {
    let mut decoder = Decoder::new(64, bytes, DecoderOptions::NONE);
    let instruction = decoder.decode();
    let constants = decoder.get_constant_offsets(&instruction);
    (instruction, constants)
}

/// The bytes with `more` added to the number of `size` bytes at `at`, unless that would
/// change its sign.
fn one_more(bytes: &[u8], at: usize, size: usize, more: u64) -> Option<Vec<u8>> {
    if size == 0 {
        return None;
    }
    let mut number = [0; 8];
    number[..size].copy_from_slice(&bytes[at..at + size]);
    let bits = 8 * u32::try_from(size).ok()?;
    let before = u64::from_le_bytes(number);
    let after = before.wrapping_add(more);
    let sign = |number: u64| number >> (bits - 1) & 1;
    if sign(before) == 0 && sign(after) != 0 {
        return None;
    }
    let mut other = bytes.to_vec();
    other[at..at + size].copy_from_slice(&after.to_le_bytes()[..size]);
    Some(other)
}
