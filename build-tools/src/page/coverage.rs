// SPDX-License-Identifier: MIT OR Apache-2.0

//! The coverage of a run as heat maps: which states of the two modules met, which state
//! transitions were made beside which state of the peer, and which of them raced.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use scenarios::{Coverage, Covered, Edge, EdgePair, Graph, NoRace, Report, Role, Stage};

use super::number::shade;
use super::wide;
use crate::terminal::grouped;

/// A cell of a heat map.
enum Cell {
    /// It is possible and happened so often.
    Count(u64),
    /// It is possible either way round: the provider first, and the client first.
    Either(u64, u64),
    /// It is not possible; the mark of the reason.
    Impossible(&'static str),
}

/// What the run did, beside all that is possible.
struct Map<'a> {
    report: &'a Report,
    graph: Graph,
}

/// The heat maps of a run.
pub(super) fn maps(report: &Report, coverage: &Coverage) -> Markup {
    let map = Map {
        report,
        graph: Graph::explore(),
    };
    html! {
        p {
            (sentence(&coverage.transitions, "state transitions, by state of the peer")) " "
            (sentence(&coverage.races, "racing transitions, by order")) " "
            "A possible cell that was never reached is outlined; – is not possible."
        }
        (map.states())
        @for role in Role::ALL { (map.transitions(role)) }
        (map.races())
        p {
            "A cell has two counts: how often the provider's transition was the first of the two, \
             and how often the client's was. No race is possible in the others: "
            @for (index, why) in [NoRace::Apart, NoRace::Ordered, NoRace::Exclusive].into_iter().enumerate() {
                @if index > 0 { "; " }
                strong { (mark(why)) } " " (why)
            }
            "."
        }
    }
}

fn sentence(part: &Covered, what: &str) -> String {
    format!("{} of {} {what}.", part.covered, part.possible)
}

/// The mark of a pair of transitions that do not race.
const fn mark(why: NoRace) -> &'static str {
    match why {
        NoRace::Apart => "A",
        NoRace::Ordered => "O",
        NoRace::Exclusive => "E",
    }
}

fn name(role: Role) -> &'static str {
    role.service()
}

fn arrow(edge: Edge) -> String {
    format!("{} > {}", edge.from, edge.to)
}

impl Map<'_> {
    /// How often a transition was made beside a state of the peer.
    fn count(&self, edge: Edge, peer: Stage) -> u64 {
        let peers = self.report.edges.get(&edge.to_string());
        let count = peers.and_then(|peers| peers.get(&peer.to_string()));
        count.copied().unwrap_or_default()
    }

    /// How often the second transition was made right after the first.
    fn followed(&self, [one, other]: EdgePair) -> u64 {
        let others = self.report.pairs.get(&one.to_string());
        let count = others.and_then(|others| others.get(&other.to_string()));
        count.copied().unwrap_or_default()
    }

    /// Which states of both modules met.
    fn states(&self) -> Markup {
        let cell = |provider: Stage, client: Stage| {
            let ends = [
                (Role::Provider, provider, client),
                (Role::Client, client, provider),
            ];
            let into = ends.into_iter().flat_map(|(role, to, peer)| {
                let from = Stage::ALL.into_iter();
                from.map(move |from| (Edge { role, from, to }, peer))
            });
            let count = into
                .clone()
                .map(|(edge, peer)| self.count(edge, peer))
                .sum();
            let possible = |(edge, peer): (Edge, Stage)| {
                let mut known = self.graph.transitions.iter();
                known.any(|it| it.edge == edge && it.peer == peer)
            };
            match count {
                0 if !into.clone().any(possible) => Cell::Impossible("–"),
                _ => Cell::Count(count),
            }
        };
        let cells = Stage::ALL.map(|provider| {
            let cells = Stage::ALL.map(|client| cell(provider, client));
            (provider.to_string(), Vec::from(cells))
        });
        let heads: Vec<_> = Stage::ALL.iter().map(ToString::to_string).collect();
        heat_map(
            "States that met: how often the two modules came into them",
            "provider \\ client",
            &heads,
            &cells,
        )
    }

    /// The transitions of a role, by the state of the peer.
    fn transitions(&self, role: Role) -> Markup {
        let possible = &self.graph.transitions;
        let row = |edge: Edge| {
            let cell = |peer: Stage| {
                let mut known = possible.iter();
                match self.count(edge, peer) {
                    0 if !known.any(|it| it.edge == edge && it.peer == peer) => {
                        Cell::Impossible("–")
                    }
                    count => Cell::Count(count),
                }
            };
            (arrow(edge), Vec::from(Stage::ALL.map(cell)))
        };
        let rows: Vec<_> = edges(role).map(row).collect();
        let heads: Vec<_> = Stage::ALL.iter().map(ToString::to_string).collect();
        let caption = format!(
            "State transitions of the {}, by the state of the {}",
            name(role),
            name(role.peer())
        );
        let corner = format!("{} \\ {}", name(role), name(role.peer()));
        heat_map(&caption, &corner, &heads, &rows)
    }

    /// Which transitions raced, and in which order.
    fn races(&self) -> Markup {
        let races: BTreeSet<EdgePair> = self.graph.races().collect();
        let reasons: BTreeMap<EdgePair, NoRace> = self.graph.impossible().collect();
        let row = |provider: Edge| {
            let cell = |client: Edge| {
                if races.contains(&[provider, client]) {
                    Cell::Either(
                        self.followed([provider, client]),
                        self.followed([client, provider]),
                    )
                } else {
                    let why = reasons.get(&[provider, client]);
                    Cell::Impossible(why.map_or("–", |why| mark(*why)))
                }
            };
            (arrow(provider), edges(Role::Client).map(cell).collect())
        };
        let rows: Vec<_> = edges(Role::Provider).map(row).collect();
        let heads: Vec<_> = edges(Role::Client).map(arrow).collect();
        heat_map(
            "Racing transitions: provider first / client first",
            "provider \\ client",
            &heads,
            &rows,
        )
    }
}

