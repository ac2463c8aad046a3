// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of names. Every name is that of this machine.

use std::iter;

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::wsk::client::{captured, run};
use crate::exports::wsk::socket::fails;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::addresses::{self, Address};
use crate::network::buffers::Buffer;
use crate::network::{TAG, requests};
use crate::verifier::stack_objects;

exports! {
    of "wsk":
    "WskGetAddressInfo" <= PASSIVE_LEVEL => wsk_get_address_info: i32;
    "WskFreeAddressInfo" <= PASSIVE_LEVEL => wsk_free_address_info: ();
}

/// `ADDRINFOEXW`, with the address that it leads to.
#[repr(C)]
struct AddressInfo {
    flags: i32,
    family: i32,
    kind: i32,
    protocol: i32,
    length: usize,
    canonical_name: usize,
    address: usize,
    blob: usize,
    blob_length: usize,
    provider: usize,
    next: usize,
    storage: [u8; 32],
}

/// `AF_INET`.
const IPV4: u16 = 2;

unsafe extern "win64" fn wsk_get_address_info(
    client: usize,
    _node: *const UNICODE_STRING,
    service: *const UNICODE_STRING,
    _space: u32,
    _provider: usize,
    hints: *const AddressInfo,
    result: *mut usize,
    _process: usize,
    _thread: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskGetAddressInfo";
    let registration = captured(client, NAME);
    let place = result.addr();
    let memory = Buffer::of_others(iter::once(place..place + size_of::<usize>()));
    let request = requests::take_with(irp, NAME, registration, None, memory);
    if fails(request) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let (family, kind, protocol) = if hints.is_null() {
        (0, 0, 0)
    } else {
        // SAFETY: the hints are not null, and so in memory, as documented.
        unsafe { ((*hints).family, (*hints).kind, (*hints).protocol) }
    };
    let family = u16::try_from(family).unwrap_or_default();
    let family = addresses::length(family).map_or(IPV4, |_| family);
    let port = if service.is_null() {
        0
    } else {
        // SAFETY: the name is not null, and so in memory, as documented.
        unsafe { strings::text(service) }
            .parse()
            .unwrap_or_default()
    };
    let address = Address::loopback(family, port);
    let by = with(|state| {
        stack_objects::add_answer(state, irp, place, "result", None);
        caller(state)
    });
    run(request, by, move |state| {
        let Some(made) = make(state, address, [kind, protocol], by) else {
            return (STATUS_INSUFFICIENT_RESOURCES, 0);
        };
        // SAFETY: the place of the result may be written until the request is complete, as
        // documented.
        unsafe { result.write(made) };
        (STATUS_SUCCESS, 0)
    })
}

/// Makes a list of one address.
fn make(
    state: &mut State,
    address: Address,
    [kind, protocol]: [i32; 2],
    by: Option<Site>,
) -> Option<usize> {
    let pool = &mut state.memory.pool;
    let made = pool.allocate(size_of::<AddressInfo>(), TAG, true, None)?;
    let information = made as *mut AddressInfo;
    // SAFETY: the memory was just allocated for it, zeroed.
    unsafe {
        let storage = (&raw mut (*information).storage).addr();
        (*information).family = i32::from(address.family());
        (*information).kind = kind;
        (*information).protocol = protocol;
        (*information).length = addresses::length(address.family()).unwrap_or_default();
        (*information).address = storage;
        address.write(storage);
    }
    state.network.resolved.insert(made, by);
    Some(made)
}

unsafe extern "win64" fn wsk_free_address_info(client: usize, list: usize) {
    captured(client, "WskFreeAddressInfo");
    let found = with(|state| {
        let found = state.network.resolved.remove(&list).is_some();
        if found {
            let by = caller(state);
            let _ = state.memory.pool.free(list, TAG, by);
        }
        found
    });
    if !found {
        let what = "WskFreeAddressInfo was called for what WskGetAddressInfo has not returned, or \
                    what was freed before";
        stop(NetworkRule::Objects, what.to_owned());
    }
}
