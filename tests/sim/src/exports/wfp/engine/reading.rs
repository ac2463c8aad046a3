// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading filters, into memory that the driver frees with `FwpmFreeMemory0`.
//!
//! # Limits
//!
//! A filter that is read has a different name than its driver gave it, and no conditions.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_FILTER_NOT_FOUND, STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::{
    FWPM_FILTER_ENUM_TEMPLATE0, FWPM_FILTER0,
};

use super::transactions::with_session;
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::exports::wfp::layer_keys;
use crate::exports::wfp::layouts::{guid, number};
use crate::exports::wfp::owned;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::wfp::Owned;
use crate::objects::wfp::engine::{Kind, Object};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpmFilterGetById0" <= PASSIVE_LEVEL => get_by_id: i32;
    "FwpmFilterCreateEnumHandle0" <= PASSIVE_LEVEL => create_enumeration: i32;
    "FwpmFilterEnum0" <= PASSIVE_LEVEL => enumerate: i32;
    "FwpmFilterDestroyEnumHandle0" <= PASSIVE_LEVEL => destroy_enumeration: i32;
    "FwpmFreeMemory0" <= PASSIVE_LEVEL => free: ();
}

const TAG: u32 = u32::from_le_bytes(*b"Fwpm");
const CREATE: &str = "FwpmFilterCreateEnumHandle0";

/// Returns the filters that a session sees.
fn filters(handle: usize, function: &str) -> Result<Vec<Object>, i32> {
    let own = with_session(handle, function, |session| {
        let transaction = session.transaction.as_ref()?;
        Some(transaction.objects.clone())
    })?;
    let mut all = own.unwrap_or_else(|| with(|state| state.objects.wfp.engine.objects.clone()));
    all.retain(|it| it.kind == Kind::Filter);
    Ok(all)
}

/// Allocates memory with these filters for the driver that has called `function`. With
/// `with_pointers` it begins with a pointer to each filter.
fn hand_out(function: &'static str, filters: &[Object], with_pointers: bool) -> Result<usize, i32> {
    const NAME: [u16; 7] = [0x66, 0x69, 0x6C, 0x74, 0x65, 0x72, 0];
    let pointers = if with_pointers { filters.len() } else { 0 };
    let names = (pointers * size_of::<usize>()).next_multiple_of(16);
    let first = names + 16;
    let size = first + filters.len() * size_of::<FWPM_FILTER0>();
    let memory = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let at = state.memory.pool.allocate(size, TAG, true, None)?;
        state.objects.wfp.owned.push(Owned {
            handle: at,
            function,
            is_memory: true,
            by,
        });
        Some(at)
    });
    let at = memory.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    set(at + names, NAME);
    for (index, object) in filters.iter().enumerate() {
        let place = at + first + index * size_of::<FWPM_FILTER0>();
        if with_pointers {
            set(at + index * size_of::<usize>(), place);
        }
        let mut filter = FWPM_FILTER0 {
            filterKey: guid(object.key),
            layerKey: guid(layer_keys::key(object.layer)),
            subLayerKey: guid(object.rules.sublayer),
            flags: object.rules.flags,
            filterId: object.id,
            ..FWPM_FILTER0::default()
        };
        filter.displayData.name = (at + names) as *mut u16;
        filter.action.r#type = object.action.kind;
        filter.action.Anonymous.calloutKey = guid(object.action.callout);
        filter.Anonymous.rawContext = object.context;
        set(place, filter);
    }
    Ok(at)
}

