// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions that are executed elsewhere than in their image.

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, Encoder, FlowControl,
    Instruction, InstructionBlock, OpKind, Register,
};

/// The length of [`jump`].
pub(in crate::hardware) const JUMP: usize = 5;

/// An instruction as code that can be put anywhere.
#[derive(Clone, Debug)]
pub(in crate::hardware) struct Moved {
    /// The code at the instruction's own place.
    code: Vec<u8>,
    /// Where in the code the distance to memory is, which is counted from its end.
    distance: Option<usize>,
    /// The instruction's own place, and the next one's.
    home: usize,
    next: usize,
}

impl Moved {
    /// Returns `None` for an instruction that branches: its distance may not suffice.
    pub(in crate::hardware) fn of(instruction: &Instruction) -> Option<Self> {
        let straight = matches!(
            instruction.flow_control(),
            FlowControl::Next | FlowControl::Return
        );
        if !straight {
            return None;
        }
        let mut encoder = Encoder::new(64);
        encoder.encode(instruction, instruction.ip()).ok()?;
        let constants = encoder.get_constant_offsets();
        let distance = instruction
            .is_ip_rel_memory_operand()
            .then(|| constants.displacement_offset());
        Some(Self {
            code: encoder.take_buffer(),
            distance,
            home: usize::try_from(instruction.ip()).ok()?,
            next: usize::try_from(instruction.next_ip()).ok()?,
        })
    }

    /// Adds the code to `slot`, which begins at address `at`, and a jump to the next
    /// instruction. The instruction's own place is relative to `base`.
    pub(super) fn put(&self, base: usize, slot: &mut Vec<u8>, at: usize) {
        self.put_alone(base, slot, at);
        slot.extend(jump(at + slot.len(), base + self.next));
    }

    /// Its own place, relative to the image.
    pub(in crate::hardware) const fn home(&self) -> usize {
        self.home
    }

    /// The next instruction's.
    pub(in crate::hardware) const fn next(&self) -> usize {
        self.next
    }

    /// Adds the code alone to `slot`, which begins at address `at`.
    pub(in crate::hardware) fn put_alone(&self, base: usize, slot: &mut Vec<u8>, at: usize) {
        let begin = slot.len();
        slot.extend(&self.code);
        if let Some(distance) = self.distance {
            let place = &mut slot[begin + distance..][..size_of::<i32>()];
            let own = i32::from_le_bytes(place.try_into().expect("four bytes"));
            let moved = (base + self.home).wrapping_sub(at + begin).cast_signed();
            let moved = i32::try_from(moved).expect("slots and images are near each other");
            let distance = own.wrapping_add(moved);
            place.copy_from_slice(&distance.to_le_bytes());
        }
    }
}

/// A jump at address `at`, which leads to `target`.
pub(in crate::hardware) fn jump(at: usize, target: usize) -> [u8; JUMP] {
    let distance = target.wrapping_sub(at + JUMP).cast_signed();
    let distance = i32::try_from(distance).expect("slots, thunks and images are near each other");
    let mut code = [0xE9; JUMP];
    code[1..].copy_from_slice(&distance.to_le_bytes());
    code
}

/// Code at address `at` that does what a branch of the image at `base` does, whose addresses
/// are offsets there.
pub(in crate::hardware) fn moved_branch(mut it: Instruction, base: usize, at: usize) -> Vec<u8> {
    it.set_near_branch64(base as u64 + it.near_branch_target());
    it.set_next_ip(base as u64 + it.next_ip());
    branch(it, at).expect("slots and images are near each other")
}

/// Code at address `at` that does what a branch does.
pub(super) fn branch(instruction: Instruction, at: usize) -> Option<Vec<u8>> {
    let back = Instruction::with_branch(Code::Jmp_rel32_64, instruction.next_ip()).ok()?;
    let both = [instruction, back];
    let block = InstructionBlock::new(&both, at as u64);
    let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE).ok()?;
    Some(encoded.code_buffer)
}

/// The length of the instructions in a function's prologue that make room for a jump, and
/// can be moved together: if one of them faults, that ends the thread.
pub(crate) fn room_in(prologue: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new(64, prologue, DecoderOptions::NONE);
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let uses_stack_only = (0..instruction.op_count())
            .all(|operand| instruction.op_kind(operand) != OpKind::Memory)
            || (instruction.memory_base() == Register::RSP
                && instruction.memory_index() == Register::None
                && !instruction.has_segment_prefix());
        let moves = !instruction.is_invalid()
            && instruction.flow_control() == FlowControl::Next
            && !instruction.is_privileged()
            && uses_stack_only;
        if !moves {
            return None;
        }
        if decoder.position() >= JUMP {
            return Some(decoder.position());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_takes_the_place_of_what_only_the_prologue_contains() {
        let prologues: &[(&[u8], Option<usize>)] = &[
            // push rsi; push rdi; sub rsp, 28h
            (&[0x56, 0x57, 0x48, 0x83, 0xEC, 0x28], Some(6)),
            // mov [rsp+8], rbx
            (&[0x48, 0x89, 0x5C, 0x24, 0x08], Some(5)),
            // sub rsp, 28h
            (&[0x48, 0x83, 0xEC, 0x28], None),
            // push rbx; a breakpoint
            (&[0x53, 0xCC, 0x48, 0x83, 0xEC, 0x28], None),
            // mov rax, [rcx]; push rbx; push rsi: the first may be emulated
            (&[0x48, 0x8B, 0x01, 0x53, 0x56], None),
        ];
        for (prologue, length) in prologues {
            assert_eq!(room_in(prologue), *length, "{prologue:x?}");
        }
    }
}
