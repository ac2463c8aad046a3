// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pool, with checks of the blocks of drivers under test.
//!
//! Such a block has a header with its caller and a guard behind it, and is in a list. A
//! block that is left when its driver's image is unloaded ([`crate::images`]) is a bug
//! check; so is a block that is freed twice, with another tag, or with an overwritten guard,
//! with the codes of Windows and Driver Verifier. Blocks of other callers are Wine's own.
//!
//! # Limits
//!
//! An overrun is found when the block is freed, and only next to its end; a write after the
//! free is not found. A block is known as freed until [`MEMORY`] more were freed.

use core::arch::naked_asm;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr;

use crate::images;
use crate::original::{
    ExAllocatePoolWithQuotaTag, ExAllocatePoolWithTag, ExFreePool, ExFreePoolWithTag,
};
use crate::report::bug_check;
use crate::spin::Spin;

const POOL_FLAG_UNINITIALIZED: u64 = 2;

/// `BAD_POOL_CALLER`, `SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION` and
/// `DRIVER_VERIFIER_DETECTED_VIOLATION`.
const BAD_CALLER: u32 = 0xC2;
const CORRUPTION: u32 = 0xC1;
const VERIFIER: u32 = 0xC4;

/// The number of freed blocks that are kept, to detect double frees.
const MEMORY: usize = 256;
const LIVE: u64 = 0x4B6F_6F6C_4E6D_7231;
const FREED: u64 = 0x4672_6565_4E6D_7231;
/// The guard behind a block, and the fill of a freed one.
const TAIL: [u8; 16] = [0xFD; 16];
const GARBAGE: u8 = 0xDD;

/// The header of a block.
#[repr(C, align(16))]
struct Head {
    /// [`LIVE`] or [`FREED`].
    mark: u64,
    size: usize,
    /// The return address of the call that allocated it.
    caller: usize,
    tag: u32,
    /// Links of the list of allocated blocks.
    next: *mut Head,
    previous: *mut Head,
}

const _: () = assert!(size_of::<Head>() == 48);

/// All blocks of drivers under test.
///
/// # Invariants
///
/// Each header in the list, and among the freed blocks, is that of a block that is
/// allocated from Wine's pool.
struct Blocks {
    first: *mut Head,
    freed: [*mut Head; MEMORY],
    oldest: usize,
}

// SAFETY: the heads are accessed only by the thread that holds the lock.
unsafe impl Send for Blocks {}

static BLOCKS: Spin<Blocks> = Spin::new(Blocks {
    first: ptr::null_mut(),
    freed: [ptr::null_mut(); MEMORY],
    oldest: 0,
});

impl Blocks {
    /// # Safety
    ///
    /// `head` is the header of a new block.
    unsafe fn insert(&mut self, head: *mut Head) {
        // SAFETY: by the contract of this function `head` is the valid head of a new block.
        unsafe { (*head).next = self.first };
        if !self.first.is_null() {
            // SAFETY: by the invariant each head in the list is that of an allocated block.
            unsafe { (*self.first).previous = head };
        }
        self.first = head;
    }

    /// Removes a block from the list, and returns the oldest freed block, if it must be
    /// returned to Wine's pool.
    ///
    /// # Safety
    ///
    /// `head` is in the list.
    unsafe fn remove(&mut self, head: *mut Head) -> *mut Head {
        // SAFETY: by the invariant each head in the list is that of an allocated block.
        let Head { next, previous, .. } = *unsafe { &*head };
        if previous.is_null() {
            self.first = next;
        } else {
            // SAFETY: by the invariant each head in the list is that of an allocated block.
            unsafe { (*previous).next = next };
        }
        if !next.is_null() {
            // SAFETY: by the invariant each head in the list is that of an allocated block.
            unsafe { (*next).previous = previous };
        }
        let released = self.freed[self.oldest];
        self.freed[self.oldest] = head;
        self.oldest = (self.oldest + 1) % MEMORY;
        released
    }

