// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structures whose fields count calls.

use super::{Result, guid, wrong};
use crate::raw::{self, Text};
use crate::{CountedCalls, Outcome, Structure, Type};

/// The calls that a structure of this name counts.
pub(super) fn of(
    name: &Text,
    raw: &raw::Structure,
    structure: &Structure,
) -> Result<Option<CountedCalls>> {
    let Some(counts) = &raw.counts else {
        if let Some(field) = raw.fields.iter().find(|it| it.counts.is_some()) {
            return wrong(
                &field.name,
                "which calls does it count? add `counts` to the structure: `calls_made` or \
                 `calls_received`",
            );
        }
        return Ok(None);
    };
    let (function, made) = match (&counts.calls_made, &counts.calls_received) {
        (Some(function), None) => (function, true),
        (None, Some(function)) => (function, false),
        _ => {
            return wrong(
                name,
                "`counts` names the function either as `calls_made` or as `calls_received`: \
                 write one",
            );
        }
    };
    for (field, described) in raw.fields.iter().zip(&structure.fields) {
        if described.counts.is_some() && described.kind != Type::Unsigned(8) {
            return wrong(&field.name, "a counter of calls is a `u64`: make it one");
        }
    }
    Ok(Some(CountedCalls {
        npi: counts.npi.as_ref().map(guid).transpose()?,
        function: function.as_ref().clone(),
        made,
    }))
}

/// The outcomes of these names.
pub(super) fn outcomes(names: &[Text]) -> Result<Vec<Outcome>> {
    let outcome = |name: &Text| {
        let mut all = Outcome::ALL.iter();
        let found = all.find(|(known, _)| known == name.as_ref());
        found.map_or_else(
            || {
                let known = Outcome::ALL.map(|(name, _)| name).join(", ");
                let reason = format!("`{}` is no outcome: use one of {known}", name.as_ref());
                wrong(name, reason)
            },
            |(_, outcome)| Ok(*outcome),
        )
    };
    names.iter().map(outcome).collect()
}
