// SPDX-License-Identifier: MIT OR Apache-2.0

//! A service that adds filters for the callouts of drivers that add none themselves. Microsoft's
//! documents leave open which program adds the filters.
//!
//! It adds a filter at the layer that the driver's `FwpmCalloutAdd0` names, with an action that
//! allows the callout any decision. The filter is deleted with the callout's object, or when the
//! driver is unloaded.

use rand::RngExt;
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::FWP_ACTION_CALLOUT_UNKNOWN;

use super::transactions::change;
use crate::exports::wfp::{layer_keys, traffic};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::objects::wfp::engine::{Action, Kind, Object, Session};
use crate::objects::wfp::filters::Rules;
use crate::scheduling::{MICROSECOND, sleep};

/// The time that a transaction of the service waits for another transaction, in microseconds.
const PATIENCE: u64 = 15_000_000;
/// The longest time from the load of a driver to the filters of the service, in microseconds.
const LATEST: u64 = 100;

/// Starts the service for a driver that has been loaded: it adds filters for callouts that have
/// none.
pub(crate) fn driver_loaded(state: &mut State, driver: DriverId) {
    let wanted = wanted(state, driver);
    if wanted.is_empty() {
        return;
    }
    // Ignored: if no stack is left, there is no service.
    let _ = state.scheduling.spawn("service".to_owned(), None, move || {
        sleep(traffic::draw(LATEST) * MICROSECOND);
        for (key, layer) in wanted {
            add_filter(key, layer);
        }
    });
}

/// Returns the callouts of a driver that no filter names, each with the layer of its object.
fn wanted(state: &State, driver: DriverId) -> Vec<(u128, u16)> {
    let wfp = &state.objects.wfp;
    let is_own = |by: Option<Site>| by.is_some_and(|by| by.driver == driver);
    let callouts = wfp.callouts.iter().filter(|it| is_own(it.by));
    let without = callouts.filter(|it| !wfp.engine.is_named(it.key));
    let layer_of = |key| {
        let mut objects = wfp.engine.objects.iter();
        let object = objects.find(|it| it.kind == Kind::Callout && it.key == key)?;
        layer_keys::is_v6(object.layer).map(|_| object.layer)
    };
    without
        .filter_map(|it| Some((it.key, layer_of(it.key)?)))
        .collect()
}

/// Adds a filter for a callout, unless the callout no longer exists or has a filter by now.
fn add_filter(key: u128, layer: u16) {
    let handle = with(|state| {
        let wfp = &mut state.objects.wfp;
        let is_there = wfp.callout_of(key).is_some() && !wfp.engine.is_named(key);
        is_there.then(|| {
            let handle = wfp.next_handle();
            wfp.engine.sessions.push(Session {
                handle,
                is_dynamic: false,
                patience: PATIENCE,
                transaction: None,
                by: None,
            });
            handle
        })
    });
    let Some(handle) = handle else {
        return;
    };
    // Ignored: the callout may refuse the filter.
    let _ = change(handle, "FwpmFilterAdd0", |state, objects, _| {
        let is_there = |it: &Object| it.kind == Kind::Callout && it.key == key;
        if objects.iter().any(is_there) {
            if state.objects.wfp.engine.salt == 0 {
                state.objects.wfp.engine.salt = state.choices.activity.random_range(1..=u64::MAX);
            }
            let id = state.objects.wfp.engine.next_id();
            objects.push(filter(id, key, layer));
        }
        Ok(())
    });
    with(|state| {
        let sessions = &mut state.objects.wfp.engine.sessions;
        sessions.retain(|it| it.handle != handle);
    });
}

fn filter(id: u64, callout: u128, layer: u16) -> Object {
    Object {
        kind: Kind::Filter,
        key: u128::from(id),
        id,
        session: None,
        names: vec![(Kind::Callout, callout)],
        layer,
        action: Action {
            kind: FWP_ACTION_CALLOUT_UNKNOWN,
            callout,
        },
        rules: Rules::default(),
        weight: 0,
        context: 0,
        by: None,
        is_service: true,
    }
}

/// Deletes the service's filters whose callouts are no longer registered.
pub(super) fn forget_unregistered(state: &mut State) {
    let wfp = &mut state.objects.wfp;
    let callouts = &wfp.callouts;
    let is_registered = |key| callouts.iter().any(|it| it.key == key);
    let is_kept = |it: &Object| !it.is_service || is_registered(it.action.callout);
    wfp.engine.objects.retain(is_kept);
}
