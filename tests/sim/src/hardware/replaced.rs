// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions that the processor executes for any program, with results or effects of
//! the host: the loader puts breakpoints in their place, so that they are emulated or
//! reported.
//!
//! Privileged instructions and accesses by `gs` need none: they fault by themselves.

use iced_x86::{EncodingKind, Instruction, Mnemonic, OpKind, Register};

/// Returns `true` if an instruction must not be executed as it is.
pub(crate) fn is_replaced(instruction: &Instruction) -> bool {
    reads_host(instruction)
        || calls_host(instruction)
        || uses_segment(instruction)
        || returns_far(instruction)
        || is_extended(instruction)
}

/// Returns `true` if its result is the host's: another one on each machine, or in each
/// run.
fn reads_host(instruction: &Instruction) -> bool {
    use Mnemonic::{
        Cpuid, Rdfsbase, Rdgsbase, Rdpid, Rdpmc, Rdrand, Rdseed, Rdtsc, Rdtscp, Sgdt, Sidt, Sldt,
        Smsw, Str, Xgetbv,
    };
    matches!(
        instruction.mnemonic(),
        Cpuid
            | Rdfsbase
            | Rdgsbase
            | Rdpid
            | Rdpmc
            | Rdrand
            | Rdseed
            | Rdtsc
            | Rdtscp
            | Sgdt
            | Sidt
            | Sldt
            | Smsw
            | Str
            | Xgetbv
    )
}

/// Returns `true` if it is a system call of the host.
pub(crate) fn calls_host(instruction: &Instruction) -> bool {
    /// The interrupt by which old programs call Linux.
    const LINUX: u8 = 0x80;
    match instruction.mnemonic() {
        Mnemonic::Syscall | Mnemonic::Sysenter => true,
        Mnemonic::Int => instruction.immediate8() == LINUX,
        _ => false,
    }
}

/// Returns `true` if it uses AVX, which the simulated processor does not have, as `cpuid`
/// says. A driver that does not ask would destroy the interrupted thread's registers.
fn is_extended(instruction: &Instruction) -> bool {
    let is_vector = |register: Register| register.is_vector_register() || register.is_k();
    instruction.code().encoding() != EncodingKind::Legacy
        && (0..instruction.op_count()).any(|operand| {
            instruction.op_kind(operand) == OpKind::Register
                && is_vector(instruction.op_register(operand))
        })
}

/// Returns `true` if it loads the code segment, too.
fn returns_far(instruction: &Instruction) -> bool {
    use Mnemonic::{Iret, Iretd, Iretq, Retf};
    matches!(instruction.mnemonic(), Iret | Iretd | Iretq | Retf)
}

/// Returns `true` if it reads or changes a segment register, or accesses memory by `fs`.
fn uses_segment(instruction: &Instruction) -> bool {
    use Mnemonic::{Lfs, Lgs, Lss, Wrfsbase, Wrgsbase};
    let any_operand = |is: fn(Register) -> bool| {
        (0..instruction.op_count()).any(|operand| {
            instruction.op_kind(operand) == OpKind::Register && is(instruction.op_register(operand))
        })
    };
    matches!(
        instruction.mnemonic(),
        Lfs | Lgs | Lss | Wrfsbase | Wrgsbase
    ) || any_operand(Register::is_segment_register)
        || by_fs(instruction)
}

/// Returns `true` if it accesses memory by `fs`.
pub(crate) fn by_fs(instruction: &Instruction) -> bool {
    instruction.memory_segment() == Register::FS
        && (0..instruction.op_count()).any(|operand| {
            !matches!(
                instruction.op_kind(operand),
                OpKind::Register | OpKind::Immediate8 | OpKind::NearBranch64
            )
        })
        && instruction.has_segment_prefix()
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    #[test]
    fn what_would_reach_the_host_is_replaced() {
        let replaced: &[&[u8]] = &[
            &[0x0F, 0x31],                         // rdtsc
            &[0x0F, 0xA2],                         // cpuid
            &[0x0F, 0x05],                         // syscall
            &[0xCD, 0x80],                         // int 80h
            &[0x64, 0x89, 0x04, 0x25, 0, 0, 0, 0], // mov fs:[0], eax
            &[0xF3, 0x48, 0x0F, 0xAE, 0xD0],       // wrfsbase rax
            &[0x8E, 0xE0],                         // mov fs, eax
            &[0x0F, 0xA1],                         // pop fs
        ];
        let kept: &[&[u8]] = &[
            &[0xCD, 0x29],                                  // int 29h
            &[0x65, 0x48, 0x8B, 0x04, 0x25, 0x88, 1, 0, 0], // mov rax, gs:[188h]
            &[0x44, 0x0F, 0x20, 0xC0],                      // mov rax, cr8
            &[0x48, 0x8B, 0x04, 0x24],                      // mov rax, [rsp]
            &[0xF3, 0x90],                                  // pause
        ];
        for (all, expected) in [(replaced, true), (kept, false)] {
            for code in all {
                let instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
                assert!(!instruction.is_invalid(), "{code:x?}");
                assert_eq!(is_replaced(&instruction), expected, "{code:x?}");
            }
        }
    }
}
