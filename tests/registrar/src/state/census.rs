// SPDX-License-Identifier: MIT OR Apache-2.0

//! Searches of the tables, for diagnosis only: unlike everything else here they take
//! time proportional to the tables' length.

use alloc::vec::Vec;
use core::ops::Range;

use super::State;
use crate::binding::{Binding, Phase};
use crate::host::{BindingId, Side};
use crate::inspect::{Holdup, LiveRegistration};
use crate::registration::Module;

impl<C> State<C> {
    pub(crate) fn live(&self) -> Vec<LiveRegistration> {
        self.registrations
            .iter()
            .filter(|registration| !registration.waited)
            .map(|registration| LiveRegistration {
                id: registration.module.id,
                side: registration.module.side(),
                code: registration.module.code(),
                npi: registration.module.npi.into(),
                deregistering: registration.deregistering,
            })
            .collect()
    }

    pub(crate) fn holdups(&self) -> Vec<Holdup> {
        let mut holdups = Vec::new();
        for binding in self.bindings.iter() {
            let going = |side| {
                let own = binding.end(side).registration;
                self.registrations.at(own).deregistering
            };
            if binding.phase == Phase::Offered && !going(Side::Client) && !going(Side::Provider) {
                continue;
            }
            for side in [Side::Client, Side::Provider] {
                if let Some(doing) = binding.doing(side) {
                    let module = self.module_at(binding, side);
                    holdups.push(Holdup {
                        binding: binding.id,
                        side,
                        registration: module.id,
                        peer: self.module_at(binding, side.peer()).id,
                        code: module.code(),
                        doing,
                        thread: binding.callback_thread(side),
                    });
                }
            }
        }
        holdups
    }

    fn module_at(&self, binding: &Binding, side: Side) -> Module {
        self.registrations.at(binding.end(side).registration).module
    }

    /// The modules with binding contexts in `memory` whose cleanup has not begun.
    pub(crate) fn bound_in(&self, memory: &Range<usize>) -> Vec<(Module, BindingId)> {
        let mut contexts = Vec::new();
        for binding in self.bindings.iter() {
            for side in [Side::Client, Side::Provider] {
                let end = binding.end(side);
                if end.bound() && memory.contains(&end.context.addr()) {
                    contexts.push((self.module_at(binding, side), binding.id));
                }
            }
        }
        contexts
    }
}
