// SPDX-License-Identifier: MIT OR Apache-2.0

//! The walk of each two modules through the graph of their stages: which edges
//! were taken, and where the peer was meanwhile.
//!
//! A module comes and goes once for all of its peers, but attaches and detaches
//! with each: so its stage is one towards a peer, and each provider with each
//! client makes a walk of its own.

use std::collections::{BTreeMap, BTreeSet};

use registrar::host::{BindingId, Call, Event, Phase, Side};
use scenarios::{Instance, Role, Stage};
use shared_npi::nmr::abi::STATUS_SUCCESS;

use crate::kernel::State;

/// A provider and a client.
type Pair = [Instance; 2];

/// Where all modules are, and the edges taken.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The stages of both towards each other.
    pairs: BTreeMap<Pair, [Stage; 2]>,
    /// The modules at the ends of each binding.
    ends: BTreeMap<BindingId, [Option<Instance>; 2]>,
    /// Who went from where to where, and the stage of the peer.
    pub(crate) edges: Vec<(Role, Stage, Stage, Stage)>,
}

const fn index(role: Role) -> usize {
    match role {
        Role::Provider => 0,
        Role::Client => 1,
    }
}

impl Walk {
    /// Nobody is there yet.
    pub(crate) fn new(instances: &BTreeSet<Instance>) -> Self {
        let of = |role| instances.iter().filter(move |it| it.role == role);
        let pairs = of(Role::Provider)
            .flat_map(|&provider| of(Role::Client).map(move |&client| [provider, client]));
        Self {
            pairs: pairs.map(|pair| (pair, [Stage::Absent; 2])).collect(),
            ends: BTreeMap::new(),
            edges: Vec::new(),
        }
    }

    /// A module comes to a stage towards all of its peers.
    pub(crate) fn go(&mut self, instance: Instance, to: Stage) {
        self.go_from(instance, &Stage::ALL, to);
    }

    /// A module comes to a stage towards those peers for which it is in one of
    /// some others.
    pub(crate) fn go_from(&mut self, instance: Instance, from: &[Stage], to: Stage) {
        for (pair, stages) in &mut self.pairs {
            if pair.contains(&instance) {
                self.edges.extend(step(stages, instance.role, from, to));
            }
        }
    }

    /// An end of a binding comes to a stage towards the other end.
    fn go_at(&mut self, binding: BindingId, role: Role, from: &[Stage], to: Stage) {
        if let Some(&[Some(provider), Some(client)]) = self.ends.get(&binding)
            && let Some(stages) = self.pairs.get_mut(&[provider, client])
        {
            self.edges.extend(step(stages, role, from, to));
        }
    }
}

/// The edge that leads there, unless the module is in none of `from`.
fn step(
    stages: &mut [Stage; 2],
    role: Role,
    from: &[Stage],
    to: Stage,
) -> Option<(Role, Stage, Stage, Stage)> {
    let stage = &mut stages[index(role)];
    if !from.contains(stage) || *stage == to {
        return None;
    }
    let from = std::mem::replace(stage, to);
    Some((role, from, to, stages[index(role.peer())]))
}

impl State {
    /// Follows what happens in the registrar.
    pub(crate) fn walk(&mut self, event: &Event) {
        let Some(binding) = event.binding else {
            return;
        };
        let role = match event.side {
            Side::Client => Role::Client,
            Side::Provider => Role::Provider,
        };
        let module = self.drivers.site(event.code);
        let module = module.map(|site| self.drivers[site.driver].instance);
        let walk = &mut self.walk;
        match (event.call, event.phase) {
            (Call::AttachCallback, Phase::Enter) => {
                walk.ends.entry(binding).or_default()[index(role)] = module;
            }
            (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) => {
                let from = [Stage::Loading, Stage::Idle];
                walk.go_at(binding, role, &from, Stage::Attached);
            }
            (Call::DetachCallback, Phase::Enter) => {
                walk.go_at(binding, role, &[Stage::Attached], Stage::Detaching);
            }
            (Call::CleanupCallback, Phase::Leave(_)) => {
                walk.go_at(binding, role, &[Stage::Detaching], Stage::Idle);
            }
            _ => {}
        }
    }
}
