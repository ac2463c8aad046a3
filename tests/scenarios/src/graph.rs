// SPDX-License-Identifier: MIT OR Apache-2.0

//! The possible state transitions of two modules, and which of them race, derived from the
//! guarantees of NMR, not from observations.
//!
//! # Design
//!
//! A small model of one provider and one client makes the transitions of NMR's documents: a
//! module registers in its `DriverEntry`; the registration of the later of the two offers the
//! binding before it returns; the provider accepts before the client's attach callback
//! returns; a deregistration detaches both sides and cleans up both, and only then does the
//! wait for it return. All reachable states of the model are visited. A transition of a run
//! that the model excludes is an error in the run or in the model.
//!
//! # Limits
//!
//! Nothing fails in the model: a transition that only a fault causes (loading > absent) is not
//! counted as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::instance::Role;
use crate::stage::Stage;

/// A state transition of one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The module.
    pub role: Role,
    /// The state before it.
    pub from: Stage,
    /// The state after it.
    pub to: Stage,
}

/// A state transition of one module while its peer is in some state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transition {
    /// The transition.
    pub edge: Edge,
    /// The state of the peer.
    pub peer: Stage,
}

/// Edges of two modules, one right after the other. They race if they can also
/// be taken the other way round from the same stages.
pub type EdgePair = [Edge; 2];

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.role.service(), self.from, self.to)
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, peer {}", self.edge, self.peer)
    }
}

/// The number of times that each transition was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransitionCounts {
    /// Each transition, by the state of the peer.
    pub transitions: BTreeMap<Transition, u64>,
    /// Two edges, one right after the other.
    pub pairs: BTreeMap<EdgePair, u64>,
}

impl TransitionCounts {
    /// Adds the counts of another cycle.
    pub fn add(&mut self, other: &Self) {
        for (transition, count) in &other.transitions {
            *self.transitions.entry(*transition).or_default() += count;
        }
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
    }

    /// Names each transition, and each two of them, one right after the other.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let transitions = self.transitions.keys();
        let transitions = transitions.map(|it| format!("{}, peer {}", it.edge, it.peer));
        let pairs = self.pairs.keys();
        transitions.chain(pairs.map(|[one, other]| format!("{one}, then {other}")))
    }
}

/// The reason why two edges do not race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRace {
    /// The modules are never at once where these edges begin.
    Apart,
    /// One of them only ever follows the other.
    Ordered,
    /// Each keeps the other from being taken.
    Exclusive,
}

impl fmt::Display for NoRace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apart => "the modules are never at once where these begin",
            Self::Ordered => "one is only possible after the other",
            Self::Exclusive => "neither is possible right after the other",
        })
    }
}

/// All that two modules can do.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Every transition, by the state of the peer.
    pub transitions: BTreeSet<Transition>,
    /// Edges of the two that can follow each other, racing or not.
    follows: BTreeSet<EdgePair>,
    /// The stages in which they can be at once, the provider's first.
    stages: BTreeSet<[Stage; 2]>,
}

impl Graph {
    /// Explores the model.
    #[must_use]
    pub fn explore() -> Self {
        let mut graph = Self {
            transitions: BTreeSet::new(),
            follows: BTreeSet::new(),
            stages: BTreeSet::new(),
        };
        let mut seen = BTreeSet::new();
        let mut left = vec![Model::START];
        while let Some(model) = left.pop() {
            if !seen.insert(model) {
                continue;
            }
            graph.stages.insert(Role::ALL.map(|role| model.stage(role)));
            for next in model.moves() {
                if let Some(transition) = model.transition(next) {
                    graph.transitions.insert(transition);
                    let after = next.transitions_after();
                    let peers = after
                        .iter()
                        .filter(|edge| edge.role != transition.edge.role);
                    graph
                        .follows
                        .extend(peers.map(|edge| [transition.edge, *edge]));
                }
                left.push(next);
            }
        }
        graph
    }

    /// Every edge.
    #[must_use]
    pub fn edges(&self) -> BTreeSet<Edge> {
        self.transitions
            .iter()
            .map(|transition| transition.edge)
            .collect()
    }

