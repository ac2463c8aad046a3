// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that a module owes its peer: of a function that both sides offer, one at least in
//! a number of calls of another one.

use std::collections::BTreeMap;

use npi_description::{NpiId, find};
use registrar::host::BindingId;

use super::Crossing;
use crate::findings::bug_check::Code;
use crate::kernel::State;

/// The code of the finding, of which neither NMR nor Windows has one.
const DUE: &str = "due";

/// The calls since the last one that was due, by binding and by the name of that.
#[derive(Debug, Default)]
pub(super) struct DueCalls(BTreeMap<BindingId, Option<BTreeMap<&'static str, u64>>>);

impl DueCalls {
    /// Nothing is due any more in a binding.
    pub(super) fn detach(&mut self, binding: BindingId) {
        self.0.insert(binding, None);
    }
}

/// The finding for a call after which another one is overdue.
pub(super) fn call(state: &mut State, call: Crossing) -> Option<(Code, String)> {
    let (function, binding) = (call.through.function?, call.through.binding?);
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let promises = &mut state.verifier.promises;
    let since = promises.due.0.entry(binding);
    let since = since.or_insert_with(|| Some(BTreeMap::new())).as_mut()?;
    since.insert(&function.name, 0);
    for owed in npi.functions_of(function.side) {
        let Some(due) = owed.due_after.as_ref().filter(|it| it.of == function.name) else {
            continue;
        };
        if !promises.offers.both(binding, owed.if_offered) {
            continue;
        }
        let calls = since.entry(&owed.name).or_default();
        *calls += 1;
        if *calls > due.calls {
            let what = format!(
                "{calls} calls of {} in binding {} without one of {}, which both sides offer: one \
                 is due in {}",
                function.name, binding.0, owed.name, due.calls
            );
            return Some((DUE.into(), what));
        }
    }
    None
}
