// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions that are executed elsewhere than in their image.

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Encoder, FlowControl, Instruction, InstructionBlock,
};

/// The length of [`jump`].
pub(in crate::hardware) const JUMP: usize = 5;

/// An instruction as code that can be put anywhere.
#[derive(Clone, Debug)]
pub(super) struct Moved {
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
    pub(super) fn of(instruction: &Instruction) -> Option<Self> {
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
        slot.extend(jump(at + slot.len(), base + self.next));
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

/// Code at address `at` that does what a branch does.
pub(super) fn branch(instruction: Instruction, at: usize) -> Option<Vec<u8>> {
    let back = Instruction::with_branch(Code::Jmp_rel32_64, instruction.next_ip()).ok()?;
    let both = [instruction, back];
    let block = InstructionBlock::new(&both, at as u64);
    let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE).ok()?;
    Some(encoded.code_buffer)
}
