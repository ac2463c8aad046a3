// SPDX-License-Identifier: MIT OR Apache-2.0

//! Routines that drivers have registered with the kernel and not yet unregistered.

use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;
use std::collections::{BTreeMap, BTreeSet};

/// What a routine is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Process,
    ProcessEx,
    Thread,
    Image,
    Key,
    Handle,
    Power,
    Device,
}

impl Kind {
    /// Returns `true` if its routines are called "inside a critical region with normal kernel
    /// APCs disabled".
    pub(crate) const fn is_called_in_region(self) -> bool {
        matches!(
            self,
            Self::Process | Self::ProcessEx | Self::Image | Self::Thread
        )
    }

    /// The function that registers it.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Process => "PsSetCreateProcessNotifyRoutine",
            Self::ProcessEx => "PsSetCreateProcessNotifyRoutineEx",
            Self::Thread => "PsSetCreateThreadNotifyRoutine",
            Self::Image => "PsSetLoadImageNotifyRoutine",
            Self::Key => "CmRegisterCallback",
            Self::Handle => "ObRegisterCallbacks",
            Self::Power => "PoRegisterPowerSettingCallback",
            Self::Device => "IoRegisterPlugPlayNotification",
        }
    }
}

/// A routine that is registered.
#[derive(Debug)]
pub(crate) struct Notification {
    pub(crate) kind: Kind,
    /// What unregisters it: an address or a handle.
    pub(crate) key: usize,
    pub(crate) routine: usize,
    pub(crate) context: usize,
    /// What of its kind it is told of: each kind has its own meaning of that.
    pub(crate) filter: u128,
    /// Its place among others, if they have one.
    pub(crate) altitude: Option<String>,
    /// The code that registered it.
    pub(crate) by: Option<Site>,
    /// The threads on which calls of it are under way.
    pub(crate) inside: Vec<ThreadId>,
    /// It is being unregistered: no call of it begins any more.
    pub(crate) ends: bool,
}

/// The notifications of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Notifications {
    pub(crate) all: Vec<Notification>,
    pub(crate) reinitializations: Vec<Reinitialization>,
    /// The numbers of the processes of programs that run, of which drivers are told.
    pub(crate) programs: BTreeSet<usize>,
    /// The objects of keys that are open.
    pub(crate) keys: BTreeSet<usize>,
    /// The contexts that callbacks have set for keys, by cookie and key object.
    pub(crate) key_contexts: BTreeMap<(usize, usize), usize>,
    /// The number of handles that were given out.
    handles: usize,
}

impl Notifications {
    /// What is registered under `key`.
    pub(crate) fn of(&self, kind: Kind, key: usize) -> impl Iterator<Item = &Notification> {
        let mut all = self.all.iter();
        std::iter::from_fn(move || all.find(|it| it.kind == kind && it.key == key && !it.ends))
    }

    /// A value that identifies a registration.
    pub(crate) const fn next_handle(&mut self) -> usize {
        // No address of anything.
        const FIRST: usize = 0xFFFF_A00F_0000_0010;
        self.handles += 1;
        FIRST + 16 * self.handles
    }

    /// A routine of a driver that is registered, in words, and where it was registered.
    pub(crate) fn left_by(
        &self,
        driver: DriverId,
        image: &std::ops::Range<usize>,
    ) -> Option<(String, Option<Site>)> {
        let mut all = self.all.iter();
        let left = all.find(|it| {
            let is_own = it.by.is_some_and(|by| by.driver == driver);
            is_own || image.contains(&it.routine)
        })?;
        let name = format!("a routine that {} registered", left.kind.function());
        Some((name, left.by))
    }
}

/// A routine that is to be called once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reinitialization {
    /// The driver object.
    pub(crate) driver: usize,
    pub(crate) routine: usize,
    pub(crate) context: usize,
    pub(crate) by: Option<Site>,
}
