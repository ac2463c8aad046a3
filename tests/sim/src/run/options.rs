// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which images a run loads, and how its cycles are run.

use std::rc::Rc;

use registrar::knobs::{KernelChoice, Knobs};
use scenarios::Role;

use crate::loader::image::Image;
use crate::scheduling::strategy::Strategy;
use crate::verifier::faults::Faults;

/// The images that a cycle loads.
#[derive(Clone, Debug)]
pub struct Images {
    /// The provider.
    pub provider: Rc<Image>,
    /// The client.
    pub client: Rc<Image>,
}

impl Images {
    pub(crate) fn of(&self, role: Role) -> &Rc<Image> {
        match role {
            Role::Provider => &self.provider,
            Role::Client => &self.client,
        }
    }
}

/// How cycles are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The scheduling strategy.
    pub strategy: Strategy,
    /// Whether threads are preempted inside driver code, too.
    pub preempt: bool,
    /// The injected faults.
    pub faults: Faults,
    /// Who answers what the documents leave open.
    pub kernel: KernelChoice,
    /// The answers to open points that are fixed for all cycles.
    pub knobs: Knobs,
}
