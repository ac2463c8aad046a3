// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the calls between modules, and checks the rules on them:
//!
//! - R15: a provider does not call a client before it has accepted the client.
//! - R18: a side makes no call after its detach is complete.
//! - R19: a side completes its detach only when none of its calls is in flight;
//!   one that pended stays in flight until the peer completes it.
//!
//! Which functions pend, and which complete calls, is known only for NPIs with a
//! description; in other NPIs a call is in flight until it returns.

use std::collections::BTreeMap;

use nmr::abi::{NPIID, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};
use npi_description::{NpiId, Returns, find};
use registrar::host::{BindingId, Call, Event, Phase, Side};

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::frame::TableEntry;

/// What a side of a binding has done.
#[derive(Debug, Default)]
struct End {
    /// Calls that are under way.
    inside: u64,
    /// Calls that pended and are not complete; a completion may be ahead of
    /// the return of its call.
    pended: i64,
    /// Its detach callback has been called.
    detaching: bool,
    /// An address in its module.
    code: usize,
    /// The call by which its peer knows that the attach is committed.
    made_known: Option<TableEntry>,
    /// The first call that was recorded after all earlier calls had returned: before that, an
    /// earlier call may still be in the function that makes it known.
    settled: Option<TableEntry>,
    /// It has said that it is done.
    done: bool,
    /// It said so before its detach callback was called: that counts afterwards.
    early: bool,
    /// The function of its peer that pended last.
    taker: usize,
    /// The entry that it called last, and the last one of which a call pended.
    called: Option<TableEntry>,
    has_pended: Option<TableEntry>,
}

impl End {
    /// The calls that have pended and are not complete, as far as that is known
    /// while a completion is ahead of the return of its call.
    fn pended(&self) -> u64 {
        self.pended.max(0).cast_unsigned()
    }
}

#[derive(Debug, Default)]
struct Binding {
    client: End,
    provider: End,
    accepted: bool,
    /// The provider has refused it.
    refused: bool,
    npi: Option<NPIID>,
}

/// A binding of a driver, by what a list of its bindings says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) binding: BindingId,
    pub(crate) npi: NPIID,
    /// The driver's side.
    pub(crate) side: Side,
    /// The client has called, and neither side detaches.
    pub(crate) is_in_use: bool,
    /// The driver has completed its detach.
    pub(crate) is_over: bool,
}

impl Binding {
    const fn side(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Provider => &self.provider,
        }
    }

    const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Provider => &mut self.provider,
        }
    }

    const fn at(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Provider => &self.provider,
        }
    }
}

/// All bindings of a cycle.
#[derive(Debug, Default)]
pub(crate) struct BindingCalls {
    bindings: BTreeMap<BindingId, Binding>,
    /// When the last completion function returned.
    pub(crate) completed_at: u64,
}

impl BindingCalls {
    /// The number of calls of a side that have pended and are not complete, and the
    /// function of its peer that pended last; `None` if there are none.
    pub(crate) fn pended(&self, binding: BindingId, side: Side) -> Option<(u64, usize)> {
        let end = self.bindings.get(&binding)?.at(side);
        (end.pended > 0).then(|| (end.pended(), end.taker))
    }

    /// The number of bindings that a driver is an end of and that are not detached, and that
    /// of the calls that have pended there and are not complete. `is_own` returns `true` for
    /// an address in the driver.
    pub(crate) fn of(&self, is_own: impl Fn(usize) -> bool) -> (u64, u64) {
        let of_driver = |it: &&Binding| is_own(it.client.code) || is_own(it.provider.code);
        let live = |it: &&Binding| it.accepted && !it.client.done && !it.provider.done;
        let bindings = self.bindings.values().filter(live).filter(of_driver);
        bindings.fold((0, 0), |(bindings, calls), it| {
            let pended = it.client.pended() + it.provider.pended();
            (bindings + 1, calls + pended)
        })
    }