    /// The numbers of blocks and bytes of the driver with these addresses, and one of its
    /// blocks.
    fn of(&self, image: &Range<usize>) -> (usize, usize, *const Head) {
        let mut found = (0, 0, ptr::null());
        let mut next = self.first.cast_const();
        while !next.is_null() {
            // SAFETY: by the invariant each head in the list is that of an allocated block.
            let head = unsafe { &*next };
            if image.contains(&head.caller) {
                found = (found.0 + 1, found.1 + head.size, next);
            }
            next = head.next;
        }
        found
    }
}

/// Checks that a driver whose image is being unloaded has no block left.
pub(crate) fn check_nothing_left(image: &Range<usize>) {
    let (blocks, bytes, one) = BLOCKS.with(|all| all.of(image));
    if one.is_null() {
        return;
    }
    // SAFETY: the driver that could free it has gone.
    let Head {
        caller, tag, size, ..
    } = *unsafe { &*one };
    bug_check(
        VERIFIER,
        [0x62, 0, 0, blocks],
        caller,
        format_args!(
            "the image goes, but {blocks} blocks of pool, {bytes} bytes, are left, the first with \
             tag {} and {size} bytes",
            Tag(tag)
        ),
    )
}

/// Four letters.
struct Tag(u32);

impl core::fmt::Display for Tag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [first, rest @ ..] = self.0.to_le_bytes();
        write!(f, "'{}", char::from(first))?;
        for letter in rest {
            write!(f, "{}", char::from(letter))?;
        }
        write!(f, "'")
    }
}

/// Allocates a block for `caller`: with a header if it is a driver under test, otherwise by
/// Wine's `own` allocator. Null if there is no memory.
fn block(bytes: usize, tag: u32, caller: usize, own: impl FnOnce() -> *mut c_void) -> *mut c_void {
    if images::is_watched(caller) {
        watched(bytes, tag, caller)
    } else {
        own()
    }
}

/// Allocates a block with a header.
fn watched(bytes: usize, tag: u32, caller: usize) -> *mut c_void {
    let Some(all) = bytes.checked_add(size_of::<Head>() + TAIL.len()) else {
        return ptr::null_mut();
    };
    // SAFETY: no precondition; the result may be null.
    let head = unsafe { ExAllocatePoolWithTag(0, all, tag) }.cast::<Head>();
    if head.is_null() {
        return ptr::null_mut();
    }
    let new = Head {
        mark: LIVE,
        size: bytes,
        caller,
        tag,
        next: ptr::null_mut(),
        previous: ptr::null_mut(),
    };
    // SAFETY: the memory was just allocated, and is larger than a header.
    unsafe { head.write(new) };
    // SAFETY: the block begins behind its head.
    let block = unsafe { head.add(1) }.cast::<u8>();
    // SAFETY: the mark fits behind it.
    let tail = unsafe { block.add(bytes) }.cast::<[u8; TAIL.len()]>();
    // SAFETY: the allocation has room for the guard behind the block.
    unsafe { tail.write_unaligned(TAIL) };
    // SAFETY: the header is that of a new block.
    BLOCKS.with(|all| unsafe { all.insert(head) });
    block.cast()
}

