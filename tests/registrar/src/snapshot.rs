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
    GUID, LUID, MIT_GUID, MIT_IF_LUID, NPI_CLIENT_CHARACTERISTICS as Client, NPI_MODULEID,
    NPI_PROVIDER_CHARACTERISTICS as Provider, NPIID,
};

use crate::characteristics::Characteristics;

/// A field of a structure.
struct Field {
    name: &'static str,
    offset: usize,
    size: usize,
}

/// The fields of `$structure`, which has fields of those types.
macro_rules! fields {
    ($structure:ty: $($($field:ident).+: $size:ty),+ $(,)?) => {[$(
        Field {
            name: fields!(@last $($field)+),
            offset: offset_of!($structure, $($field).+),
            size: size_of::<$size>(),
        }
    ),+]};
    (@last $field:ident) => { stringify!($field) };
    (@last $outer:ident $field:ident) => { stringify!($field) };
}

const COUNT: usize = 11;

const CLIENT: [Field; COUNT] = fields! { Client:
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
};

const PROVIDER: [Field; COUNT] = fields! { Provider:
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
};

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
    const fn fields(self) -> &'static [Field; COUNT] {
        match self {
            Self::Client(_) => &CLIENT,
            Self::Provider(_) => &PROVIDER,
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::Client(_) => size_of::<Client>(),
            Self::Provider(_) => size_of::<Provider>(),
        }
    }

    fn words(self) -> [usize; COUNT] {
        self.fields().each_ref().map(|field| {
            let place = self.start().wrapping_byte_add(field.offset);
            // SAFETY: a field of that size in a readable structure (type invariant).
            unsafe {
                match field.size {
                    2 => usize::from(peek(place.cast::<u16>())),
                    4 => peek(place.cast::<u32>()) as usize,
                    _ => peek(place.cast::<usize>()),
                }
            }
        })
    }
}

/// What `ModuleId` points to: its length, its type, and as many bytes of the
/// union as the type has.
type Identity = (u16, i32, [u8; size_of::<GUID>()]);

/// # Safety
///
/// `id` is readable.
unsafe fn identity(id: *const NPI_MODULEID) -> Identity {
    // SAFETY: a field of what is readable.
    let length = unsafe { peek(&raw const (*id).Length) };
    // SAFETY: as above.
    let kind = unsafe { peek(&raw const (*id).Type) };
    let mut bytes = [0; size_of::<GUID>()];
    let counted = match kind {
        MIT_GUID => size_of::<GUID>(),
        MIT_IF_LUID => size_of::<LUID>(),
        _ => 0,
    };
    // SAFETY: a field of what is readable; only its address is taken.
    let value = unsafe { (&raw const (*id).Value).cast::<u8>() };
    for (index, byte) in bytes[..counted].iter_mut().enumerate() {
        // SAFETY: the union's first bytes, of the member that `Type` says was set.
        *byte = unsafe { peek(value.add(index)) };
    }
    (length, kind, bytes)
}

/// What was registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    characteristics: Characteristics,
    context: *mut c_void,
    words: [usize; COUNT],
    npi: *const NPIID,
    npi_bytes: [u8; size_of::<NPIID>()],
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
            npi_bytes: unsafe { peek(npi.cast()) },
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
        let now = self.characteristics.words();
        let fields = self.characteristics.fields();
        if let Some(index) = (0..COUNT).find(|&index| now[index] != self.words[index]) {
            return Some(fields[index].name);
        }
        // SAFETY: the structure still vouches for the pointer.
        let npi: [u8; size_of::<NPIID>()] = unsafe { peek(self.npi.cast()) };
        if npi != self.npi_bytes {
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
