// SPDX-License-Identifier: MIT OR Apache-2.0

//! Outstanding requests: what a call that may pend lends belongs to the callee until the
//! call returns anything but `STATUS_PENDING`, or until the callee calls the completion
//! function.
//!
//! Code that frees it before that is responsible, not the callee that then touches it. The
//! NPI's description says which functions pend, which complete them, and how a completion
//! is known to be that of a call.

use std::collections::BTreeMap;
use std::ops::Range;

use npi_description::{Function, Match, Type};
use registrar::host::BindingId;

/// What a call and its completion have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Common {
    /// An argument.
    Argument(usize),
    /// Their binding: the oldest call completes first.
    Order(Option<BindingId>),
}

/// A request that is outstanding.
#[derive(Debug)]
struct Request {
    /// The function that made it.
    made_by: &'static str,
    common: Common,
    /// The addresses of what it lends.
    lent: Vec<usize>,
}

/// The outstanding requests, which are numbered in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct OutstandingRequests {
    open: BTreeMap<u64, Request>,
    /// Their numbers by what they have in common with their completion, the oldest first: a
    /// completion may come before its call returns, and the memory be used again by then.
    by_common: BTreeMap<(&'static str, Common), Vec<u64>>,
    /// How many of them lend each address.
    lent: BTreeMap<usize, usize>,
    /// The number of the last one.
    last: u64,
}

impl OutstandingRequests {
    /// Records a call that begins; `argument` returns its arguments. Returns the number of
    /// the request that it makes or completes, if it does.
    pub(crate) fn call(
        &mut self,
        function: &'static Function,
        binding: Option<BindingId>,
        argument: impl Fn(usize) -> usize,
    ) -> Option<u64> {
        let common = match function.matched_by? {
            Match::Order => Common::Order(binding),
            Match::Parameter(number) => {
                Common::Argument(function.parameters[number].significant(argument(number)))
            }
        };
        if function.is_completion() {
            let of = |made_by: &'static String| self.oldest(made_by, common);
            let number = function.completes.iter().find_map(of)?;
            self.end(number);
            return Some(number);
        }
        function.pends().then(|| {
            let parameters = function.parameters.iter().enumerate();
            let lent = parameters
                .filter(|(_, it)| matches!(it.kind, Type::Lent { .. }))
                .map(|(number, _)| argument(number))
                .collect();
            self.begin(&function.name, common, lent)
        })
    }

    fn begin(&mut self, made_by: &'static str, common: Common, lent: Vec<usize>) -> u64 {
        self.last += 1;
        for address in &lent {
            *self.lent.entry(*address).or_default() += 1;
        }
        let same = self.by_common.entry((made_by, common)).or_default();
        same.push(self.last);
        let request = Request {
            made_by,
            common,
            lent,
        };
        self.open.insert(self.last, request);
        self.last
    }

    /// The oldest request that this function has made, and that has this in common with its
    /// completion.
    fn oldest(&self, made_by: &'static str, common: Common) -> Option<u64> {
        self.by_common.get(&(made_by, common))?.first().copied()
    }

    /// Records that a request is complete, or that the call that made it returns without
    /// having pended.
    pub(crate) fn end(&mut self, number: u64) {
        let Some(request) = self.open.remove(&number) else {
            return;
        };
        let key = (request.made_by, request.common);
        if let Some(same) = self.by_common.get_mut(&key) {
            same.retain(|&it| it != number);
            if same.is_empty() {
                self.by_common.remove(&key);
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
    }

    /// Returns `true` if an outstanding request lends what begins in this memory.
    pub(crate) fn within(&self, memory: Range<usize>) -> bool {
        self.lent.range(memory).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use npi_description::known;

    use super::*;

    const REQUEST: usize = 0x1000;

    fn is_lent(requests: &OutstandingRequests) -> bool {
        requests.within(REQUEST..REQUEST + 8)
    }

    /// A call of a function of Echo with the request as its second argument.
    fn call(requests: &mut OutstandingRequests, name: &str) -> Option<u64> {
        crate::know_pair();
        let function = known().iter().find_map(|npi| npi.function(name)).unwrap();
        requests.call(function, None, |number| [0x5000, REQUEST][number])
    }

    #[test]
    fn a_request_is_lent_until_it_is_answered_or_completed() {
        let mut requests = OutstandingRequests::default();
        let number = call(&mut requests, "submit").expect("a request");
        assert!(is_lent(&requests));
        requests.end(number);
        assert!(!is_lent(&requests));

        let number = call(&mut requests, "submit");
        assert!(is_lent(&requests));
        assert!(!requests.within(REQUEST + 1..REQUEST + 8));
        assert_eq!(call(&mut requests, "complete"), number);
        assert!(!is_lent(&requests));
        assert_eq!(call(&mut requests, "complete"), None);
    }

    #[test]
    fn a_completion_may_be_ahead_of_the_return() {
        let mut requests = OutstandingRequests::default();
        let first = call(&mut requests, "submit");
        assert_eq!(call(&mut requests, "complete"), first);
        let second = call(&mut requests, "submit");
        assert_ne!(second, first);
        assert!(is_lent(&requests));
        assert_eq!(call(&mut requests, "complete"), second);
        assert!(!is_lent(&requests));
    }

    #[test]
    fn a_cancellation_neither_makes_nor_completes_a_request() {
        let mut requests = OutstandingRequests::default();
        let number = call(&mut requests, "submit");
        assert_eq!(call(&mut requests, "cancel"), None);
        assert!(is_lent(&requests));
        assert_eq!(call(&mut requests, "complete"), number);
    }

    #[test]
    fn in_order_the_oldest_call_of_the_binding_completes_first() {
        let mut requests = OutstandingRequests::default();
        let [one, other] = [1, 2].map(|id| Common::Order(Some(BindingId(id))));
        let first = requests.begin("get", one, vec![REQUEST]);
        let second = requests.begin("get", one, vec![]);
        let elsewhere = requests.begin("get", other, vec![]);
        assert_eq!(requests.oldest("get", one), Some(first));
        requests.end(first);
        assert_eq!(requests.oldest("get", one), Some(second));
        assert_eq!(requests.oldest("get", other), Some(elsewhere));
        assert!(!is_lent(&requests));
    }
}
