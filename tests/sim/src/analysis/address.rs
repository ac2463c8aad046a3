// SPDX-License-Identifier: MIT OR Apache-2.0

//! Describes the address of an exception: the memory that it is in or near, and the bug check for
//! the access.

use std::mem::offset_of;

use windows_sys::Wdk::Foundation::MDL;
use windows_sys::Win32::Foundation::STATUS_ACCESS_VIOLATION;

use crate::findings;
use crate::findings::bug_check::{Code, DEAD_FRAME};
use crate::hardware::arena::{self, PAGE, POOL, PROCESSOR, SLOTS, STACKS, THUNKS};
use crate::hardware::irql::{self, DISPATCH_LEVEL};
use crate::hardware::stack;
use crate::hardware::trap::{Exception, ExceptionKind, SHARED_DATA, SHARED_DATA_LENGTH, can_exist};
use crate::io::files::DEVICE_SIZE;
use crate::kernel::State;
use crate::loader::drivers::{LoadState, Site};
use crate::memory::aliases;
use crate::memory::pool::{Block, Hold, tag_text};
use crate::verifier::dispatch_tables::{Handed, Part};
use crate::verifier::stack_frames;

/// The bug check for an access to unmapped memory at `DISPATCH_LEVEL` or above,
/// by a driver or by the kernel on its behalf.
fn at_high_irql(state: &State, fault: &Exception, by_driver: bool) -> Option<Code> {
    let irql = state.scheduling.current().irql;
    // What is executed is not the kernel's.
    let is_kernel = !by_driver && fault.kind != ExceptionKind::Execute;
    let name = if is_kernel { "0xA" } else { "0xD1" };
    let parameters = [
        fault.address,
        usize::from(irql),
        fault.operation(),
        fault.rip,
    ];
    (irql >= DISPATCH_LEVEL).then(|| (name, parameters).into())
}

/// The bug check for an access to what Microsoft's headers read without a call, where it
/// is not emulated.
pub(super) fn describe_system_data(fault: &Exception, access: &str) -> Option<(Code, String)> {
    let (base, name) = match fault.address {
        address if PROCESSOR.contains(&address) => (PROCESSOR.start, "the KPCR (gs)"),
        address if (SHARED_DATA..SHARED_DATA + SHARED_DATA_LENGTH).contains(&address) => {
            (SHARED_DATA, "KUSER_SHARED_DATA")
        }
        _ => return None,
    };
    let offset = fault.address - base;
    Some(match fault.kind {
        ExceptionKind::Write if base == SHARED_DATA => (
            ("0xBE", [fault.address, 0, 0, 0]).into(),
            format!("{access} offset {offset:#x} of {name}, which is read-only"),
        ),
        _ => (
            findings::bug_check::unsupported(),
            findings::not_provided(&format!("{access} offset {offset:#x} of {name}")),
        ),
    })
}

/// The bug check for an access to pageable memory, and a description of the
/// address.
pub(super) fn describe_pageable(
    state: &State,
    fault: &Exception,
    by_driver: bool,
) -> Option<(Code, String)> {
    let (address, irql) = (fault.address, state.scheduling.current().irql);
    if !state.memory.pageable.contains(address) {
        return None;
    }
    let thread = state.scheduling.current_id();
    let (code, when) = if let Some(code) = at_high_irql(state, fault, by_driver) {
        (code, format!("at {}", irql::name(irql)))
    } else if state.memory.pageable.is_without_paging(thread) {
        let code = ("0x7A", [0, 0, 0, address]).into();
        let when = "in a last-chance shutdown notification: nothing is paged in any more";
        (code, when.to_owned())
    } else {
        return None;
    };
    let place = match (
        state.loader.drivers.site(address),
        state.memory.pool.near(address),
    ) {
        (Some(site), _) => format!("the pageable {}", state.loader.drivers.show(site)),
        (None, Some(block)) => {
            let owner = block.owner.map(|owner| state.loader.drivers.show(owner));
            format!(
                "offset {:#x} of {:#x} bytes of paged pool with tag {} allocated by {}",
                address.wrapping_sub(block.start),
                block.size,
                tag_text(block.tag),
                owner.unwrap_or_default()
            )
        }
        (None, None) => "pageable memory".to_owned(),
    };
    Some((code, format!("{place}, {when}")))
}

