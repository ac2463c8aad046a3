// SPDX-License-Identifier: MIT OR Apache-2.0

//! A copy of a module's structures as registered, to detect (R2) that they change or
//! are freed.
//!
//! A structure is compared word by word before any pointer in it is followed,
//! so an overwritten one is reported before it is used. Only the NPI knows the size of
//! `NpiSpecificCharacteristics`: of that and of the registration context only the first
//! byte is checked.

use core::ffi::c_void;
use core::mem::offset_of;
use core::ops::Range;

use nmr::abi::{
    GUID, MIT_GUID, MIT_IF_LUID, NPI_CLIENT_CHARACTERISTICS as Client, NPI_MODULEID,
    NPI_PROVIDER_CHARACTERISTICS as Provider, NPIID,
};

use crate::characteristics::Characteristics;

const COUNT: usize = 11;

/// The fields of a structure, each as a number.
type Words = [usize; COUNT];

/// Defines what reads all fields of `$structure`, and what finds one that has changed.
macro_rules! fields {
    ($read:ident, $changed:ident, $structure:ty: $($($field:ident).+: $size:ty),+ $(,)?) => {
        /// # Safety
        ///
        /// `place` is readable.
        unsafe fn $read(place: *const $structure) -> Words {
            [$({
                let field = place.wrapping_byte_add(offset_of!($structure, $($field).+));
                // SAFETY: a field of that size in a readable structure.
                unsafe { peek(field.cast::<$size>()) as usize }
            }),+]
        }

        /// The first field that differs from what was read.
        ///
        /// # Safety
        ///
        /// `place` is readable.
        unsafe fn $changed(place: *const $structure, words: &Words) -> Option<&'static str> {
            let mut words = words.iter();
            $({
                let field = place.wrapping_byte_add(offset_of!($structure, $($field).+));
                // SAFETY: a field of that size in a readable structure.
                let now = unsafe { peek(field.cast::<$size>()) as usize };
                if words.next() != Some(&now) {
                    return Some(fields!(@last $($field)+));
                }
            })+
            None
        }
    };
    (@last $field:ident) => { stringify!($field) };
    (@last $outer:ident $field:ident) => { stringify!($field) };
}

fields! { read_client, changed_client, Client:
    Version: u16,
    Length: u16,
    ClientAttachProvider: usize,
    ClientDetachProvider: usize,
    ClientCleanupBindingContext: usize,
    ClientRegistrationInstance.Version: u16,
    ClientRegistrationInstance.Size: u16,
    ClientRegistrationInstance.NpiId: usize,
    ClientRegistrationInstance.ModuleId: usize,
    ClientRegistrationInstance.Number: u32,
    ClientRegistrationInstance.NpiSpecificCharacteristics: usize,
}

fields! { read_provider, changed_provider, Provider:
    Version: u16,
    Length: u16,
    ProviderAttachClient: usize,
    ProviderDetachClient: usize,
    ProviderCleanupBindingContext: usize,
    ProviderRegistrationInstance.Version: u16,
    ProviderRegistrationInstance.Size: u16,
    ProviderRegistrationInstance.NpiId: usize,
    ProviderRegistrationInstance.ModuleId: usize,
    ProviderRegistrationInstance.Number: u32,
    ProviderRegistrationInstance.NpiSpecificCharacteristics: usize,
}

/// Reads what its owner may be writing, against the rule.
///
/// # Safety
///
/// `place` is readable, and any bytes are a `T`.
unsafe fn peek<T>(place: *const T) -> T {
    // SAFETY: `place` is readable, and any bytes are a `T`, by this function's
    // contract.
    unsafe { place.read_volatile() }
}

impl Characteristics {
    const fn size(self) -> usize {
        match self {
            Self::Client(_) => size_of::<Client>(),
            Self::Provider(_) => size_of::<Provider>(),
        }
    }

    fn words(self) -> Words {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { read_client(client) },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { read_provider(provider) },
        }
    }

    fn changed(self, words: &Words) -> Option<&'static str> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { changed_client(client, words) },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { changed_provider(provider, words) },
        }
    }
}

