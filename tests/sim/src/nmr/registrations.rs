// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registrations: who made and ended them and where, who waits for their end; and
//! how many there were of each role and attached to each image, and pending at a time.

use nmr::abi::{NPIID, STATUS_PENDING, STATUS_SUCCESS};
use npi_description::NpiId;
use registrar::host::{BindingId, Call, Event, Phase, RegistrationId, Side};
use scenarios::Role;

use crate::findings::caller::caller;
use crate::kernel::State;
use crate::loader::drivers::{DriverId, Site};
use crate::nmr::registered;
use crate::scheduling::clocks::Sync;
use crate::verifier::{driver_call, races};

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
        (Call::DetachComplete, Phase::Enter) => {
            if let (Some(binding), Some(site)) = (event.binding, caller(state)) {
                let of = (binding, role(event.side));
                state.nmr.completions.insert(of, site);
            }
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

/// Follows the calls of callbacks.
pub(crate) fn follow_callback(state: &mut State, event: &Event) {
    if !event.call.is_callback() {
        return;
    }
    if event.phase != Phase::Enter {
        let what = driver_call::end(state);
        races::end_routine(state, &what, event.code, &[]);
        state.scheduling.release(Sync::Nmr);
        return;
    }
    let known = event
        .registration
        .and_then(|id| state.nmr.registrations.get(&id));
    let made = known.and_then(|known| known.made);
    // Until its registration returns, it is the caller's.
    let by = made.or_else(|| caller(state));
    let what = callback(event.side, event.call);
    state.scheduling.acquire(Sync::Nmr);
    races::begin_routine(state, what, event.code, &[]);
    driver_call::begin(state, what.into(), event.code, by);
}

/// The name of a callback in the characteristics.
const fn callback(side: Side, call: Call) -> &'static str {
    let [attach, detach, cleanup] = registered::fields(role(side));
    match call {
        Call::AttachCallback => attach,
        Call::DetachCallback => detach,
        _ => cleanup,
    }
}

/// The place that last reported the end of a side's detach.
pub(crate) fn completed_at(state: &State, binding: BindingId, side: Side) -> Option<Site> {
    state.nmr.completions.get(&(binding, role(side))).copied()
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
    let npi = known.npi.map(|npi| format!(" of NPI {npi}"));
    let places = [("registered", known.made), ("deregistered", known.ended)];
    let places = places.into_iter().filter_map(|(how, site)| {
        let place = state.loader.drivers.show(site?);
        Some(format!(", {how} at {place}"))
    });
    let text = format!("the registration of a {}", role(known.side).service());
    [text].into_iter().chain(npi).chain(places).collect()
}

/// The number of a driver's modules of an NPI that are registered.
pub(crate) fn live(state: &State, driver: DriverId, npi: NPIID) -> usize {
    let registrations = state.nmr.registrations.values();
    let own = registrations.filter(|it| {
        it.npi == Some(npi) && it.ended.is_none() && it.made.is_some_and(|at| at.driver == driver)
    });
    own.count()
}

const fn role(side: Side) -> Role {
    match side {
        Side::Provider => Role::Provider,
        Side::Client => Role::Client,
    }
}

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
            let met = state.nmr.deregistrations.begin(registration.0.get(), owner);
            state.counts.deregistrations_overlapped += u64::from(met.any);
            state.counts.deregistrations_overlapped_within += u64::from(met.own);
        }
        (Call::Deregister, Phase::Leave(status)) if status != STATUS_PENDING => {
            state.nmr.deregistrations.end(registration.0.get());
        }
        (Call::Wait, Phase::Leave(_)) => state.nmr.deregistrations.end(registration.0.get()),
        _ => {}
    }
}

/// Records the role of an image in an NPI.
fn record_role(state: &mut State, event: &Event) {
    let (Some(site), Some(npi)) = (state.loader.drivers.site(event.code), event.npi) else {
        return;
    };
    let role = role(event.side);
    if !state.nmr.registered.contains(&(role, npi)) {
        state.nmr.registered.push((role, npi));
    }
    let npi = npi_description::find(NpiId(npi.to_u128()))
        .map_or_else(|| npi.to_string(), |known| known.name.clone());
    state.record_role(site.driver, format!("{} of {npi}", role.service()));
}

/// Records that an image has attached.
fn record_attach(state: &mut State, event: &Event) {
    if let Some(site) = state.loader.drivers.site(event.code) {
        let image = state.loader.drivers[site.driver].image.name().to_owned();
        *state.counts.attached.entry(image).or_default() += 1;
    }
}