/// The bug check for an access to an address, and a description of the address.
pub(super) fn describe_address(
    state: &State,
    fault: &Exception,
    by_driver: bool,
) -> (Code, String) {
    /// The number of the double fault.
    const DOUBLE_FAULT: usize = 8;
    let address = fault.address;
    let rsp = fault.registers.rsp();
    if by_driver && !STACKS.contains(&rsp) && address.wrapping_add(8).abs_diff(rsp) <= 8 {
        let code = ("0x7F", [DOUBLE_FAULT, 0, 0, 0]);
        let what = format!("address {address:#x} by the stack pointer, which is no kernel stack");
        return (code.into(), what);
    }
    if stack::watched::is_dead(address) {
        let by = state.loader.drivers.site(fault.rip).map(|site| site.driver);
        return (DEAD_FRAME.into(), stack_frames::show(state, address, by));
    }
    if stack::is_guard(address) {
        let code = ("0x7F", [DOUBLE_FAULT, 0, 0, 0]);
        return (code.into(), "beyond its stack: it overflowed".to_owned());
    }
    if let Some(site) = state.loader.drivers.site(address) {
        let driver = &state.loader.drivers[site.driver];
        let place = state.loader.drivers.show(site);
        let discardable = driver.image.discardable(driver.base);
        let discarded = discardable.iter().any(|pages| pages.contains(&address));
        let table = state.verifier.dispatch_tables.at(address);
        return match (driver.life, fault.kind) {
            (LoadState::Gone, ExceptionKind::Read) if let Some(handed) = table => {
                let table = handed.show(Part::Table);
                let what = format!("{place}, the {table}, which was unloaded");
                (fault.access("0xCE"), what)
            }
            (LoadState::Gone, _) => (fault.access("0xCE"), format!("{place}, which was unloaded")),
            _ if discarded => (
                fault.access("0x50"),
                format!("{place}, which was discarded after DriverEntry"),
            ),
            (_, ExceptionKind::Write) => {
                let code = ("0xBE", [address, 0, 0, 0]);
                (code.into(), format!("{place}, which is read-only"))
            }
            (_, ExceptionKind::Execute) => {
                let code = ("0xFC", [address, 0, 0, 0]);
                (code.into(), format!("{place}, which is not code"))
            }
            _ => (
                fault.page_fault(),
                format!("{place}, which is not readable"),
            ),
        };
    }
    if POOL.contains(&address) {
        let block = state
            .memory
            .pool
            .near(address)
            .filter(|it| is_about(it, address));
        return match block {
            Some(block) => describe_pool(state, fault, block),
            None => (
                fault.access("0xCD"),
                format!("address {address:#x}, in no block of pool"),
            ),
        };
    }
    if (THUNKS.start..SLOTS.end).contains(&address) {
        let place = "the code of the kernel, which is read-only";
        return (("0xBE", [address, 0, 0, 0]).into(), place.to_owned());
    }
    if fault.kind == ExceptionKind::Execute && state.scheduling.stacks().around(address).is_some() {
        let code = ("0xFC", [address, 0, 0, 0]);
        return (
            code.into(),
            "the stack of a thread, which is not code".to_owned(),
        );
    }
    (
        code_of_nothing(state, fault, by_driver),
        match address {
            0 => "address 0".to_owned(),
            MDL_FLAGS => format!(
                "address {address:#x}: near null, where MmGetSystemAddressForMdlSafe reads if the \
                 MDL is NULL, as a request of no bytes has none"
            ),
            1..PAGE => format!("address {address:#x}: near null"),
            _ if STACKS.contains(&address) => "a stack that is not in use".to_owned(),
            _ if !can_exist(address as u64) => {
                format!("address {address:#x}, which cannot exist")
            }
            _ => format!("address {address:#x}, where nothing is"),
        },
    )
}

/// The field of an MDL that `MmGetSystemAddressForMdlSafe` reads first.
const MDL_FLAGS: usize = offset_of!(MDL, MdlFlags);