/// The transitions of a role if nothing fails.
fn edges(role: Role) -> impl Iterator<Item = Edge> {
    let edges = Stage::EDGES.into_iter();
    edges.map(move |(from, to)| Edge { role, from, to })
}

/// A table whose cells are shaded by their counts.
fn heat_map(caption: &str, corner: &str, heads: &[String], rows: &[(String, Vec<Cell>)]) -> Markup {
    let counts = rows.iter().flat_map(|(_, cells)| cells);
    let most = counts.map(|cell| match cell {
        Cell::Count(count) => *count,
        Cell::Either(one, other) => *one.min(other),
        Cell::Impossible(_) => 0,
    });
    let most = most.max().unwrap_or_default();
    let rows = html! {
        thead {
            tr {
                td { (corner) }
                @for head in heads { th scope="col" { (head) } }
            }
        }
        tbody.heat {
            @for (name, cells) in rows {
                tr {
                    th scope="row" { (name) }
                    @for cell in cells { (heat_cell(cell, most)) }
                }
            }
        }
    };
    wide(caption, &rows)
}

fn heat_cell(cell: &Cell, most: u64) -> Markup {
    let shaded = |count: u64| format!("heat-{}", shade(count, most));
    match cell {
        Cell::Count(count) => html! { td.(shaded(*count)) { (grouped(*count)) } },
        Cell::Either(one, other) => html! {
            td.(shaded(*one.min(other))) { (grouped(*one)) " / " (grouped(*other)) }
        },
        Cell::Impossible(mark) => html! { td.impossible { (mark) } },
    }
}

#[cfg(test)]
mod tests {
    use scenarios::{Transition, TransitionCounts};

    use super::*;

    fn html_of(transitions: &[Transition], pairs: &[EdgePair]) -> String {
        let mut counts = TransitionCounts::default();
        counts
            .transitions
            .extend(transitions.iter().map(|it| (*it, 7)));
        counts.pairs.extend(pairs.iter().map(|pair| (*pair, 3)));
        let mut report = Report::new("sim", 7, 1);
        report.add_transitions(&counts);
        maps(&report, &Coverage::of(&report)).into_string()
    }

    #[test]
    fn every_possible_cell_is_shown_and_what_was_not_reached_is_outlined() {
        let graph = Graph::explore();
        let races = graph.races().count() / 2;
        let text = html_of(&[], &[]);
        assert_eq!(
            text.matches("<td class=\"heat-0\">0 / 0</td>").count(),
            races
        );
        let outlined = text.matches("<td class=\"heat-0\">0</td>").count();
        assert!(outlined > graph.transitions.len(), "{outlined}");

        let transitions: Vec<_> = graph.transitions.iter().copied().collect();
        let pairs: Vec<_> = graph.races().collect();
        let text = html_of(&transitions, &pairs);
        assert!(!text.contains("heat-0"), "{text}");
        assert!(text.contains(">3 / 3<"), "{text}");
    }

    #[test]
    fn the_order_of_a_race_is_told() {
        let graph = Graph::explore();
        let is_provider_first = |pair: &EdgePair| pair[0].role == Role::Provider;
        let pair = graph.races().find(is_provider_first).expect("a race");
        let text = html_of(&[], &[pair]);
        assert!(text.contains("<td class=\"heat-0\">3 / 0</td>"), "{text}");
    }
}
