// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call with its first two arguments exchanged.

use std::collections::BTreeMap;

use iced_x86::{Encoder, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, Register};
use scenarios::Mutation;

use super::changes::Change;
use super::{is_call, offset};

/// How far before a call its arguments are looked for.
const MOST: usize = 12;

/// The registers of the first two arguments.
const FIRST: Register = Register::RCX;
const SECOND: Register = Register::RDX;

/// The last instruction, a call, with its first two arguments exchanged: where they are
/// loaded, each goes into the other's register. `None` if it is no call, or if they are not
/// loaded by two instructions before it that nothing between depends on.
pub(super) fn exchanged<'a>(
    code: &[Instruction],
    targets: &BTreeMap<u64, usize>,
    content: impl Fn(&Instruction) -> &'a [u8],
) -> Option<Change> {
    let (call, before) = code.split_last()?;
    if !is_call(call) {
        return None;
    }
    let mut loads = BTreeMap::new();
    let mut begin = call;
    let mut infos = InstructionInfoFactory::new();
    for instruction in before.iter().rev().take(MOST) {
        let goes_on = instruction.next_ip() == begin.ip() && !targets.contains_key(&begin.ip());
        if !goes_on || instruction.flow_control() != FlowControl::Next {
            return None;
        }
        begin = instruction;
        match argument(instruction) {
            Some(register) if !loads.contains_key(&number(register)) => {
                loads.insert(number(register), *instruction);
            }
            _ => {
                // Something else that has to do with the registers.
                let info = infos.info(instruction);
                let touched = info
                    .used_registers()
                    .iter()
                    .map(|it| it.register().full_register());
                if touched.into_iter().any(|it| it == FIRST || it == SECOND) {
                    return None;
                }
            }
        }
        if loads.len() == 2 {
            break;
        }
    }
    let mut loads: Vec<_> = loads.into_values().collect();
    loads.sort_by_key(Instruction::ip);
    let [one, other]: [Instruction; 2] = loads.try_into().ok()?;
    if [&one, &other]
        .into_iter()
        .any(|load| reads_argument(load, &mut infos))
    {
        return None;
    }
    let (from, to) = (one.ip(), other.next_ip());
    let between = before.iter().filter(|it| (from..to).contains(&it.ip()));
    let mut bytes = Vec::new();
    for instruction in between {
        if instruction.ip() == one.ip() || instruction.ip() == other.ip() {
            bytes.extend(into_other(instruction)?);
        } else {
            bytes.extend_from_slice(content(instruction));
        }
    }
    Some(Change {
        mutation: Mutation::SwappedArguments,
        at: offset(&one),
        bytes,
        subject: None,
    })
}

/// The argument's register that an instruction loads with 64 bits.
fn argument(instruction: &Instruction) -> Option<Register> {
    let loads = matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Lea);
    let register = loads.then(|| instruction.op0_register())?;
    (register == FIRST || register == SECOND).then_some(register)
}

const fn number(register: Register) -> bool {
    matches!(register, SECOND)
}

/// Returns `true` if a load of one argument reads an argument's register.
fn reads_argument(load: &Instruction, infos: &mut InstructionInfoFactory) -> bool {
    let own = load.op0_register();
    let mut used = infos.info(load).used_registers().iter();
    used.any(|it| {
        let register = it.register().full_register();
        let reads = it.access() == iced_x86::OpAccess::Read;
        (register == FIRST || register == SECOND) && (register != own || reads)
    })
}

/// The load into the other argument's register, if it is as long.
fn into_other(load: &Instruction) -> Option<Vec<u8>> {
    let mut other = *load;
    other.set_op0_register(if load.op0_register() == FIRST {
        SECOND
    } else {
        FIRST
    });
    let mut encoder = Encoder::new(64);
    encoder.encode(&other, load.ip()).ok()?;
    let bytes = encoder.take_buffer();
    (bytes.len() == load.len()).then_some(bytes)
}
