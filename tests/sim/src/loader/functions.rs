// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decides which addresses of an image are functions: a word of a dispatch table may point
//! to code, or be a number, a string or any other data.
//!
//! The exception directory lists every function that changes the stack pointer or
//! calls. Other functions, which the documents call leaf functions, are recognized by
//! their instructions: they reach a return or a jump, and do not change the stack pointer.
//! Data that is linked into a code section (`/MERGE`) is not taken for a function.

use driver_image::DriverImage;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Register};
use pe_unwind_info::x86_64::FunctionTableEntries;

/// The most instructions of a leaf function that are read.
const MOST: usize = 256;

/// Returns `true` if a function of the image begins at `offset`.
pub(crate) fn begins_at(file: &DriverImage, offset: u32) -> bool {
    let mut sections = file.sections().iter();
    if !sections.any(|section| section.executable && section.covers(offset, 1)) {
        return false;
    }
    match FunctionTableEntries::parse(file.functions()).lookup(offset) {
        Some(function) => {
            function.begin_address.get() == offset
                && !is_part(file, function.unwind_info_address.get())
        }
        None => is_leaf(file, offset),
    }
}

/// The length of the prologue of the function that begins at `offset`, by its unwind
/// information; `None` for a leaf function.
pub(crate) fn prologue(file: &DriverImage, offset: u32) -> Option<usize> {
    let function = FunctionTableEntries::parse(file.functions()).lookup(offset)?;
    let length = Some(function)
        .filter(|function| function.begin_address.get() == offset)
        .and_then(|function| file.content(function.unwind_info_address.get())?.get(1));
    Some(length.copied().unwrap_or_default().into())
}

/// Returns `true` if this unwind information is that of a part of a function, which
/// begins elsewhere.
fn is_part(file: &DriverImage, unwind_info: u32) -> bool {
    /// `UNW_FLAG_CHAININFO`, behind the version's three bits.
    const CHAINED: u8 = 0x4 << 3;
    let information = file.content(unwind_info);
    information.is_some_and(|bytes| bytes.first().is_some_and(|flags| flags & CHAINED != 0))
}

fn is_leaf(file: &DriverImage, offset: u32) -> bool {
    let Some(code) = file.content(offset) else {
        return false;
    };
    let decoder = Decoder::with_ip(64, code, u64::from(offset), DecoderOptions::NONE);
    for instruction in decoder.into_iter().take(MOST) {
        if instruction.is_invalid()
            || instruction.is_privileged()
            || is_zero(code, offset, &instruction)
            || moves_stack(&instruction)
        {
            return false;
        }
        match instruction.flow_control() {
            FlowControl::Next | FlowControl::ConditionalBranch => {}
            FlowControl::Return | FlowControl::IndirectBranch => return true,
            FlowControl::UnconditionalBranch => return leads_to_code(file, &instruction),
            _ => return false,
        }
    }
    false
}

/// Returns `true` for `add [rax], al`, whose bytes are zero: no compiler generates it.
fn is_zero(code: &[u8], offset: u32, instruction: &Instruction) -> bool {
    let at = usize::try_from(instruction.ip() - u64::from(offset));
    at.is_ok_and(|at| code.get(at..at + 2) == Some(&[0, 0]))
}

/// Returns `true` if the instruction changes the stack pointer, other than by a return.
fn moves_stack(instruction: &Instruction) -> bool {
    let moves = instruction.is_stack_instruction()
        || (instruction.op_count() > 0 && instruction.op0_register() == Register::RSP);
    moves && instruction.flow_control() != FlowControl::Return
}

fn leads_to_code(file: &DriverImage, jump: &Instruction) -> bool {
    let target = u32::try_from(jump.near_branch_target());
    target.is_ok_and(|target| {
        let mut sections = file.sections().iter();
        sections.any(|section| section.executable && section.covers(target, 1))
    })
}
