// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the calls between modules.
//!
//! A module gets a copy of its peer's dispatch table whose entries are stubs of
//! this image: each counts itself and jumps on, whatever its arguments. When
//! the binding is over the stubs lead to [`after_the_end`], so a call that comes
//! too late is a finding even where the peer's image is still there.

use core::arch::naked_asm;
use core::array;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use channel::watch::ENTRIES;
use native::lock::SpinLock;
use native::print;
use registrar::host::{BindingId, Side};

use crate::host::stop;

/// Tables at a time, of each side.
const TABLES: usize = 64;
const STUBS: usize = 2 * TABLES * ENTRIES;
/// Bytes of a stub.
const LENGTH: usize = 32;

/// How often each entry was called: those of clients' tables, then those of
/// providers'.
static COUNTS: [AtomicU64; 2 * ENTRIES] = [const { AtomicU64::new(0) }; _];
/// Where each stub goes.
static TARGETS: [AtomicUsize; STUBS] = [const { AtomicUsize::new(0) }; _];
/// The copies: a header of 8 bytes, then the stubs.
static COPIES: [[AtomicUsize; 1 + ENTRIES]; 2 * TABLES] =
    [const { [const { AtomicUsize::new(0) }; _] }; _];

core::arch::global_asm!(
    ".p2align 5",
    "call_stubs:",
    ".set nmr_stub, 0",
    ".rept {stubs}",
    ".p2align 5",
    "lock inc qword ptr [rip + {counts} + 8 * ((nmr_stub / {half}) * {entries} + nmr_stub % {entries})]",
    "jmp qword ptr [rip + {targets} + 8 * nmr_stub]",
    ".set nmr_stub, nmr_stub + 1",
    ".endr",
    stubs = const STUBS,
    half = const STUBS / 2,
    entries = const ENTRIES,
    counts = sym COUNTS,
    targets = sym TARGETS,
);

unsafe extern "C" {
    /// The first stub.
    #[link_name = "call_stubs"]
    fn first_stub();
}

/// Which binding has which copy; 0 is none.
pub(crate) struct Stubs(SpinLock<[u64; 2 * TABLES]>);

impl Stubs {
    pub(crate) const fn new() -> Self {
        Self(SpinLock::new([0; 2 * TABLES]))
    }

    /// A copy of the table of `owner`. One that has no plausible size, or for
    /// which there is no room, is passed on as it is.
    pub(crate) fn interpose(
        &self,
        binding: BindingId,
        owner: Side,
        table: *const c_void,
    ) -> *const c_void {
        const WORD: usize = size_of::<usize>();

        if table.is_null() || !table.addr().is_multiple_of(WORD) {
            return table;
        }
        let table = table.cast::<usize>();
        // SAFETY: a dispatch table starts with its size, says the contract of
        // the NPI; one that is not readable faults here in its owner's name.
        let header = unsafe { table.read() };
        let size = header & 0xFFFF;
        if !size.is_multiple_of(WORD) || !(1..=1 + ENTRIES).contains(&(size / WORD)) {
            return table.cast();
        }
        let Some(copy) = self.claim(binding, owner) else {
            return table.cast();
        };
        COPIES[copy][0].store(header, Ordering::Relaxed);
        for entry in 0..size / WORD - 1 {
            // SAFETY: the entry lies within the table's size.
            let target = unsafe { table.add(1 + entry).read() };
            let stub = copy * ENTRIES + entry;
            let address = if target == 0 {
                0
            } else {
                first_stub as *const () as usize + stub * LENGTH
            };
            TARGETS[stub].store(target, Ordering::Relaxed);
            COPIES[copy][1 + entry].store(address, Ordering::Release);
        }
        (&raw const COPIES[copy]).cast()
    }

    fn claim(&self, binding: BindingId, owner: Side) -> Option<usize> {
        let first = first_of(owner);
        self.0.with(|bindings| {
            let free = (first..first + TABLES).find(|&copy| bindings[copy] == 0)?;
            bindings[free] = binding.0;
            Some(free)
        })
    }

    /// The peer of `owner` has no right any more to call into its table.
    pub(crate) fn release(&self, binding: BindingId, owner: Side) {
        let first = first_of(owner);
        self.0.with(|bindings| {
            for copy in first..first + TABLES {
                if bindings[copy] != binding.0 {
                    continue;
                }
                bindings[copy] = 0;
                for target in &TARGETS[copy * ENTRIES..][..ENTRIES] {
                    target.store(after_the_end as *const () as usize, Ordering::Relaxed);
                }
            }
        });
    }
}

const fn first_of(owner: Side) -> usize {
    match owner {
        Side::Client => 0,
        Side::Provider => TABLES,
    }
}

/// Starts to count anew.
pub(crate) fn reset_counts() {
    for count in &COUNTS {
        count.store(0, Ordering::Relaxed);
    }
}

/// How often each entry of the table of `owner` was called.
pub(crate) fn counts(owner: Side) -> [u64; ENTRIES] {
    let first = match owner {
        Side::Client => 0,
        Side::Provider => ENTRIES,
    };
    array::from_fn(|entry| COUNTS[first + entry].load(Ordering::Relaxed))
}

/// Where stubs lead whose binding is over: the return address is the caller's.
#[unsafe(naked)]
unsafe extern "system" fn after_the_end() {
    naked_asm!(
        "mov rcx, [rsp]",
        "sub rsp, 40",
        "call {report}",
        "int3",
        report = sym report_late_call,
    )
}

extern "system" fn report_late_call(caller: usize) -> ! {
    print::line(format_args!(
        "netio: R18: a module called its peer after its cleanup callback"
    ));
    stop(18, caller)
}
