// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains an exception in driver code: what was touched or executed, and which driver
//! is responsible. An access to an import that nothing provides is no finding.

use std::sync::atomic::Ordering;

use pe_unwind_info::x86_64::Register;
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_BREAKPOINT, STATUS_FLOAT_MULTIPLE_FAULTS,
    STATUS_ILLEGAL_INSTRUCTION, STATUS_INTEGER_DIVIDE_BY_ZERO, STATUS_SINGLE_STEP,
};

use crate::analysis::wild_code::{self, WildPointer};
use crate::analysis::{address, instruction, operand};
use crate::calls::table_functions;
use crate::findings;
use crate::findings::bug_check::{CONVENTION, Code};
use crate::findings::caller;
use crate::findings::caller::caller;
use crate::hardware::arena::{self, Access, POOL};
use crate::hardware::convention::Irregular;
use crate::hardware::host_memory::HostMemory;
use crate::hardware::stack;
use crate::hardware::trap::{Exception, ExceptionKind, can_exist};
use crate::kernel::State;
use crate::loader::drivers::{LoadState, Site};
use crate::memory::extent;
use crate::memory::pool::Hold;
use crate::objects::deferred;
use crate::scheduling::frame::Callee;
use crate::verifier::binding_calls;
use crate::verifier::dispatch_tables::Part;

/// Reports the exception that stopped the current thread.
pub(crate) fn report_exception(state: &mut State, fault: &Exception) {
    if let ExceptionKind::Convention {
        irregular,
        returned,
    } = fault.kind
    {
        report_breach(state, fault, irregular, returned);
        return;
    }
    let fault = &operand::resolve(state, fault);
    if let Some((what, importer)) = missing_import(state, fault) {
        let site = state.loader.drivers.site(fault.rip);
        let site = site.or_else(|| jumped_from(state, fault));
        let site = site.or_else(|| caller(state)).or(importer);
        let what = findings::not_provided(&what);
        findings::report_unsupported(state, Some(fault), what, site);
        return;
    }
    if let Some((code, what, site)) = late_call(state, fault) {
        let thread = state.scheduling.current_id();
        findings::report_on(state, thread, Some(fault), code, what, site);
        return;
    }
    let place = state.loader.drivers.site(fault.rip);
    // A driver that jumps to data is responsible, not the driver that owns the data.
    let jumped = place.filter(|site| {
        fault.kind == ExceptionKind::Execute
            && state.loader.drivers[site.driver].life != LoadState::Gone
            && !is_inside_function(state, *site)
    });
    let gone = |site: Site| state.loader.drivers[site.driver].life == LoadState::Gone;
    // A call of an address that cannot exist faults before it is made.
    let from = if fault.rip == fault.address {
        jumped_from(state, fault)
    } else {
        place
    };
    let target = state.loader.drivers.site(fault.address);
    let is_wild = !target.is_some_and(|site| gone(site) || is_code(state, fault.address));
    let wild = is_wild
        .then(|| wild_code::find(state, fault, from))
        .flatten();
    if wild.is_none() && place.is_none() && report_lost(state, fault) {
        return;
    }
    let site = freed_outstanding_request(state, fault)
        .or_else(|| wild.as_ref()?.site)
        .or_else(|| jumped_from(state, fault).filter(|_| jumped.is_some()))
        .or_else(|| freed_table(state, fault))
        .or(place)
        .or_else(|| freed_for_nmr(state, fault))
        .or_else(|| jumped_from(state, fault))
        .or_else(|| entered_from(state, fault))
        .or_else(|| caller(state))
        .or_else(|| state.scheduling.current().responsible());
    let (code, what) = match place {
        Some(site) if state.loader.drivers[site.driver].life == LoadState::Gone => {
            let name = state.loader.drivers[site.driver].name();
            (
                fault.access("0xCE"),
                format!("{name} was unloaded and is still executed"),
            )
        }
        _ => describe(state, fault, wild.as_ref()),
    };
    let code = where_unhandled(state, code);
    let via = match state.scheduling.current().frames.last() {
        Some(frame) if place.is_none() && wild.is_none() => {
            format!(", in {}", caller::show_call(state, frame))
        }
        _ => String::new(),
    };
    if code.is_unsupported() {
        findings::report_unsupported(state, Some(fault), what + &via, site);
        return;
    }
    let thread = state.scheduling.current_id();
    findings::report_on(state, thread, Some(fault), code, what + &via, site);
}

/// What the handlers of a driver learn about an exception.
pub(crate) struct Raisable {
    pub(crate) status: i32,
    pub(crate) information: Vec<usize>,
}

