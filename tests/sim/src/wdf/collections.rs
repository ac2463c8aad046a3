// SPDX-License-Identifier: MIT OR Apache-2.0

//! Collections of framework objects: each holds a reference to what is in it.

use kmdf::abi::WDF_OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use super::objects::{self, Kind};
use super::{handle, lifetimes, object};
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;

exports! {
    of "wdf01000.sys":
    "WdfCollectionCreate" <= DISPATCH_LEVEL => create: i32;
    "WdfCollectionGetCount" <= DISPATCH_LEVEL => count: u32;
    "WdfCollectionAdd" <= DISPATCH_LEVEL => add: i32;
    "WdfCollectionRemove" <= DISPATCH_LEVEL => remove: ();
    "WdfCollectionRemoveItem" <= DISPATCH_LEVEL => remove_item: ();
    "WdfCollectionGetItem" <= DISPATCH_LEVEL => item: usize;
    "WdfCollectionGetFirstItem" <= DISPATCH_LEVEL => first: usize;
    "WdfCollectionGetLastItem" <= DISPATCH_LEVEL => last: usize;
}

unsafe extern "win64" fn create(
    globals: usize,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    collection: *mut usize,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { objects::create_for(globals, Kind::Collection, attributes, collection) }
}

/// What is in a collection.
fn items<R>(collection: usize, read: impl FnOnce(&mut Vec<usize>) -> R) -> R {
    let at = objects::find(collection, Kind::Collection);
    with(|state| read(state.wdf.collections.entry(at).or_default()))
}

unsafe extern "win64" fn count(_globals: usize, collection: usize) -> u32 {
    items(collection, |all| {
        u32::try_from(all.len()).unwrap_or(u32::MAX)
    })
}

unsafe extern "win64" fn add(_globals: usize, collection: usize, item: usize) -> i32 {
    lifetimes::add_reference(item);
    items(collection, |all| all.push(object(item)));
    STATUS_SUCCESS
}

unsafe extern "win64" fn remove(_globals: usize, collection: usize, item: usize) {
    let at = object(item);
    let found = items(collection, |all| {
        let place = all.iter().position(|&it| it == at)?;
        Some(all.remove(place))
    });
    take_out(found);
}

unsafe extern "win64" fn remove_item(_globals: usize, collection: usize, index: u32) {
    let index = index as usize;
    take_out(items(collection, |all| {
        (index < all.len()).then(|| all.remove(index))
    }));
}

fn take_out(found: Option<usize>) {
    match found {
        Some(at) => lifetimes::release(at),
        None => stop(
            "wdf",
            "an object was removed from a collection that it is not in".to_owned(),
        ),
    }
}

/// Releases what is in a collection that is deleted.
pub(super) fn dispose(at: usize) {
    let all = with(|state| state.wdf.collections.remove(&at));
    all.unwrap_or_default()
        .into_iter()
        .for_each(lifetimes::release);
}

fn found(at: Option<usize>) -> usize {
    at.map_or(0, handle)
}

unsafe extern "win64" fn item(_globals: usize, collection: usize, index: u32) -> usize {
    found(items(collection, |all| all.get(index as usize).copied()))
}

unsafe extern "win64" fn first(_globals: usize, collection: usize) -> usize {
    found(items(collection, |all| all.first().copied()))
}

unsafe extern "win64" fn last(_globals: usize, collection: usize) -> usize {
    found(items(collection, |all| all.last().copied()))
}
