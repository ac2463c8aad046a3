// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations: who made and ended them and where, who waits for their end; and
//! how many there were of each role, and pending at a time.

use std::fmt::Write as _;

use nmr::abi::{NPIID, STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Event, Phase, RegistrationId, Side};

use crate::findings::caller::caller;
use crate::kernel::State;
use crate::loader::drivers::Site;

/// A registration, for as long as the cycle runs.
#[derive(Debug)]
pub(crate) struct Registration {
    side: Side,
    npi: Option<NPIID>,
    /// The place that registered it.
    made: Option<Site>,
    /// The place that deregistered it.
    ended: Option<Site>,
}

/// Follows what happens to registrations.
pub(crate) fn follow(state: &mut State, event: &Event) {
    let Some(id) = event.registration else {
        return;
    };
    let thread = state.scheduling.current_id();
    match (event.call, event.phase) {
        (Call::Register, Phase::Leave(STATUS_SUCCESS)) => {
            let made = caller(state);
            let known = entry(state, id, event);
            known.made = made;
        }
        (Call::Deregister, Phase::Enter) => {
            let ended = caller(state);
            let known = entry(state, id, event);
            known.ended = known.ended.or(ended);
        }
        (Call::Wait, Phase::Enter) => {
            state.nmr.waits.insert(thread, id);
        }
        (Call::Wait, Phase::Leave(_)) => {
            state.nmr.waits.remove(&thread);
        }
        _ => {}
    }
}

fn entry<'a>(state: &'a mut State, id: RegistrationId, event: &Event) -> &'a mut Registration {
    let known = state.nmr.registrations.entry(id);
    known.or_insert(Registration {
        side: event.side,
        npi: event.npi,
        made: None,
        ended: None,
    })
}

/// `the Client of echo {..}, registered at .., deregistered at ..`.
pub(crate) fn describe(state: &State, id: RegistrationId) -> String {
    let Some(known) = state.nmr.registrations.get(&id) else {
        return format!("registration {}", id.0);
    };
    let mut text = format!("the registration of a {}", role(known.side));
    if let Some(npi) = known.npi {
        let _ = write!(text, " of NPI {npi}");
    }
    for (how, site) in [("registered", known.made), ("deregistered", known.ended)] {
        if let Some(site) = site {
            let _ = write!(text, ", {how} at {}", state.loader.drivers.show(site));
        }
    }
    text
}

const fn role(side: Side) -> &'static str {
    match side {
        Side::Provider => "provider",
        Side::Client => "client",
    }
}

/// Counts what happens to a registration.
pub(crate) fn count(state: &mut State, event: &Event) {
    let Some(registration) = event.registration else {
        return;
    };
    match (event.call, event.phase) {
        (Call::Register, Phase::Leave(STATUS_SUCCESS)) => {
            match event.side {
                Side::Provider => state.counts.registrations_provider += 1,
                Side::Client => state.counts.registrations_client += 1,
            }
            record_role(state, event);
        }
        (Call::Deregister, Phase::Enter) => {
            let owner = state
                .loader
                .drivers
                .site(event.code)
                .map(|site| site.driver);
            let met = state.nmr.deregistrations.begin(registration.0, owner);
            state.counts.deregistrations_overlapped += u64::from(met.any);
            state.counts.deregistrations_overlapped_within += u64::from(met.own);
        }
        (Call::Deregister, Phase::Leave(status)) if status != STATUS_PENDING => {
            state.nmr.deregistrations.end(registration.0);
        }
        (Call::Wait, Phase::Leave(_)) => state.nmr.deregistrations.end(registration.0),
        _ => {}
    }
}

/// Records the role of an image in an NPI.
fn record_role(state: &mut State, event: &Event) {
    let (Some(site), Some(npi)) = (state.loader.drivers.site(event.code), event.npi) else {
        return;
    };
    let role = role(event.side);
    let image = state.loader.drivers[site.driver].image.name().to_owned();
    let roles = state.counts.registered.entry(image).or_default();
    roles.insert(format!("{role} of {npi}"));
}
