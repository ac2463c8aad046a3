// SPDX-License-Identifier: MIT OR Apache-2.0

//! What modules offer in their characteristics: a call that not both sides offer is not made.

use std::collections::{BTreeMap, BTreeSet};

use npi_description::Meaning;
use registrar::host::{BindingId, Event, Side};

use super::Crossing;
use super::modules::Module;
use crate::findings::bug_check::Code;
use crate::kernel::State;

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

/// Records what a module offers that is about to be registered.
pub(super) fn register(state: &mut State, module: &Module) {
    let Some(offered) = module.number(state, Meaning::Offered) else {
        return;
    };
    let modules = &mut state.verifier.promises.offers.modules;
    let new = Bits {
        all: offered,
        any: offered,
    };
    modules
        .entry(module.callback)
        .and_modify(|it| {
            it.all &= offered;
            it.any |= offered;
        })
        .or_insert(new);
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
