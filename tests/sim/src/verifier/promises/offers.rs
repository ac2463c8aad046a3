// SPDX-License-Identifier: MIT OR Apache-2.0

//! What modules offer in their characteristics: a call that not both sides offer is not made.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use nmr::abi::{GUID, NPI_CLIENT_CHARACTERISTICS, NPI_REGISTRATION_INSTANCE};
use npi_description::{Meaning, Npi, NpiId, Structure, Type, find};
use registrar::host::{BindingId, Event, Side};

use super::Crossing;
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::memory::extent;
use crate::scheduling::frame::described_side;

/// The code of the finding, of which neither NMR nor Windows has one.
const OFFERED: &str = "offered";

/// The bits that a module offers, or several modules with the same attach callback.
#[derive(Clone, Copy, Debug)]
struct Bits {
    /// Those of all of them.
    all: u64,
    /// Those of any of them.
    any: u64,
}

/// What the modules of a cycle offer.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// By the attach callback.
    modules: BTreeMap<usize, Bits>,
    bindings: BTreeMap<(BindingId, Side), Bits>,
    /// The functions that have been called, by binding if that is certain.
    called: BTreeSet<(Option<BindingId>, &'static str)>,
}

impl Offers {
    /// Returns `true` if both sides offer all of `bits`.
    pub(super) fn both(&self, binding: BindingId, bits: i64) -> bool {
        let sides = [Side::Client, Side::Provider];
        let offers = |side| self.bindings.get(&(binding, side)).map(|it| it.all);
        sides
            .into_iter()
            .all(|side| offers(side).is_some_and(|all| bits.cast_unsigned() & !all == 0))
    }
}

/// Reads what a module offers that is about to be registered.
pub(crate) fn register(state: &mut State, side: Side, characteristics: usize) {
    let Some((callback, offered)) = read(state, side, characteristics) else {
        return;
    };
    let modules = &mut state.verifier.promises.offers.modules;
    let new = Bits {
        all: offered,
        any: offered,
    };
    modules
        .entry(callback)
        .and_modify(|it| {
            it.all &= offered;
            it.any |= offered;
        })
        .or_insert(new);
}

/// The attach callback of a module, and what it offers.
fn read(state: &State, side: Side, address: usize) -> Option<(usize, u64)> {
    let bytes = |address, size| {
        let bytes = extent::around(state, address)?.read(address, size);
        (bytes.len() == size).then_some(bytes)
    };
    let word = |address| {
        let bytes = bytes(address, size_of::<usize>())?;
        Some(usize::from_le_bytes(bytes.try_into().ok()?))
    };
    // The layouts of a client's and a provider's characteristics are the same.
    let instance = offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientRegistrationInstance);
    let instance = address + instance;
    let field = |offset| word(instance + offset);
    let id = field(offset_of!(NPI_REGISTRATION_INSTANCE, NpiId))?;
    let npi = find(NpiId(guid(&bytes(id, size_of::<GUID>())?)?))?;
    let structure = npi.characteristics(described_side(side))?;
    let (offset, width) = offered(npi, structure)?;
    let own = field(offset_of!(
        NPI_REGISTRATION_INSTANCE,
        NpiSpecificCharacteristics
    ))?;
    let bytes = bytes(own + offset, width.min(size_of::<u64>()))?;
    let mut number = [0; size_of::<u64>()];
    number[..bytes.len()].copy_from_slice(&bytes);
    let callback = word(address + offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientAttachProvider))?;
    Some((callback, u64::from_le_bytes(number)))
}

/// The number that a GUID in memory is.
fn guid(bytes: &[u8]) -> Option<u128> {
    let (first, rest) = bytes.split_first_chunk()?;
    let (second, rest) = rest.split_first_chunk()?;
    let (third, rest) = rest.split_first_chunk()?;
    let guid = GUID {
        Data1: u32::from_le_bytes(*first),
        Data2: u16::from_le_bytes(*second),
        Data3: u16::from_le_bytes(*third),
        Data4: rest.try_into().ok()?,
    };
    Some(guid.to_u128())
}

/// Where the field is that says what a module offers, and its size.
fn offered(npi: &Npi, structure: &Structure) -> Option<(usize, usize)> {
    structure.fields.iter().find_map(|field| match &field.kind {
        _ if field.meaning == Some(Meaning::Offered) => Some((field.offset, field.size)),
        Type::Structure(inner) => {
            let (offset, size) = offered(npi, npi.structure(inner)?)?;
            Some((field.offset + offset, size))
        }
        _ => None,
    })
}

/// Records what the module offers whose attach callback is called.
pub(super) fn attach(state: &mut State, binding: BindingId, event: &Event) {
    let offers = &mut state.verifier.promises.offers;
    if let Some(&bits) = offers.modules.get(&event.code) {
        offers.bindings.insert((binding, event.side), bits);
    }
}

/// The finding for a call that the peer has not asked for by another one.
fn check_order(offers: &Offers, call: Crossing) -> Option<(Code, String)> {
    let (binding, first) = (
        call.through.binding?,
        call.through.function?.after.as_deref()?,
    );
    let called = |binding| offers.called.contains(&(binding, first));
    (!called(Some(binding)) && !called(None)).then(|| {
        let what = format!(
            "{} was called in binding {}, in which {first} has not been called",
            call.through, binding.0
        );
        (OFFERED.into(), what)
    })
}

/// The finding for a call that not both sides offer, or not yet.
pub(super) fn check(state: &mut State, call: Crossing) -> Option<(Code, String)> {
    let function = call.through.function?;
    let offers = &mut state.verifier.promises.offers;
    offers.called.insert((call.through.binding, &function.name));
    check_order(offers, call).or_else(|| check_bits(offers, call))
}

/// The finding for a call that not both sides offer.
fn check_bits(offers: &Offers, call: Crossing) -> Option<(Code, String)> {
    let function = call.through.function?;
    let (binding, needed) = (call.through.binding?, function.if_offered.cast_unsigned());
    let lacking = [Side::Client, Side::Provider].into_iter().find_map(|side| {
        let offered = offers.bindings.get(&(binding, side))?.any;
        (needed & !offered != 0).then_some((side, offered))
    });
    let (side, offered) = lacking?;
    let what = format!(
        "{} was called in a binding whose {side:?} offers {offered:#x}: a call of it needs \
         {needed:#x} of both sides",
        call.through
    );
    Some((OFFERED.into(), what))
}
