// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a module says of itself when it registers.
//!
//! NMR keeps the module's own structure and reads it again for every use, so a
//! structure that changes or goes away too early is noticed.

use shared_npi::nmr::abi::{
    GUID, NPI_CLIENT_ATTACH_PROVIDER_FN, NPI_CLIENT_CHARACTERISTICS,
    NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN, NPI_CLIENT_DETACH_PROVIDER_FN, NPI_MODULEID,
    NPI_PROVIDER_ATTACH_CLIENT_FN, NPI_PROVIDER_CHARACTERISTICS, NPI_REGISTRATION_INSTANCE, NPIID,
    struct_size,
};

use crate::host::Side;

/// `ClientDetachProvider` and `ProviderDetachClient` have one shape.
pub(crate) type DetachFn = NPI_CLIENT_DETACH_PROVIDER_FN;
/// So have the two cleanup callbacks.
pub(crate) type CleanupFn = NPI_CLIENT_CLEANUP_BINDING_CONTEXT_FN;

/// A module's structure of either kind.
///
/// # Invariants
///
/// Not null. Whoever registered it promised that it stays readable until the
/// registration has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characteristics {
    Client(*const NPI_CLIENT_CHARACTERISTICS),
    Provider(*const NPI_PROVIDER_CHARACTERISTICS),
}

/// What is not as the documents want it, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defect(pub(crate) &'static str);

impl Characteristics {
    pub(crate) const fn client(address: *const NPI_CLIENT_CHARACTERISTICS) -> Option<Self> {
        if address.is_null() {
            None
        } else {
            Some(Self::Client(address))
        }
    }

