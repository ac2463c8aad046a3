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
    #[inline]
    fn from(id: NPIID) -> Self {
        let [second, third] = [id.Data2, id.Data3].map(u64::from);
        let first = u64::from(id.Data1) | second << 32 | third << 48;
        Self([first, u64::from_le_bytes(id.Data4)])
    }
}

impl From<NpiKey> for NPIID {
    #[inline]
    fn from(key: NpiKey) -> Self {
        let [first, last] = key.0.map(u64::to_le_bytes);
        let [d0, d1, d2, d3, e0, e1, f0, f1] = first;
        Self {
            Data1: u32::from_le_bytes([d0, d1, d2, d3]),
            Data2: u16::from_le_bytes([e0, e1]),
            Data3: u16::from_le_bytes([f0, f1]),
            Data4: last,
        }
    }
}

impl NpiKey {
    /// No NPI's.
    pub(crate) const NIL: Self = Self([0; 2]);

    /// The random bits of an identifier are its hash.
    const fn hash(self) -> u64 {
        let [first, last] = self.0;
        (first ^ last).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// An NPI.
struct Npi {
    key: NpiKey,
    /// Its registrations, the clients first.
    members: [Members; 2],
}

/// The registrations on one side of an NPI.
#[derive(Clone, Copy)]
pub(crate) struct Members {
    pub(crate) list: List,
    pub(crate) count: u32,
}

impl Members {
    const NONE: Self = Self {
        list: List::EMPTY,
        count: 0,
    };
}
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
        let members = [Members::NONE; 2];
        let slot = self.table.insert(Npi { key, members }).slot;
        self.slots
            .insert_unique(hash, (key, slot), |(of, _)| of.hash());
        self.set_idle(slot);
        Ok(slot)
    }

    /// The registrations on `side` of the NPI in `npi`.
    pub(crate) fn members(&self, npi: u32, side: Side) -> Members {
        self.table.at(npi).members[side as usize]
    }
    /// Adds the registration in `slot`.
    pub(crate) fn join(&mut self, npi: u32, side: Side, links: &mut impl Linked, slot: u32) {
        let members = &mut self.table.at_mut(npi).members[side as usize];
        members.list.push_back(links, slot);
        members.count += 1;
        if self.idle == npi {
            self.idle = NONE;
        }
    }

    /// Takes the registration in `slot` away.
    pub(crate) fn leave(&mut self, npi: u32, side: Side, links: &mut impl Linked, slot: u32) {
        let npi_members = &mut self.table.at_mut(npi).members;
        let members = &mut npi_members[side as usize];
        members.list.remove(links, slot);
        members.count -= 1;
        if npi_members.iter().all(|members| members.count == 0) {
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
