// SPDX-License-Identifier: MIT OR Apache-2.0

//! Intrusive list of bindings, for calling every peer.
//!
//! A spin lock guards the links, but is not held during calls: the iteration enters one
//! binding's gate, releases the lock, makes the call, and then looks for the next binding.
//! Meanwhile it holds a reference to the current binding, which therefore is not cleaned up
//! and is still linked when the iteration continues.

use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};

use super::binding::{Binding, Call, Hold};
use super::module::Module;
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicPtr, Ordering};

/// A list of the bindings of a module of type `M` that have been
/// [added](Call::add_to_list) and not yet cleaned up. [`Module::bindings`] returns it.
///
/// # Invariants
///
/// Links are read and written under the lock. Each binding that they point to is valid: it is
/// unlinked before it is freed.
pub struct Bindings<M: Module> {
    first: SpinLock<First<M>>,
}

struct First<M: Module>(Option<NonNull<Binding<M>>>);

// SAFETY: a binding may be used from any thread.
unsafe impl<M: Module> Send for First<M> {}

/// A binding's node in the list.
pub(super) struct Node<M: Module> {
    /// The list, once the binding has been added to it.
    list: AtomicPtr<Bindings<M>>,
    links: UnsafeCell<Links<M>>,
}

struct Links<M: Module> {
    next: Option<NonNull<Binding<M>>>,
    previous: Option<NonNull<Binding<M>>>,
}

impl<M: Module> Node<M> {
    /// Creates a node that is in no list.
    pub(super) fn new() -> Self {
        Self {
            list: AtomicPtr::new(ptr::null_mut()),
            links: UnsafeCell::new(Links {
                next: None,
                previous: None,
            }),
        }
    }
}

impl<M: Module> Bindings<M> {
    /// Creates an empty list.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: SpinLock::new(First(None)),
        }
    }

    /// Creates an empty list.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            first: SpinLock::new(First(None)),
        }
    }

    /// Begins a call to every listed peer that is not detaching, the most recently listed
    /// first. Peers that are listed during the iteration may be left out.
    /// IRQL <= `DISPATCH_LEVEL`; the caller holds no lock.
    pub fn for_each(&self, mut body: impl FnMut(Call<'_, M>)) {
        let mut current = self.enter_after(None);
        while let Some(entered) = current {
            // Keeps the binding in the list until the next one has been found.
            let place = entered.add_ref();
            body(Call::entered(&place, entered));
            current = self.enter_after(Some(&place));
            // `place` is dropped here, with no lock held: it may be the last reference to a
            // detaching binding.
        }
    }

    /// Enters the gate of the first binding after `current` that allows it.
    fn enter_after(&self, current: Option<&Hold<M>>) -> Option<Hold<M>> {
        self.first.hold(|first| {
            let mut next = match current {
                // SAFETY: a reference is held, so the binding is linked; the
                // lock is held.
                Some(current) => unsafe { links(current.raw()) }.next,
                None => first.0,
            };
            while let Some(binding) = next {
                // SAFETY: a linked binding is valid.
                let entered = unsafe { binding.as_ref() }.enter();
                if let Some(call) = entered {
                    return Some(call.into_entered());
                }
                // SAFETY: the binding is linked, and the lock is held.
                next = unsafe { links(binding) }.next;
            }
            None
        })
    }

    /// Adds a binding, once.
    ///
    /// # Safety
    ///
    /// `binding` is valid, and cleaned up before the list is freed.
    pub(super) unsafe fn add(&self, binding: NonNull<Binding<M>>) {
        // SAFETY: by this function's contract.
        let node = unsafe { binding.as_ref() }.node();
        let this = ptr::from_ref(self).cast_mut();
        let claimed =
            node.list
                .compare_exchange(ptr::null_mut(), this, Ordering::Relaxed, Ordering::Relaxed);
        if claimed.is_err() {
            return;
        }
        self.first.hold(|first| {
            let next = first.0.replace(binding);
            // SAFETY: the lock is held.
            unsafe { links(binding) }.next = next;
            if let Some(next) = next {
                // SAFETY: a linked binding is valid, and the lock is held.
                unsafe { links(next) }.previous = Some(binding);
            }
        });
    }

    fn remove(&self, binding: NonNull<Binding<M>>) {
        self.first.hold(|first| {
            // SAFETY: the binding is still alive, and the lock is held.
            let Links { next, previous } = unsafe { links(binding) };
            let (next, previous) = (*next, *previous);
            match previous {
                // SAFETY: a linked binding is valid, and the lock is held.
                Some(previous) => unsafe { links(previous) }.next = next,
                None => first.0 = next,
            }
            if let Some(next) = next {
                // SAFETY: a linked binding is valid, and the lock is held.
                unsafe { links(next) }.previous = previous;
            }
        });
    }
}

impl<M: Module> Default for Bindings<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// The links of a binding.
///
/// # Safety
///
/// The binding is valid, the lock of its list is held during `'held`, and nothing else
/// refers to its links.
unsafe fn links<'held, M: Module>(binding: NonNull<Binding<M>>) -> &'held mut Links<M> {
    // SAFETY: by this function's contract.
    let node = unsafe { binding.as_ref() }.node();
    // SAFETY: by this function's contract the lock is held, and nothing else refers to the
    // links.
    unsafe { &mut *node.links.get() }
}

/// Removes a binding from its list, if it is in one.
///
/// # Safety
///
/// The binding is valid, nothing is in flight through it, and it is freed next.
pub(super) unsafe fn unlist<M: Module>(binding: NonNull<Binding<M>>) {
    // SAFETY: by this function's contract.
    let node = unsafe { binding.as_ref() }.node();
    // Relaxed: nothing is in flight any more, and the gate orders this after what was.
    let list = node.list.load(Ordering::Relaxed);
    // SAFETY: the list lives as long as the module, which outlives the binding.
    if let Some(list) = unsafe { list.as_ref() } {
        list.remove(binding);
    }
}

/// Returns `true` if a binding is in no list yet.
pub(super) fn is_unlisted<M: Module>(node: &Node<M>) -> bool {
    node.list.load(Ordering::Relaxed).is_null()
}
