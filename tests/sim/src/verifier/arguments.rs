// SPDX-License-Identifier: MIT OR Apache-2.0

//! Arguments of calls that violate the description of the NPI: a finding against the caller, before
//! the callee dereferences them.

use npi_description::{Meaning, NpiId, Parameter, Type, find};

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::memory::extent;
use crate::scheduling::frame::TableEntry;
use crate::verifier::promises;

/// The code of the finding, for which neither NMR nor Windows has one.
const ARGUMENT: &str = "argument";

/// Returns the finding if an argument of a call violates the description. Does not check the calls
/// of generated peers, and arguments that the callee looks up before it dereferences them.
pub(crate) fn breach(
    state: &State,
    caller: DriverId,
    through: TableEntry,
    argument: impl Fn(usize) -> usize,
) -> Option<(Code, String)> {
    let function = through.function?;
    if state.loader.drivers[caller].image.is_generated() {
        return None;
    }
    let parameters = function.parameters.iter().enumerate();
    let mut followed = parameters.filter(|(_, it)| !it.looked_up);
    let what = followed.find_map(|(number, parameter)| {
        let value = argument(number);
        if parameter.is_binding && through.astray {
            return Some(format!(
                "{through} was called with {value:#x} as its binding context, which the {:?} whose \
                 function it is has not handed to this driver",
                through.owner
            ));
        }
        short(state, through, parameter, value)
    })?;
    Some((ARGUMENT.into(), what))
}

/// Returns the finding for a request in memory that its caller has lent to an outstanding request.
pub(crate) fn lent_again(
    state: &State,
    caller: DriverId,
    through: TableEntry,
) -> Option<(Code, String)> {
    let what = format!("{through} was called with a request that is still outstanding");
    let is_judged = !state.loader.drivers[caller].image.is_generated();
    is_judged.then(|| (ARGUMENT.into(), what))
}

/// Returns the defect of a lent structure that is longer than its memory.
fn short(
    state: &State,
    through: TableEntry,
    parameter: &Parameter,
    address: usize,
) -> Option<String> {
    let Type::Lent { structure, .. } = &parameter.kind else {
        return None;
    };
    let npi = find(NpiId(through.npi.to_u128()))?;
    let structure = npi.structure(structure)?;
    let extent = extent::around(state, address)?;
    let room = extent.end() - address;
    let claimed = promises::place(npi, structure, Meaning::Size).and_then(|(field, offset)| {
        let bytes = extent.read(address, offset + field.size);
        let bytes = bytes.get(offset..).filter(|it| it.len() == field.size)?;
        let mut number = [0; size_of::<usize>()];
        number.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(usize::from_le_bytes(number))
    });
    let size = claimed.unwrap_or(structure.size);
    (room < size).then(|| {
        format!(
            "{through} was called with a `{}` of {size:#x} bytes in memory that ends after {room:#x}",
            parameter.name
        )
    })
}
