// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the calls between modules.
//!
//! For the NPIs whose calls are counted, a module gets a copy of its peer's dispatch table
//! whose entries are stubs of this image: each counts the call and jumps to the function,
//! whatever its arguments. After
//! the binding the stubs lead to [`after_the_end`], so a late call is a finding even if
//! the peer's image is still mapped.

use core::arch::naked_asm;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use channel::events::{Calls, ENTRIES, NPIS};
use native::lock::SpinLock;
use native::print;
use registrar::host::{BindingId, Side};

use crate::host::stop;

/// Tables at a time, of each side.
const TABLES: usize = 64;
const STUBS: usize = 2 * TABLES * ENTRIES;
/// Bytes of a stub.
const LENGTH: usize = 32;

/// How often each stub was called.
static COUNTS: [AtomicU64; STUBS] = [const { AtomicU64::new(0) }; _];
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
    "lock inc qword ptr [rip + {counts} + 8 * nmr_stub]",
    "jmp qword ptr [rip + {targets} + 8 * nmr_stub]",
    ".set nmr_stub, nmr_stub + 1",
    ".endr",
    stubs = const STUBS,
    counts = sym COUNTS,
    targets = sym TARGETS,
);

unsafe extern "C" {
    /// The first stub.
    #[link_name = "call_stubs"]
    fn first_stub();
}

/// Whose the copies are, and the calls through them.
pub(crate) struct Stubs(SpinLock<Book>);

struct Book {
    copies: [Given; 2 * TABLES],
    /// The calls through copies that were given back.
    calls: [Calls; NPIS],
}

/// Whose a copy is.
#[derive(Clone, Copy)]
struct Given {
    /// 0 is none.
    binding: u64,
    /// Under which number its NPI is counted.
    npi: usize,
}

const NOBODY: Given = Given { binding: 0, npi: 0 };
const NO_CALLS: Calls = Calls {
    npi: [0; 16],
    client: [0; ENTRIES],
    provider: [0; ENTRIES],
};

impl Book {
    /// Under which number this NPI is counted; those for which there is no room
    /// are taken for the last one that had some.
    fn number(&mut self, npi: u128) -> usize {
        let place = |calls: &Calls| calls.npi() == npi || calls.npi() == 0;
        let number = self.calls.iter().position(place).unwrap_or(NPIS - 1);
        self.calls[number].npi = npi.to_be_bytes();
        number
    }

    fn claim(&mut self, binding: BindingId, npi: u128, owner: Side) -> Option<usize> {
        let first = first_of(owner);
        let free = (first..first + TABLES).find(|&copy| self.copies[copy].binding == 0)?;
        self.copies[free] = Given {
            binding: binding.0.get(),
            npi: self.number(npi),
        };
        Some(free)
    }

    /// Adds the calls through a copy to those of its NPI.
    fn collect(&mut self, copy: usize) {
        let calls = &mut self.calls[self.copies[copy].npi];
        let calls = match copy {
            ..TABLES => &mut calls.client,
            _ => &mut calls.provider,
        };
        for (entry, calls) in calls.iter_mut().enumerate() {
            *calls += COUNTS[copy * ENTRIES + entry].swap(0, Ordering::Relaxed);
        }
    }
}

impl Stubs {
    pub(crate) const fn new() -> Self {
        Self(SpinLock::new(Book {
            copies: [NOBODY; 2 * TABLES],
            calls: [NO_CALLS; NPIS],
        }))
    }

    /// A copy of the table of `owner`, of this NPI. One that has no plausible size,
    /// or for which there is no room, is passed on as it is.
    pub(crate) fn interpose(
        &self,
        binding: BindingId,
        npi: u128,
        owner: Side,
        table: *const c_void,
    ) -> *const c_void {
        const WORD: usize = size_of::<usize>();

        if table.is_null() || !table.addr().is_multiple_of(WORD) {
            return table;
        }
        let table = table.cast::<usize>();
        // SAFETY: a dispatch table starts with its size, as documented of the
        // NPI; one that is not readable faults here in its owner's name.
        let header = unsafe { table.read() };
        let size = header & 0xFFFF;
        if !size.is_multiple_of(WORD) || !(1..=1 + ENTRIES).contains(&(size / WORD)) {
            return table.cast();
        }
        let Some(copy) = self.0.with(|book| book.claim(binding, npi, owner)) else {
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

    /// The peer of `owner` has no right any more to call into its table.
    pub(crate) fn release(&self, binding: BindingId, owner: Side) {
        let first = first_of(owner);
        self.0.with(|book| {
            for copy in first..first + TABLES {
                if book.copies[copy].binding != binding.0.get() {
                    continue;
                }
                book.collect(copy);
                book.copies[copy] = NOBODY;
                for target in &TARGETS[copy * ENTRIES..][..ENTRIES] {
                    target.store(after_the_end as *const () as usize, Ordering::Relaxed);
                }
            }
        });
    }

    /// Starts to count anew.
    pub(crate) fn reset_counts(&self) {
        self.0.with(|book| {
            for copy in 0..2 * TABLES {
                book.collect(copy);
            }
            for calls in &mut book.calls {
                *calls = Calls {
                    npi: calls.npi,
                    ..NO_CALLS
                };
            }
        });
    }

    /// The calls since then.
    pub(crate) fn counts(&self) -> [Calls; NPIS] {
        self.0.with(|book| {
            for copy in 0..2 * TABLES {
                book.collect(copy);
            }
            book.calls
        })
    }
}

const fn first_of(owner: Side) -> usize {
    match owner {
        Side::Client => 0,
        Side::Provider => TABLES,
    }
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
