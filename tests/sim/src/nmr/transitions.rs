// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state transitions of each provider with each client, and the state of the peer
//! at each of them.
//!
//! A module is loaded and unloaded once for all of its peers, but attaches to each and
//! detaches from each. So its state is one towards a peer, and transitions are
//! followed for each pair of a provider and a client.
//!
//! Only the NPI of a pair's first binding is followed, in the roles that the images
//! are loaded for: a driver may provide that NPI and be a client of another.

use std::collections::{BTreeMap, BTreeSet};

use nmr::abi::{NPIID, STATUS_SUCCESS};
use registrar::host::{BindingId, Call, Event, Phase, Side};
use scenarios::{Edge, Instance, Role, Stage, Transition, TransitionCounts};

use crate::kernel::State;
use crate::scheduling::Waitable;

/// A provider and a client.
type InstancePair = [Instance; 2];

/// The states of a pair.
#[derive(Debug)]
struct PairState {
    /// The stages of both towards each other.
    stages: [Stage; 2],
    /// The edge taken last.
    last: Option<Edge>,
    /// The NPI of their first binding.
    npi: Option<NPIID>,
}

/// The states of all modules, and the transitions so far.
#[derive(Debug)]
pub(crate) struct Transitions {
    pairs: BTreeMap<InstancePair, PairState>,
    /// The bindings that are followed, and the modules at their ends.
    ends: BTreeMap<BindingId, [Option<Instance>; 2]>,
    pub(crate) counts: TransitionCounts,
}

const fn index(role: Role) -> usize {
    match role {
        Role::Provider => 0,
        Role::Client => 1,
    }
}

impl Transitions {
    /// The start of a cycle: every module is absent.
    pub(crate) fn new(instances: &BTreeSet<Instance>) -> Self {
        let of = |role| instances.iter().filter(move |it| it.role == role);
        let pairs = of(Role::Provider)
            .flat_map(|&provider| of(Role::Client).map(move |&client| [provider, client]));
        let begin = |instances| {
            let stages = [Stage::Absent; 2];
            (
                instances,
                PairState {
                    stages,
                    last: None,
                    npi: None,
                },
            )
        };
        Self {
            pairs: pairs.map(begin).collect(),
            ends: BTreeMap::new(),
            counts: TransitionCounts::default(),
        }
    }

    /// Returns `true` if a module is at a stage towards some peer.
    pub(crate) fn is_at(&self, instance: Instance, stage: Stage) -> bool {
        self.pairs.iter().any(|(instances, pair)| {
            instances.contains(&instance) && pair.stages[index(instance.role)] == stage
        })
    }

    /// A module comes to a stage towards those peers for which it is in one of
    /// some others.
    fn go_from(&mut self, instance: Instance, from: &[Stage], to: Stage) {
        for (instances, pair) in &mut self.pairs {
            if instances.contains(&instance) {
                pair.step(instance.role, from, to, &mut self.counts);
            }
        }
    }

    /// An end of a binding of this NPI comes to a stage towards the other end.
    fn go_at(&mut self, at: (BindingId, NPIID), role: Role, from: &[Stage], to: Stage) {
        let (binding, npi) = at;
        if let Some(&[Some(provider), Some(client)]) = self.ends.get(&binding)
            && let Some(pair) = self.pairs.get_mut(&[provider, client])
            && *pair.npi.get_or_insert(npi) == npi
        {
            pair.step(role, from, to, &mut self.counts);
        }
    }
}

impl PairState {
    /// A module comes to a stage, if it is in one of some others.
    fn step(&mut self, role: Role, from: &[Stage], to: Stage, counts: &mut TransitionCounts) {
        let stage = &mut self.stages[index(role)];
        if !from.contains(stage) || *stage == to {
            return;
        }
        let from = std::mem::replace(stage, to);
        let edge = Edge { role, from, to };
        let peer = self.stages[index(role.peer())];
        *counts
            .transitions
            .entry(Transition { edge, peer })
            .or_default() += 1;
        if let Some(last) = self.last.replace(edge)
            && last.role != role
        {
            *counts.pairs.entry([last, edge]).or_default() += 1;
        }
    }
}

/// Follows what happens in the registrar.
pub(crate) fn follow(state: &mut State, event: &Event) {
    let (Some(binding), Some(npi)) = (event.binding, event.npi) else {
        return;
    };
    let role = match event.side {
        Side::Client => Role::Client,
        Side::Provider => Role::Provider,
    };
    let module = state.loader.drivers.site(event.code);
    let module = module.map(|site| state.loader.drivers[site.driver].instance);
    if module.is_some_and(|module| module.role != role) {
        return;
    }
    let transitions = &mut state.nmr.transitions;
    let at = (binding, npi);
    match (event.call, event.phase) {
        (Call::AttachCallback, Phase::Enter) => {
            transitions.ends.entry(binding).or_default()[index(role)] = module;
        }
        (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) => {
            let from = [Stage::Loading, Stage::Idle];
            transitions.go_at(at, role, &from, Stage::Attached);
        }
        (Call::DetachCallback, Phase::Enter) => {
            transitions.go_at(at, role, &[Stage::Attached], Stage::Detaching);
        }
        (Call::CleanupCallback, Phase::Leave(_)) => {
            transitions.go_at(at, role, &[Stage::Detaching], Stage::Idle);
        }
        _ => return,
    }
    state.scheduling.wake_all(Waitable::Stage);
}

/// Records a transition that a load or an unload of the module makes.
pub(crate) fn enter_stage(state: &mut State, instance: Instance, from: &[Stage], to: Stage) {
    state.nmr.transitions.go_from(instance, from, to);
    state.scheduling.wake_all(Waitable::Stage);
}
