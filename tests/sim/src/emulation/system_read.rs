// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads of the `KPCR` and of `KUSER_SHARED_DATA`, by any instruction with one operand in
//! memory: it is executed with a copy of the data in place of that operand.

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, FlowControl, Instruction, InstructionBlock,
    InstructionInfoFactory, MemoryOperand, OpAccess, OpKind, Register,
};

use crate::emulation::context::Context;
use crate::emulation::shared_data::{self, Fields};
use crate::hardware::accesses;
use crate::hardware::arena::{COPY, PAGE, PROCESSOR};
use crate::hardware::breakpoints::{self, CHANGED_SLOT};
use crate::hardware::trap::{SHARED_DATA, SHARED_DATA_LENGTH};
use crate::kernel::with;

/// Where the value of the register is kept that is borrowed for the address.
const KEPT: usize = COPY.start + PAGE;

/// Executes a read at `rip`. Returns `false` if it is none, or reads what is not provided.
pub(in crate::emulation) fn execute(
    instruction: &Instruction,
    context: &mut Context,
    rip: usize,
) -> bool {
    let Some(address) = context.address(instruction) else {
        return false;
    };
    let size = instruction.memory_size().size();
    let shared = SHARED_DATA..SHARED_DATA + SHARED_DATA_LENGTH;
    let (offset, fields) = if PROCESSOR.contains(&address) {
        let fields = with(shared_data::processor_region);
        (address - PROCESSOR.start, fields)
    } else if shared.contains(&address) {
        let fields = with(shared_data::shared_data);
        (address - SHARED_DATA, fields)
    } else {
        return false;
    };
    if offset + size > PAGE || !is_provided(&fields, offset, size) {
        return false;
    }
    let Some(code) = changed(instruction, rip, COPY.start + offset) else {
        return false;
    };
    for (at, bytes) in fields {
        // SAFETY: the page is for this, and every field lies within it.
        unsafe { ((COPY.start + at) as *mut u8).copy_from(bytes.as_ptr(), bytes.len()) };
    }
    breakpoints::change(rip, &code);
    context.set_rip(CHANGED_SLOT);
    true
}

fn is_provided(fields: &Fields, offset: usize, size: usize) -> bool {
    let provided = |byte| {
        let mut all = fields.iter();
        all.any(|(at, bytes)| (*at..*at + bytes.len()).contains(&byte))
    };
    (offset..offset + size).all(provided)
}

/// The code that does what `instruction` at `rip` does, with its operand at `copy`.
/// Returns `None` if it writes to memory, has another operand there, or jumps.
fn changed(instruction: &Instruction, rip: usize, copy: usize) -> Option<Vec<u8>> {
    if instruction.flow_control() != FlowControl::Next {
        return None;
    }
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    let in_memory = (0..instruction.op_count())
        .find(|&operand| matches!(instruction.op_kind(operand), OpKind::Memory))?;
    let only_read = matches!(
        info.op_access(in_memory),
        OpAccess::Read | OpAccess::CondRead
    );
    if !only_read {
        return None;
    }
    let used = |register: Register| {
        let mut all = info.used_registers().iter();
        all.any(|used| used.register().full_register() == register)
    };
    let general = [
        Register::RAX,
        Register::RCX,
        Register::RDX,
        Register::RBX,
        Register::RSI,
        Register::RDI,
    ];
    let borrowed = general.into_iter().find(|&register| !used(register))?;

    let mut changed = *instruction;
    changed.set_segment_prefix(Register::None);
    let has_fixed_form = matches!(
        instruction.code(),
        Code::Mov_AL_moffs8 | Code::Mov_AX_moffs16 | Code::Mov_EAX_moffs32 | Code::Mov_RAX_moffs64
    );
    if has_fixed_form {
        changed.set_memory_displacement64(copy as u64);
    } else {
        changed.set_memory_base(borrowed);
        changed.set_memory_index(Register::None);
        changed.set_memory_index_scale(1);
        changed.set_memory_displacement64(0);
        changed.set_memory_displ_size(0);
    }
    let kept = MemoryOperand::with_base_displ(Register::RIP, KEPT.cast_signed() as i64);
    let next = accesses::continuation(rip + instruction.len()) as u64;
    let all = [
        Instruction::with2(Code::Mov_rm64_r64, kept, borrowed).ok()?,
        Instruction::with2(Code::Mov_r64_imm64, borrowed, copy as u64).ok()?,
        changed,
        Instruction::with2(Code::Mov_r64_rm64, borrowed, kept).ok()?,
        Instruction::with_branch(Code::Jmp_rel32_64, next).ok()?,
    ];
    let block = InstructionBlock::new(&all, CHANGED_SLOT as u64);
    let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::DONT_FIX_BRANCHES).ok()?;
    Some(encoded.code_buffer)
}