    /// Every two edges that race, each both ways round.
    pub fn races(&self) -> impl Iterator<Item = EdgePair> {
        let both = |&&[one, other]: &&EdgePair| self.follows.contains(&[other, one]);
        self.follows.iter().filter(both).copied()
    }

    /// Every provider's edge and client's edge that do not race.
    pub fn impossible(&self) -> impl Iterator<Item = (EdgePair, NoRace)> {
        let of = |role| self.edges().into_iter().filter(move |it| it.role == role);
        of(Role::Provider)
            .flat_map(move |provider| of(Role::Client).map(move |client| [provider, client]))
            .filter_map(|pair| Some((pair, self.why_not(pair)?)))
    }

    fn why_not(&self, [one, other]: EdgePair) -> Option<NoRace> {
        let follows = [[one, other], [other, one]].map(|pair| self.follows.contains(&pair));
        if follows == [true, true] {
            None
        } else if !self.stages.contains(&[one.from, other.from]) {
            Some(NoRace::Apart)
        } else if follows == [false, false] {
            Some(NoRace::Exclusive)
        } else {
            Some(NoRace::Ordered)
        }
    }
}

/// How far a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Absent,
    /// `DriverEntry` runs.
    Entering,
    /// It still runs, `NmrRegister...` has been called.
    Registering,
    Up,
    /// `DriverUnload` runs.
    Leaving,
    /// `NmrDeregister...` has been called.
    Deregistering,
    /// The wait for it has returned.
    Free,
}

/// How far the binding of the two is. What is said of both sides is said of the
/// provider first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    None,
    /// The client is asked, on the thread of a module that registers.
    Offered(Role),
    /// The provider has accepted.
    Accepted(Role),
    Bound(Role),
    /// Which sides' detach callbacks have been called.
    Detaching([bool; 2]),
    /// Which sides are cleaned up.
    Cleaning([bool; 2]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    life: [Life; 2],
    link: Link,
    /// The modules that were attached since they were loaded.
    met: [bool; 2],
}

const fn index(role: Role) -> usize {
    match role {
        Role::Provider => 0,
        Role::Client => 1,
    }
}

impl Model {
    const START: Self = Self {
        life: [Life::Absent; 2],
        link: Link::None,
        met: [false; 2],
    };

    fn stage(self, role: Role) -> Stage {
        let side = index(role);
        match (self.life[side], self.link) {
            (Life::Absent, _) => Stage::Absent,
            (Life::Leaving | Life::Deregistering | Life::Free, _) => Stage::Unloading,
            (_, Link::Accepted(_)) if role == Role::Provider => Stage::Attached,
            (_, Link::Detaching(called)) if called[side] => Stage::Detaching,
            (_, Link::Bound(_) | Link::Detaching(_)) => Stage::Attached,
            (_, Link::Cleaning(cleaned)) if !cleaned[side] => Stage::Detaching,
            (Life::Entering | Life::Registering, _) if !self.met[side] => Stage::Loading,
            _ => Stage::Idle,
        }
    }

    /// The state transition that a move makes, if it makes one.
    fn transition(self, next: Self) -> Option<Transition> {
        let moved = |role: &Role| self.stage(*role) != next.stage(*role);
        let role = Role::ALL.into_iter().find(moved)?;
        Some(Transition {
            edge: Edge {
                role,
                from: self.stage(role),
                to: next.stage(role),
            },
            peer: self.stage(role.peer()),
        })
    }

    /// The transitions that can follow, after any moves that make none.
    fn transitions_after(self) -> BTreeSet<Edge> {
        let mut edges = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left = vec![self];
        while let Some(model) = left.pop() {
            if seen.insert(model) {
                for next in model.moves() {
                    match model.transition(next) {
                        Some(transition) => _ = edges.insert(transition.edge),
                        None => left.push(next),
                    }
                }
            }
        }
        edges
    }

    fn moves(self) -> Vec<Self> {
        let mut moves = self.link_moves();
        for role in Role::ALL {
            self.life_moves(role, &mut moves);
        }
        moves
    }

    /// A module has deregistered.
    fn is_doomed(self) -> bool {
        self.life.contains(&Life::Deregistering)
    }

