// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrar's surroundings, with checks off and on.

use registrar::Registrar;
use registrar::finding::Finding;
use registrar::host::{Event, Host, Lock};
use registrar::knobs::Knob;
use registrar::process::{Process, ThreadCompletion};

/// A host to measure, and its name.
pub(crate) trait Named: Host + Sync + 'static {
    const NAME: &'static str;

    /// A registrar whose `NmrDeregister...` answers `STATUS_PENDING`, as Windows' does.
    fn registrar() -> Registrar<Self>;
}

/// What a kernel has: a spin lock, taken by one atomic operation.
pub(crate) struct SpinLock<T>(spin::Mutex<T>);

impl<T> Lock<T> for SpinLock<T> {
    fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.lock())
    }
}

/// Nothing but the registrar.
pub(crate) struct Bare;

impl Host for Bare {
    const CHECKED: bool = false;
    type Lock<T> = SpinLock<T>;
    type Completion = ThreadCompletion;

    fn irql(&self) -> u8 {
        0
    }

    fn thread(&self) -> u64 {
        0
    }

    fn draw(&self, _: Knob, _: u32) -> u32 {
        0
    }

    fn observe(&self, _: &Event) {}

    fn report(&self, _: Finding) {}
}

impl Named for Bare {
    const NAME: &'static str = "checks off";

    fn registrar() -> Registrar<Self> {
        Registrar::new(Self)
    }
}

/// As shipped: events, histories, drawn answers.
impl Named for Process {
    const NAME: &'static str = "checks on";

    fn registrar() -> Registrar<Self> {
        let process = Self::new(0);
        process.fix(Knob::DeregisterWhenIdle, Some(0));
        Registrar::new(process)
    }
}
