// SPDX-License-Identifier: MIT OR Apache-2.0

//! From something that went wrong to a finding that names the driver.
//!
//! Codes are those of Windows and Driver Verifier where they have one.

use iced_x86::Code::Int_imm8;
use pe_unwind_info::x86_64::Register;
use registrar::finding::Finding as Breach;
use scenarios::Finding;
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_BREAKPOINT, STATUS_ILLEGAL_INSTRUCTION,
    STATUS_INTEGER_DIVIDE_BY_ZERO, STATUS_PRIVILEGED_INSTRUCTION,
};

use crate::calls::thunk::Call;
use crate::findings::bug_check::Code;
use crate::hardware::arena::{PAGE, POOL, STACKS};
use crate::hardware::irql::{self, DISPATCH_LEVEL};
use crate::hardware::stack;
use crate::hardware::trap::{Fault, Kind};
use crate::kernel::{State, with};
use crate::loader::drivers::{Life, Site};
use crate::memory::pool::{Hold, tag_text};
use crate::scheduling::scheduler::{ThreadId, Waitable, terminate};

/// Ends the cycle with a finding against who made the innermost call.
pub(crate) fn stop(code: impl Into<Code>, what: String) -> ! {
    let code = code.into();
    with(|state| state.report(code, what, state.caller()));
    terminate()
}

/// Ends the cycle with a finding against `site`.
pub(crate) fn stop_at(code: impl Into<Code>, what: String, site: Option<Site>) -> ! {
    let code = code.into();
    with(|state| state.report(code, what, site));
    terminate()
}

/// Ends the cycle with a finding of the registrar's against `site`.
pub(crate) fn stop_by_rule(breach: &Breach, site: Option<Site>) -> ! {
    with(|state| {
        state.report(Code::rule(breach.rule), breach.what.clone(), site);
        if let Some(finding) = &mut state.finding {
            finding.history = breach.history.iter().map(ToString::to_string).collect();
        }
    });
    terminate()
}

/// What the rule says that a finding of this code is a breach of.
fn rule_text(code: &str) -> Option<String> {
    let number = code.strip_prefix('R')?.parse().ok()?;
    let rule = registrar::rules::rule(number)?;
    Some(format!("{} ({})", rule.text, rule.source))
}

impl State {
    /// Takes note of a finding; a cycle has at most one.
    pub(crate) fn report(&mut self, code: impl Into<Code>, what: String, site: Option<Site>) {
        let thread = self.scheduler.current_id();
        self.report_on(thread, None, code.into(), what, site);
    }

    /// Takes note of a finding that a thread shows, where a fault stopped it or
    /// in the innermost call that it makes.
    fn report_on(
        &mut self,
        thread: ThreadId,
        fault: Option<&Fault>,
        code: Code,
        what: String,
        site: Option<Site>,
    ) {
        if self.finding.is_some() {
            return;
        }
        let finding = Finding {
            rule: rule_text(&code.name).unwrap_or_default(),
            code: code.name.into_owned(),
            parameters: code.parameters.map(|all| all.map(|one| one as u64)),
            what,
            driver: site.map_or_else(String::new, |site| {
                self.drivers[site.driver].image.name().to_owned()
            }),
            instance: site.map_or(1, |site| self.drivers[site.driver].instance.number),
            offset: site.and_then(|site| site.offset),
            place: site.and_then(|site| self.drivers.place(site)),
            cycle: self.cycle,
            seed: self.seed,
            thread: self.scheduler.thread(thread).name.clone(),
            stack: self.stack(thread, fault),
            history: Vec::new(),
            count: 1,
        };
        self.trace(|_| format!("FINDING {finding}"));
        for frame in &finding.stack {
            self.trace(|_| format!("  in {frame}"));
        }
        self.finding = Some(finding);
    }

    /// A thread stopped with an exception.
    pub(crate) fn report_fault(&mut self, fault: &Fault) {
        let place = self.drivers.site(fault.rip);
        let site = self
            .took_back(fault)
            .or(place)
            .or_else(|| self.withdrew_from_nmr(fault))
            .or_else(|| self.jumped_from(fault))
            .or_else(|| self.caller());
        let (code, what) = match place {
            Some(site) if self.drivers[site.driver].life == Life::Gone => {
                let name = self.drivers[site.driver].name();
                (
                    fault.access("0xCE"),
                    format!("{name} was unloaded and is still executed"),
                )
            }
            _ => self.describe(fault),
        };
        let via = match self.scheduler.current().frames.last() {
            Some(frame) if place.is_none() => {
                format!(", in {}", self.show_call(frame))
            }
            _ => String::new(),
        };
        let thread = self.scheduler.current_id();
        self.report_on(thread, Some(fault), code, what + &via, site);
    }