/// The exception that an instruction of a driver raises, or of a function of the kernel that
/// it has called; `None` if it is a bug check that no
/// handler prevents, as an access to an invalid address of the kernel is.
pub(crate) fn raisable(state: &State, fault: &Exception) -> Option<Raisable> {
    let fault = &operand::resolve(state, fault);
    let site = state.loader.drivers.site(fault.rip);
    let is_gone = |site: Site| state.loader.drivers[site.driver].life == LoadState::Gone;
    if site.is_some_and(is_gone) || missing_import(state, fault).is_some() {
        return None;
    }
    let (code, _) = describe(state, fault, None);
    let parameters = code.parameters.filter(|_| code.name == "0x7E")?;
    let status = u32::try_from(parameters[0]).ok()?.cast_signed();
    let information = match fault.kind {
        // The processor tells no address that cannot exist.
        _ if status != STATUS_ACCESS_VIOLATION => Vec::new(),
        ExceptionKind::Read | ExceptionKind::Write if can_exist(fault.address as u64) => {
            vec![fault.operation(), fault.address]
        }
        _ => vec![0, usize::MAX],
    };
    Some(Raisable {
        status,
        information,
    })
}

/// Returns `true` if a place is in the middle of a function: it was returned to, and the
/// word at the stack pointer is no return address.
fn is_inside_function(state: &State, site: Site) -> bool {
    let driver = &state.loader.drivers[site.driver];
    site.offset.is_some_and(|offset| {
        is_code(state, driver.base + offset as usize) && !driver.image.begins_function(offset)
    })
}

/// Returns `true` if an address is one of a driver's code, be it accessible or not.
fn is_code(state: &State, address: usize) -> bool {
    let Some(site) = state.loader.drivers.site(address) else {
        return false;
    };
    let driver = &state.loader.drivers[site.driver];
    let section = driver.image.section_at(driver.base, address);
    section.is_some_and(|(_, access)| matches!(access, Access::Execute | Access::Everything))
}

/// Reports a routine that has gone on in the simulated kernel's own code with another
/// stack or other registers than a return has. Returns `false` if it did not.
fn report_lost(state: &mut State, fault: &Exception) -> bool {
    let current = state.scheduling.current();
    let Some(routine) = current.routines.last() else {
        return false;
    };
    let in_kernel = arena::contains(routine.address)
        && !arena::contains(fault.rip)
        && !arena::contains(fault.address)
        && routine.depth == current.frames.len();
    let goes_wrong = match fault.kind {
        ExceptionKind::Execute => HostMemory::now().contains(fault.address),
        ExceptionKind::Read
        | ExceptionKind::Write
        | ExceptionKind::Protection
        | ExceptionKind::IllegalInstruction
        | ExceptionKind::Breakpoint => true,
        _ => false,
    };
    if !in_kernel || !goes_wrong {
        return false;
    }
    let what = format!(
        "{} did not return as it was called: it has jumped into the kernel, or changed the stack \
         or registers that a function must keep",
        routine.what
    );
    let site = state.loader.drivers.site(routine.address).or(routine.by);
    let thread = state.scheduling.current_id();
    findings::report_on(state, thread, Some(fault), CONVENTION.into(), what, site);
    true
}

/// An exception that nobody handles has another bug check in a DPC, which runs on no
/// thread of its own.
fn where_unhandled(state: &State, code: Code) -> Code {
    let is_dpc = deferred::is_dpc(state, state.scheduling.current_id());
    match code.parameters {
        Some(parameters) if code.name == "0x7E" && is_dpc => ("0x1E", parameters).into(),
        _ => code,
    }
}

/// What was done to an import that nothing provides, if the exception was there, and the
/// driver that imports it.
fn missing_import(state: &State, fault: &Exception) -> Option<(String, Option<Site>)> {
    let verb = match fault.kind {
        ExceptionKind::Execute => "calls",
        ExceptionKind::Read => "reads the variable",
        ExceptionKind::Write => "writes to the variable",
        _ => return None,
    };
    let import = state.loader.missing.at(fault.address)?;
    let importer = state.loader.drivers.with_image(import.image);
    let importer = importer.map(|driver| Site {
        driver,
        offset: None,
    });
    Some((
        format!("{verb} {} of {}", import.symbol, import.module),
        importer,
    ))
}

/// The rule that a call broke that reached a function of a dispatch table in an image
/// that is gone, and the caller.
fn late_call(state: &mut State, fault: &Exception) -> Option<(Code, String, Option<Site>)> {
    let owner = state.loader.drivers.site(fault.rip)?;
    if fault.kind != ExceptionKind::Execute
        || state.loader.drivers[owner.driver].life != LoadState::Gone
    {
        return None;
    }
    let home = state.scheduling.stacks().read(fault.registers.rsp())?;
    let home = usize::try_from(home).ok()?;
    let first = usize::try_from(fault.registers.of(Register::RCX)).ok()?;
    let (driver, through) = table_functions::crossing(state, fault.rip, home, first)?;
    let completes = through.completes();
    let (code, what) = binding_calls::check_call(state, driver, through, completes)?;
    let offset = None;
    let site = state.loader.drivers.site(home.checked_sub(1)?);
    let what = format!(
        "{what}; {} was unloaded",
        state.loader.drivers[owner.driver].name()
    );
    Some((code, what, site.or(Some(Site { driver, offset }))))
}

