// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state transitions of each provider with each client, and the state of the peer
//! at each of them.
//!
//! A module is loaded and unloaded once for all of its peers, but attaches to each and
//! detaches from each. So its state is one towards a peer, and transitions are
//! followed for each pair of a provider and a client.
//!
//! A provider and a client by the roles that their images are loaded for are a pair
//! from the start, any other two drivers from their first binding. Only the NPI of a
//! pair's first binding is followed, in the roles of the pair: a driver may provide
//! that NPI and be a client of another.

use std::collections::{BTreeMap, BTreeSet};

use nmr::abi::{NPIID, STATUS_SUCCESS};
use registrar::host::{BindingId, Call, Event, Phase};
use scenarios::{Edge, Instance, Role, Stage, TraceKind, Transition, TransitionCounts};

use crate::kernel::State;
use crate::nmr::trace;
use crate::scheduling::Waitable;

/// A provider and a client, by their roles in the pair.
type InstancePair = [Instance; 2];

/// A transition of a module of a pair.
type Taken = (InstancePair, Edge);

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

/// The role of an instance in a pair, if it belongs to that.
fn role_in([provider, client]: InstancePair, instance: Instance) -> Option<Role> {
    if provider == instance {
        Some(Role::Provider)
    } else {
        (client == instance).then_some(Role::Client)
    }
}

impl Transitions {
    /// The start of a cycle: every module is absent.
    pub(crate) fn new(instances: &BTreeSet<Instance>) -> Self {
        let of = |role| instances.iter().filter(move |it| it.role == role);
        let pairs = of(Role::Provider)
            .flat_map(|&provider| of(Role::Client).map(move |&client| [provider, client]));
        Self {
            pairs: pairs
                .map(|pair| (pair, PairState::at([Stage::Absent; 2])))
                .collect(),
            ends: BTreeMap::new(),
            counts: TransitionCounts::default(),
        }
    }

    /// Returns `true` if a module is at a stage towards some peer.
    pub(crate) fn is_at(&self, instance: Instance, stage: Stage) -> bool {
        let mut pairs = self.pairs.iter();
        pairs.any(|(instances, pair)| {
            role_in(*instances, instance).is_some_and(|role| pair.stages[index(role)] == stage)
        })
    }

    /// A module comes to a stage towards those peers for which it is in one of
    /// some others.
    fn go_from(&mut self, instance: Instance, from: &[Stage], to: Stage) -> Vec<Taken> {
        let counts = &mut self.counts;
        let pairs = self.pairs.iter_mut();
        let taken = pairs.filter_map(|(instances, pair)| {
            let role = role_in(*instances, instance)?;
            let edge = pair.step(role, from, to, counts)?;
            Some((*instances, edge))
        });
        taken.collect()
    }

    /// Follows the two drivers of a binding from now on, unless they are a pair
    /// already: they have just attached.
    fn add_pair(&mut self, binding: BindingId) {
        if let Some(&[Some(provider), Some(client)]) = self.ends.get(&binding)
            && provider != client
            && !self.pairs.contains_key(&[client, provider])
        {
            let new = || PairState::at([Stage::Idle; 2]);
            self.pairs.entry([provider, client]).or_insert_with(new);
        }
    }

    /// An end of a binding of this NPI comes to a stage towards the other end.
    fn go_at(
        &mut self,
        at: (BindingId, NPIID),
        role: Role,
        from: &[Stage],
        to: Stage,
    ) -> Option<Taken> {
        let (binding, npi) = at;
        if let Some(&[Some(provider), Some(client)]) = self.ends.get(&binding)
            && let Some(pair) = self.pairs.get_mut(&[provider, client])
            && *pair.npi.get_or_insert(npi) == npi
        {
            let edge = pair.step(role, from, to, &mut self.counts)?;
            return Some(([provider, client], edge));
        }
        None
    }
}

impl PairState {
    /// A pair that no binding has been followed of.
    const fn at(stages: [Stage; 2]) -> Self {
        Self {
            stages,
            last: None,
            npi: None,
        }
    }

    /// A module comes to a stage, if it is in one of some others.
    fn step(
        &mut self,
        role: Role,
        from: &[Stage],
        to: Stage,
        counts: &mut TransitionCounts,
    ) -> Option<Edge> {
        let stage = &mut self.stages[index(role)];
        if !from.contains(stage) || *stage == to {
            return None;
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
        Some(edge)
    }
}

/// Follows what happens in the registrar.
pub(crate) fn follow(state: &mut State, event: &Event) {
    let (Some(binding), Some(npi)) = (event.binding, event.npi) else {
        return;
    };
    let role = trace::role(event.side);
    let module = state.loader.drivers.site(event.code);
    let module = module.map(|site| state.loader.drivers[site.driver].instance);
    let transitions = &mut state.nmr.transitions;
    let at = (binding, npi);
    let taken = match (event.call, event.phase) {
        (Call::AttachCallback, Phase::Enter) => {
            transitions.ends.entry(binding).or_default()[index(role)] = module;
            transitions.add_pair(binding);
            None
        }
        (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) => {
            let from = [Stage::Loading, Stage::Idle];
            transitions.go_at(at, role, &from, Stage::Attached)
        }
        (Call::DetachCallback, Phase::Enter) => {
            transitions.go_at(at, role, &[Stage::Attached], Stage::Detaching)
        }
        (Call::CleanupCallback, Phase::Leave(_)) => {
            transitions.go_at(at, role, &[Stage::Detaching], Stage::Idle)
        }
        _ => return,
    };
    record(state, taken);
    state.scheduling.wake_all(Waitable::Stage);
}

/// Adds the transitions that were taken to the trace.
fn record(state: &State, taken: impl IntoIterator<Item = Taken>) {
    for (pair, edge) in taken {
        state.record(|_| TraceKind::Transition {
            service: pair[index(edge.role)].to_string(),
            peer: pair[index(edge.role.peer())].to_string(),
            from: edge.from,
            to: edge.to,
        });
    }
}

/// Records a transition that a load or an unload of the module makes.
pub(crate) fn enter_stage(state: &mut State, instance: Instance, from: &[Stage], to: Stage) {
    let taken = state.nmr.transitions.go_from(instance, from, to);
    record(state, taken);
    state.scheduling.wake_all(Waitable::Stage);
}