    /// The instruction of a driver that led to a fault: the simulated kernel's
    /// own are elsewhere in every run.
    fn culprit(&self, fault: &Fault) -> usize {
        if fault.kind == Kind::Execute || self.drivers.site(fault.rip).is_some() {
            return fault.rip;
        }
        let frame = self.scheduler.current().frames.last();
        frame.map_or(0, |frame| frame.home)
    }

    /// Who took memory away from NMR that it was still entitled to (R2): not
    /// the module that happened to call it.
    fn withdrew_from_nmr(&self, fault: &Fault) -> Option<Site> {
        let frame = self.scheduler.current().frames.last()?;
        if !matches!(frame.call, Call::Import { export, .. } if export.name.starts_with("Nmr")) {
            return None;
        }
        let gone = |site: &Site| self.drivers[site.driver].life == Life::Gone;
        if let Some(site) = self.drivers.site(fault.address).filter(gone) {
            return Some(site);
        }
        let block = POOL
            .contains(&fault.address)
            .then(|| self.pool.near(fault.address))??;
        match block.hold {
            Hold::Freed(by) => by,
            Hold::InUse => None,
        }
    }

    /// Who freed memory that was lent to the module that now touches it.
    fn took_back(&self, fault: &Fault) -> Option<Site> {
        let block = POOL
            .contains(&fault.address)
            .then(|| self.pool.near(fault.address))??;
        let lent = self.loans.within(block.start..block.start + block.size);
        match block.hold {
            Hold::Freed(by) if lent => by,
            _ => None,
        }
    }

    /// Where a call to an address that is no code came from.
    fn jumped_from(&self, fault: &Fault) -> Option<Site> {
        if fault.kind != Kind::Execute {
            return None;
        }
        let home = self.stacks.read(fault.registers.rsp())?;
        self.drivers.site(usize::try_from(home).ok()?)
    }

    fn describe(&self, fault: &Fault) -> (Code, String) {
        let by_driver = self.drivers.site(fault.rip).is_some() || self.jumped_from(fault).is_some();
        let fault = &Fault {
            rip: self.culprit(fault),
            ..*fault
        };
        let access = match fault.kind {
            Kind::Read => "read",
            Kind::Write => "wrote to",
            Kind::Execute => "jumped to",
            Kind::Protection => return self.describe_protection(fault, by_driver),
            Kind::IllegalInstruction => {
                let code = fault.unhandled(STATUS_ILLEGAL_INSTRUCTION);
                return (code, "illegal instruction".to_owned());
            }
            Kind::Arithmetic => {
                let code = fault.unhandled(STATUS_INTEGER_DIVIDE_BY_ZERO);
                return (code, "division by zero or overflow".to_owned());
            }
            Kind::Breakpoint => {
                let code = fault.unhandled(STATUS_BREAKPOINT);
                return (code, "breakpoint without a debugger".to_owned());
            }
            Kind::Hang => {
                let what = "runs without end and calls nobody".to_owned();
                return ("hang".into(), what);
            }
        };
        let described = self.describe_pageable(fault, by_driver);
        let described = described.unwrap_or_else(|| self.describe_address(fault, by_driver));
        let (code, place) = described;
        (code, format!("{access} {place}"))
    }

