// SPDX-License-Identifier: MIT OR Apache-2.0

//! Statistics of a provider.

use core::sync::atomic::{AtomicU64, Ordering};

use super::VERSION;
use nmr::header::Header;
use nmr::layout::Check;

nmr::c_struct! {
    /// Counts of a provider's requests in all bindings since it was loaded.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Statistics: Check::SIZE_FIRST {
        /// Size and version of this structure, set by the client.
        pub header: Header,
        /// Requests that `submit` answered at once with success.
        pub completed_at_once: u64,
        /// Requests that `submit` answered with `STATUS_PENDING`.
        pub pended: u64,
        /// Pended requests that were completed with success.
        pub completed_later: u64,
        /// Pended requests that were completed with `STATUS_CANCELLED`.
        pub cancelled: u64,
        /// Requests refused for any reason.
        pub refused: u64,
    }
}

const _: () = assert!(size_of::<Statistics>() == 48);

impl Statistics {
    /// Creates statistics whose counts are all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            completed_at_once: 0,
            pended: 0,
            completed_later: 0,
            cancelled: 0,
            refused: 0,
        }
    }
}

impl Statistics {
    /// The number of requests that were received.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.completed_at_once
            .wrapping_add(self.pended)
            .wrapping_add(self.refused)
    }

    /// The number of requests that were echoed.
    #[must_use]
    pub const fn echoed(&self) -> u64 {
        self.completed_at_once.wrapping_add(self.completed_later)
    }

    /// The number of requests that were refused or cancelled.
    #[must_use]
    pub const fn unanswered(&self) -> u64 {
        self.cancelled.wrapping_add(self.refused)
    }
}

impl Default for Statistics {
    fn default() -> Self {
        Self::new()
    }
}

/// The running counts behind [`Statistics`].
#[derive(Debug, Default)]
pub struct Counters {
    completed_at_once: AtomicU64,
    pended: AtomicU64,
    completed_later: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    CompletedAtOnce,
    Pended,
    CompletedLater,
    Cancelled,
    Refused,
}

impl Counters {
    /// Creates counts that are all zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            completed_at_once: AtomicU64::new(0),
            pended: AtomicU64::new(0),
            completed_later: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Counts a request with this fate.
    pub(super) fn count(&self, fate: Fate) {
        let counter = match fate {
            Fate::CompletedAtOnce => &self.completed_at_once,
            Fate::Pended => &self.pended,
            Fate::CompletedLater => &self.completed_later,
            Fate::Cancelled => &self.cancelled,
            Fate::Refused => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that the library refused before it reached the module.
    pub fn count_refusal(&self) {
        self.count(Fate::Refused);
    }

    /// Reads the counts, one after the other.
    #[must_use]
    pub fn snapshot(&self) -> Statistics {
        Statistics {
            completed_at_once: self.completed_at_once.load(Ordering::Relaxed),
            pended: self.pended.load(Ordering::Relaxed),
            completed_later: self.completed_later.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..Statistics::new()
        }
    }
}