    pub(crate) const fn provider(address: *const NPI_PROVIDER_CHARACTERISTICS) -> Option<Self> {
        if address.is_null() {
            None
        } else {
            Some(Self::Provider(address))
        }
    }

    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Client(_) => Side::Client,
            Self::Provider(_) => Side::Provider,
        }
    }

    pub(crate) fn address(self) -> usize {
        match self {
            Self::Client(client) => client.addr(),
            Self::Provider(provider) => provider.addr(),
        }
    }

    /// The `NPI_REGISTRATION_INSTANCE` inside.
    pub(crate) const fn instance(self) -> *const NPI_REGISTRATION_INSTANCE {
        match self {
            // SAFETY: the field of a readable structure (type invariant).
            Self::Client(client) => unsafe { &raw const (*client).ClientRegistrationInstance },
            // SAFETY: as above.
            Self::Provider(provider) => unsafe {
                &raw const (*provider).ProviderRegistrationInstance
            },
        }
    }

    const fn header(self) -> (u16, u16, u16) {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe {
                (
                    (*client).Version,
                    (*client).Length,
                    struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
                )
            },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe {
                (
                    (*provider).Version,
                    (*provider).Length,
                    struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
                )
            },
        }
    }

    pub(crate) const fn attach_provider(self) -> Option<NPI_CLIENT_ATTACH_PROVIDER_FN> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { (*client).ClientAttachProvider },
            Self::Provider(_) => None,
        }
    }

    pub(crate) const fn attach_client(self) -> Option<NPI_PROVIDER_ATTACH_CLIENT_FN> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { (*provider).ProviderAttachClient },
            Self::Client(_) => None,
        }
    }

    pub(crate) const fn detach(self) -> Option<DetachFn> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { (*client).ClientDetachProvider },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { (*provider).ProviderDetachClient },
        }
    }

    pub(crate) const fn cleanup(self) -> Option<CleanupFn> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { (*client).ClientCleanupBindingContext },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { (*provider).ProviderCleanupBindingContext },
        }
    }

    /// The attach callback's address: it tells which image the module is.
    pub(crate) fn code(self) -> usize {
        match self {
            Self::Client(_) => self.attach_provider().map_or(0, |call| call as usize),
            Self::Provider(_) => self.attach_client().map_or(0, |call| call as usize),
        }
    }

    /// The NPI, unless something is NULL that NMR cannot do without.
    pub(crate) fn npi(self) -> Result<NPIID, Defect> {
        if self.code() == 0 {
            return Err(Defect("the attach callback"));
        }
        if self.detach().is_none() {
            return Err(Defect("the detach callback"));
        }
        // SAFETY: inside a readable structure (type invariant).
        let id = unsafe { (*self.instance()).NpiId };
        if id.is_null() {
            return Err(Defect("NpiId"));
        }
        // SAFETY: the registering module vouches for its pointers.
        Ok(unsafe { id.read() })
    }

    /// The first thing that is not as documented, though NMR can work with it.
    pub(crate) fn oddity(self) -> Option<Defect> {
        let (version, length, size) = self.header();
        // SAFETY: inside a readable structure (type invariant).
        let instance_size = unsafe { (*self.instance()).Size };
        if version != 0 {
            Some(Defect("Version is not 0"))
        } else if length != size {
            Some(Defect("Length is not the size of the structure"))
        } else if instance_size != struct_size::<NPI_REGISTRATION_INSTANCE>() {
            Some(Defect(
                "the registration instance's Size is not the size of the structure",
            ))
        } else {
            None
        }
    }

    pub(crate) const fn instance_version(self) -> u16 {
        // SAFETY: inside a readable structure (type invariant).
        unsafe { (*self.instance()).Version }
    }

    /// The module's identity, if it has one that is a GUID.
    pub(crate) fn module_guid(self) -> Option<GUID> {
        // SAFETY: inside a readable structure (type invariant).
        let id = unsafe { (*self.instance()).ModuleId };
        // SAFETY: null, or vouched for by the registering module.
        unsafe { id.as_ref() }.and_then(NPI_MODULEID::guid)
    }

    pub(crate) const fn has_module_id(self) -> bool {
        // SAFETY: inside a readable structure (type invariant).
        let id = unsafe { (*self.instance()).ModuleId };
        !id.is_null()
    }

    /// A number that changes when the structure changes, or the ids that it
    /// points to. How long what lies behind `NpiSpecificCharacteristics` is,
    /// only the NPI knows.
    pub(crate) fn print(self) -> u64 {
        let (version, length, _) = self.header();
        // SAFETY: inside a readable structure (type invariant).
        let instance = unsafe { &*self.instance() };
        let mut print = Print::new();
        print.add(u64::from(version) << 16 | u64::from(length));
        print.add(self.code() as u64);
        print.add(self.detach().map_or(0, |call| call as usize) as u64);
        print.add(self.cleanup().map_or(0, |call| call as usize) as u64);
        print.add(u64::from(instance.Version) << 16 | u64::from(instance.Size));
        print.add(instance.NpiId.addr() as u64);
        print.add(instance.ModuleId.addr() as u64);
        print.add(u64::from(instance.Number));
        print.add(instance.NpiSpecificCharacteristics.addr() as u64);
        if !instance.NpiId.is_null() {
            // SAFETY: the registering module vouches for its pointers.
            print.add_guid(&unsafe { instance.NpiId.read() });
        }
        if !instance.ModuleId.is_null() {
            // SAFETY: as above.
            let module = unsafe { &*instance.ModuleId };
            print.add(u64::from(module.Length) << 32 | u64::from(module.Type.cast_unsigned()));
            if let Some(guid) = module.guid() {
                print.add_guid(&guid);
            }
        }
        print.0
    }
}

/// FNV-1a over words.
struct Print(u64);

impl Print {
    const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    const fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01B3);
    }

    fn add_guid(&mut self, guid: &GUID) {
        self.add(u64::from(guid.Data1) << 32 | u64::from(guid.Data2) << 16 | u64::from(guid.Data3));
        self.add(u64::from_le_bytes(guid.Data4));
    }
}
