// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deregistrations that were dropped while they were pending.
//!
//! A drop must not wait: it may happen in a callback, at `DISPATCH_LEVEL`, or before another
//! deregistration has begun. So it puts the registration block on a list, and the library
//! waits before the driver's entry or unload returns.

use core::cell::Cell;
use core::ptr::NonNull;

use crate::abi::HANDLE;
use crate::inbox::{Inbox, Item, Link};
use crate::irql::WaitAllowed;

/// Waits for the deregistration of a block, and frees it.
type Finish = unsafe fn(NonNull<Dropped>, HANDLE, &WaitAllowed<'_>);

/// The part of a registration block that the list uses; the block's first field.
#[repr(C)]
pub(crate) struct Dropped {
    link: Link,
    finish: Finish,
    handle: Cell<HANDLE>,
}

// SAFETY: only the owner of the block touches `link` and `handle`: first the `Pending` that
// is dropped, then the list, then `finish`.
unsafe impl Sync for Dropped {}
// SAFETY: it refers to nothing that belongs to one thread.
unsafe impl Send for Dropped {}

impl Dropped {
    pub(crate) fn new(finish: Finish) -> Self {
        Self {
            link: Link::new(),
            finish,
            handle: Cell::new(core::ptr::null_mut()),
        }
    }
}

/// A block on the list.
struct Block(NonNull<Dropped>);

// SAFETY: any thread may wait for a deregistration.
unsafe impl Send for Block {}

// SAFETY: the block is owned by the list until it is finished, and the link is its
// first field.
unsafe impl Item for Block {
    fn into_link(self) -> NonNull<Link> {
        self.0.cast()
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        Self(link.cast())
    }
}

#[cfg(not(loom))]
static LIST: Inbox<Block> = Inbox::new();
#[cfg(loom)]
loom::lazy_static! {
    static ref LIST: Inbox<Block> = Inbox::new();
}

/// Adds a block whose deregistration is pending to the list of [`finish_all`].
/// IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// `block` is the first field of a registration block without another owner, and `handle` is
/// the handle of its registration, whose deregistration is pending.
pub(crate) unsafe fn add(block: NonNull<Dropped>, handle: HANDLE) {
    // SAFETY: by this function's contract the block is valid and has no other owner.
    unsafe { block.as_ref() }.handle.set(handle);
    LIST.add(Block(block));
}

/// Waits for all pending deregistrations that were dropped.
/// IRQL = `PASSIVE_LEVEL`.
pub(crate) fn finish_all(wait: &WaitAllowed<'_>) {
    for Block(block) in LIST.take_all() {
        // SAFETY: a block on the list is valid.
        let Dropped { finish, handle, .. } = unsafe { block.as_ref() };
        // SAFETY: `add` was called with this block and handle, and the list no longer owns
        // the block.
        unsafe { finish(block, handle.get(), wait) };
    }
}
