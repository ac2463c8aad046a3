// SPDX-License-Identifier: MIT OR Apache-2.0

//! Samples of an Echo client's activity.

use core::sync::atomic::{AtomicU64, Ordering};

use super::VERSION;
use nmr::NtStatus;
use nmr::header::Header;
use nmr::layout::Check;

nmr::c_struct! {
    /// Counts of an Echo client's requests to all providers since it was loaded.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Sample: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// Requests submitted.
        pub submitted: u64,
        /// Requests that completed with success, at once or later.
        pub echoed: u64,
        /// Requests that were refused or cancelled.
        pub unanswered: u64,
    }
}

const _: () = assert!(size_of::<Sample>() == 32);

impl Sample {
    /// Creates a sample whose counts are all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            submitted: 0,
            echoed: 0,
            unanswered: 0,
        }
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}

/// The running counts behind a [`Sample`].
#[derive(Debug, Default)]
pub struct Activity {
    submitted: AtomicU64,
    echoed: AtomicU64,
    unanswered: AtomicU64,
}

impl Activity {
    /// Creates counts that are all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            submitted: AtomicU64::new(0),
            echoed: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        }
    }

    /// Counts a request that has been submitted. Returns the number of submissions so far,
    /// including this one.
    pub fn count_submission(&self) -> u64 {
        self.submitted
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
    }

    /// Counts a request that has completed with `status`.
    pub fn record_completion(&self, status: NtStatus) {
        let counter = if status.is_success() {
            &self.echoed
        } else {
            &self.unanswered
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads the counts, one after the other.
    #[must_use]
    pub fn snapshot(&self) -> Sample {
        Sample {
            submitted: self.submitted.load(Ordering::Relaxed),
            echoed: self.echoed.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
            ..Sample::new()
        }
    }
}
