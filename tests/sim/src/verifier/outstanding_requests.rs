// SPDX-License-Identifier: MIT OR Apache-2.0

//! Outstanding requests: the structures that a caller lends to a call which may pend belong
//! to the callee until the call returns a status other than `STATUS_PENDING`, or until the
//! callee calls the completion function.
//!
//! Code that frees such a structure before that is responsible, not the callee that then
//! accesses it. Completing a request that is not outstanding is a finding at the line that
//! calls the completion function. The NPI's description says which functions pend, which
//! functions complete them, and how a completion is matched to its call.

use std::collections::BTreeMap;
use std::ops::Range;

use npi_description::{Function, Match, Type};
use registrar::host::BindingId;

use super::undue_completion::{Undue, Why};
use crate::loader::drivers::DriverId;
use crate::scheduling::frame::TableEntry;

/// What a call and its completion have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Common {
    /// An argument.
    Argument(usize),
    /// Their binding: the oldest call completes first.
    Order(Option<BindingId>),
}

/// The function that makes requests, and what one has in common with its completion.
type Key = (u128, &'static str, Common);

/// A call of a function that is described.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescribedCall {
    npi: u128,
    function: &'static Function,
    binding: Option<BindingId>,
    caller: DriverId,
    /// The driver that owns the table, if the binding is known.
    owner: Option<DriverId>,
}

impl DescribedCall {
    /// The call of `caller` through an entry of the table of `owner`, if it is described.
    pub(crate) fn new(
        through: TableEntry,
        caller: DriverId,
        owner: Option<DriverId>,
    ) -> Option<Self> {
        Some(Self {
            npi: through.npi.to_u128(),
            function: through.function?,
            binding: through.binding,
            caller,
            owner,
        })
    }

    /// The binding, if the callee's context, which is the first argument, has shown which
    /// one it is.
    fn certain_binding(&self) -> Option<BindingId> {
        let first = self.function.parameters.first();
        self.binding
            .filter(|_| first.is_some_and(|it| it.is_binding))
    }
}

/// What a call does to the outstanding requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, as far as is known.
    None,
    /// It makes or completes the request with this number.
    Request(u64),
    /// The call makes the request with this number from memory that its caller has lent to an
    /// outstanding one.
    Again(u64),
    /// It completes what is not outstanding.
    Undue(Undue),
}

/// A request that is outstanding.
#[derive(Debug)]
struct Request {
    key: Key,
    /// The binding that it was certainly made in.
    binding: Option<BindingId>,
    caller: DriverId,
    /// The driver that has it, if that is known.
    taker: Option<DriverId>,
    /// The addresses of what it lends.
    lent: Vec<usize>,
}

impl Request {
    fn may_be_completed_by(&self, driver: DriverId) -> bool {
        self.taker.is_none_or(|taker| taker == driver)
    }
}

/// The outstanding requests, which are numbered in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct OutstandingRequests {
    open: BTreeMap<u64, Request>,
    /// Their numbers by what they have in common with their completion, the oldest first: a
    /// completion may come before its call returns, and the memory be used again by then.
    by_key: BTreeMap<Key, Vec<u64>>,
    /// How the last request with an argument ended.
    ended: BTreeMap<Key, Why>,
    /// How many of them lend each address.
    lent: BTreeMap<usize, usize>,
    /// The number of the last one.
    last: u64,
}

impl OutstandingRequests {
    /// Records a call that begins; `argument` returns its arguments.
    pub(crate) fn call(
        &mut self,
        call: DescribedCall,
        argument: impl Fn(usize) -> usize,
    ) -> Effect {
        let function = call.function;
        let common = match function.matched_by {
            None => return Effect::None,
            Some(Match::Order) => Common::Order(call.binding),
            Some(Match::Parameter(number)) => {
                Common::Argument(function.parameters[number].significant(argument(number)))
            }
        };
        if function.is_completion() {
            return self.complete(call, common);
        }
        if !function.pends() {
            return Effect::None;
        }
        let parameters = function.parameters.iter().enumerate();
        let lent = parameters
            .filter(|(_, it)| matches!(it.kind, Type::Lent { .. }))
            .map(|(number, _)| argument(number))
            .collect();
        let key = (call.npi, function.name.as_str(), common);
        let is_again = self.is_lent_again(key, &call);
        let number = self.begin(Request {
            key,
            binding: call.certain_binding(),
            caller: call.caller,
            taker: call.owner,
            lent,
        });
        if is_again {
            Effect::Again(number)
        } else {
            Effect::Request(number)
        }
    }

    /// Returns `true` if the caller has already lent the memory of this call to an outstanding
    /// request that it has made itself: a driver may pass on memory that another driver has lent
    /// to it.
    fn is_lent_again(&self, key: Key, call: &DescribedCall) -> bool {
        let Some(Match::Parameter(number)) = call.function.matched_by else {
            return false;
        };
        let mut numbers = self.by_key.get(&key).into_iter().flatten();
        matches!(call.function.parameters[number].kind, Type::Lent { .. })
            && numbers.any(|number| self.open[number].caller == call.caller)
    }

