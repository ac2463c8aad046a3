// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module's characteristics, as it registers them.
//!
//! NMR keeps the structure's address and hands it to peers. What it needs itself
//! it takes down when the module registers, so that a structure that changes or
//! goes too early is a finding, not a fault: the callbacks that were registered
//! are called.

use core::ffi::c_void;
use core::fmt;

use nmr::abi::{
    GUID, MIT_GUID, MIT_IF_LUID, NPI_CLIENT_ATTACH_PROVIDER_FN, NPI_CLIENT_CHARACTERISTICS,
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
/// Not null. The registering module promised that it stays readable until the
/// registration has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characteristics {
    Client(*const NPI_CLIENT_CHARACTERISTICS),
    Provider(*const NPI_PROVIDER_CHARACTERISTICS),
}

/// The attach callback of either kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attach {
    Client(NPI_CLIENT_ATTACH_PROVIDER_FN),
    Provider(NPI_PROVIDER_ATTACH_CLIENT_FN),
}

impl Attach {
    /// The module's side.
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Client(_) => Side::Client,
            Self::Provider(_) => Side::Provider,
        }
    }

    /// Its address: it tells which image the module is.
    pub(crate) fn code(self) -> usize {
        match self {
            Self::Client(callback) => callback as usize,
            Self::Provider(callback) => callback as usize,
        }
    }
}

/// A module's callbacks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callbacks {
    pub(crate) attach: Attach,
    pub(crate) detach: DetachFn,
    pub(crate) cleanup: Option<CleanupFn>,
}

/// What is NULL that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) &'static str);

/// A field that is not as documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// A field, its value, and the right one.
    Number(&'static str, u16, u16),
    /// The `Type` of `ModuleId`.
    ModuleType(i32),
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(field, value, right) => write!(f, "{field} is {value}, not {right}"),
            Self::ModuleType(value) => write!(
                f,
                "ModuleId's Type is {value}, neither MIT_GUID ({MIT_GUID}) nor MIT_IF_LUID \
                 ({MIT_IF_LUID})"
            ),
        }
    }
}

impl Characteristics {
    /// # Safety
    ///
    /// `address` is null, or the structure stays readable until the
    /// registration has ended.
    pub(crate) const unsafe fn client(address: *const NPI_CLIENT_CHARACTERISTICS) -> Option<Self> {
        if address.is_null() {
            None
        } else {
            // INVARIANT: not null, and readable by this function's contract.
            Some(Self::Client(address))
        }
    }

    /// # Safety
    ///
    /// As for [`client`](Self::client).
    pub(crate) const unsafe fn provider(
        address: *const NPI_PROVIDER_CHARACTERISTICS,
    ) -> Option<Self> {
        if address.is_null() {
            None
        } else {
            // INVARIANT: not null, and readable by this function's contract.
            Some(Self::Provider(address))
        }
    }

    pub(crate) const fn start(self) -> *const c_void {
        match self {
            Self::Client(client) => client.cast(),
            Self::Provider(provider) => provider.cast(),
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

    fn attach(self) -> Option<Attach> {
        match self {
            Self::Client(client) => {
                // SAFETY: readable (type invariant).
                unsafe { (*client).ClientAttachProvider }.map(Attach::Client)
            }
            Self::Provider(provider) => {
                // SAFETY: readable (type invariant).
                unsafe { (*provider).ProviderAttachClient }.map(Attach::Provider)
            }
        }
    }

    const fn detach(self) -> Option<DetachFn> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { (*client).ClientDetachProvider },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { (*provider).ProviderDetachClient },
        }
    }

    const fn cleanup(self) -> Option<CleanupFn> {
        match self {
            // SAFETY: readable (type invariant).
            Self::Client(client) => unsafe { (*client).ClientCleanupBindingContext },
            // SAFETY: readable (type invariant).
            Self::Provider(provider) => unsafe { (*provider).ProviderCleanupBindingContext },
        }
    }

    /// The attach callback's address, 0 where there is none.
    pub(crate) fn code(self) -> usize {
        self.attach().map_or(0, Attach::code)
    }

    /// The callbacks, unless one is NULL that NMR cannot do without.
    pub(crate) fn callbacks(self) -> Result<Callbacks, Missing> {
        Ok(Callbacks {
            attach: self.attach().ok_or(Missing("the attach callback"))?,
            detach: self.detach().ok_or(Missing("the detach callback"))?,
            cleanup: self.cleanup(),
        })
    }

    /// The NPI.
    pub(crate) const fn npi(self) -> Result<NPIID, Missing> {
        // SAFETY: inside a readable structure (type invariant).
        let id = unsafe { (*self.instance()).NpiId };
        if id.is_null() {
            return Err(Missing("NpiId"));
        }
        // SAFETY: the registering module vouches for its pointers.
        Ok(unsafe { id.read() })
    }

    /// The first field that is not as documented, though NMR can work with it.
    pub(crate) fn oddity(self) -> Option<Oddity> {
        let (version, length, size) = self.header();
        // SAFETY: inside a readable structure (type invariant).
        let instance_size = unsafe { (*self.instance()).Size };
        let sizes = [
            ("Version", version, 0),
            ("Length", length, size),
            (
                "the registration instance's Size",
                instance_size,
                struct_size::<NPI_REGISTRATION_INSTANCE>(),
            ),
        ];
        let mut odd = sizes.into_iter().filter(|(_, value, right)| value != right);
        let odd = odd.next();
        odd.map(|(field, value, right)| Oddity::Number(field, value, right))
            .or_else(|| self.module_oddity())
    }

    /// The field of `ModuleId` that is not as documented, if there is one: for use while
    /// the module registers.
    fn module_oddity(self) -> Option<Oddity> {
        // SAFETY: null, or vouched for by the registering module.
        let id = unsafe { self.module_id().as_ref() }?;
        let size = struct_size::<NPI_MODULEID>();
        if id.Length != size {
            Some(Oddity::Number("ModuleId's Length", id.Length, size))
        } else if ![MIT_GUID, MIT_IF_LUID].contains(&id.Type) {
            Some(Oddity::ModuleType(id.Type))
        } else {
            None
        }
    }

    pub(crate) const fn instance_version(self) -> u16 {
        // SAFETY: inside a readable structure (type invariant).
        unsafe { (*self.instance()).Version }
    }

    /// `ModuleId`, which may be NULL.
    pub(crate) const fn module_id(self) -> *const NPI_MODULEID {
        // SAFETY: inside a readable structure (type invariant).
        unsafe { (*self.instance()).ModuleId }
    }

    /// The module's identity, if it has one that is a GUID: for use while the
    /// module registers, as its pointers may be stale afterwards.
    pub(crate) fn module_guid(self) -> Option<GUID> {
        // SAFETY: null, or vouched for by the registering module.
        let id = unsafe { self.module_id().as_ref() }?;
        if id.Type != MIT_GUID {
            return None;
        }
        // SAFETY: the module has set the member that `Type` names.
        Some(unsafe { id.Value.Guid })
    }
}