    /// The bindings that a driver is or was an end of. `is_own` returns `true` for an address
    /// in the driver.
    pub(crate) fn listed(&self, is_own: impl Fn(usize) -> bool) -> Vec<Listed> {
        let sides = [Side::Client, Side::Provider];
        let bindings = self.bindings.iter();
        let ends = bindings.flat_map(|(id, it)| sides.map(|side| (*id, it, side)));
        let own = ends.filter(|(_, it, side)| is_own(it.at(*side).code));
        let listed = own.filter_map(|(binding, it, side)| {
            let detaches = it.client.detaching || it.provider.detaching;
            Some(Listed {
                binding,
                npi: it.npi?,
                side,
                is_in_use: it.client.settled.is_some() && it.accepted && !detaches,
                is_over: it.refused || it.at(side).done,
            })
        });
        listed.collect()
    }

    /// Returns `true` if a side takes calls of its peer: it has accepted, and its detach
    /// callback has not been called.
    pub(crate) fn is_open(&self, binding: BindingId, side: Side) -> bool {
        let binding = self.bindings.get(&binding);
        binding.is_some_and(|it| it.accepted && !it.at(side).detaching)
    }

    /// The detach callback that a side was called at, if it was.
    pub(crate) fn detach_callback(&self, binding: BindingId, side: Side) -> Option<usize> {
        let end = self.bindings.get(&binding)?.at(side);
        end.detaching.then_some(end.code)
    }

    /// A call begins, which completes one that pended or not; the rule that it breaks, if any.
    fn call(&mut self, through: TableEntry, completes: bool) -> Option<(u8, String)> {
        let caller = through.owner.peer();
        let state = self.bindings.entry(through.binding?).or_default();
        if completes {
            state.end(through.owner).pended -= 1;
        }
        let end = state.end(caller);
        end.inside += 1;
        end.called = Some(through);
        if end.done {
            let what =
                format!("{through} was called after the {caller:?} had completed its detach");
            return Some((18, what));
        }
        if caller == Side::Provider && !state.accepted {
            let what = format!("{through} was called before ProviderAttachClient had accepted");
            return Some((15, what));
        }
        None
    }

    /// A call returns. Returns `true` if it pended.
    pub(crate) fn leave(&mut self, through: TableEntry, target: usize, result: u64) -> bool {
        let pended = through.has_pended(result);
        if let Some(binding) = through.binding {
            let end = self
                .bindings
                .entry(binding)
                .or_default()
                .end(through.owner.peer());
            end.inside -= 1;
            end.pended += i64::from(pended);
            if makes_known(through, result) {
                end.made_known = Some(through);
            }
            if end.inside == 0 {
                end.settled = end.settled.or(end.made_known);
            }
            if pended {
                end.taker = target;
                end.has_pended = Some(through);
            }
        }
        pended
    }

    /// An address in the module at a side of a binding, 0 if none is known.
    pub(crate) fn code(&self, binding: BindingId, side: Side) -> usize {
        let binding = self.bindings.get(&binding);
        binding.map_or(0, |binding| binding.side(side).code)
    }

    /// Returns `true` if a side may call its peer, as far as the binding's stage says:
    /// the provider has not refused, and the side has not completed its detach.
    pub(crate) fn is_live(&self, binding: BindingId, side: Side) -> bool {
        let binding = self.bindings.get(&binding);
        binding.is_some_and(|binding| !binding.refused && !binding.side(side).done)
    }

    /// A side has completed its detach; the rule that this breaks, if any.
    fn complete(&mut self, binding: BindingId, side: Side) -> Option<(u8, String)> {
        let end = self.bindings.entry(binding).or_default().end(side);
        if !end.detaching {
            end.early = true;
            return None;
        }
        end.done = true;
        let (inside, pended) = (end.inside, end.pended());
        (inside > 0 || pended > 0).then(|| {
            let inside = in_flight(inside, end.called);
            let pended = in_flight(pended, end.has_pended);
            let what = format!(
                "the {side:?} completed its detach with {inside} of its calls under way and \
                 {pended} pended"
            );
            (19, what)
        })
    }

    fn attach(&mut self, binding: BindingId, side: Side, code: usize, npi: Option<NPIID>) {
        let binding = self.bindings.entry(binding).or_default();
        binding.npi = binding.npi.or(npi);
        binding.end(side).code = code;
    }

    fn accept(&mut self, binding: BindingId) {
        self.bindings.entry(binding).or_default().accepted = true;
    }

    fn refuse(&mut self, binding: BindingId) {
        self.bindings.entry(binding).or_default().refused = true;
    }