/// Frees a block on behalf of `caller`, if it has a header. Returns `true` if it had. The
/// tag 0 matches any.
fn free_watched(block: *mut c_void, tag: u32, caller: usize) -> bool {
    // SAFETY: before every block of Wine's pool is its own head, which is readable.
    let head = unsafe { block.cast::<Head>().sub(1) };
    // SAFETY: the memory before a block of Wine's pool is readable; the mark is a plain integer.
    let mark = unsafe { (&raw const (*head).mark).read() };
    if mark == FREED {
        let what = format_args!("a block of pool was freed twice");
        bug_check(BAD_CALLER, [0x07, 0, 0, block.addr()], caller, what);
    }
    if mark != LIVE {
        return false;
    }
    // SAFETY: the mark shows that it is a header.
    let Head {
        size, tag: right, ..
    } = *unsafe { &*head };
    if tag != 0 && tag != right {
        let parameters = [0x0A, block.addr(), right as usize, tag as usize];
        let (right, wrong) = (Tag(right), Tag(tag));
        let what = format_args!("a block with tag {right} was freed with tag {wrong}");
        bug_check(BAD_CALLER, parameters, caller, what);
    }
    // SAFETY: the mark is behind the block.
    let end = unsafe { block.cast::<u8>().add(size) };
    // SAFETY: the guard is behind the block.
    let tail = unsafe { end.cast::<[u8; TAIL.len()]>().read_unaligned() };
    if let Some(at) = tail.iter().zip(TAIL).position(|(is, was)| *is != was) {
        let parameters = [block.addr(), end.addr() + at, 0, 0x24];
        let what = format_args!("a block of pool was written beyond its end");
        bug_check(CORRUPTION, parameters, caller, what);
    }
    // SAFETY: the caller frees the block, so nobody accesses it.
    unsafe { ptr::write_bytes(block.cast::<u8>(), GARBAGE, size) };
    let released = BLOCKS.with(|all| {
        // SAFETY: by the invariant each head in the list is that of an allocated block.
        unsafe { (*head).mark = FREED };
        // SAFETY: it was in use, so it is in the list.
        unsafe { all.remove(head) }
    });
    if !released.is_null() {
        // SAFETY: by the invariant it is the header of an allocated block.
        unsafe { (*released).mark = 0 };
        // SAFETY: the block was removed from the list above, and is freed once.
        unsafe { ExFreePool(released.cast()) };
    }
    true
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn ExAllocatePool2(
    flags: u64,
    bytes: usize,
    tag: u32,
) -> *mut c_void {
    // What called is the fourth argument.
    naked_asm!("mov r9, [rsp]", "jmp {}", sym allocate_2)
}

unsafe extern "system" fn allocate_2(
    flags: u64,
    bytes: usize,
    tag: u32,
    caller: usize,
) -> *mut c_void {
    // SAFETY: no precondition; the result may be null.
    let block = block(bytes, tag, caller, || unsafe {
        ExAllocatePoolWithTag(0, bytes, tag)
    });
    if !block.is_null() && flags & POOL_FLAG_UNINITIALIZED == 0 {
        // SAFETY: the block is new and has that many bytes.
        unsafe { ptr::write_bytes(block.cast::<u8>(), 0, bytes) };
    }
    block
}

/// # Safety
///
/// No precondition; `unsafe` is the signature of the export.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn OwnExAllocatePool(kind: i32, bytes: usize) -> *mut c_void {
    const NONE: u32 = u32::from_le_bytes(*b"None");
    naked_asm!(
        "mov r8d, {}",
        "mov r9, [rsp]",
        "jmp {}",
        const NONE,
        sym allocate_with_tag
    )
}

/// Declares an export that allocates a watched block, and the function that it passes
/// its caller to.
macro_rules! allocate {
    ($export:ident, $watched:ident, $original:ident) => {
        /// # Safety
        ///
        /// No precondition; `unsafe` is the signature of the export.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "system" fn $export(
            kind: i32,
            bytes: usize,
            tag: u32,
        ) -> *mut c_void {
            naked_asm!("mov r9, [rsp]", "jmp {}", sym $watched)
        }

        unsafe extern "system" fn $watched(
            kind: i32,
            bytes: usize,
            tag: u32,
            caller: usize,
        ) -> *mut c_void {
            // SAFETY: no precondition; the result may be null.
            block(bytes, tag, caller, || unsafe { $original(kind, bytes, tag) })
        }
    };
}

allocate!(
    OwnExAllocatePoolWithTag,
    allocate_with_tag,
    ExAllocatePoolWithTag
);
allocate!(
    OwnExAllocatePoolWithQuotaTag,
    allocate_with_quota,
    ExAllocatePoolWithQuotaTag
);

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn OwnExFreePool(block: *mut c_void) {
    naked_asm!("xor edx, edx", "mov r9, [rsp]", "jmp {}", sym free)
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn OwnExFreePoolWithTag(block: *mut c_void, tag: u32) {
    naked_asm!("mov r9, [rsp]", "jmp {}", sym free)
}

unsafe extern "system" fn free(block: *mut c_void, tag: u32, _: usize, caller: usize) {
    if !block.is_null() && !free_watched(block, tag, caller) {
        // SAFETY: the block is Wine's own, and the caller passes on the contract of the function.
        unsafe { ExFreePoolWithTag(block, tag) };
    }
}