    /// Where it is no privileged instruction, Windows makes an access violation
    /// of what the processor does not say more about.
    fn describe_protection(&self, fault: &Fault, by_driver: bool) -> (Code, String) {
        /// The interrupt by which compiled code stops when it finds itself
        /// corrupted.
        const FAST_FAIL: u8 = 0x29;

        let instruction = by_driver
            .then(|| self.drivers.instruction(fault.rip))
            .flatten();
        match instruction {
            Some(int) if int.code() == Int_imm8 && int.immediate8() == FAST_FAIL => {
                let reason = fault.registers.of(Register::RCX);
                let number = usize::try_from(reason).unwrap_or(usize::MAX);
                let code = ("0x139", [number, 0, 0, 0]);
                (code.into(), format!("fast fail with code {reason}"))
            }
            Some(instruction) if instruction.is_privileged() => {
                let code = fault.unhandled(STATUS_PRIVILEGED_INSTRUCTION);
                (code, "privileged instruction".to_owned())
            }
            _ => {
                let code = fault.unhandled(STATUS_ACCESS_VIOLATION);
                let what = "touched an address that cannot exist or is not aligned";
                (code, what.to_owned())
            }
        }
    }

    /// The bug check for touching what is not there at too high an IRQL: another
    /// one where the kernel did so.
    fn at_high_irql(&self, fault: &Fault, by_driver: bool) -> Option<Code> {
        let irql = self.scheduler.current().irql;
        let name = if by_driver { "0xD1" } else { "0xA" };
        let parameters = [
            fault.address,
            usize::from(irql),
            fault.operation(),
            fault.rip,
        ];
        (irql >= DISPATCH_LEVEL).then(|| (name, parameters).into())
    }