/// The parts of an identifier: GUIDs and LUIDs are aligned to them.
type Parts = [u32; size_of::<GUID>() / size_of::<u32>()];

/// What `ModuleId` points to: its length, its type, and as many parts of the
/// union as the type has.
type Identity = (u16, i32, Parts);

/// # Safety
///
/// `id` is readable.
unsafe fn identity(id: *const NPI_MODULEID) -> Identity {
    // SAFETY: a field of what is readable.
    let length = unsafe { peek(&raw const (*id).Length) };
    // SAFETY: as above.
    let kind = unsafe { peek(&raw const (*id).Type) };
    // SAFETY: a field of what is readable; only its address is taken.
    let value = unsafe { &raw const (*id).Value };
    let parts = match kind {
        // SAFETY: the member of the union that `Type` says was set.
        MIT_GUID => unsafe { peek(value.cast::<Parts>()) },
        MIT_IF_LUID => {
            // SAFETY: as above.
            let [low, high] = unsafe { peek(value.cast::<[u32; 2]>()) };
            [low, high, 0, 0]
        }
        _ => Parts::default(),
    };
    (length, kind, parts)
}

/// What was registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    characteristics: Characteristics,
    context: *mut c_void,
    words: Words,
    npi: *const NPIID,
    npi_parts: Parts,
    module: *const NPI_MODULEID,
    identity: Option<Identity>,
    specific: usize,
    name: Option<GUID>,
    /// It is known not to be true any more.
    stale: bool,
}

impl Snapshot {
    /// Of a module that registers `characteristics`, in which `NpiId` is not
    /// NULL, and `context`.
    pub(crate) fn new(characteristics: Characteristics, context: *mut c_void) -> Self {
        let instance = characteristics.instance();
        // SAFETY: inside a readable structure (type invariant).
        let npi = unsafe { (*instance).NpiId };
        // SAFETY: as above.
        let specific = unsafe { (*instance).NpiSpecificCharacteristics };
        let module = characteristics.module_id();
        Self {
            characteristics,
            context,
            words: characteristics.words(),
            npi,
            // SAFETY: not null, and the registering module vouches for it.
            npi_parts: unsafe { peek(npi.cast()) },
            module,
            // SAFETY: as above.
            identity: (!module.is_null()).then(|| unsafe { identity(module) }),
            specific: specific.addr(),
            name: characteristics.module_guid(),
            stale: false,
        }
    }

    /// Its `ModuleId`, if that is a GUID.
    pub(crate) const fn name(&self) -> Option<GUID> {
        self.name
    }

    /// Has it compared no more: what is gone is not looked at, and a change is
    /// reported once. True the first time.
    pub(crate) const fn retire(&mut self) -> bool {
        !core::mem::replace(&mut self.stale, true)
    }

    /// What is no longer as it was.
    pub(crate) fn changed(&self) -> Option<&'static str> {
        if self.stale {
            return None;
        }
        if let Some(field) = self.characteristics.changed(&self.words) {
            return Some(field);
        }
        // SAFETY: the structure still vouches for the pointer.
        let npi: Parts = unsafe { peek(self.npi.cast()) };
        if npi != self.npi_parts {
            return Some("what NpiId points to");
        }
        // SAFETY: the structure still vouches for the pointer; where it is not
        // null.
        let same = (self.identity)
            .is_none_or(|identity| unsafe { self::identity(self.module) } == identity);
        (!same).then_some("what ModuleId points to")
    }

    /// What of it is in `memory`.
    pub(crate) fn part_in(&self, memory: &Range<usize>) -> Option<&'static str> {
        let parts = [
            (
                self.characteristics.start().addr(),
                self.characteristics.size(),
                "the characteristics",
            ),
            (self.npi.addr(), size_of::<NPIID>(), "the NPIID"),
            (
                self.module.addr(),
                size_of::<NPI_MODULEID>(),
                "the NPI_MODULEID",
            ),
            (self.specific, 1, "the NPI-specific characteristics"),
            (self.context.addr(), 1, "the registration context"),
        ];
        parts
            .into_iter()
            .find(|&(start, size, _)| {
                start != 0 && start < memory.end && memory.start < start + size
            })
            .map(|(.., name)| name)
    }
}
