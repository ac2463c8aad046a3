// SPDX-License-Identifier: MIT OR Apache-2.0

//! The objects that sessions have added to the base filtering engine: providers, sublayers,
//! callouts and filters. A transaction works on a copy of them, which replaces them when it
//! commits.

use super::filters::{Rules, mix};
use crate::loader::drivers::{DriverId, Site};

/// What an object of the engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Provider,
    SubLayer,
    Callout,
    Filter,
    ProviderContext,
}

impl Kind {
    /// The name and the function that adds it, for findings.
    pub(crate) const fn added_by(self) -> &'static str {
        match self {
            Self::Provider => "provider that FwpmProviderAdd0 added",
            Self::SubLayer => "sublayer that FwpmSubLayerAdd0 added",
            Self::Callout => "callout that FwpmCalloutAdd0 added",
            Self::Filter => "filter that FwpmFilterAdd0 added",
            Self::ProviderContext => "provider context that FwpmProviderContextAdd0 added",
        }
    }
}

/// What a filter does with what it matches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    pub(crate) kind: u32,
    /// The key of the callout, if it is one's action.
    pub(crate) callout: u128,
}

/// An object that a session has added.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) key: u128,
    /// Its run-time identifier.
    pub(crate) id: u64,
    /// The session with which it goes, if that is a dynamic one.
    pub(crate) session: Option<usize>,
    /// The objects that it names, which cannot be deleted before.
    pub(crate) names: Vec<(Kind, u128)>,
    /// The layer of a callout or filter.
    pub(crate) layer: u16,
    /// What a filter does.
    pub(crate) action: Action,
    /// When a filter decides.
    pub(crate) rules: Rules,
    /// The weight of a sublayer.
    pub(crate) weight: u16,
    /// The context of a filter: what its driver gave, or a callout's `notifyFn` has stored.
    pub(crate) context: u64,
    /// The code that added it.
    pub(crate) by: Option<Site>,
    /// `true` if a service has added the object for a callout without a filter of its driver.
    pub(crate) is_service: bool,
}

/// A transaction that is open.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) is_read_only: bool,
    /// A single call makes it.
    pub(crate) is_implicit: bool,
    /// The objects as they are when it commits.
    pub(crate) objects: Vec<Object>,
    /// The code that began it.
    pub(crate) by: Option<Site>,
}

/// A session with the engine.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) handle: usize,
    pub(crate) is_dynamic: bool,
    /// How long a transaction waits for another one, in microseconds.
    pub(crate) patience: u64,
    pub(crate) transaction: Option<Transaction>,
    /// The code that opened it.
    pub(crate) by: Option<Site>,
}

/// The engine's state.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) objects: Vec<Object>,
    pub(crate) sessions: Vec<Session>,
    /// The sessions that were closed, and the code that did it.
    pub(crate) closed: Vec<(usize, Option<Site>)>,
    /// The objects that enumerations have yet to return, by the enumerations' handles.
    pub(crate) enumerations: Vec<(usize, Vec<u64>)>,
    /// What the engine orders by where the documents leave it open.
    pub(crate) salt: u64,
    /// The number of objects that were added.
    added: u64,
}

/// The identifiers of objects of Windows itself come first.
const FIRST_OBJECT: u64 = 0x1_0400;

impl Engine {
    /// The run-time identifier of the next object.
    pub(crate) const fn next_id(&mut self) -> u64 {
        self.added += 1;
        FIRST_OBJECT + self.added
    }

    /// The weight of a filter that the engine chooses in one of 16 ranges: how is open.
    pub(crate) fn choose_weight(&self, range: u8, id: u64) -> u64 {
        mix(self.salt, id.into()) >> 4 | u64::from(range) << 60
    }

    pub(crate) fn session(&mut self, handle: usize) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|it| it.handle == handle)
    }

    /// Returns `true` if a session is changing the objects.
    pub(crate) fn is_locked(&self) -> bool {
        let mut transactions = self
            .sessions
            .iter()
            .filter_map(|it| it.transaction.as_ref());
        transactions.any(|it| !it.is_read_only)
    }

    /// The run-time identifier of the callout that was added with a key.
    pub(crate) fn callout(&self, key: u128) -> Option<u32> {
        let open = self
            .sessions
            .iter()
            .filter_map(|it| it.transaction.as_ref());
        let mut objects = open.flat_map(|it| &it.objects).chain(&self.objects);
        let found = objects.find(|it| it.kind == Kind::Callout && it.key == key)?;
        u32::try_from(found.id).ok()
    }

    /// Returns `true` if a filter names the callout with this key, or is about to.
    pub(crate) fn is_named(&self, key: u128) -> bool {
        let transactions = self
            .sessions
            .iter()
            .filter_map(|it| it.transaction.as_ref());
        let mut objects = transactions.flat_map(|it| &it.objects).chain(&self.objects);
        objects.any(|it| it.kind == Kind::Filter && it.action.callout == key)
    }

    /// The filters of a layer.
    pub(crate) fn filters(&self, layer: u16) -> impl Iterator<Item = &Object> {
        let filters = self.objects.iter();
        filters.filter(move |it| it.kind == Kind::Filter && it.layer == layer)
    }

    /// The filters of each sublayer of a layer, in the order in which they decide: the heaviest
    /// first. Which of two that weigh the same comes first is open, and so is what the sublayers
    /// of Windows itself weigh.
    pub(crate) fn sublayers(&self, layer: u16) -> Vec<Vec<u64>> {
        let mut filters: Vec<_> = self.filters(layer).collect();
        let sublayer = |it: &Object| it.rules.sublayer;
        filters.sort_by_cached_key(|it| {
            let key = sublayer(it);
            let place = (self.weight_of(key), mix(self.salt, key), key);
            let own = (it.rules.weight, mix(self.salt, it.id.into()));
            std::cmp::Reverse((place, own))
        });
        let groups = filters.chunk_by(|one, next| sublayer(one) == sublayer(next));
        groups
            .map(|group| group.iter().map(|it| it.id).collect())
            .collect()
    }

    /// The weight of a sublayer.
    pub(crate) fn weight_of(&self, key: u128) -> u16 {
        let mut objects = self.objects.iter();
        let added = objects.find(|it| it.kind == Kind::SubLayer && it.key == key);
        added.map_or_else(
            || mix(self.salt, key).to_le_bytes()[0].into(),
            |it| it.weight,
        )
    }

    /// An object that a driver has added and that stays when its sessions are closed.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<&Object> {
        let is_own = |it: &&Object| it.by.is_some_and(|by| by.driver == driver);
        let filter = self
            .objects
            .iter()
            .filter(is_own)
            .find(|it| it.kind == Kind::Filter);
        filter.or_else(|| self.objects.iter().find(is_own))
    }
}

/// Deletes the objects of the service that name an object which is being deleted.
pub(crate) fn forget_service(objects: &mut Vec<Object>, kind: Kind, key: u128) {
    objects.retain(|it| !it.is_service || !it.names.contains(&(kind, key)));
}

/// The first object that names another one.
pub(crate) fn named_by(objects: &[Object], kind: Kind, key: u128) -> Option<&Object> {
    objects.iter().find(|it| it.names.contains(&(kind, key)))
}
