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

    pub(crate) const fn of(&self, register: Register) -> u64 {
        self.0[register as usize]
    }

    pub(crate) fn rsp(&self) -> usize {
        usize::try_from(self.of(Register::RSP)).expect("both have 64 bits")
    }
}
