// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control codes that a driver seems to know: constants in its code that may be such.

use std::collections::BTreeSet;

use iced_x86::{Instruction, Mnemonic, OpKind};

/// How many of them are believed.
const MOST: usize = 64;

/// The constants in instructions that may be control codes, in ascending order.
pub(super) fn find(code: &[Instruction]) -> Vec<u32> {
    let all: BTreeSet<_> = code.iter().filter_map(constant).filter_map(sure).collect();
    all.into_iter().take(MOST).collect()
}

/// What an instruction compares with, or begins to: compilers subtract the first case of a
/// `switch`, with `lea` too, and may have a constant in a register.
fn constant(instruction: &Instruction) -> Option<u32> {
    match instruction.mnemonic() {
        Mnemonic::Cmp | Mnemonic::Sub | Mnemonic::Add | Mnemonic::Mov | Mnemonic::Xor => {
            let last = instruction.op_count().checked_sub(1)?;
            matches!(
                instruction.op_kind(last),
                OpKind::Immediate32 | OpKind::Immediate32to64
            )
            .then(|| instruction.immediate32())
        }
        Mnemonic::Lea if !instruction.is_ip_rel_memory_operand() => {
            Some(instruction.memory_displacement32())
        }
        _ => None,
    }
}

/// The code that a constant, or what it takes away if it is negative, may be: its device type
/// is one that Microsoft has defined or leaves to others, and its function one of others.
fn sure(constant: u32) -> Option<u32> {
    /// The last of Microsoft's device types that there is.
    const LAST: u32 = 0x5F;
    /// The first of the types that others choose; negative numbers are none.
    const OTHERS: std::ops::Range<u32> = 0x8000..0xFF00;
    /// Functions from 0x800 are not Microsoft's.
    const OWN_FUNCTION: u32 = 0x800 << 2;
    let code = if constant >> 16 < OTHERS.end {
        constant
    } else {
        constant.wrapping_neg()
    };
    let device = code >> 16;
    let is_known = (1..=LAST).contains(&device) || OTHERS.contains(&device);
    (is_known && code & OWN_FUNCTION != 0).then_some(code)
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    #[test]
    fn codes_are_found_as_compilers_compare_with_them() {
        const CODE: &[u8] = &[
            0x3D, 0x04, 0x20, 0x22, 0x00, // cmp eax, 222004h
            0x81, 0xF9, 0x03, 0xE0, 0x37, 0x83, // cmp ecx, 8337E003h
            0x8D, 0x81, 0x00, 0xE0, 0xED, 0xFF, // lea eax, [rcx - 122000h]
            0x2D, 0x08, 0x20, 0x15, 0x00, // sub eax, 152008h
            0xB8, 0x10, 0x00, 0x00, 0xC0, // mov eax, STATUS_INVALID_DEVICE_REQUEST
            0xB9, 0x54, 0x61, 0x67, 0x31, // mov ecx, a tag
            0x3D, 0x00, 0x20, 0x00, 0x00, // cmp eax, 2000h
        ];
        let code: Vec<_> = Decoder::new(64, CODE, DecoderOptions::NONE)
            .into_iter()
            .collect();
        let codes = [0x12_2000, 0x15_2008, 0x22_2004, 0x8337_E003];
        assert_eq!(find(&code), codes);
    }
}