    /// A side is told to detach; the number of its calls that are in flight.
    fn detach(&mut self, binding: BindingId, side: Side, code: usize) -> u64 {
        let end = self.bindings.entry(binding).or_default().end(side);
        end.detaching = true;
        end.code = code;
        end.inside + end.pended()
    }
}

/// Returns `true` if by a call that returns `result` its callee knows that the attach is
/// committed: it pends, or others have to wait for it, and it has succeeded.
fn makes_known(through: TableEntry, result: u64) -> bool {
    let Some(function) = through.function else {
        return false;
    };
    let is_awaited = || {
        let npi = find(NpiId(through.npi.to_u128()));
        let mut all = npi.into_iter().flat_map(|npi| &npi.functions);
        all.any(|it| it.after.as_ref() == Some(&function.name))
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an NTSTATUS is the low half"
    )]
    let status = result as u32;
    function.returns == Returns::Status
        && status.cast_signed() >= 0
        && (function.pends() || is_awaited())
}

/// A number of calls, with the function of the last one if there are any.
fn in_flight(calls: u64, last: Option<TableEntry>) -> String {
    match last {
        Some(last) if calls > 0 => format!("{calls} ({last})"),
        _ => calls.to_string(),
    }
}

/// Looks at a call of `driver` between the modules, which completes one that pended or not;
/// the breach, if it is one.
pub(crate) fn check_call(
    state: &mut State,
    driver: DriverId,
    through: TableEntry,
    completes: bool,
) -> Option<(Code, String)> {
    let counts = &mut state.counts;
    match through.owner {
        Side::Provider => {
            counts.calls += 1;
            counts.npi(through.npi.to_u128()).calls_of_clients += 1;
        }
        Side::Client => {
            counts.completions += u64::from(completes);
            counts.npi(through.npi.to_u128()).calls_of_providers += 1;
        }
    }
    let breach = state.verifier.binding_calls.call(through, completes);
    let breach = breach.filter(|_| !state.loader.drivers[driver].image.is_hostile());
    breach.map(|(rule, what)| (Code::rule(rule), what))
}

/// Returns `true` if the module at a side of a binding is that of a hostile peer, which
/// breaks rules on calls to see what the other side makes of it.
fn is_hostile(state: &State, binding: Option<BindingId>, side: Side) -> bool {
    let code = binding.map(|binding| state.verifier.binding_calls.code(binding, side));
    let module = code.and_then(|code| state.loader.drivers.site(code));
    module.is_some_and(|site| state.loader.drivers[site.driver].image.is_hostile())
}

/// Counts what happens in the registrar, and checks it.
pub(crate) fn observe(state: &mut State, event: &Event) -> Option<(Code, String)> {
    let breach = match (event.call, event.phase, event.binding) {
        (Call::Wait, Phase::Enter, _) => {
            state.counts.waits += 1;
            None
        }
        (Call::AttachCallback, Phase::Enter, Some(binding)) => {
            state
                .verifier
                .binding_calls
                .attach(binding, event.side, event.code, event.npi);
            None
        }
        (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS), Some(binding)) => {
            match event.side {
                Side::Provider => state.verifier.binding_calls.accept(binding),
                Side::Client => count_attach(state, binding, event.npi),
            }
            None
        }
        (Call::AttachCallback, Phase::Leave(_), Some(binding)) => {
            if event.side == Side::Provider {
                state.verifier.binding_calls.refuse(binding);
            }
            None
        }
        (Call::DetachCallback, Phase::Enter, Some(binding)) => {
            let calls = &mut state.verifier.binding_calls;
            let in_flight = calls.detach(binding, event.side, event.code);
            state.counts.histograms.in_flight_at_detach.add(in_flight);
            None
        }
        (Call::DetachCallback, Phase::Leave(status), Some(binding)) => {
            count_detach(state, event.side, status);
            let early = state
                .verifier
                .binding_calls
                .bindings
                .entry(binding)
                .or_default();
            (status == STATUS_SUCCESS || early.at(event.side).early)
                .then(|| state.verifier.binding_calls.complete(binding, event.side))
                .flatten()
        }
        (Call::DetachComplete, Phase::Enter, Some(binding)) => {
            state.verifier.binding_calls.complete(binding, event.side)
        }
        _ => None,
    };
    let breach = breach.filter(|_| !is_hostile(state, event.binding, event.side));
    breach.map(|(rule, what)| (Code::rule(rule), what))
}