    fn life_moves(self, role: Role, moves: &mut Vec<Self>) {
        let side = index(role);
        let peer = self.life[index(role.peer())];
        let mut go = |life, link| {
            let mut next = self;
            next.life[side] = life;
            next.link = link;
            if life == Life::Entering {
                next.met[side] = false;
            }
            moves.push(next);
        };
        match self.life[side] {
            Life::Absent => go(Life::Entering, self.link),
            Life::Entering => match peer {
                Life::Registering | Life::Up | Life::Leaving => {
                    go(Life::Registering, Link::Offered(role));
                }
                _ => go(Life::Registering, self.link),
            },
            Life::Registering => {
                let busy = match self.link {
                    Link::Offered(by) | Link::Accepted(by) => by == role,
                    Link::Bound(by) => by == role && self.is_doomed(),
                    _ => false,
                };
                if !busy {
                    go(Life::Up, self.link);
                }
            }
            Life::Up => go(Life::Leaving, self.link),
            Life::Leaving => go(Life::Deregistering, self.link),
            Life::Deregistering => {
                if self.link == Link::None {
                    go(Life::Free, self.link);
                }
            }
            Life::Free => go(Life::Absent, self.link),
        }
    }

    fn link_moves(self) -> Vec<Self> {
        let with = |link| Self { link, ..self };
        let each = |done: [bool; 2], link: fn([bool; 2]) -> Link, then| {
            let left = (0..2).filter(move |side| !done[*side]);
            let moves = left.map(move |side| {
                let mut done = done;
                done[side] = true;
                with(if done == [true; 2] { then } else { link(done) })
            });
            moves.collect::<Vec<_>>()
        };
        let met = |link, role| {
            let mut next = with(link);
            next.met[index(role)] = true;
            next
        };
        match self.link {
            // One that is offered too late is refused.
            Link::Offered(by) => [
                Some(met(Link::Accepted(by), Role::Provider)),
                self.is_doomed().then(|| with(Link::None)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Link::Accepted(by) => vec![met(Link::Bound(by), Role::Client)],
            Link::Bound(_) if self.is_doomed() => vec![with(Link::Detaching([false; 2]))],
            Link::None | Link::Bound(_) => Vec::new(),
            Link::Detaching(called) => each(called, Link::Detaching, Link::Cleaning([false; 2])),
            Link::Cleaning(cleaned) => each(cleaned, Link::Cleaning, Link::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_those_of_a_modules_life() {
        let edges = Graph::explore().edges();
        for role in Role::ALL {
            for (from, to) in Stage::EDGES {
                let edge = Edge { role, from, to };
                assert!(edges.contains(&edge), "{edge}");
            }
        }
        assert_eq!(edges.len(), 2 * Stage::EDGES.len(), "{edges:#?}");
    }

    #[test]
    fn what_nmr_rules_out_is_not_possible() {
        let graph = Graph::explore();
        let together = |one, other| graph.stages.contains(&[one, other]);
        // A binding has two ends.
        assert!(!together(Stage::Attached, Stage::Absent));
        assert!(!together(Stage::Detaching, Stage::Absent));
        // Only a deregistration, which happens in an unload, ends a binding.
        assert!(!together(Stage::Detaching, Stage::Attached));
        assert!(together(Stage::Detaching, Stage::Unloading));
        // The provider accepts first.
        assert!(together(Stage::Attached, Stage::Idle));
        assert!(!together(Stage::Idle, Stage::Attached));
    }

    #[test]
    fn a_race_goes_both_ways_and_every_other_pair_has_a_reason() {
        let graph = Graph::explore();
        let races: BTreeSet<_> = graph.races().collect();
        for [one, other] in &races {
            assert!(races.contains(&[*other, *one]));
        }
        let edges = Stage::EDGES.len();
        assert_eq!(races.len() / 2 + graph.impossible().count(), edges * edges);
        let unload = |role| Edge {
            role,
            from: Stage::Attached,
            to: Stage::Unloading,
        };
        assert!(races.contains(&[unload(Role::Client), unload(Role::Provider)]));
    }
}
