// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the registrations of each role, the attaches of each image, and the
//! deregistrations that were pending at a time.

use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Event, Phase, Side};
use scenarios::Role;

use crate::kernel::State;

/// Counts what happens to a registration.
pub(crate) fn count(state: &mut State, event: &Event) {
    if (event.call, event.phase) == (Call::AttachCallback, Phase::Leave(STATUS_SUCCESS)) {
        record_attach(state, event);
    }
    let Some(registration) = event.registration else {
        return;
    };
    match (event.call, event.phase) {
        (Call::Register, Phase::Leave(STATUS_SUCCESS)) => {
            match event.side {
                Side::Provider => state.counts.registrations_provider += 1,
                Side::Client => state.counts.registrations_client += 1,
            }
            if let Some(npi) = event.npi {
                state.counts.npi(npi.to_u128()).registrations += 1;
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
    let role = match event.side {
        Side::Provider => Role::Provider,
        Side::Client => Role::Client,
    };
    if !state.nmr.registered.contains(&(role, npi)) {
        state.nmr.registered.push((role, npi));
    }
    let image = state.loader.drivers[site.driver].image.name().to_owned();
    let roles = state.counts.registered.entry(image).or_default();
    roles.insert(format!("{} of {npi}", role.service()));
}

/// Records that an image has attached.
fn record_attach(state: &mut State, event: &Event) {
    if let Some(site) = state.loader.drivers.site(event.code) {
        let image = state.loader.drivers[site.driver].image.name().to_owned();
        *state.counts.attached.entry(image).or_default() += 1;
    }
}