/// Reports a call, or a return, in a state that the calling convention does not allow.
fn report_breach(state: &mut State, fault: &Exception, irregular: Irregular, returned: bool) {
    let current = state.scheduling.current().frames.last();
    let callee = if returned {
        current.map(|frame| frame.call)
    } else {
        state.calls.callee(fault.registers.of(Register::RAX))
    };
    let kept = matches!(irregular, Irregular::StackMoved | Irregular::Register(_));
    if kept && let Some(routine) = state.scheduling.current().routines.last() {
        let what = format!("{} returned {irregular}", routine.what);
        let site = state.loader.drivers.site(routine.address).or(routine.by);
        let thread = state.scheduling.current_id();
        findings::report_on(state, thread, Some(fault), CONVENTION.into(), what, site);
        return;
    }
    let target = callee.map_or_else(
        || "a function of a dispatch table".to_owned(),
        Callee::target,
    );
    let (what, site) = match callee {
        Some(Callee::Dispatch { target: code, .. }) if returned => (
            format!("{target} returned {irregular}"),
            state.loader.drivers.site(code),
        ),
        _ => {
            let home = match irregular {
                Irregular::ForeignStack(rsp) => word_at(state, rsp).unwrap_or(fault.rip),
                _ => fault.rip,
            };
            let home = state.loader.drivers.site(home.wrapping_sub(1));
            (format!("{target} was called {irregular}"), home)
        }
    };
    let importer = match callee {
        Some(Callee::Import { driver, .. }) => Some(Site {
            driver,
            offset: None,
        }),
        _ => None,
    };
    let thread = state.scheduling.current_id();
    let code = CONVENTION.into();
    findings::report_on(state, thread, Some(fault), code, what, site.or(importer));
}

/// The call of the simulated kernel that the base of `fs` kept from beginning.
///
/// Nothing else on the stack tells it: what a frame of the simulated kernel has not
/// written yet may be a return address of an earlier call.
fn entered_from(state: &State, fault: &Exception) -> Option<Site> {
    if fault.kind != ExceptionKind::SegmentBase {
        return None;
    }
    let entered = stack::ENTERED.load(Ordering::Relaxed);
    // Of a call that has returned it says nothing.
    if entered < fault.registers.rsp() {
        return None;
    }
    let home = state.scheduling.stacks().read(entered)?;
    let home = usize::try_from(home).ok()?;
    state.loader.drivers.site(home.wrapping_sub(1))
}

/// The driver's instruction that led to an exception: the addresses of the
/// simulated kernel differ in every run.
fn culprit(state: &State, fault: &Exception) -> usize {
    if fault.kind == ExceptionKind::Execute || state.loader.drivers.site(fault.rip).is_some() {
        return fault.rip;
    }
    let frame = state.scheduling.current().frames.last();
    frame.map_or(0, |frame| frame.home)
}

/// The code that freed memory which NMR was still entitled to (R2): not the
/// module that happened to call NMR.
fn freed_for_nmr(state: &State, fault: &Exception) -> Option<Site> {
    let frame = state.scheduling.current().frames.last()?;
    if !matches!(frame.call, Callee::Import { export, .. } if export.name.starts_with("Nmr")) {
        return None;
    }
    let gone = |site: &Site| state.loader.drivers[site.driver].life == LoadState::Gone;
    if let Some(site) = state.loader.drivers.site(fault.address).filter(gone) {
        return Some(site);
    }
    let block = POOL
        .contains(&fault.address)
        .then(|| state.memory.pool.near(fault.address))??;
    match block.hold {
        Hold::Freed(by) => by,
        Hold::InUse => None,
    }
}

/// The code that freed an outstanding request, which its callee now touches.
fn freed_outstanding_request(state: &State, fault: &Exception) -> Option<Site> {
    let block = POOL
        .contains(&fault.address)
        .then(|| state.memory.pool.near(fault.address))??;
    let lent = state
        .verifier
        .outstanding_requests
        .within(block.start..block.start + block.size);
    match block.hold {
        Hold::Freed(by) if lent => by,
        _ => None,
    }
}

