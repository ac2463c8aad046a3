// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel objects that drivers have created and not yet deleted: an unload must not leak
//! them, and memory that is freed must not contain them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::findings::bug_check::Code;
use crate::loader::drivers::{DriverId, Site};

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// A DPC that is queued.
    Dpc,
    /// An APC that is queued.
    Apc,
    /// A timer that is set.
    Timer,
    /// A timer from `ExAllocateTimer`.
    ExTimer,
    /// A work item that is queued.
    WorkItem,
    /// An `ERESOURCE`.
    Resource,
    /// A lookaside list.
    Lookaside,
    /// A device object.
    Device,
    /// A registration of an executive callback.
    Callback,
    /// A record of a routine for bug checks.
    BugCheckCallback,
    /// A registration of an ETW provider.
    Etw,
    /// A binding to the driver framework.
    Framework,
    /// An MDL from `IoAllocateMdl`.
    Mdl,
    /// A security context that was captured.
    Subject,
    /// A registration for non-maskable interrupts.
    NmiCallback,
    /// A registration for processors that are added.
    ProcessorCallback,
    /// An MDL from `MmAllocatePagesForMdl`, with its pages.
    Pages,
    /// Contiguous memory.
    Contiguous,
    /// An entry for the error log.
    ErrorLogEntry,
    /// The context of a redirected connection.
    RedirectContext,
    /// A power request.
    PowerRequest,
    /// The name of a registry key that a callback has queried.
    KeyName,
}

impl ObjectKind {
    /// What it is in words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dpc => "a queued DPC",
            Self::Apc => "a queued APC",
            Self::Timer => "a timer that is set",
            Self::ExTimer => "an executive timer",
            Self::WorkItem => "a queued work item",
            Self::Resource => "an ERESOURCE",
            Self::Lookaside => "a lookaside list",
            Self::Device => "a device object",
            Self::Callback => "the registration of a callback",
            Self::BugCheckCallback => "the record of a bug-check callback",
            Self::Etw => "the registration of an ETW provider",
            Self::Framework => "the binding to the driver framework",
            Self::Mdl => "an MDL",
            Self::Subject => "a captured security context",
            Self::NmiCallback => "a routine that KeRegisterNmiCallback registered",
            Self::ProcessorCallback => {
                "a routine that KeRegisterProcessorChangeCallback registered"
            }
            Self::Pages => "an MDL with the pages that MmAllocatePagesForMdl has allocated",
            Self::Contiguous => "contiguous memory",
            Self::ErrorLogEntry => "an entry for the error log",
            Self::PowerRequest => "a power request",
            Self::KeyName => "a name that CmCallbackGetKeyObjectIDEx has returned",
            Self::RedirectContext => {
                "the context of a redirected connection, which the filtering platform frees,"
            }
        }
    }

    /// The bug check that freeing the `memory` ends in that it is in.
    pub(crate) fn when_freed(self, at: usize, memory: &Range<usize>) -> Code {
        let (start, end) = (memory.start, memory.end);
        match self {
            Self::Timer => ("0xC7", [0, at, start, end]).into(),
            Self::Dpc => ("0xC7", [1, at, start, end]).into(),
            Self::WorkItem => ("0xE4", [0, at, start, end]).into(),
            Self::Lookaside => ("0xC4", [0xCC, at, start, end - start]).into(),
            Self::Resource => ("0xC4", [0xD2, at, start, end - start]).into(),
            Self::Apc
            | Self::ExTimer
            | Self::Device
            | Self::Callback
            | Self::BugCheckCallback
            | Self::Etw
            | Self::Framework
            | Self::Mdl
            | Self::Subject
            | Self::NmiCallback
            | Self::ProcessorCallback
            | Self::Pages
            | Self::Contiguous
            | Self::ErrorLogEntry
            | Self::RedirectContext
            | Self::PowerRequest
            | Self::KeyName => "0xC4".into(),
        }
    }
}

/// An object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelObject {
    pub(crate) kind: ObjectKind,
    /// The code that created it.
    pub(crate) by: Option<Site>,
}

/// All objects of a cycle, by address or handle.
#[derive(Debug, Default)]
pub(crate) struct KernelObjects {
    live: BTreeMap<usize, KernelObject>,
    /// The objects that were deleted, and the code that did it.
    deleted: BTreeMap<usize, KernelObject>,
}

impl KernelObjects {
    /// Adds an object. Returns `false` if there is one already.
    pub(crate) fn add(&mut self, address: usize, kind: ObjectKind, by: Option<Site>) -> bool {
        self.deleted.remove(&address);
        self.live
            .insert(address, KernelObject { kind, by })
            .is_none()
    }

    /// Takes an object away. Returns `false` if there was none of this kind.
    pub(crate) fn remove(&mut self, address: usize, kind: ObjectKind) -> bool {
        let found = self.is(address, kind);
        if found {
            self.live.remove(&address);
        }
        found
    }

    /// Takes an object away that its driver deletes at `by`.
    pub(crate) fn delete(&mut self, address: usize, kind: ObjectKind, by: Option<Site>) {
        if self.remove(address, kind) {
            self.deleted.insert(address, KernelObject { kind, by });
        }
    }

    /// The code that deleted the object of this kind that was here last.
    pub(crate) fn deleted(&self, address: usize, kind: ObjectKind) -> Option<Site> {
        let object = self.deleted.get(&address)?;
        object.by.filter(|_| object.kind == kind)
    }

    /// Returns `true` if there is an object of this kind.
    pub(crate) fn is(&self, address: usize, kind: ObjectKind) -> bool {
        self.live
            .get(&address)
            .is_some_and(|live| live.kind == kind)
    }

    /// The code that created the object at this address.
    pub(crate) fn creator(&self, address: usize) -> Option<Site> {
        self.live.get(&address)?.by
    }

    /// How many objects there are of this kind.
    pub(crate) fn count(&self, kind: ObjectKind) -> usize {
        self.live.values().filter(|live| live.kind == kind).count()
    }

    /// The first object in a range of memory, and its address.
    pub(crate) fn within(&self, memory: Range<usize>) -> Option<(usize, KernelObject)> {
        self.live
            .range(memory)
            .next()
            .map(|(&at, &live)| (at, live))
    }

    /// The first object that a driver created, and its address.
    pub(crate) fn of(&self, driver: DriverId) -> Option<(usize, KernelObject)> {
        let mut all = self.live.iter().map(|(&at, &live)| (at, live));
        all.find(|(_, live)| live.by.is_some_and(|by| by.driver == driver))
    }
}
