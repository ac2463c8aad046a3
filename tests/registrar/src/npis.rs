// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations of each NPI.

use hashbrown::HashTable;
use nmr::abi::NPIID;

use crate::host::Side;
use crate::list::{Linked, List};
use crate::slab::Exhausted;

/// An NPI's identifier as one number: quick to move, compare and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NpiKey(u128);

impl From<NPIID> for NpiKey {
    fn from(id: NPIID) -> Self {
        Self(id.to_u128())
    }
}

impl From<NpiKey> for NPIID {
    fn from(key: NpiKey) -> Self {
        Self::from_u128(key.0)
    }
}

impl NpiKey {
    /// The random bits of an identifier are its hash.
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    const fn hash(self) -> u64 {
        ((self.0 >> 64) as u64 ^ self.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// An NPI that somebody is registered for.
struct Npi {
    key: NpiKey,
    members: [List; 2],
}

/// All of them.
pub(crate) struct Npis(HashTable<Npi>);

impl Npis {
    pub(crate) const fn new() -> Self {
        Self(HashTable::new())
    }

    /// Makes room for one more NPI.
    pub(crate) fn reserve(&mut self) -> Result<(), Exhausted> {
        self.0
            .try_reserve(1, |npi| npi.key.hash())
            .map_err(|_| Exhausted)
    }

    /// The registrations on `side` of an NPI.
    pub(crate) fn members(&self, key: NpiKey, side: Side) -> List {
        self.0
            .find(key.hash(), |npi| npi.key == key)
            .map_or(List::EMPTY, |npi| npi.members[side as usize])
    }

    /// Adds the registration in `slot`, for which there is room.
    pub(crate) fn join(&mut self, key: NpiKey, side: Side, table: &mut impl Linked, slot: u32) {
        let same = |npi: &Npi| npi.key == key;
        self.0
            .entry(key.hash(), same, |npi| npi.key.hash())
            .or_insert_with(|| Npi {
                key,
                members: [List::EMPTY; 2],
            })
            .into_mut()
            .members[side as usize]
            .push_back(table, slot);
    }

    /// Takes the registration in `slot` away.
    pub(crate) fn leave(&mut self, key: NpiKey, side: Side, table: &mut impl Linked, slot: u32) {
        if let Ok(mut npi) = self.0.find_entry(key.hash(), |npi| npi.key == key) {
            let members = &mut npi.get_mut().members;
            members[side as usize].remove(table, slot);
            if members.iter().all(|list| list.len == 0) {
                npi.remove();
            }
        }
    }
}
