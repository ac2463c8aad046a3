// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keys of the registry whose changes drivers want to be told of, each once.

use crate::objects::events::Completion;

/// What has changed of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// There is a key more or less below it.
    Name,
    /// A value of it was set or deleted.
    Value,
}

impl Change {
    /// `REG_NOTIFY_CHANGE_NAME` and `REG_NOTIFY_CHANGE_LAST_SET`.
    const fn filter(self) -> u32 {
        match self {
            Self::Name => 1,
            Self::Value => 4,
        }
    }
}

/// What a driver wants to be told of, and how.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) handle: usize,
    /// The path of the key as it is compared.
    pub(crate) path: String,
    pub(crate) filter: u32,
    /// Changes of the keys below it count.
    pub(crate) watches_tree: bool,
    /// The address of an `IO_STATUS_BLOCK`.
    pub(crate) status_block: usize,
    /// The address of the work item that is queued then, or 0.
    pub(crate) item: usize,
    /// The event that is signalled then.
    pub(crate) completion: Option<Completion>,
}

/// The watches of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    pub(crate) all: Vec<Watch>,
    /// How many programs have changed what was watched.
    pub(crate) programs: usize,
}

impl Watches {
    /// Returns `true` if what has this status block is still to be told.
    pub(crate) fn has(&self, status_block: usize) -> bool {
        self.all.iter().any(|it| it.status_block == status_block)
    }

    /// Takes the watches out that a change of the key at `path` ends.
    pub(crate) fn take(&mut self, path: &str, change: Change) -> Vec<Watch> {
        let is_below = |watch: &Watch| {
            let rest = path.strip_prefix(watch.path.as_str());
            watch.watches_tree && rest.is_some_and(|rest| rest.starts_with('\\'))
        };
        let ends = |watch: &mut Watch| {
            watch.filter & change.filter() != 0 && (watch.path == path || is_below(watch))
        };
        self.all.extract_if(.., ends).collect()
    }

    /// Takes the watches of a handle out.
    pub(crate) fn take_of(&mut self, handle: usize) -> Vec<Watch> {
        self.all
            .extract_if(.., |watch| watch.handle == handle)
            .collect()
    }
}
