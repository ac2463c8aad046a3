// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar's host in a real kernel.

use core::ffi::c_void;

use native::event::Event as KernelEvent;
use native::lock::SpinLock;
use native::system::KeBugCheckEx;
use native::{irql, print, thread};
use nmr::abi::{NPIID, STATUS_SUCCESS};
use registrar::finding::Finding;
use registrar::host::{BindingId, Call, Completion, Event, Host, Lock, Phase, Side};
use registrar::knobs::{self, Knob};
use shared_npi::echo::ECHO_NPI_ID;
use shared_npi::telemetry::TELEMETRY_NPI_ID;

use crate::random::Random;
use crate::ring::Ring;
use crate::stubs::Stubs;

/// The NPIs whose calls are counted: their dispatch tables begin with their size, and
/// nothing but functions follows. Of any other NPI the layout is its modules' affair, and
/// they get each other's own tables.
const COUNTED: [NPIID; 2] = [ECHO_NPI_ID, TELEMETRY_NPI_ID];

/// What Windows is known to accept, and shipped drivers do: it is noted. A bug check would
/// stop the machine.
const TOLERATED: [Knob; 2] = [Knob::CompleteBeforeDetach, Knob::InstanceVersion];

/// What the registrar keeps beside its tables.
pub(crate) struct Kernel {
    pub(crate) random: Random,
    pub(crate) ring: Ring,
    pub(crate) stubs: Stubs,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        Self {
            random: Random::new(),
            ring: Ring::new(),
            stubs: Stubs::new(),
        }
    }
}

/// A spin lock, as the registrar asks for it.
pub(crate) struct KernelLock<T>(SpinLock<T>);

impl<T> Lock<T> for KernelLock<T> {
    fn new(value: T) -> Self {
        Self(SpinLock::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        self.0.with(body)
    }
}

/// An event, as the registrar asks for it.
pub(crate) struct KernelWaitObject(KernelEvent);

impl Completion for KernelWaitObject {
    fn new() -> Self {
        Self(KernelEvent::new())
    }

    fn set(&self) {
        self.0.set();
    }

    fn wait(&self) {
        self.0.wait();
    }
}

impl Host for Kernel {
    type Lock<T> = KernelLock<T>;
    type Completion = KernelWaitObject;

    fn irql(&self) -> u8 {
        irql::current()
    }

    fn raise_irql(&self, irql: u8) -> u8 {
        irql::raise(irql)
    }

    fn lower_irql(&self, irql: u8) {
        irql::lower(irql);
    }

    fn thread(&self) -> u64 {
        thread::current()
    }

    fn draw(&self, knob: Knob, answers: u32) -> u32 {
        let kernel = if TOLERATED.contains(&knob) {
            knobs::Kernel::Windows
        } else {
            knobs::Kernel::Documents
        };
        let fixed = kernel.answer(knob);
        fixed.unwrap_or_else(|| self.random.below(answers))
    }

    fn interpose(
        &self,
        binding: BindingId,
        npi: NPIID,
        owner: Side,
        _context: *mut c_void,
        table: *const c_void,
    ) -> *const c_void {
        if COUNTED.contains(&npi) {
            self.stubs.interpose(binding, npi.to_u128(), owner, table)
        } else {
            table
        }
    }

    fn observe(&self, event: &Event) {
        self.ring.add(event);
        if let (Some(binding), Phase::Leave(status)) = (event.binding, event.phase) {
            let over = match event.call {
                Call::CleanupCallback => true,
                Call::AttachCallback => status != STATUS_SUCCESS,
                _ => false,
            };
            if over {
                self.stubs.release(binding, event.side.peer());
            }
        }
    }

    fn report(&self, finding: Finding) {
        print::line(format_args!("netio: {finding}"));
        for moment in &finding.history {
            print::line(format_args!("netio:   before: {moment}"));
        }
        stop(finding.rule, finding.code);
    }

    fn note(&self, note: Finding) {
        print::line(format_args!("netio: note: {note}"));
    }
}

/// Stops the machine for a breach of `rule` by the module with `code`.
pub(crate) fn stop(rule: u8, code: usize) -> ! {
    const NMR_INVALID_STATE: u32 = 0x125;
    // SAFETY: callable at any IRQL.
    unsafe { KeBugCheckEx(NMR_INVALID_STATE, usize::from(rule), code, 0, 0) }
}
