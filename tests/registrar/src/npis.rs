// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations of each NPI.

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
use nmr::abi::NPIID;

use crate::host::Side;
use crate::list::{Linked, List};
use crate::slab::Exhausted;

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

/// An NPI that somebody is registered for, or about to be.
struct Npi {
    key: NpiKey,
    members: Members,
}

/// The registrations of an NPI, the clients first.
pub(crate) type Members = [List; 2];

/// All of them.
pub(crate) struct Npis(HashTable<Npi>);

impl Npis {
    pub(crate) const fn new() -> Self {
        Self(HashTable::new())
    }

    /// The registrations of an NPI that somebody registers for: a failure is told to
    /// [`tidy`](Self::tidy).
    pub(crate) fn enter(&mut self, key: NpiKey) -> Result<&mut Members, Exhausted> {
        let hash = |npi: &Npi| npi.key.hash();
        self.0.try_reserve(1, hash).map_err(|_| Exhausted)?;
        let entry = self.0.entry(key.hash(), |npi| npi.key == key, hash);
        let npi = entry.or_insert(Npi {
            key,
            members: [List::EMPTY; 2],
        });
        Ok(&mut npi.into_mut().members)
    }

    /// Takes the registration in `slot` away.
    pub(crate) fn leave(&mut self, key: NpiKey, side: Side, table: &mut impl Linked, slot: u32) {
        if let Ok(mut npi) = self.0.find_entry(key.hash(), |npi| npi.key == key) {
            npi.get_mut().members[side as usize].remove(table, slot);
            remove_if_empty(npi);
        }
    }

    /// Forgets an NPI for which nobody is registered.
    pub(crate) fn tidy(&mut self, key: NpiKey) {
        if let Ok(npi) = self.0.find_entry(key.hash(), |npi| npi.key == key) {
            remove_if_empty(npi);
        }
    }
}

fn remove_if_empty(npi: OccupiedEntry<'_, Npi>) {
    if npi.get().members.iter().all(|list| list.len == 0) {
        npi.remove();
    }
}