/// The code that freed a dispatch table to which the peer of its owner, which now reads
/// it, is still entitled.
fn freed_table(state: &State, fault: &Exception) -> Option<Site> {
    let block = POOL
        .contains(&fault.address)
        .then(|| state.memory.pool.near(fault.address))??;
    let (handed, Part::Table) = address::handed_in(state, block)? else {
        return None;
    };
    let calls = &state.verifier.binding_calls;
    let peer = handed.owner.peer();
    let reader = state.loader.drivers.site(fault.rip)?.driver;
    let module = state
        .loader
        .drivers
        .site(calls.code(handed.binding, peer))?;
    let entitled = calls.is_live(handed.binding, peer) && module.driver == reader;
    match block.hold {
        Hold::Freed(by) if entitled => by,
        _ => None,
    }
}

/// The caller of an address that is not code, or of code that faults at its first
/// instruction.
fn jumped_from(state: &State, fault: &Exception) -> Option<Site> {
    if !matches!(
        fault.kind,
        ExceptionKind::Execute | ExceptionKind::SingleStep
    ) {
        return None;
    }
    // Within the call: what follows it may be another line or function.
    let call = word_at(state, fault.registers.rsp())?.checked_sub(1)?;
    state.loader.drivers.site(call)
}

/// The word at an address of a stack, or of other memory that a driver uses as one.
fn word_at(state: &State, address: usize) -> Option<usize> {
    let word = extent::around(state, address)?.read(address, size_of::<usize>());
    Some(usize::from_le_bytes(word.try_into().ok()?))
}

fn describe(state: &State, fault: &Exception, wild: Option<&WildPointer>) -> (Code, String) {
    let by_driver =
        state.loader.drivers.site(fault.rip).is_some() || jumped_from(state, fault).is_some();
    let fault = &Exception {
        rip: culprit(state, fault),
        ..*fault
    };
    let access = match fault.kind {
        ExceptionKind::Read => "read".to_owned(),
        ExceptionKind::Write => "wrote to".to_owned(),
        ExceptionKind::Execute => wild.map_or_else(
            || "jumped to".to_owned(),
            |wild| format!("{} is", wild.what),
        ),
        ExceptionKind::Protection | ExceptionKind::Replaced => {
            let instruction = by_driver
                .then(|| state.loader.drivers.instruction(fault.rip))
                .flatten();
            let described =
                instruction.and_then(|instruction| instruction::describe(&instruction, fault));
            return described.unwrap_or_else(|| {
                let code = fault.unhandled(STATUS_ACCESS_VIOLATION);
                let what = match operand::misaligned(state, fault) {
                    Some((address, multiple)) => format!(
                        "touched address {address:#x}, which is not a multiple of {multiple} as \
                         the instruction demands"
                    ),
                    None => "touched an address that cannot exist or is not aligned".to_owned(),
                };
                (code, what)
            });
        }
        ExceptionKind::SystemCall => return instruction::system_call("syscall"),
        ExceptionKind::SegmentBase => {
            let what = "the base of fs was changed, which is not the driver's to use";
            return (CONVENTION.into(), what.to_owned());
        }
        ExceptionKind::Alignment => {
            let what = "touched memory that is not aligned, with the alignment-check flag set";
            return (CONVENTION.into(), what.to_owned());
        }
        ExceptionKind::SingleStep => {
            let code = fault.unhandled(STATUS_SINGLE_STEP);
            return (
                code,
                "single step without a debugger: the trap flag is set".to_owned(),
            );
        }
        ExceptionKind::Convention { .. } => unreachable!("it is reported apart"),
        ExceptionKind::IllegalInstruction => {
            let instruction = state.loader.drivers.instruction(fault.rip);
            let described =
                instruction.and_then(|instruction| instruction::describe(&instruction, fault));
            if let Some(described) = described {
                return described;
            }
            let code = fault.unhandled(STATUS_ILLEGAL_INSTRUCTION);
            return (code, "illegal instruction".to_owned());
        }
        ExceptionKind::Arithmetic => {
            let code = fault.unhandled(STATUS_INTEGER_DIVIDE_BY_ZERO);
            return (code, "division by zero or overflow".to_owned());
        }
        ExceptionKind::FloatingPoint => {
            let code = fault.unhandled(STATUS_FLOAT_MULTIPLE_FAULTS);
            return (
                code,
                "a floating-point exception that is not masked".to_owned(),
            );
        }
        ExceptionKind::Breakpoint => {
            let code = fault.unhandled(STATUS_BREAKPOINT);
            return (code, "breakpoint without a debugger".to_owned());
        }
        ExceptionKind::Hang => {
            let what =
                "runs without end and calls nobody: nothing that it looks at changes".to_owned();
            return ("hang".into(), what);
        }
    };
    if let Some(described) = address::describe_system_data(fault, &access) {
        return described;
    }
    let described = address::describe_pageable(state, fault, by_driver);
    let described = described.unwrap_or_else(|| address::describe_address(state, fault, by_driver));
    let (code, place) = described;
    (code, format!("{access} {place}"))
}