    /// The request that a call cancels, if it is outstanding.
    pub(crate) fn cancelled(
        &self,
        call: &DescribedCall,
        argument: impl Fn(usize) -> usize,
    ) -> Option<u64> {
        let made_by = call.function.cancels.as_deref()?;
        let Match::Parameter(number) = call.function.matched_by? else {
            return None;
        };
        let parameter = &call.function.parameters[number];
        let common = Common::Argument(parameter.significant(argument(number)));
        let numbers = self.by_key.get(&(call.npi, made_by, common))?;
        numbers.last().copied()
    }

    /// Returns `true` if the request with this number is outstanding.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    /// The addresses of the structures that the request with this number lends.
    pub(crate) fn lent_for(&self, number: u64) -> &[usize] {
        self.open.get(&number).map_or(&[], |request| &request.lent)
    }

    /// The number of the last request.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    fn begin(&mut self, request: Request) -> u64 {
        self.last += 1;
        for address in &request.lent {
            *self.lent.entry(*address).or_default() += 1;
        }
        self.by_key.entry(request.key).or_default().push(self.last);
        self.ended.remove(&request.key);
        self.open.insert(self.last, request);
        self.last
    }

    /// Records a completion.
    fn complete(&mut self, call: DescribedCall, common: Common) -> Effect {
        let made_by = call.function.completes.iter();
        let keys = made_by.map(|name| (call.npi, name.as_str(), common));
        if let Some(number) = keys.clone().find_map(|key| self.oldest(key, &call)) {
            self.end(number, Why::Completed);
            return Effect::Request(number);
        }
        let why = match common {
            Common::Argument(_) => self.why(keys, &call),
            // Calls of a binding that is not certain are in no order.
            Common::Order(_) if call.certain_binding().is_none() => return Effect::None,
            Common::Order(_) => Why::NoneIsOutstanding,
        };
        Effect::Undue(Undue::new(call.function, why))
    }

    /// The oldest request with this key that the completing driver has from this binding.
    fn oldest(&self, key: Key, completion: &DescribedCall) -> Option<u64> {
        let binding = completion.certain_binding();
        let mut numbers = self.by_key.get(&key)?.iter().copied();
        numbers.find(|number| {
            let request = &self.open[number];
            let certain = binding.zip(request.binding);
            request.may_be_completed_by(completion.caller) && certain.is_none_or(|(a, b)| a == b)
        })
    }

    /// Why a request that has an argument in common with its completion is not outstanding.
    fn why(&self, keys: impl Iterator<Item = Key> + Clone, completion: &DescribedCall) -> Why {
        let taken = |key: Key| {
            let mut numbers = self.by_key.get(&key).into_iter().flatten();
            numbers.any(|number| self.open[number].may_be_completed_by(completion.caller))
        };
        if keys.clone().any(taken) {
            return Why::OtherBinding;
        }
        let mut ended = keys.filter_map(|key| self.ended.get(&key).copied());
        ended.next().unwrap_or(Why::NeverPassed)
    }

    /// Records that the call that made a request returns without having pended. Returns
    /// `true` if the request was outstanding: no completion has been ahead of the return.
    pub(crate) fn answer(&mut self, number: u64, result: u32) -> bool {
        self.end(number, Why::Answered(result))
    }

    /// Ends a request. Returns `true` if it was outstanding.
    fn end(&mut self, number: u64, how: Why) -> bool {
        let Some(request) = self.open.remove(&number) else {
            return false;
        };
        if let (_, _, Common::Argument(_)) = request.key {
            self.ended.insert(request.key, how);
        }
        if let Some(same) = self.by_key.get_mut(&request.key) {
            same.retain(|&it| it != number);
            if same.is_empty() {
                self.by_key.remove(&request.key);
            }
        }
        for address in request.lent {
            if let Some(count) = self.lent.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    self.lent.remove(&address);
                }
            }
        }
        true
    }

    /// Returns `true` if an outstanding request lends what begins in this memory.
    pub(crate) fn within(&self, memory: Range<usize>) -> bool {
        self.lent.range(memory).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use npi_description::{Side, known};

    use super::*;

    const REQUEST: usize = 0x1000;

    fn is_lent(requests: &OutstandingRequests) -> bool {
        requests.within(REQUEST..REQUEST + 8)
    }

    const BINDING: BindingId = BindingId(NonZeroU64::MIN);
    const OTHER: BindingId = BindingId(NonZeroU64::MIN.saturating_add(1));
    const CLIENT: DriverId = DriverId(0);
    const PROVIDER: DriverId = DriverId(1);

    /// A call of a function of Echo in a binding, with the request as its second argument.
    fn call_in(requests: &mut OutstandingRequests, binding: BindingId, name: &str) -> Effect {
        crate::know_pair();
        let known = known().iter();
        let mut found = known.filter_map(|npi| Some((npi.id.0, npi.function(name)?)));
        let (npi, function) = found.next().expect("it is described");
        let (caller, owner) = match function.side {
            Side::Provider => (CLIENT, PROVIDER),
            Side::Client => (PROVIDER, CLIENT),
        };
        let call = DescribedCall {
            npi,
            function,
            binding: Some(binding),
            caller,
            owner: Some(owner),
        };
        requests.call(call, |number| [0x5000, REQUEST][number])
    }

    fn call(requests: &mut OutstandingRequests, name: &str) -> Effect {
        call_in(requests, BINDING, name)
    }

    fn submit(requests: &mut OutstandingRequests) -> u64 {
        match call(requests, "submit") {
            Effect::Request(number) => number,
            other => panic!("{other:?}"),
        }
    }

    /// What a driver is told of an undue completion.
    fn told(effect: Effect) -> String {
        match effect {
            Effect::Undue(undue) => undue.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_lent_until_it_is_answered_or_completed() {
        let mut requests = OutstandingRequests::default();
        let number = submit(&mut requests);
        assert!(is_lent(&requests));
        assert!(requests.answer(number, 0));
        assert!(!is_lent(&requests));

        let number = submit(&mut requests);
        assert!(is_lent(&requests));
        assert!(!requests.within(REQUEST + 1..REQUEST + 8));
        assert_eq!(call(&mut requests, "complete"), Effect::Request(number));
        assert!(!is_lent(&requests));
    }

    #[test]
    fn a_completion_may_be_ahead_of_the_return() {
        let mut requests = OutstandingRequests::default();
        let first = submit(&mut requests);
        assert_eq!(call(&mut requests, "complete"), Effect::Request(first));
        let second = submit(&mut requests);
        assert_ne!(second, first);
        assert!(is_lent(&requests));
        assert!(!requests.answer(first, 0), "it was completed");
        assert_eq!(call(&mut requests, "complete"), Effect::Request(second));
        assert!(!is_lent(&requests));
    }

    #[test]
    fn a_cancellation_neither_makes_nor_completes_a_request() {
        let mut requests = OutstandingRequests::default();
        let number = submit(&mut requests);
        assert_eq!(call(&mut requests, "cancel"), Effect::None);
        assert!(is_lent(&requests));
        assert_eq!(call(&mut requests, "complete"), Effect::Request(number));
    }

    #[test]
    fn a_completion_of_what_is_not_outstanding_says_why() {
        let mut requests = OutstandingRequests::default();
        assert_eq!(
            told(call(&mut requests, "complete")),
            "complete was called with a `request` that no call of submit has passed"
        );
        submit(&mut requests);
        call(&mut requests, "complete");
        assert_eq!(
            told(call(&mut requests, "complete")),
            "complete was called twice for one call of submit: its `request` had been completed \
             before"
        );
        let number = submit(&mut requests);
        requests.answer(number, 0xC000_00A3);
        assert_eq!(
            told(call(&mut requests, "complete")),
            "complete was called for a call of submit that had returned 0xc00000a3, not \
             STATUS_PENDING"
        );
    }

    #[test]
    fn a_completion_in_another_binding_completes_nothing() {
        let mut requests = OutstandingRequests::default();
        let number = submit(&mut requests);
        assert_eq!(
            told(call_in(&mut requests, OTHER, "complete")),
            "complete was called with a `request` that a call of submit had passed in another \
             binding"
        );
        assert_eq!(call(&mut requests, "complete"), Effect::Request(number));
    }

    #[test]
    fn in_order_the_oldest_call_of_the_binding_completes_first() {
        crate::know_pair();
        let completion = known().iter().find_map(|npi| npi.function("complete"));
        let completion = DescribedCall {
            npi: 0,
            function: completion.expect("it is described"),
            binding: Some(BINDING),
            caller: PROVIDER,
            owner: Some(CLIENT),
        };
        let mut requests = OutstandingRequests::default();
        let [one, other] = [BINDING, OTHER].map(|id| Common::Order(Some(id)));
        let mut begin = |common, lent| {
            requests.begin(Request {
                key: (0, "get", common),
                binding: None,
                caller: DriverId(0),
                taker: Some(PROVIDER),
                lent,
            })
        };
        let first = begin(one, vec![REQUEST]);
        let second = begin(one, vec![]);
        let elsewhere = begin(other, vec![]);
        let oldest = |requests: &OutstandingRequests, common| {
            requests.oldest((0, "get", common), &completion)
        };
        assert_eq!(oldest(&requests, one), Some(first));
        requests.end(first, Why::Completed);
        assert_eq!(oldest(&requests, one), Some(second));
        assert_eq!(oldest(&requests, other), Some(elsewhere));
        assert!(!is_lent(&requests));
    }
}