/// Returns `true` if a block explains why `address` was accessed: it lies in the block, or not
/// far from one of a driver's.
fn is_about(block: &Block, address: usize) -> bool {
    /// How far from a block of the kernel's own.
    const NEAR: usize = 64;
    let far = if block.owner.is_some() { PAGE } else { NEAR };
    (block.start.saturating_sub(far)..block.end() + far).contains(&address)
}

/// The part of a kernel-owned block that a driver knows: its name, and its offset in the block.
fn part(block: &Block, address: usize) -> Option<(&'static str, usize)> {
    if block.owner.is_some() {
        return None;
    }
    match &block.tag.to_le_bytes() {
        b"Devi" if address >= block.start + DEVICE_SIZE => {
            Some(("a device extension", DEVICE_SIZE))
        }
        b"Devi" => Some(("a device object", 0)),
        b"FwpV" => Some(("the incomingValue that a classifyFn has got", 0)),
        _ => None,
    }
}

/// The tag of the requests that the kernel allocates.
const IRP: u32 = u32::from_le_bytes(*b"Irp ");

/// The bug check for an access to a block of pool or near it, and a description of the
/// address.
fn describe_pool(state: &State, fault: &Exception, block: &Block) -> (Code, String) {
    let address = fault.address;
    let by = |site: Option<Site>| {
        site.map_or_else(
            || "the kernel".to_owned(),
            |site| state.loader.drivers.show(site),
        )
    };
    let handed = handed_in(state, block).map_or_else(String::new, |(handed, part)| {
        format!(", the {}", handed.show(part))
    });
    let part = part(block, address);
    let description = part.map_or_else(
        || {
            format!(
                "{:#x} bytes with tag {} allocated by {}{handed}",
                block.size,
                tag_text(block.tag),
                by(block.owner)
            )
        },
        |(name, _)| format!("{name}{handed}"),
    );
    let start = block.start + part.map_or(0, |(_, start)| start);
    let offset = address.wrapping_sub(start).cast_signed();
    if block.owner.is_none()
        && block.tag == aliases::TAG
        && let Hold::Freed(freed) = block.hold
    {
        let what = format!(
            "offset {offset:#x} of a mapping of locked pages, which {} ended",
            by(freed)
        );
        return (fault.access("0xCC"), what);
    }
    let is_inside = (block.start..block.start + block.size).contains(&address);
    if let (None, IRP, Hold::Freed(Some(by))) = (block.owner, block.tag, block.hold) {
        let by = state.loader.drivers.show(by);
        let what = format!("offset {offset:#x} of an IRP, which {by} has completed");
        return (fault.access("0xCC"), what);
    }
    match block.hold {
        Hold::Freed(freed) if address < (block.start + block.size).next_multiple_of(PAGE) => (
            fault.access("0xCC"),
            format!(
                "offset {offset:#x} of {description}, which {} freed",
                by(freed)
            ),
        ),
        _ if fault.kind == ExceptionKind::Execute && is_inside => (
            ("0xFC", [address, 0, 0, 0]).into(),
            format!("offset {offset:#x} of {description}, which is not code"),
        ),
        _ if offset < 0 => (
            fault.access("0xCD"),
            format!("{:#x} bytes before {description}", offset.unsigned_abs()),
        ),
        _ => (
            fault.access("0xCD"),
            format!("offset {offset:#x} of {description}: beyond its end"),
        ),
    }
}

/// The bug check for an access to an address where nothing is. Windows raises an
/// exception for an address of user mode and for one that cannot exist, where the IRQL
/// makes no difference; any other is fatal at once.
fn code_of_nothing(state: &State, fault: &Exception, by_driver: bool) -> Code {
    /// The end of the addresses of user mode.
    const USER: usize = 1 << 47;
    let address = fault.address;
    if !can_exist(address as u64) {
        return fault.unhandled(STATUS_ACCESS_VIOLATION);
    }
    if let Some(code) = at_high_irql(state, fault, by_driver) {
        return code;
    }
    if address < USER && !arena::contains(address) {
        fault.unhandled(STATUS_ACCESS_VIOLATION)
    } else {
        fault.page_fault()
    }
}

/// What a module has handed to its peer and is, or was, in a block of pool.
pub(super) fn handed_in(state: &State, block: &Block) -> Option<(Handed, Part)> {
    let memory = block.start..block.start + block.size.max(1);
    state.verifier.dispatch_tables.within(&memory)
}
