// SPDX-License-Identifier: MIT OR Apache-2.0

//! Looking through the tables. Unlike everything else here it costs their
//! length, so it is for diagnosis only.

use alloc::vec::Vec;
use core::ops::Range;

use super::State;
use crate::binding::{Phase, Stand};
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
                code: registration.module.code,
                module: registration.module.characteristics.module_guid(),
                npi: registration.npi.into(),
                deregistering: registration.deregistering,
            })
            .collect()
    }

    pub(crate) fn holdups(&self) -> Vec<Holdup> {
        let mut holdups = Vec::new();
        for binding in self.bindings.iter() {
            for side in [Side::Client, Side::Provider] {
                let end = binding.end(side);
                let pended = end.stand == Stand::Pended && !end.reported;
                if pended || end.stand == Stand::Leaving {
                    let module = self.registrations.at(end.registration).module;
                    holdups.push(Holdup {
                        binding: binding.id,
                        side,
                        registration: module.id,
                        code: module.code,
                        module: module.characteristics.module_guid(),
                        pended,
                    });
                }
            }
        }
        holdups
    }

    /// The modules with registered structures in `memory`, and those with
    /// binding contexts in it.
    pub(crate) fn owners_in(
        &self,
        memory: &Range<usize>,
    ) -> (Vec<Module>, Vec<(Module, BindingId)>) {
        let registrations = self
            .registrations
            .iter()
            .filter(|registration| !registration.waited)
            .map(|registration| registration.module)
            .filter(|module| memory.contains(&module.characteristics.address()))
            .collect();
        let mut contexts = Vec::new();
        for binding in self.bindings.iter() {
            if matches!(binding.phase, Phase::Cleaning | Phase::Cleaned) {
                continue;
            }
            for side in [Side::Client, Side::Provider] {
                let end = binding.end(side);
                if end.bound() && memory.contains(&end.context.addr()) {
                    contexts.push((self.registrations.at(end.registration).module, binding.id));
                }
            }
        }
        (registrations, contexts)
    }

    pub(crate) fn end_of(&self, binding: BindingId, side: Side) -> Option<Module> {
        let binding = self
            .bindings
            .iter()
            .find(|candidate| candidate.id == binding)?;
        let registration = binding.end(side).registration;
        Some(self.registrations.at(registration).module)
    }
}
