// SPDX-License-Identifier: MIT OR Apache-2.0

//! Describes the registrations of a dry run: what a module's characteristics say.

use std::ffi::c_void;

use nmr::abi::{
    MIT_GUID, NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE,
};
use npi_description::NpiId;
use scenarios::{Callback, NtStatus, Registered, Role};

use crate::findings::caller::caller;
use crate::kernel::State;

/// The characteristics of a client or of a provider: their layouts are the same.
#[repr(C)]
struct Characteristics {
    version: u16,
    length: u16,
    callbacks: [usize; 3],
    instance: NPI_REGISTRATION_INSTANCE,
}

const _: () = assert!(
    size_of::<Characteristics>() == size_of::<NPI_CLIENT_CHARACTERISTICS>()
        && size_of::<Characteristics>() == size_of::<NPI_PROVIDER_CHARACTERISTICS>()
);

/// The fields that hold the callbacks, in their order.
pub(in crate::nmr) const fn fields(role: Role) -> [&'static str; 3] {
    match role {
        Role::Provider => [
            "ProviderAttachClient",
            "ProviderDetachClient",
            "ProviderCleanupBindingContext",
        ],
        Role::Client => [
            "ClientAttachProvider",
            "ClientDetachProvider",
            "ClientCleanupBindingContext",
        ],
    }
}

/// Describes a registration that had this result, if this is a dry run.
///
/// # Safety
///
/// The characteristics of the role are null or readable, and so is what they point to.
pub(crate) unsafe fn describe(
    state: &mut State,
    role: Role,
    characteristics: *const c_void,
    status: i32,
) {
    if state.nmr.described.is_none() || characteristics.is_null() {
        return;
    }
    // SAFETY: they are not null, and so readable, by this function's contract; all bytes
    // are valid for a structure of integers and raw pointers.
    let all = unsafe { &*characteristics.cast::<Characteristics>() };
    // SAFETY: it is null or readable, by this function's contract.
    let npi = unsafe { all.instance.NpiId.as_ref() };
    // SAFETY: it is null or readable, by this function's contract.
    let module = unsafe { all.instance.ModuleId.as_ref() };
    let drivers = &state.loader.drivers;
    let callback = |(field, address): (&str, usize)| {
        let site = drivers.site(address);
        Callback {
            field: field.to_owned(),
            offset: site.and_then(|site| site.offset),
            place: site.and_then(|site| drivers.place(site)),
        }
    };
    let known = npi.and_then(|npi| npi_description::find(NpiId(npi.to_u128())));
    let registered = Registered {
        role,
        status: NtStatus(status),
        npi: npi.map_or_else(|| "none".to_owned(), ToString::to_string),
        npi_name: known.map(|npi| npi.name.clone()),
        module_id: module.map(shown),
        number: all.instance.Number,
        version: all.version,
        length: all.length,
        instance_version: all.instance.Version,
        instance_size: all.instance.Size,
        npi_specific: !all.instance.NpiSpecificCharacteristics.is_null(),
        callbacks: fields(role)
            .into_iter()
            .zip(all.callbacks)
            .map(callback)
            .collect(),
        place: caller(state).and_then(|site| drivers.place(site)),
    };
    state.nmr.described.get_or_insert_default().push(registered);
}

/// The text form of a module's identifier.
fn shown(module: &NPI_MODULEID) -> String {
    if module.Type == MIT_GUID {
        // SAFETY: all bytes are valid for a GUID.
        let guid = unsafe { module.Value.Guid };
        return guid.to_string();
    }
    // SAFETY: all bytes are valid for a LUID.
    let luid = unsafe { module.Value.IfLuid };
    format!("LUID {:#x}:{:#x}", luid.HighPart, luid.LowPart)
}
