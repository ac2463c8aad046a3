// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations of ETW providers, by handle.

use std::collections::BTreeMap;

/// Handles are odd, so that none is the address of an object. None is given twice.
const FIRST: usize = 0xE701;

/// What a session wants of a provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) level: u8,
    pub(super) any: u64,
    pub(super) all: u64,
}

impl Wanted {
    /// Returns `true` if the session takes an event of this level and keyword.
    ///
    /// <https://learn.microsoft.com/windows/win32/api/evntrace/nf-evntrace-enabletraceex2>
    pub(super) const fn takes(self, level: u8, keyword: u64) -> bool {
        let keywords = keyword & self.any != 0 && keyword & self.all == self.all;
        level <= self.level && (keyword == 0 || keywords)
    }
}

/// A registration of a provider.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    /// The name by its traits, or the GUID.
    pub(super) name: String,
    /// The enable callback; 0 if there is none.
    pub(super) callback: usize,
    pub(super) context: usize,
    /// The session that has enabled it.
    pub(super) session: Option<Wanted>,
    /// How many calls of the callback are under way.
    pub(super) inside: usize,
}

/// The registrations of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    all: BTreeMap<usize, Registration>,
    /// The registrations that are unregistered.
    closed: BTreeMap<usize, Registration>,
    /// `true` if sessions listen in this cycle; drawn at the first registration.
    pub(super) listens: Option<bool>,
}

impl Registrations {
    /// Adds a registration, and returns its handle.
    pub(super) fn add(&mut self, registration: Registration) -> usize {
        let handle = FIRST + 2 * (self.all.len() + self.closed.len());
        self.all.insert(handle, registration);
        handle
    }

    /// Unregisters a provider: no call of its callback begins any more.
    pub(super) fn close(&mut self, handle: usize) {
        if let Some(registration) = self.all.remove(&handle) {
            self.closed.insert(handle, registration);
        }
    }

    /// A registration that is not unregistered.
    pub(super) fn get_mut(&mut self, handle: usize) -> Option<&mut Registration> {
        self.all.get_mut(&handle)
    }

    /// A call of the callback has returned.
    pub(super) fn called_back(&mut self, handle: usize) {
        let open = self.all.get_mut(&handle);
        if let Some(it) = open.or_else(|| self.closed.get_mut(&handle)) {
            it.inside -= 1;
        }
    }

    /// Returns `true` if the callback of a provider that is unregistered still runs.
    pub(super) fn is_called_back(&self, handle: usize) -> bool {
        self.closed.get(&handle).is_some_and(|it| it.inside > 0)
    }

    pub(super) fn set_name(&mut self, handle: usize, name: String) {
        if let Some(it) = self.all.get_mut(&handle) {
            it.name = name;
        }
    }

    /// The name of a provider, registered or not any more.
    pub(super) fn name(&self, handle: usize) -> Option<String> {
        let it = self.all.get(&handle).or_else(|| self.closed.get(&handle))?;
        Some(it.name.clone())
    }

    /// Returns `true` if a session takes such an event, and the provider has been told.
    pub(super) fn records(&self, handle: usize, level: u8, keyword: u64) -> bool {
        let is_told = self.all.get(&handle).is_some_and(|it| it.inside == 0);
        is_told && self.wants(handle, level, keyword)
    }

    /// Returns `true` if a session takes an event of this level and keyword.
    pub(super) fn wants(&self, handle: usize, level: u8, keyword: u64) -> bool {
        let session = self.all.get(&handle).and_then(|it| it.session);
        session.is_some_and(|wanted| wanted.takes(level, keyword))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_what_it_asked_for() {
        let wanted = |any, all| Wanted { level: 4, any, all };
        assert!(wanted(1, 0).takes(4, 1));
        assert!(wanted(1, 0).takes(0, 0));
        assert!(!wanted(1, 0).takes(5, 1));
        assert!(!wanted(1, 0).takes(4, 2));
        assert!(wanted(3, 3).takes(4, 7));
        assert!(!wanted(3, 3).takes(4, 1));
    }
}
