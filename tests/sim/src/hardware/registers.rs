// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of a simulated thread.

use pe_unwind_info::x86_64::Register;

/// The registers of a thread, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers(pub(crate) [u64; 16]);

impl Registers {
    /// What a caller finds after a call: in `kept` the registers that calls keep
    /// (`rbx`, `rbp`, `rsi`, `rdi`, `r12` to `r15`), and its stack at `rsp`.
    pub(crate) fn kept(kept: [u64; 8], rsp: usize) -> Self {
        let [rbx, rbp, rsi, rdi, r12, r13, r14, r15] = kept;
        let rsp = rsp as u64;
        Self([
            0, 0, 0, rbx, rsp, rbp, rsi, rdi, 0, 0, 0, 0, r12, r13, r14, r15,
        ])
    }

    /// The name of a register that is another one in `other`.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<&'static str> {
        const NAMES: [&str; 16] = [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
            "r12", "r13", "r14", "r15",
        ];
        let mut pairs = self.0.iter().zip(other.0);
        let place = pairs.position(|(mine, others)| *mine != others)?;
        Some(NAMES[place])
    }

    pub(crate) const fn of(&self, register: Register) -> u64 {
        self.0[register as usize]
    }

    pub(crate) fn rsp(&self) -> usize {
        usize::try_from(self.of(Register::RSP)).expect("both have 64 bits")
    }
}
