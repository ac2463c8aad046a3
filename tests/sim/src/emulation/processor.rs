// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated processor: its clock, its random numbers and what it says of itself. The
//! same on every machine and in every run.
//!
//! It has what 64-bit Windows 11 demands of a processor and no more: no AVX, which is
//! more than a driver may use without saving it.

use iced_x86::{Instruction, Mnemonic, OpKind, Register};
use rand::RngExt;

use crate::emulation::context::Context;
use crate::kernel::with;

/// The ticks of the time-stamp counter in 100 ns: it runs at 2.4 GHz.
const TICKS: u64 = 240;

/// Executes an instruction that asks the processor something. Returns `false` if it is
/// none.
pub(in crate::emulation) fn execute(instruction: &Instruction, context: &mut Context) -> bool {
    match instruction.mnemonic() {
        Mnemonic::Rdtsc => read_clock(context),
        Mnemonic::Rdtscp => {
            read_clock(context);
            context.set(Register::ECX, number());
        }
        Mnemonic::Rdpid => context.set(instruction.op0_register(), number()),
        Mnemonic::Rdrand | Mnemonic::Rdseed if instruction.op0_kind() == OpKind::Register => {
            let value = with(|state| state.choices.chance.random());
            context.set(instruction.op0_register(), value);
            context.set_carry_only();
        }
        Mnemonic::Cpuid => identify(context),
        _ => return false,
    }
    true
}

fn number() -> u64 {
    with(|state| state.scheduling.processor()).into()
}

fn read_clock(context: &mut Context) {
    let ticks = with(|state| state.scheduling.read_clock()) * TICKS;
    context.set(Register::EAX, ticks & 0xFFFF_FFFF);
    context.set(Register::EDX, ticks >> 32);
}

/// `cpuid`.
fn identify(context: &mut Context) {
    let leaf = context.get(Register::EAX);
    let part = context.get(Register::ECX);
    let values = information(leaf, part, number());
    let registers = [Register::EAX, Register::EBX, Register::ECX, Register::EDX];
    for (register, value) in registers.into_iter().zip(values) {
        context.set(register, value.into());
    }
}

/// The last leaf of each kind.
const LAST: u32 = 7;
const LAST_EXTENDED: u32 = 0x8000_0008;

/// What `cpuid` says in `eax`, `ebx`, `ecx` and `edx`.
fn information(leaf: u64, part: u64, number: u64) -> [u32; 4] {
    /// Family 6, model 0x55, stepping 7.
    const SIGNATURE: u32 = 0x0005_0657;
    /// A cache line has 8 units of 8 bytes.
    const LINE: u32 = 8 << 8;
    /// SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT, RDRAND.
    const FEATURES_C: u32 = 1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23 | 1 << 30;
    /// FPU, DE, PSE, TSC, MSR, PAE, MCE, CX8, APIC, SEP, MTRR, PGE, MCA, CMOV, PAT, PSE-36,
    /// CLFSH, MMX, FXSR, SSE, SSE2.
    const FEATURES_D: u32 = 0x078B_FBFD;
    /// RDSEED.
    const EXTENDED_FEATURES_B: u32 = 1 << 18;
    /// LAHF and PREFETCHW.
    const AMD_FEATURES_C: u32 = 1 | 1 << 8;
    /// SYSCALL, NX, RDTSCP, long mode.
    const AMD_FEATURES_D: u32 = 1 << 11 | 1 << 20 | 1 << 27 | 1 << 29;
    /// The clock runs at one speed.
    const INVARIANT_CLOCK: u32 = 1 << 8;
    /// 48 bits of physical and of virtual addresses.
    const ADDRESSES: u32 = 0x3030;

    let number = u32::try_from(number).unwrap_or_default();
    match (u32::try_from(leaf).unwrap_or_default(), part) {
        (0, _) => {
            let [b, d, c] = words(b"GenuineIntel");
            [LAST, b, c, d]
        }
        (1, _) => [SIGNATURE, number << 24 | LINE, FEATURES_C, FEATURES_D],
        (7, 0) => [0, EXTENDED_FEATURES_B, 0, 0],
        (0x8000_0000, _) => [LAST_EXTENDED, 0, 0, 0],
        (0x8000_0001, _) => [0, 0, AMD_FEATURES_C, AMD_FEATURES_D],
        (leaf @ 0x8000_0002..=0x8000_0004, _) => {
            let name: [u32; 12] = words(
                b"Simulated processor\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            );
            let first = 4 * (leaf - 0x8000_0002) as usize;
            std::array::from_fn(|word| name[first + word])
        }
        (0x8000_0007, _) => [0, 0, 0, INVARIANT_CLOCK],
        (0x8000_0008, _) => [ADDRESSES, 0, 0, 0],
        _ => [0; 4],
    }
}

/// The words of a text.
fn words<const N: usize>(text: &[u8]) -> [u32; N] {
    let (words, _) = text.as_chunks::<4>();
    std::array::from_fn(|word| u32::from_le_bytes(words[word]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_has_an_answer() {
        for leaf in 0..0x20_u64 {
            information(leaf, 0, 1);
            information(0x8000_0000 + leaf, 0, 1);
        }
        let [_, b, c, d] = information(0, 0, 0);
        let name: Vec<u8> = [b, d, c].into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(name, b"GenuineIntel");
    }
}
