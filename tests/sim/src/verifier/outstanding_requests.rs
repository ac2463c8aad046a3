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

/// The outstanding requests, which are numbered in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct OutstandingRequests {
    /// Those at each address, the oldest first: a completion may come before its call
    /// returns, and the memory be used again by then.
    open: BTreeMap<usize, Vec<u64>>,
    /// The number of the last one.
    last: u64,
}

impl OutstandingRequests {
    /// Records a call that begins. Returns the number of the request that it makes or
    /// completes, if it does.
    pub(crate) fn call(&mut self, entry: &Entry, request: usize) -> Option<u64> {
        if entry.completes {
            return self.complete(request);
        }
        entry.pends.then(|| {
            self.last += 1;
            self.open.entry(request).or_default().push(self.last);
            self.last
        })
    }

    /// Ends the oldest request at this address. Returns its number.
    fn complete(&mut self, request: usize) -> Option<u64> {
        let number = self.open.get(&request)?.first().copied()?;
        self.end(request, number);
        Some(number)
    }

    /// Records that the call that made a request returns without having pended.
    pub(crate) fn end(&mut self, request: usize, number: u64) {
        if let Some(open) = self.open.get_mut(&request) {
            open.retain(|&it| it != number);
            if open.is_empty() {
                self.open.remove(&request);
            }
        }
    }

    /// Returns `true` if this memory contains an outstanding request.
    pub(crate) fn within(&self, memory: Range<usize>) -> bool {
        self.open.range(memory).next().is_some()
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
        let number = requests.call(submit, REQUEST).expect("a request");
        assert!(is_lent(&requests));
        requests.end(REQUEST, number);
        assert!(!is_lent(&requests));

        let number = requests.call(submit, REQUEST);
        assert!(is_lent(&requests));
        assert!(!requests.within(REQUEST + 1..REQUEST + 8));
        assert_eq!(requests.call(complete, REQUEST), number);
        assert!(!is_lent(&requests));
        assert_eq!(requests.call(complete, REQUEST), None);
    }

    #[test]
    fn a_completion_may_be_ahead_of_the_return() {
        let (submit, complete) = (&ECHO.provider[0], &ECHO.client[0]);
        let mut requests = OutstandingRequests::default();
        let first = requests.call(submit, REQUEST);
        assert_eq!(requests.call(complete, REQUEST), first);
        let second = requests.call(submit, REQUEST);
        assert_ne!(second, first);
        assert!(is_lent(&requests));
        assert_eq!(requests.call(complete, REQUEST), second);
        assert!(!is_lent(&requests));
    }
}
