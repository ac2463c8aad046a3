// SPDX-License-Identifier: MIT OR Apache-2.0

//! The data with which a module registers: its identity, and the numbers in its characteristics.

use std::mem::offset_of;

use nmr::abi::{
    GUID, MIT_GUID, NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_REGISTRATION_INSTANCE,
};
use npi_description::{Field, Meaning, Npi, NpiId, Structure, Type, find};
use registrar::host::Side;

use crate::kernel::State;
use crate::memory::extent;
use crate::scheduling::frame::described_side;

/// A module of a described NPI that is about to be registered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module {
    pub(super) side: Side,
    pub(super) npi: &'static Npi,
    /// The address of its attach callback.
    pub(super) callback: usize,
    /// Its GUID, if that is its identity.
    pub(super) id: Option<NpiId>,
    /// The address of its NPI-specific characteristics, 0 if it has none.
    characteristics: usize,
}

impl Module {
    /// Reads the characteristics of a client or provider module.
    pub(super) fn read(state: &State, side: Side, address: usize) -> Option<Self> {
        // The layouts of a client's and a provider's characteristics are the same.
        let instance = offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientRegistrationInstance);
        let field = |offset| word(state, address + instance + offset);
        let npi = field(offset_of!(NPI_REGISTRATION_INSTANCE, NpiId))?;
        let id = field(offset_of!(NPI_REGISTRATION_INSTANCE, ModuleId))?;
        let callback = offset_of!(NPI_CLIENT_CHARACTERISTICS, ClientAttachProvider);
        Some(Self {
            side,
            npi: find(NpiId(guid(state, npi)?))?,
            callback: word(state, address + callback)?,
            id: module_id(state, id),
            characteristics: field(offset_of!(
                NPI_REGISTRATION_INSTANCE,
                NpiSpecificCharacteristics
            ))?,
        })
    }

    /// The described structure of its characteristics.
    pub(super) fn structure(&self) -> Option<&'static Structure> {
        self.npi.characteristics(described_side(self.side))
    }

    /// Returns `true` if its description knows it, and says that it accepts each peer that fits.
    pub(super) fn accepts_all(&self) -> bool {
        let known = self.npi.module(described_side(self.side));
        known.accepts_all && self.id == known.module_id
    }

    /// The field of its characteristics that says this, and its offset.
    pub(super) fn field(&self, what: Meaning) -> Option<(&'static Field, usize)> {
        place(self.npi, self.structure()?, what)
    }

    /// The number that the field of its characteristics has. `None` if there is no such
    /// field, or no memory for it.
    pub(super) fn number(&self, state: &State, what: Meaning) -> Option<u64> {
        let (field, offset) = self.field(what)?;
        if self.characteristics == 0 {
            return None;
        }
        let size = field.size.min(size_of::<u64>());
        let bytes = bytes(state, self.characteristics + offset, size)?;
        let mut number = [0; size_of::<u64>()];
        number[..size].copy_from_slice(&bytes);
        Some(u64::from_le_bytes(number))
    }
}

/// The field of a structure, or of one inside it, that says this, and its offset.
pub(crate) fn place(
    npi: &'static Npi,
    structure: &'static Structure,
    what: Meaning,
) -> Option<(&'static Field, usize)> {
    structure.fields.iter().find_map(|field| match &field.kind {
        _ if field.meaning == Some(what) => Some((field, field.offset)),
        Type::Structure(inner) => {
            let (inside, offset) = place(npi, npi.structure(inner)?, what)?;
            Some((inside, field.offset + offset))
        }
        _ => None,
    })
}

fn bytes(state: &State, address: usize, size: usize) -> Option<Vec<u8>> {
    let bytes = extent::around(state, address)?.read(address, size);
    (bytes.len() == size).then_some(bytes)
}

fn word(state: &State, address: usize) -> Option<usize> {
    let bytes = bytes(state, address, size_of::<usize>())?;
    Some(usize::from_le_bytes(bytes.try_into().ok()?))
}

/// The GUID of a module that has one.
fn module_id(state: &State, address: usize) -> Option<NpiId> {
    let kind = bytes(state, address + offset_of!(NPI_MODULEID, Type), 4)?;
    let kind = i32::from_le_bytes(kind.try_into().ok()?);
    let value = address + offset_of!(NPI_MODULEID, Value);
    (kind == MIT_GUID).then(|| guid(state, value).map(NpiId))?
}

/// The number that the GUID at an address is.
fn guid(state: &State, address: usize) -> Option<u128> {
    number_of(&bytes(state, address, size_of::<GUID>())?)
}

/// The number that a GUID is, by the bytes that begin with it.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u128> {
    let (first, rest) = bytes.split_first_chunk()?;
    let (second, rest) = rest.split_first_chunk()?;
    let (third, rest) = rest.split_first_chunk()?;
    let guid = GUID {
        Data1: u32::from_le_bytes(*first),
        Data2: u16::from_le_bytes(*second),
        Data3: u16::from_le_bytes(*third),
        Data4: *rest.first_chunk()?,
    };
    Some(guid.to_u128())
}
