// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rules for modules, by number: a finding with the code `R29` is a breach of the
//! 29th.
//!
//! The sources are those of the conformance suite
//! (`tests/registrar/tests/suite/conformance/mod.rs`). What the registrar
//! cannot see, memory, images and locks, its host checks.

/// A rule of NMR's for modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What a module must do, or what it must survive.
    pub text: &'static str,
    /// Where it is written, or what it follows from.
    pub source: &'static str,
}

/// The rule of that number, counted from 1.
#[must_use]
pub fn rule(number: u8) -> Option<&'static Rule> {
    RULES.get(usize::from(number).checked_sub(1)?)
}

const fn new(text: &'static str, source: &'static str) -> Rule {
    Rule { text, source }
}

/// All of them, R1 first.
pub const RULES: [Rule; 38] = [
    new(
        "Version 0, Length/Size = sizeof, required pointers non-NULL",
        "D3, N5",
    ),
    new(
        "Characteristics, ids, NPI data, registration context live and unchanged until Wait returns",
        "D1, D3",
    ),
    new("Those structures and callbacks are resident", "D1, N5"),
    new("IRQL limits per function", "D1"),
    new(
        "IRQL limits per callback; detach/cleanup must not block",
        "D2",
    ),
    new(
        "Callbacks may run before Register returns; state ready first",
        "W1",
    ),
    new(
        "Attach-then-detach inside Register must be survivable",
        "INF",
    ),
    new(
        "NmrClientAttachProvider only in ClientAttachProvider, own live binding handle, same thread",
        "D1",
    ),
    new("Retry only after failure; never after success", "W1"),
    new(
        "ClientAttachProvider returns exactly the last NmrClientAttachProvider status; NOINTERFACE if not called",
        "D2, N1",
    ),
    new(
        "Never accept (provider SUCCESS) then fail on the client side",
        "D2",
    ),
    new("Validate before NmrClientAttachProvider", "INF"),
    new(
        "No STATUS_PENDING / unknown success codes from attach",
        "D2",
    ),
    new(
        "Provider sets *ProviderBindingContext (and dispatch) on SUCCESS",
        "D2",
    ),
    new(
        "No call to client dispatch inside ProviderAttachClient",
        "INF",
    ),
    new(
        "Failed attach: client frees own context; no cleanup callback",
        "D1",
    ),
    new("Detach callback returns only SUCCESS or PENDING", "D2"),
    new("No new outgoing call after detach callback entry", "N3, N4"),
    new(
        "SUCCESS or Complete only with zero in-flight outgoing calls (incl. pended)",
        "N3, N4, N8",
    ),
    new(
        "PENDING obliges exactly one Complete; SUCCESS obliges none",
        "D1, D2",
    ),
    new(
        "Complete may race ahead of the PENDING return, but not of the detach callback",
        "D1, CODE",
    ),
    new(
        "Right handle kind: binding handle of own side, not registration handle, not peer's",
        "D1, B1",
    ),
    new(
        "No handle reuse: after Wait (registration) or after cleanup (binding)",
        "D1",
    ),
    new(
        "Detach callback at most once per binding and side",
        "W2, N3",
    ),
    new(
        "Cleanup only after both sides completed; once; after that no access",
        "D2",
    ),
    new("Do not free the binding context before cleanup", "D1, D2"),
    new(
        "Context/dispatch stay usable for incoming calls until cleanup",
        "D1, D2",
    ),
    new(
        "Wait only after Deregister; Wait required before unload or free",
        "D1, N6",
    ),
    new("Unload returns only with zero registrations left", "D1, N6"),
    new(
        "Check Deregister result for PENDING, tolerate only PENDING as success on Windows",
        "D1, CODE",
    ),
    new(
        "No Wait while holding a lock that a detach/cleanup/attach callback needs, nor from a callback",
        "INF",
    ),
    new(
        "Callbacks for different peers may overlap; per-peer state",
        "N10",
    ),
    new(
        "Late comer: deregister during attach must still detach that binding",
        "ISSUE",
    ),
    new("Both sides deregister concurrently", "W2"),
    new("Any detach order, any cleanup order is legal", "D2, N7"),
    new(
        "Register and NmrClientAttachProvider failures handled, handle not used after",
        "D1",
    ),
    new(
        "Check ModuleId/Number/NPI data when several providers share an NPI",
        "N1",
    ),
    new(
        "In-progress counter must be atomic with the detaching flag",
        "N8",
    ),
];

#[cfg(test)]
mod tests {
    use super::{RULES, rule};

    #[test]
    fn rules_are_counted_from_one() {
        assert_eq!(rule(1), RULES.first());
        assert_eq!(rule(38), RULES.last());
        assert_eq!(rule(0), None);
        assert_eq!(rule(39), None);
    }
}
