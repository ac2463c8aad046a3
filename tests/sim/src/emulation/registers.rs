// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads of the segment registers and of the base of `gs`.

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use crate::emulation::context::Context;
use crate::hardware::arena::PROCESSOR;

/// Executes an instruction that reads such a register into a general one. Returns `false`
/// if it is none.
pub(in crate::emulation) fn execute(instruction: &Instruction, context: &mut Context) -> bool {
    let to_register = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Register;
    let value = match instruction.mnemonic() {
        Mnemonic::Rdgsbase => PROCESSOR.start as u64,
        Mnemonic::Mov if to_register => match selector(instruction.op1_register()) {
            Some(selector) => selector,
            None => return false,
        },
        _ => return false,
    };
    context.set(instruction.op0_register(), value);
    true
}

/// The selector in a segment register of a kernel thread, as Windows defines it for x64.
fn selector(register: Register) -> Option<u64> {
    Some(match register {
        Register::CS => 0x10,
        Register::SS => 0x18,
        Register::DS | Register::ES | Register::GS => 0x2B,
        Register::FS => 0x53,
        _ => return None,
    })
}
