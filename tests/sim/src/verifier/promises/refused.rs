// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a call may be refused: with the statuses that the description of the NPI lists, and
//! only when it says so.

use npi_description::{Field, Meaning, NpiId, Type, When, find};

use super::Crossing;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::memory::extent;

/// The code of the finding, of which neither NMR nor Windows has one.
const REFUSED: &str = "refused";

/// What is known of a call when it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// What it lends has the size and the counts that the description wants.
    is_well_formed: bool,
    /// The callee takes calls in its binding.
    is_open: bool,
    /// How many of the binding were not over before.
    open: u64,
}

impl Terms {
    pub(super) fn of(state: &State, call: Crossing, argument: impl Fn(usize) -> usize) -> Self {
        Self {
            is_well_formed: is_well_formed(state, call, argument).unwrap_or_default(),
            is_open: is_open(state, call),
            open: state.verifier.promises.pending.open(call),
        }
    }

    /// The finding for a call that returns `result`, if it may not.
    pub(super) fn refused(
        self,
        state: &State,
        call: Crossing,
        result: u32,
    ) -> Option<(Code, String)> {
        let function = call.through.function?;
        let refusals = function.refuses.as_ref()?;
        if result.cast_signed() >= 0 || !self.is_well_formed {
            return None;
        }
        let is_open = self.is_open && is_open(state, call);
        // Those that end meanwhile still count for the callee.
        let threads = state.scheduling.threads().len() as u64;
        let is_busy = function
            .most_pending
            .is_some_and(|most| self.open + threads > most);
        let may = |when| match when {
            When::Malformed => false,
            When::Detaching => !is_open,
            When::Busy => is_busy,
            When::Ever => true,
        };
        let own: Vec<_> = refusals.iter().filter(|it| it.status == result).collect();
        if own.iter().any(|it| may(it.when)) {
            return None;
        }
        let why = if own.is_empty() {
            "the description does not list it"
        } else {
            "what it stands for is not so: what was lent is as described, the callee has accepted \
             the binding and does not detach"
        };
        let what = format!("{} returned {result:#010x}, and {why}", call.through);
        Some((REFUSED.into(), what))
    }
}

/// Returns `true` if the callee takes calls in the binding of a call. One that may be of
/// several bindings may be of one that detaches.
fn is_open(state: &State, call: Crossing) -> bool {
    let calls = &state.verifier.binding_calls;
    let binding = call.through.binding;
    binding.is_some_and(|binding| calls.is_open(binding, call.through.owner))
}

/// Returns `true` if each structure that a call lends says its size and its version, and has
/// no count above that of what is counted; `None` if that cannot be told.
fn is_well_formed(
    state: &State,
    call: Crossing,
    argument: impl Fn(usize) -> usize,
) -> Option<bool> {
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let mut all = true;
    for (number, parameter) in call.through.function?.parameters.iter().enumerate() {
        let Type::Lent { structure, .. } = &parameter.kind else {
            continue;
        };
        let structure = npi.structure(structure)?;
        let start = argument(number);
        let extent = extent::around(state, start)?;
        if extent.end() - start < structure.size {
            return Some(false);
        }
        let number_of = |field: &Field, offset: usize| {
            let bytes = extent.read(start + offset + field.offset, field.size);
            let mut number = [0; size_of::<u64>()];
            number
                .get_mut(..field.size)?
                .copy_from_slice(bytes.get(..field.size)?);
            Some(u64::from_le_bytes(number))
        };
        for field in &structure.fields {
            let inner = match &field.kind {
                Type::Structure(inner) => npi.structure(inner)?.fields.as_slice(),
                Type::Array(_, most) => {
                    let Some(name) = &field.counted_by else {
                        continue;
                    };
                    let count = structure.fields.iter().find(|it| it.name == *name)?;
                    all &= number_of(count, 0)? <= *most as u64;
                    continue;
                }
                _ => continue,
            };
            for said in inner {
                all &= match said.meaning {
                    Some(Meaning::Size) => number_of(said, field.offset)? == structure.size as u64,
                    Some(Meaning::Version) => {
                        let version = i64::try_from(number_of(said, field.offset)?).ok()?;
                        said.value.0.contains(&version)
                    }
                    _ => true,
                };
            }
        }
    }
    Some(all)
}
