// SPDX-License-Identifier: MIT OR Apache-2.0

//! Classifications that callouts pend, and the handles and contexts for that.

use super::flows::Connection;
use crate::loader::drivers::{DriverId, Site};

/// A classification that is under way, which a callout may pend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    /// The value that callouts get as `completionHandle` and as `classifyContext`.
    pub(crate) handle: usize,
    pub(crate) connection: Connection,
    /// It is at a layer where operations can be pended.
    pub(crate) can_pend: bool,
    /// It repeats one that was pended.
    pub(crate) is_again: bool,
    /// The request that callouts may change at its layer.
    pub(crate) redirects: Option<Redirects>,
}

/// A request that callouts may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// `FWPS_BIND_REQUEST0`.
    Bind,
    /// `FWPS_CONNECT_REQUEST0`.
    Connect,
}

/// A request that a callout is changing.
#[derive(Debug)]
pub(crate) struct Writable {
    /// The address of the request.
    pub(crate) at: usize,
    /// The handle of the classification.
    pub(crate) classify: usize,
    pub(crate) redirects: Redirects,
    /// The original request.
    pub(crate) original: Vec<u8>,
}

/// What a callout has pended or acquired.
#[derive(Debug)]
pub(crate) struct Pended {
    pub(crate) handle: usize,
    /// The classification.
    pub(crate) of: Active,
    pub(crate) kind: Kind,
    /// The code that did it.
    pub(crate) by: Option<Site>,
}

/// What was pended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By `FwpsPendOperation0`, until `FwpsCompleteOperation0`.
    Operation,
    /// By `FwpsPendClassify0`, until `FwpsCompleteClassify0`.
    Classify,
    /// A request from `FwpsAcquireWritableLayerDataPointer0`, until `FwpsApplyModifiedLayerData0`.
    Data,
    /// A handle from `FwpsAcquireClassifyHandle0`, until `FwpsReleaseClassifyHandle0`.
    Handle,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Operation => "an operation that FwpsPendOperation0 pended",
            Self::Classify => "a classification that FwpsPendClassify0 pended",
            Self::Data => {
                "a request that FwpsAcquireWritableLayerDataPointer0 returned, without \
                 FwpsApplyModifiedLayerData0"
            }
            Self::Handle => "a handle that FwpsAcquireClassifyHandle0 acquired",
        }
    }
}

/// What is pended in a cycle.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) active: Vec<Active>,
    pub(crate) all: Vec<Pended>,
    /// The requests that callouts are changing.
    pub(crate) writable: Vec<Writable>,
}

impl Pending {
    /// Takes what was pended away.
    pub(crate) fn take(&mut self, handle: usize, kind: Kind) -> Option<Pended> {
        let mut all = self.all.iter();
        let index = all.position(|it| it.handle == handle && it.kind == kind)?;
        Some(self.all.remove(index))
    }

    /// A classification that is under way.
    pub(crate) fn active(&self, handle: usize) -> Option<Active> {
        self.active.iter().find(|it| it.handle == handle).copied()
    }

    /// What a driver has left, in words, and the code that made it.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<(&'static str, Option<Site>)> {
        let is_own = |it: &&Pended| it.by.is_some_and(|by| by.driver == driver);
        let left = self.all.iter().find(is_own)?;
        Some((left.kind.name(), left.by))
    }
}