fn count_attach(state: &mut State, binding: BindingId, npi: Option<NPIID>) {
    state.counts.attaches += 1;
    if let Some(npi) = npi {
        let has_functions = state.verifier.dispatch_tables.has_functions(binding);
        state.counts.npi(npi.to_u128()).add_attach(has_functions);
    }
}

fn count_detach(state: &mut State, side: Side, status: NTSTATUS) {
    state.counts.detaches += 1;
    if status == STATUS_PENDING {
        state.counts.detaches_pending += 1;
        match side {
            Side::Client => state.counts.detaches_pending_client += 1,
            Side::Provider => state.counts.detaches_pending_provider += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use shared_npi::echo::ECHO_NPI_ID;

    use super::*;

    const BINDING: BindingId = BindingId(NonZeroU64::MIN);

    /// A binding through which the client calls.
    struct Calls {
        watch: BindingCalls,
        npi: NPIID,
    }

    impl Calls {
        fn begin() -> Self {
            Self::of(ECHO_NPI_ID)
        }

        fn of(npi: NPIID) -> Self {
            crate::know_pair();
            let mut watch = BindingCalls::default();
            watch.accept(BINDING);
            watch.detach(BINDING, Side::Client, 0);
            let mut calls = Self { watch, npi };
            calls.enter(Side::Provider);
            calls
        }

        /// The first entry: `submit` or `complete`.
        fn first(&self, owner: Side) -> TableEntry {
            TableEntry::new(Some(BINDING), self.npi, owner, 8)
        }

        fn enter(&mut self, owner: Side) {
            let through = self.first(owner);
            let breach = self.watch.call(through, through.completes());
            assert_eq!(breach, None);
        }

        fn complete(&mut self) {
            self.enter(Side::Client);
            self.watch.leave(self.first(Side::Client), 0, 0);
        }

        fn submit_returns(&mut self, status: NTSTATUS) {
            let status = u64::from(status.cast_unsigned());
            self.watch.leave(self.first(Side::Provider), 0, status);
        }

        /// The breach if the client's detach completes now.
        fn client_detaches(mut self) -> Option<String> {
            let breach = self.watch.complete(BINDING, Side::Client);
            breach.map(|(rule, what)| format!("R{rule}: {what}"))
        }
    }

    #[test]
    fn a_completed_call_is_in_flight_until_it_returns() {
        let mut calls = Calls::begin();
        calls.complete();
        let breach = calls.client_detaches().expect("it has not returned");
        assert!(breach.starts_with("R19"), "{breach}");
        assert!(
            breach.ends_with("1 (submit) of its calls under way and 0 pended"),
            "{breach}"
        );

        let mut calls = Calls::begin();
        calls.complete();
        calls.submit_returns(STATUS_PENDING);
        assert_eq!(calls.client_detaches(), None);
    }

    #[test]
    fn a_pended_call_is_in_flight_until_it_is_completed() {
        let mut calls = Calls::begin();
        calls.submit_returns(STATUS_PENDING);
        let breach = calls.client_detaches().expect("it is pended");
        assert!(
            breach.ends_with("0 of its calls under way and 1 (submit) pended"),
            "{breach}"
        );

        let mut calls = Calls::begin();
        calls.submit_returns(STATUS_PENDING);
        calls.complete();
        assert_eq!(calls.client_detaches(), None);

        let mut calls = Calls::begin();
        calls.submit_returns(STATUS_SUCCESS);
        assert_eq!(calls.client_detaches(), None);
    }

    #[test]
    fn what_pends_in_an_npi_that_is_not_described_is_not_in_flight() {
        let mut calls = Calls::of(NPIID::from_u128(1));
        calls.submit_returns(STATUS_PENDING);
        assert_eq!(calls.client_detaches(), None);

        let breach = Calls::of(NPIID::from_u128(1))
            .client_detaches()
            .expect("it is under way");
        assert!(breach.starts_with("R19"), "{breach}");
    }

    #[test]
    fn npis_are_found_by_the_ids_that_modules_register() {
        crate::know_pair();
        let echo = NpiId(ECHO_NPI_ID.to_u128());
        let found = find(echo).expect("it is described");
        assert_eq!(found.functions[0].name, "submit");
        assert!(find(NpiId(echo.0 ^ 1)).is_none());
    }
}
