// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which memory an instruction accesses, and how.

use iced_x86::{
    FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

use crate::hardware::registers::Registers;

/// How an instruction accesses memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessKind {
    Load,
    /// Loads what the run changes and stores again.
    Fetch,
    Store,
    /// Loads a value and stores what it makes of it, which another processor can come
    /// between.
    Modify,
    /// The same as one step: with a lock prefix, or an exchange.
    Atomic,
}

/// An access of an instruction to memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) kind: AccessKind,
    /// The number of bytes; of an element, if it is repeated.
    size: usize,
    base: Place,
    index: Option<u8>,
    scale: usize,
    displacement: usize,
    /// It is repeated as often as `rcx` says.
    pub(crate) repeated: bool,
}

/// What an operand's address is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Zero,
    /// The image's base.
    Image,
    Register(u8),
}

impl Access {
    /// The accesses of an instruction to memory that others may know: one, or two of a
    /// string instruction. `is_framed` if `rbp` leads to the function's own frame.
    pub(crate) fn all(
        instruction: &Instruction,
        is_framed: bool,
        factory: &mut InstructionInfoFactory,
    ) -> Vec<Self> {
        if instruction.flow_control() != FlowControl::Next
            || instruction.is_stack_instruction()
            || instruction.memory_size().size() == 0
        {
            return Vec::new();
        }
        let info = factory.info(instruction);
        let mut all = Vec::new();
        for operand in 0..instruction.op_count() {
            let Some(kind) = kind(instruction, info.op_access(operand)) else {
                continue;
            };
            let register = match instruction.op_kind(operand) {
                OpKind::Memory => {
                    all.extend(Self::explicit(instruction, kind, is_framed));
                    continue;
                }
                OpKind::MemorySegRSI => Register::RSI,
                OpKind::MemoryESRDI => Register::RDI,
                _ => continue,
            };
            all.push(Self {
                kind,
                size: instruction.memory_size().size(),
                base: Place::Register(number(register)),
                index: None,
                scale: 1,
                displacement: 0,
                repeated: instruction.has_rep_prefix() || instruction.has_repne_prefix(),
            });
        }
        all
    }

    fn explicit(instruction: &Instruction, kind: AccessKind, is_framed: bool) -> Option<Self> {
        let base = match instruction.memory_base() {
            Register::RSP => return None,
            Register::RBP if is_framed => return None,
            Register::RIP => Place::Image,
            Register::None => Place::Zero,
            register if register.is_gpr64() => Place::Register(number(register)),
            _ => return None,
        };
        let index = match instruction.memory_index() {
            Register::None => None,
            register if register.is_gpr64() => Some(number(register)),
            _ => return None,
        };
        Some(Self {
            kind,
            size: instruction.memory_size().size(),
            base,
            index,
            scale: usize::try_from(instruction.memory_index_scale()).ok()?,
            displacement: usize::try_from(instruction.memory_displacement64()).ok()?,
            repeated: false,
        })
    }

    /// The offset in the image that it accesses, if that is fixed.
    pub(super) fn fixed(&self) -> Option<usize> {
        (self.base == Place::Image && self.index.is_none()).then_some(self.displacement)
    }

    /// Returns `true` if two accesses have the same operand.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        (self.base, self.index, self.scale) == (other.base, other.index, other.scale)
            && (self.displacement, self.size) == (other.displacement, other.size)
    }

    /// Returns `true` if the address depends on a register.
    pub(super) fn depends_on(&self, register: Register) -> bool {
        let register = register.full_register();
        let is = |place: u8| register.is_gpr64() && place == number(register);
        self.index.is_some_and(is) || matches!(self.base, Place::Register(base) if is(base))
    }

    /// The address with these registers, in the image at `base`, and the number of bytes.
    pub(crate) fn resolve(&self, registers: &Registers, base: usize) -> (usize, usize) {
        /// The register that counts repetitions.
        const RCX: u8 = 1;

        let value = |number: u8| {
            let value = registers.0[usize::from(number)];
            usize::try_from(value).expect("both have 64 bits")
        };
        let start = match self.base {
            Place::Zero => 0,
            Place::Image => base,
            Place::Register(register) => value(register),
        };
        let index = self.index.map_or(0, value);
        let address = start
            .wrapping_add(index.wrapping_mul(self.scale))
            .wrapping_add(self.displacement);
        let times = if self.repeated { value(RCX) } else { 1 };
        (address, self.size.saturating_mul(times))
    }
}

fn kind(instruction: &Instruction, access: OpAccess) -> Option<AccessKind> {
    let is_exchange = instruction.mnemonic() == Mnemonic::Xchg;
    let atomic = instruction.has_lock_prefix() || is_exchange;
    Some(match access {
        OpAccess::Read | OpAccess::CondRead => AccessKind::Load,
        OpAccess::Write | OpAccess::CondWrite if !atomic => AccessKind::Store,
        OpAccess::ReadWrite | OpAccess::ReadCondWrite if !atomic => AccessKind::Modify,
        OpAccess::None | OpAccess::NoMemAccess => return None,
        _ => AccessKind::Atomic,
    })
}

fn number(register: Register) -> u8 {
    u8::try_from(register.number()).expect("there are 16 general registers")
}
