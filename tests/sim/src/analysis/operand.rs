// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains a general-protection exception by the memory operand of its instruction: the
//! processor does not say which address it was.

use iced_x86::{Instruction, InstructionInfoFactory, OpAccess, UsedMemory};

use crate::hardware::arena;
use crate::hardware::trap::{self, Exception, ExceptionKind};
use crate::kernel::State;

/// The exception as one of an access to an address that cannot exist, if it is one.
pub(crate) fn resolve(state: &State, fault: &Exception) -> Exception {
    let access = (fault.kind == ExceptionKind::Protection)
        .then(|| instruction(state, fault))
        .flatten()
        .and_then(|instruction| impossible(&instruction, fault));
    match access {
        Some((kind, address)) => Exception {
            kind,
            address,
            ..*fault
        },
        None => *fault,
    }
}

/// The address of the operand of an ordinary instruction at which `fault` happened, and
/// the multiple that it must be of.
pub(crate) fn misaligned(state: &State, fault: &Exception) -> Option<(usize, usize)> {
    let instruction = instruction(state, fault)?;
    let size = instruction.memory_size().size();
    let mut factory = InstructionInfoFactory::new();
    let memory = factory.info(&instruction).used_memory().to_vec();
    let mut addresses = memory.iter().filter_map(|memory| address(memory, fault));
    let address = addresses.find(|address| size > 0 && address % size != 0)?;
    Some((address, size))
}

/// The instruction at which `fault` happened: a driver's, or one of the simulated kernel
/// that works for it.
fn instruction(state: &State, fault: &Exception) -> Option<Instruction> {
    if let Some(site) = state.loader.drivers.site(fault.rip) {
        return state.loader.drivers[site.driver]
            .image
            .instruction(site.offset?);
    }
    let is_host = !arena::contains(fault.rip) && fault.rip != 0;
    is_host.then(|| trap::executed(fault))
}

/// The access to an address that cannot exist.
fn impossible(instruction: &Instruction, fault: &Exception) -> Option<(ExceptionKind, usize)> {
    let mut factory = InstructionInfoFactory::new();
    let all = factory.info(instruction).used_memory().iter();
    let mut all = all.filter_map(|memory| Some((memory.access(), address(memory, fault)?)));
    let (access, address) = all.find(|&(_, address)| !trap::can_exist(address as u64))?;
    let kind = match access {
        OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite => {
            ExceptionKind::Write
        }
        OpAccess::Read | OpAccess::CondRead => ExceptionKind::Read,
        OpAccess::None | OpAccess::NoMemAccess => return None,
    };
    Some((kind, address))
}

fn address(memory: &UsedMemory, fault: &Exception) -> Option<usize> {
    let registers = &fault.registers.0;
    let address = memory.virtual_address(0, |register, _, _| {
        if register.is_segment_register() {
            Some(0)
        } else {
            let full = register.full_register();
            let value = full.is_gpr64().then(|| registers[full.number()])?;
            Some(if register.is_gpr32() {
                value & 0xFFFF_FFFF
            } else {
                value
            })
        }
    })?;
    usize::try_from(address).ok()
}
