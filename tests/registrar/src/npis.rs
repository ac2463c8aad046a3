// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations of each NPI.

use hashbrown::HashTable;
use nmr::abi::NPIID;

use crate::host::Side;
use crate::list::{Linked, List};
use crate::slab::{Exhausted, NONE, Slab};

/// An NPI's identifier as two numbers: quick to move, compare and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NpiKey([u64; 2]);

impl From<NPIID> for NpiKey {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    fn from(id: NPIID) -> Self {
        let id = id.to_u128();
        Self([(id >> 64) as u64, id as u64])
    }
}

impl From<NpiKey> for NPIID {
    fn from(key: NpiKey) -> Self {
        let [high, low] = key.0.map(u128::from);
        Self::from_u128(high << 64 | low)
    }
}

impl NpiKey {
    /// The random bits of an identifier are its hash.
    const fn hash(self) -> u64 {
        let [high, low] = self.0;
        (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// An NPI.
struct Npi {
    key: NpiKey,
    members: Members,
}

/// The registrations of an NPI, the clients first.
pub(crate) type Members = [List; 2];

/// The NPIs that modules are registered for, and the one that lost its last
/// registration last: the next module is often of the same NPI.
pub(crate) struct Npis {
    table: Slab<Npi>,
    /// The slot of each.
    slots: HashTable<(NpiKey, u32)>,
    /// The slot of the one without a registration.
    idle: u32,
}

impl Npis {
    pub(crate) const fn new() -> Self {
        Self {
            table: Slab::new(),
            slots: HashTable::new(),
            idle: NONE,
        }
    }

    /// The slot of an NPI, which stays until another one has no registration.
    pub(crate) fn find(&mut self, key: NpiKey) -> Result<u32, Exhausted> {
        let hash = key.hash();
        if let Some(&(_, slot)) = self.slots.find(hash, |&(of, _)| of == key) {
            return Ok(slot);
        }
        self.table.reserve(1)?;
        let room = self.slots.try_reserve(1, |(of, _)| of.hash());
        room.map_err(|_| Exhausted)?;
        let members = [List::EMPTY; 2];
        let slot = self.table.insert(Npi { key, members }).slot;
        self.slots
            .insert_unique(hash, (key, slot), |(of, _)| of.hash());
        self.set_idle(slot);
        Ok(slot)
    }

    /// The registrations for the NPI in `npi`.
    pub(crate) fn members(&self, npi: u32) -> &Members {
        &self.table.at(npi).members
    }

    /// Adds the registration in `slot`.
    pub(crate) fn join(&mut self, npi: u32, side: Side, links: &mut impl Linked, slot: u32) {
        self.table.at_mut(npi).members[side as usize].push_back(links, slot);
        if self.idle == npi {
            self.idle = NONE;
        }
    }

    /// Takes the registration in `slot` away.
    pub(crate) fn leave(&mut self, npi: u32, side: Side, links: &mut impl Linked, slot: u32) {
        let members = &mut self.table.at_mut(npi).members;
        members[side as usize].remove(links, slot);
        if members.iter().all(|list| list.len == 0) {
            self.set_idle(npi);
        }
    }

    /// Keeps this NPI without a registration, and forgets the one before.
    fn set_idle(&mut self, npi: u32) {
        let before = core::mem::replace(&mut self.idle, npi);
        if before == NONE {
            return;
        }
        let key = self.table.remove(before).key;
        if let Ok(entry) = self.slots.find_entry(key.hash(), |&(of, _)| of == key) {
            entry.remove();
        }
    }
}
