// SPDX-License-Identifier: MIT OR Apache-2.0

//! Outstanding requests: the request of a call that may pend belongs to the callee
//! until the call returns anything but `STATUS_PENDING`, or until the callee calls
//! the completion function.
//!
//! Code that frees a request before that is responsible, not the callee that then
//! touches it. The NPI's description says which functions pend and which complete;
//! the request is their second argument.

use std::collections::BTreeMap;
use std::ops::Range;

use scenarios::Entry;

/// The number of outstanding requests at each address: a completion may come
/// before its call returns, and the memory be used again by then.
#[derive(Debug, Default)]
pub(crate) struct OutstandingRequests(BTreeMap<usize, u32>);

impl OutstandingRequests {
    /// Records a call that begins.
    pub(crate) fn call(&mut self, entry: &Entry, request: usize) {
        if entry.pends {
            *self.0.entry(request).or_default() += 1;
        }
        if entry.completes {
            self.give_back(request);
        }
    }

    /// Records a call that returns.
    pub(crate) fn leave(&mut self, entry: &Entry, request: usize, pended: bool) {
        if entry.pends && !pended {
            self.give_back(request);
        }
    }

    fn give_back(&mut self, request: usize) {
        if let Some(times) = self.0.get_mut(&request) {
            *times -= 1;
            if *times == 0 {
                self.0.remove(&request);
            }
        }
    }

    /// Returns `true` if this memory contains an outstanding request.
    pub(crate) fn within(&self, memory: Range<usize>) -> bool {
        self.0.range(memory).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use scenarios::ECHO;

    use super::*;

    const REQUEST: usize = 0x1000;

    fn is_lent(requests: &OutstandingRequests) -> bool {
        requests.within(REQUEST..REQUEST + 8)
    }

    #[test]
    fn a_request_is_lent_until_it_is_answered_or_completed() {
        let (submit, complete) = (&ECHO.provider[0], &ECHO.client[0]);
        let mut requests = OutstandingRequests::default();
        requests.call(submit, REQUEST);
        assert!(is_lent(&requests));
        requests.leave(submit, REQUEST, false);
        assert!(!is_lent(&requests));

        requests.call(submit, REQUEST);
        requests.leave(submit, REQUEST, true);
        assert!(is_lent(&requests));
        assert!(!requests.within(REQUEST + 1..REQUEST + 8));
        requests.call(complete, REQUEST);
        assert!(!is_lent(&requests));
    }

    #[test]
    fn a_completion_may_be_ahead_of_the_return() {
        let (submit, complete) = (&ECHO.provider[0], &ECHO.client[0]);
        let mut requests = OutstandingRequests::default();
        requests.call(submit, REQUEST);
        requests.call(complete, REQUEST);
        requests.call(submit, REQUEST);
        requests.leave(submit, REQUEST, true);
        assert!(is_lent(&requests));
        requests.call(complete, REQUEST);
        assert!(!is_lent(&requests));
    }
}
