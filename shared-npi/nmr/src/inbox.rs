// SPDX-License-Identifier: MIT OR Apache-2.0

//! A lock-free list to which any thread adds items, and from which all are taken at once.
//!
//! A call that must not block queues its work here for a system thread. The links are in the
//! items, so that adding cannot fail and needs no memory. Without a lock, items can be added
//! at any IRQL, and adding never spins for a preempted holder. There is no ABA problem,
//! because items are never taken one by one.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, Ordering};

/// The part of an item in which the list keeps its link.
#[repr(transparent)]
#[derive(Debug)]
pub struct Link(UnsafeCell<*mut Link>);

impl Link {
    /// Creates the link of an item that is on no list.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(ptr::null_mut()))
    }
}

// SAFETY: by the contract of `Item`, only the link's owner touches it: its item, or the list
// that owns the item.
unsafe impl Send for Link {}
// SAFETY: by the contract of `Item`, only the link's owner touches it, also if it is shared.
unsafe impl Sync for Link {}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

/// Something that owns a [`Link`].
///
/// # Safety
///
/// `into_link` returns a link that stays valid, and that nothing but the list touches, until
/// `from_link` has turned it back into the item.
pub unsafe trait Item: Send + Sized {
    /// Turns the item into its link.
    fn into_link(self) -> NonNull<Link>;

    /// Turns the link back into its item.
    ///
    /// # Safety
    ///
    /// `link` came from `into_link`, and is turned back once.
    unsafe fn from_link(link: NonNull<Link>) -> Self;
}

/// A list of items that are taken all at once.
///
/// # Invariants
///
/// `head` is null or points to a chain of links, each from `into_link` of an item that this
/// list owns.
pub struct Inbox<T: Item> {
    head: AtomicPtr<Link>,
    /// Makes the list invariant in `T`: an item must not be added as a shorter-lived type and
    /// taken as a longer-lived one.
    items: PhantomData<UnsafeCell<T>>,
}

// SAFETY: an inbox passes its items, which are `Send`, from thread to thread, and gives out
// no reference to one.
unsafe impl<T: Item> Sync for Inbox<T> {}

impl<T: Item> Inbox<T> {
    /// Creates an empty list.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            items: PhantomData,
        }
    }

    /// Creates an empty list.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            items: PhantomData,
        }
    }

    /// Adds an item. Any IRQL.
    pub fn add(&self, item: T) {
        let link = item.into_link();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: by the contract of `Item` the link is valid.
            let place = unsafe { link.as_ref() }.0.get();
            // SAFETY: nothing else touches the link before it is published below.
            unsafe { *place = head };
            // Release: the thread that takes the item sees all of it.
            match self.head.compare_exchange_weak(
                head,
                link.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes all items, oldest first. Any IRQL.
    pub fn take_all(&self) -> Batch<T> {
        let mut newest = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut oldest = ptr::null_mut();
        while let Some(link) = NonNull::new(newest) {
            // SAFETY: by the invariant the chain consists of valid links.
            let place = unsafe { link.as_ref() }.0.get();
            // SAFETY: the swap has removed the chain from the list, so that this thread owns it.
            newest = unsafe { ptr::replace(place, oldest) };
            oldest = link.as_ptr();
        }
        Batch {
            next: oldest,
            items: PhantomData,
        }
    }
}

impl<T: Item> Default for Inbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Item> Drop for Inbox<T> {
    fn drop(&mut self) {
        drop(self.take_all());
    }
}

/// Items taken from an [`Inbox`]. Dropping it drops the remaining ones.
///
/// # Invariants
///
/// `next` is null or points to a chain of links of items that this batch owns.
#[must_use = "dropping a batch drops its items"]
pub struct Batch<T: Item> {
    next: *mut Link,
    items: PhantomData<T>,
}

impl<T: Item> Iterator for Batch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let link = NonNull::new(self.next)?;
        // SAFETY: by the invariant the link is valid.
        let place = unsafe { link.as_ref() }.0.get();
        // SAFETY: by the invariant this batch owns the link.
        self.next = unsafe { *place };
        // SAFETY: the link came from `into_link`, and is turned back once, because it was
        // removed from the chain above.
        Some(unsafe { T::from_link(link) })
    }
}

impl<T: Item> Drop for Batch<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::ptr::NonNull;

    use super::{Inbox, Item, Link};

    #[repr(C)]
    struct Letter {
        link: Link,
        number: u32,
    }

    struct Sealed(Box<Letter>);

    // SAFETY: a letter owns no thread's data.
    unsafe impl Send for Sealed {}

    // SAFETY: the box is leaked in between, and the link is its first field.
    unsafe impl Item for Sealed {
        fn into_link(self) -> NonNull<Link> {
            NonNull::from(Box::leak(self.0)).cast()
        }

        unsafe fn from_link(link: NonNull<Link>) -> Self {
            // SAFETY: by the contract the link is that of a leaked letter.
            Self(unsafe { Box::from_raw(link.cast().as_ptr()) })
        }
    }

    fn letter(number: u32) -> Sealed {
        Sealed(Box::new(Letter {
            link: Link::new(),
            number,
        }))
    }

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let inbox = Inbox::new();
        for number in 0..5 {
            inbox.add(letter(number));
        }
        let numbers: Vec<u32> = inbox.take_all().map(|item| item.0.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert!(inbox.take_all().next().is_none());
    }

    #[test]
    fn a_batch_and_an_inbox_drop_what_they_still_hold() {
        let inbox = Inbox::new();
        for number in 0..3 {
            inbox.add(letter(number));
        }
        let mut batch = inbox.take_all();
        assert_eq!(batch.next().map(|item| item.0.number), Some(0));
        drop(batch);
        inbox.add(letter(9));
        drop(inbox);
    }
}
