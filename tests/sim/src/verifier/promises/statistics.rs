// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structures that count calls: what a driver says in them is what it has been seen to do.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use npi_description::{Field, NpiId, Structure, Type, find};

use super::Crossing;
use super::tally::{self, Key};
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::memory::extent;
use crate::scheduling::ThreadId;

/// The code of the finding, of which neither NMR nor Windows has one.
const STATISTICS: &str = "statistics";

/// A structure of counters that a call passes.
#[derive(Clone, Copy, Debug)]
struct Counters {
    address: usize,
    structure: &'static Structure,
    /// The NPI of the calls that it counts, and the function.
    npi: u128,
    function: &'static str,
    made: bool,
}

/// A structure that a callee is to fill in.
#[derive(Debug)]
struct Question {
    counters: Counters,
    /// What each counter can have said at the beginning of the call at least.
    least: Vec<u64>,
}

/// The structures that callees are to fill in, innermost last, by the callers' threads.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<ThreadId, Vec<Question>>);

impl Counters {
    /// The structure of counters that a call passes, and whether the callee only reads it.
    fn passed(call: Crossing) -> Option<(usize, bool, Self)> {
        let id = call.through.npi.to_u128();
        let npi = find(NpiId(id))?;
        let parameters = call.through.function?.parameters.iter().enumerate();
        parameters.into_iter().find_map(|(number, parameter)| {
            let Type::Lent {
                structure,
                constant,
            } = &parameter.kind
            else {
                return None;
            };
            let structure = npi.structure(structure)?;
            let counts = structure.counts.as_ref()?;
            let counters = Self {
                address: 0,
                structure,
                npi: counts.npi.map_or(id, |it| it.0),
                function: &counts.function,
                made: counts.made,
            };
            Some((number, *constant, counters))
        })
    }

    /// Its counters.
    fn fields(self) -> impl Iterator<Item = &'static Field> {
        self.structure
            .fields
            .iter()
            .filter(|it| it.counts.is_some())
    }

    /// What a counter of a driver can say now.
    fn bounds(self, state: &State, driver: DriverId, field: &Field) -> RangeInclusive<u64> {
        let key = Key {
            driver,
            made: self.made,
            npi: self.npi,
            function: self.function,
        };
        tally::bounds(state, key, field.counts.as_deref().unwrap_or_default())
    }

    /// What is wrong with the counters of a driver, which say this much at least.
    fn wrong(self, state: &State, driver: DriverId, least: &[u64]) -> Option<(Code, String)> {
        let size = self.structure.size;
        let bytes = extent::around(state, self.address)?.read(self.address, size);
        self.fields().zip(least).find_map(|(field, &least)| {
            let bytes = bytes.get(field.offset..)?.first_chunk()?;
            let said = u64::from_le_bytes(*bytes);
            let most = *self.bounds(state, driver, field).end();
            let how = if self.made { "made" } else { "received" };
            let seen = if said < least {
                format!("at least {least}")
            } else if said > most {
                format!("at most {most}")
            } else {
                return None;
            };
            let what = format!(
                "`{}` of {} is {said}, but it counts {seen} of the calls of {} that the driver has \
                 {how}",
                field.name, self.structure.name, self.function
            );
            Some((STATISTICS.into(), what))
        })
    }
}

/// Returns `true` if the counters of this cycle can be judged: a peer that breaks contracts
/// makes calls of which nobody knows what they are.
fn is_judged(state: &State) -> bool {
    !state.loader.drivers.any(|it| it.image.is_hostile())
}

/// A call begins. The finding against its caller, if it passes counters that are wrong.
pub(super) fn begin(
    state: &mut State,
    call: Crossing,
    argument: impl Fn(usize) -> usize,
) -> Option<(Code, String)> {
    let (number, constant, counters) = Counters::passed(call)?;
    let address = argument(number);
    let counters = Counters {
        address,
        ..counters
    };
    if constant {
        // They were counted at some time before.
        let least = vec![0; counters.fields().count()];
        let wrong = counters.wrong(state, call.caller, &least);
        return wrong.filter(|_| is_judged(state));
    }
    let least = |field| *counters.bounds(state, call.callee, field).start();
    let least = counters.fields().map(least).collect();
    let thread = state.scheduling.current_id();
    let asked = state.verifier.promises.statistics.0.entry(thread);
    asked.or_default().push(Question { counters, least });
    None
}

/// A call returns `result`. The finding, if its callee has filled in counters wrong.
pub(super) fn end(state: &mut State, call: Crossing, result: u32) -> Option<(Code, String)> {
    Counters::passed(call).filter(|(_, constant, _)| !constant)?;
    let thread = state.scheduling.current_id();
    let asked = state.verifier.promises.statistics.0.get_mut(&thread)?;
    let Question { counters, least } = asked.pop()?;
    let succeeds = result.cast_signed() >= 0;
    let wrong = counters.wrong(state, call.callee, &least);
    wrong.filter(|_| succeeds && is_judged(state))
}
