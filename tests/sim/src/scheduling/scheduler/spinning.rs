// SPDX-License-Identifier: MIT OR Apache-2.0

//! Threads that spin: others run first, and they look again when something may have
//! changed or time has passed.

use super::{FIRST_LOOK, MOST_SPIN, Next, SECOND, Scheduler, TICK};
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::hardware::trap::{self, SpinCause};
use crate::scheduling::thread::{Spinning, Thread};

impl Scheduler {
    /// Returns `true` if a thread that the timer stopped has waited for others for long.
    pub(super) fn has_overdue_spin(&self) -> bool {
        let spinning = self.live().filter_map(|(_, thread)| thread.spinning);
        let mut stopped = spinning.filter(|spinning| spinning.spin.cause != SpinCause::Looks);
        stopped.any(|spinning| {
            let before = spinning.since - spinning.began;
            self.time - spinning.since > before.max(SECOND)
        })
    }

    /// Lets the threads that spin look again, after some time.
    pub(super) fn look_again(&mut self) -> Result<(), Next> {
        let any = self.has_processor();
        let spins = |thread: &&mut Thread| {
            thread.spinning.is_some() && (any || thread.irql >= DISPATCH_LEVEL)
        };
        let mut spinning: Vec<_> = self.threads.iter_mut().filter(spins).collect();
        let Some(first) = spinning.first().and_then(|thread| thread.spinning) else {
            return Err(Next::Deadlock);
        };
        self.time += FIRST_LOOK << self.looks;
        self.looks += match first.spin.cause {
            SpinCause::Looks => 1,
            // A look at what the timer stops takes true time: there are few.
            SpinCause::Timer => 16,
            // It works, as far as anybody knows, for some microseconds.
            SpinCause::Accesses => 0,
        };
        let spinning = spinning
            .iter_mut()
            .filter_map(|thread| thread.spinning.as_mut());
        spinning.for_each(|spinning| spinning.may_look = true);
        Ok(())
    }

    /// Something may have changed: threads that spin look again.
    pub(super) const fn change(&mut self) {
        self.changes += 1;
        self.looks = 0;
    }

    /// Records that the current thread spins.
    pub(super) fn begin_spin(&mut self) {
        /// The limit, in units of 20,000 accesses, beyond which a thread that calls nobody hangs.
        const MOST_COUNTED: u32 = 500;

        trap::alive();
        self.points += 1;
        self.time += TICK;
        self.endless |= self.takes_too_long();
        let Some(spin) = trap::last_spin() else {
            return;
        };
        let again = self.current().spinning.filter(|last| {
            // Where the timer stops a thread tells nothing.
            spin.cause != SpinCause::Looks || (!spin.anew && last.spin.at.rip == spin.at.rip)
        });
        if again.is_none() {
            self.change();
        }
        let began = again.map_or(self.time, |last| last.began);
        let counted = match spin.cause {
            SpinCause::Accesses => again.map_or(0, |last| last.counted) + 1,
            SpinCause::Looks | SpinCause::Timer => 0,
        };
        self.hangs |= self.time - began > MOST_SPIN || counted > MOST_COUNTED;
        let (looked, since) = (self.changes, self.time);
        self.current_mut().spinning = Some(Spinning {
            spin,
            looked,
            began,
            since,
            may_look: false,
            counted,
        });
    }
}