    /// What is at an address of pageable memory, and the bug check for touching
    /// it.
    fn describe_pageable(&self, fault: &Fault, by_driver: bool) -> Option<(Code, String)> {
        let (address, irql) = (fault.address, self.scheduler.current().irql);
        if !self.pageable.contains(address) {
            return None;
        }
        let code = self.at_high_irql(fault, by_driver)?;
        let place = match (self.drivers.site(address), self.pool.near(address)) {
            (Some(site), _) => format!("the pageable {}", self.drivers.show(site)),
            (None, Some(block)) => {
                let owner = block.owner.map(|owner| self.drivers.show(owner));
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
        Some((code, format!("{place}, at {}", irql::name(irql))))
    }

    /// The bug check for an access to `address`, and what is there.
    fn describe_address(&self, fault: &Fault, by_driver: bool) -> (Code, String) {
        let address = fault.address;
        if stack::is_guard(address) {
            /// The number of the double fault.
            const DOUBLE_FAULT: usize = 8;
            let code = ("0x7F", [DOUBLE_FAULT, 0, 0, 0]);
            return (code.into(), "beyond its stack: it overflowed".to_owned());
        }
        if let Some(site) = self.drivers.site(address) {
            let driver = &self.drivers[site.driver];
            let place = self.drivers.show(site);
            let mut discardable = driver.image.discardable(driver.base);
            let discarded = discardable.any(|pages| pages.contains(&address));
            return match (driver.life, fault.kind) {
                (Life::Gone, _) => (fault.access("0xCE"), format!("{place}, which was unloaded")),
                _ if discarded => (
                    fault.access("0x50"),
                    format!("{place}, which was discarded after DriverEntry"),
                ),
                (_, Kind::Write) => {
                    let code = ("0xBE", [address, 0, 0, 0]);
                    (code.into(), format!("{place}, which is read-only"))
                }
                (_, Kind::Execute) => {
                    let code = ("0xFC", [address, 0, 0, 0]);
                    (code.into(), format!("{place}, which is not code"))
                }
                _ => (
                    fault.page_fault(),
                    format!("{place}, which is not readable"),
                ),
            };
        }
        if POOL.contains(&address)
            && let Some(block) = self.pool.near(address)
        {
            let by = |site: Option<Site>| {
                site.map_or_else(|| "the kernel".to_owned(), |site| self.drivers.show(site))
            };
            let description = format!(
                "{:#x} bytes with tag {} allocated by {}",
                block.size,
                tag_text(block.tag),
                by(block.owner)
            );
            let offset = address.wrapping_sub(block.start).cast_signed();
            return match block.hold {
                Hold::Freed(freed)
                    if address < (block.start + block.size).next_multiple_of(PAGE) =>
                {
                    (
                        fault.access("0xCC"),
                        format!(
                            "offset {offset:#x} of {description}, which {} freed",
                            by(freed)
                        ),
                    )
                }
                _ => (
                    fault.access("0xCD"),
                    format!("offset {offset:#x} of {description}: beyond its end"),
                ),
            };
        }
        let at_low_irql = || match address {
            0..0x1_0000 => fault.unhandled(STATUS_ACCESS_VIOLATION),
            _ => fault.page_fault(),
        };
        let code = self.at_high_irql(fault, by_driver);
        let code = code.unwrap_or_else(at_low_irql);
        let place = match address {
            0 => "address 0".to_owned(),
            1..0x1_0000 => format!("address {address:#x}: a null pointer"),
            _ if STACKS.contains(&address) => "a stack that is not in use".to_owned(),
            _ => format!("address {address:#x}, where nothing is"),
        };
        (code, place)
    }

    /// Nobody can run, and time does not help.
    pub(crate) fn report_deadlock(&mut self) {
        let what = format!("nobody can go on: {}", self.show_stuck());
        self.report_blocked(what);
    }

    /// The cycle does not come to an end, although threads run.
    pub(crate) fn report_endless(&mut self) {
        match self.show_stuck() {
            stuck if stuck.is_empty() => {
                let what = "the cycle does not end: threads keep running".to_owned();
                self.report("livelock", what, self.caller());
            }
            stuck => self.report_blocked(format!("the cycle does not end: {stuck}")),
        }
    }

    /// Shows the last thread that entered a wait it cannot leave, and where it
    /// did so: the first ones are those that wait for a driver.
    ///
    /// Where a side owes the end of a detach it is to blame, whoever waits.
    fn report_blocked(&mut self, what: String) {
        let threads = self.scheduler.threads.iter().enumerate().rev();
        let mut blocked = threads.filter(|(_, thread)| thread.blocked_on().is_some());
        let last = blocked.find_map(|(index, thread)| {
            let site = self.origin(thread.frames.last()?)?;
            Some((ThreadId(index), site))
        });
        let (thread, site) = last.unzip();
        let debt = self.watch.owing().next();
        let site = debt.map_or(site, |debt| self.drivers.site(debt.code));
        let site = site.or_else(|| self.requests.unanswered());
        let site = site.or_else(|| self.file_kept());
        let thread = thread.unwrap_or_else(|| self.scheduler.current_id());
        self.report_on(thread, None, "deadlock".into(), what, site);
    }

    /// Who waits for what, and who owes the end of a detach.
    fn show_stuck(&self) -> String {
        let threads = self.scheduler.threads.iter();
        let stuck = threads.filter_map(|thread| {
            let on = thread.blocked_on()?;
            Some(format!(
                "{} waits for {}",
                thread.name,
                self.show_waitable(on)
            ))
        });
        let owed = self.watch.owing().map(|debt| debt.to_string());
        stuck.chain(owed).collect::<Vec<_>>().join("; ")
    }

    /// What a thread waits for, in words.
    pub(crate) fn show_waitable(&self, on: Waitable) -> String {
        match on {
            Waitable::Nothing => "time".to_owned(),
            Waitable::Stage => "a module's next stage".to_owned(),
            Waitable::Door(_) => "the end of a deregistration".to_owned(),
            Waitable::Thread(id) => format!("thread {}", self.scheduler.thread(id).name),
            Waitable::Object(address) => self.show_object(address),
            Waitable::Files(driver) => {
                let driver = self.drivers[driver].name();
                format!("the end of the last open file of {driver}")
            }
            Waitable::Pointers(address) => {
                let by = self.handles.pointer_to(address);
                let by = by.map_or_else(String::new, |by| self.drivers.show(by));
                format!("the end of the reference to a file object that {by} has taken")
            }
        }
    }

    fn show_object(&self, address: usize) -> String {
        if let Some((to, name)) = self.requests.owed(address) {
            let to = to.map_or_else(String::new, |to| self.drivers.show(to));
            return format!("the completion of an {name} that was sent to {to}");
        }
        let is_it = |index: &usize| self.scheduler.threads[*index].object == address;
        if let Some(index) = (0..self.scheduler.threads.len()).find(is_it) {
            return self.show_waitable(Waitable::Thread(ThreadId(index)));
        }
        if let Some(site) = self.drivers.site(address) {
            return format!("the object at {}", self.drivers.show(site));
        }
        match self.pool.near(address) {
            Some(block) => format!(
                "the object at {:#x} of a block with tag {}",
                address.wrapping_sub(block.start),
                tag_text(block.tag)
            ),
            None => format!("the object at {address:#x}"),
        }
    }
}
