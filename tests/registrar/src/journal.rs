// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last events of all bindings, for the histories of findings.

use alloc::vec::Vec;

use crate::finding::Moment;
use crate::host::BindingId;

/// How many events are remembered.
const LENGTH: usize = 2048;

/// A ring of events.
pub(crate) struct Journal {
    moments: Vec<Moment>,
    oldest: usize,
}

impl Journal {
    pub(crate) const fn new() -> Self {
        Self {
            moments: Vec::new(),
            oldest: 0,
        }
    }

    /// Remembers `moment`, unless there is no memory for it: a history that
    /// lacks an event is better than an attach that fails for one.
    pub(crate) fn record(&mut self, moment: &Moment) {
        if self.moments.len() < LENGTH {
            if self.moments.try_reserve(1).is_ok() {
                self.moments.push(*moment);
            }
        } else {
            self.moments[self.oldest] = *moment;
            self.oldest = (self.oldest + 1) % LENGTH;
        }
    }

    /// What is remembered of `binding`, oldest first.
    pub(crate) fn history(&self, binding: BindingId) -> Vec<Moment> {
        let (newer, older) = self.moments.split_at(self.oldest);
        older
            .iter()
            .chain(newer)
            .filter(|moment| moment.event.binding == Some(binding))
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Call, Event, Phase, Side};

    #[test]
    fn it_remembers_the_last_events_in_order() {
        let mut journal = Journal::new();
        let length = LENGTH as u64;
        for time in 0..length + 100 {
            journal.record(&Moment {
                time,
                thread: 1,
                event: Event {
                    call: Call::DetachComplete,
                    phase: Phase::Enter,
                    side: Side::Client,
                    npi: None,
                    registration: None,
                    binding: Some(BindingId(u64::from(time % 2 == 0))),
                    code: 0,
                },
            });
        }
        let times: Vec<u64> = journal
            .history(BindingId(1))
            .iter()
            .map(|moment| moment.time)
            .collect();
        assert_eq!(times.len() as u64, length / 2);
        assert_eq!(times.first(), Some(&100));
        assert!(times.is_sorted());
    }
}