unsafe extern "win64" fn get_by_id(handle: usize, id: u64, place: usize) -> i32 {
    let function = "FwpmFilterGetById0";
    if place == 0 {
        return STATUS_FWP_NULL_POINTER;
    }
    let found = filters(handle, function).and_then(|mut all| {
        all.retain(|it| it.id == id);
        if all.is_empty() {
            return Err(STATUS_FWP_FILTER_NOT_FOUND);
        }
        hand_out(function, &all, false)
    });
    match found {
        Ok(at) => {
            let first = at + 16;
            set(place, first);
            // The driver has a pointer to the filter, with which it frees the memory.
            with(|state| {
                let mut owned = state.objects.wfp.owned.iter_mut();
                if let Some(owned) = owned.find(|it| it.handle == at) {
                    owned.handle = first;
                }
            });
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn create_enumeration(
    handle: usize,
    template: *const FWPM_FILTER_ENUM_TEMPLATE0,
    place: usize,
) -> i32 {
    if place == 0 {
        return STATUS_FWP_NULL_POINTER;
    }
    let layer = if template.is_null() {
        0
    } else {
        // SAFETY: a template that is given can be read, as documented.
        number(&unsafe { template.read_unaligned() }.layerKey)
    };
    let all = match filters(handle, CREATE) {
        Ok(all) => all,
        Err(status) => return status,
    };
    let wanted = all
        .iter()
        .filter(|it| layer == 0 || it.layer == layer_keys::find(layer));
    let ids: Vec<_> = wanted.map(|it| it.id).collect();
    let Some(enumeration) = owned::acquire(CREATE) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    with(|state| {
        let engine = &mut state.objects.wfp.engine;
        engine.enumerations.push((enumeration, ids));
    });
    set(place, enumeration);
    STATUS_SUCCESS
}

unsafe extern "win64" fn enumerate(
    handle: usize,
    enumeration: usize,
    most: u32,
    entries: usize,
    count: usize,
) -> i32 {
    let function = "FwpmFilterEnum0";
    if entries == 0 || count == 0 {
        return STATUS_FWP_NULL_POINTER;
    }
    let all = match filters(handle, function) {
        Ok(all) => all,
        Err(status) => return status,
    };
    let ids = with(|state| {
        let mut all = state.objects.wfp.engine.enumerations.iter();
        let (_, left) = all.find(|it| it.0 == enumeration)?;
        Some(left[..left.len().min(most as usize)].to_vec())
    });
    let Some(ids) = ids else {
        let what = format!(
            "{function} was called with {enumeration:#x}, which {CREATE} has not returned, or \
             which was destroyed"
        );
        stop("wfp", what);
    };
    let found: Vec<_> = ids
        .iter()
        .filter_map(|id| all.iter().find(|it| it.id == *id).cloned())
        .collect();
    match hand_out(function, &found, true) {
        Ok(at) => {
            with(|state| {
                let mut all = state.objects.wfp.engine.enumerations.iter_mut();
                if let Some((_, left)) = all.find(|it| it.0 == enumeration) {
                    left.drain(..ids.len());
                }
            });
            set(entries, at);
            set(count, u32::try_from(found.len()).expect("there are few"));
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn destroy_enumeration(handle: usize, enumeration: usize) -> i32 {
    let function = "FwpmFilterDestroyEnumHandle0";
    if let Err(status) = with_session(handle, function, |_| ()) {
        return status;
    }
    owned::give_back(function, CREATE, enumeration);
    with(|state| {
        let engine = &mut state.objects.wfp.engine;
        engine.enumerations.retain(|it| it.0 != enumeration);
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn free(place: usize) {
    let memory: usize = get(place);
    if memory == 0 {
        return;
    }
    let is_ours = with(|state| {
        let owned = &mut state.objects.wfp.owned;
        let mut all = owned.iter();
        let index = all.position(|it| it.is_memory && it.handle == memory)?;
        owned.remove(index);
        let by = caller(state);
        let start = state.memory.pool.near(memory)?.start;
        let _ = state.memory.pool.free(start, TAG, by);
        Some(())
    });
    if is_ours.is_none() {
        let what = format!(
            "FwpmFreeMemory0 was called with {memory:#x}, which no function of the engine has \
             returned, or which was freed before"
        );
        stop("wfp", what);
    }
    set(place, 0_usize);
}
