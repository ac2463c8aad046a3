// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call comes back with: where the NPI's description says that the callee copies a
//! field of what is lent to it, it must have done so when it answers with success.

use std::collections::BTreeMap;

use npi_description::{Field, NpiId, Reply, Structure, Type, find};

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::memory::extent;
use crate::scheduling::frame::TableEntry;

/// The code of the finding, of which neither NMR nor Windows has one.
const REPLY: &str = "reply";

/// What a call lends.
#[derive(Debug)]
struct Lent {
    function: &'static str,
    parameter: &'static str,
    address: usize,
    structure: &'static Structure,
    /// What was in it when the call began.
    sent: Vec<u8>,
}

/// What outstanding requests have lent to be copied, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Replies(BTreeMap<u64, Vec<Lent>>);

/// Records what `caller` lends with the request that it makes.
pub(super) fn begin(
    state: &mut State,
    through: TableEntry,
    caller: DriverId,
    request: u64,
    argument: impl Fn(usize) -> usize,
) {
    // Nobody can answer right to a peer that changes what it has lent.
    if state.loader.drivers[caller].image.is_hostile() {
        return;
    }
    let (Some(npi), Some(function)) = (find(NpiId(through.npi.to_u128())), through.function) else {
        return;
    };
    let mut lent = Vec::new();
    for (number, parameter) in function.parameters.iter().enumerate() {
        if let Type::Lent { structure, .. } = &parameter.kind
            && let Some(structure) = npi.structure(structure)
            && copies(structure).next().is_some()
        {
            let address = argument(number);
            lent.extend(read(state, address, structure).map(|sent| Lent {
                function: &function.name,
                parameter: &parameter.name,
                address,
                structure,
                sent,
            }));
        }
    }
    if !lent.is_empty() {
        state.verifier.promises.replies.0.insert(request, lent);
    }
}

/// `callee` ends a request, by returning `status` from its call or else by a completion. The
/// finding, if it does so with success and without the copies.
pub(super) fn end(
    state: &mut State,
    callee: DriverId,
    request: u64,
    status: Option<u32>,
) -> Option<(Code, String)> {
    let lent = state.verifier.promises.replies.0.remove(&request)?;
    if state.loader.drivers[callee].image.is_hostile() {
        return None;
    }
    let wrong = lent.iter().find_map(|lent| lent.wrong(state, status))?;
    Some((REPLY.into(), wrong))
}

/// The fields that the callee copies, each with the field that it copies.
fn copies(structure: &'static Structure) -> impl Iterator<Item = (&'static Field, &'static Field)> {
    structure
        .fields
        .iter()
        .filter_map(|field| match &field.reply {
            Some(Reply::Field(from)) => Some((field, structure.field(from)?)),
            _ => None,
        })
}

/// The content of a structure, if all of it can be read.
fn read(state: &State, address: usize, structure: &Structure) -> Option<Vec<u8>> {
    let content = extent::around(state, address)?.read(address, structure.size);
    (content.len() == structure.size).then_some(content)
}

/// The first bytes of a field of a structure with this content, as a number.
fn number<const SIZE: usize>(field: &Field, content: &[u8]) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let size = field.size.min(SIZE);
    bytes[..size].copy_from_slice(&content[field.offset..][..size]);
    bytes
}

impl Lent {
    /// What is wrong with the copies in it, if the callee says that it has succeeded.
    fn wrong(&self, state: &State, status: Option<u32>) -> Option<String> {
        let answered = read(state, self.address, self.structure)?;
        let mut fields = self.structure.fields.iter();
        let own = fields.find(|field| field.kind == Type::Status && field.reply.is_some());
        let own = own.map(|field| u32::from_le_bytes(number(field, &answered)));
        let status = status.or(own).unwrap_or_default();
        if status.cast_signed() < 0 {
            return None;
        }
        copies(self.structure).find_map(|(field, from)| {
            let count = field
                .counted_by
                .as_deref()
                .and_then(|it| self.structure.field(it));
            let counted = count.map_or(field.size, |it| {
                field.counted(u64::from_le_bytes(number(it, &self.sent)))
            });
            let bytes = |content: &'_ [u8], of: &Field| content[of.offset..][..counted].to_vec();
            let (sent, now) = (bytes(&self.sent, from), bytes(&answered, from));
            let copy = bytes(&answered, field);
            // A caller that changes what it has lent is not what this is about.
            (copy != sent && copy != now).then(|| {
                let at = copy.iter().zip(&sent).position(|(copy, sent)| copy != sent);
                let at = at.unwrap_or_default();
                format!(
                    "{} ends with success, but `{}` of its `{}` is no copy of `{}`: byte {at} is \
                     {:#04x} and not {:#04x}",
                    self.function, field.name, self.parameter, from.name, copy[at], sent[at]
                )
            })
        })
    }
}
