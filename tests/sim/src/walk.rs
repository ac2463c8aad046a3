// SPDX-License-Identifier: MIT OR Apache-2.0

//! The walk of the two modules through the graph of their states: which edges
//! were taken, and where the peer was meanwhile.

use registrar::host::{Call, Event, Phase, Side};
use scenarios::{Role, Stage};
use shared_npi::nmr::abi::STATUS_SUCCESS;

use crate::kernel::State;

/// Where both modules are, and the edges taken.
#[derive(Debug)]
pub(crate) struct Walk {
    provider: Stage,
    client: Stage,
    /// Who went from where to where, and the stage of the peer.
    pub(crate) edges: Vec<(Role, Stage, Stage, Stage)>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            provider: Stage::Absent,
            client: Stage::Absent,
            edges: Vec::new(),
        }
    }
}

impl Walk {
    const fn stage(&mut self, role: Role) -> &mut Stage {
        match role {
            Role::Provider => &mut self.provider,
            Role::Client => &mut self.client,
        }
    }

    /// A module comes to a stage.
    pub(crate) fn go(&mut self, role: Role, to: Stage) {
        let peer = *self.stage(role.peer());
        let from = std::mem::replace(self.stage(role), to);
        if from != to {
            self.edges.push((role, from, to, peer));
        }
    }

    /// A module comes to a stage, if it is in one of some others.
    pub(crate) fn go_from(&mut self, role: Role, from: &[Stage], to: Stage) {
        if from.contains(self.stage(role)) {
            self.go(role, to);
        }
    }
}

impl State {
    /// Follows what happens in the registrar.
    pub(crate) fn walk(&mut self, event: &Event) {
        let role = match event.side {
            Side::Client => Role::Client,
            Side::Provider => Role::Provider,
        };
        let walk = &mut self.walk;
        match (event.call, event.phase) {
            (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) => {
                walk.go_from(role, &[Stage::Loading, Stage::Idle], Stage::Attached);
            }
            (Call::DetachCallback, Phase::Enter) => {
                walk.go_from(role, &[Stage::Attached], Stage::Detaching);
            }
            (Call::CleanupCallback, Phase::Leave(_)) => {
                walk.go_from(role, &[Stage::Detaching], Stage::Idle);
            }
            _ => {}
        }
    }
}
