// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registering with Winsock Kernel, and capturing the provider's NPI.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NOINTERFACE, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::{self, VERSION, client_control};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{self, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::registrations::{self, Registration};
use crate::network::timing;
use crate::scheduling::{MICROSECOND, Waitable, block};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "netio.sys":
    "WskRegister" <= PASSIVE_LEVEL => wsk_register: i32;
    "WskDeregister" <= PASSIVE_LEVEL => wsk_deregister: ();
    "WskCaptureProviderNPI" <= DISPATCH_LEVEL => wsk_capture_provider_npi: i32;
    "WskReleaseProviderNPI" <= DISPATCH_LEVEL => wsk_release_provider_npi: ();
    "WskQueryProviderCharacteristics" <= DISPATCH_LEVEL => wsk_query_characteristics: i32;
}

/// `WSK_CLIENT_NPI`.
#[repr(C)]
struct ClientNpi {
    context: usize,
    dispatch: usize,
}

/// `WSK_PROVIDER_NPI`.
#[repr(C)]
struct ProviderNpi {
    client: usize,
    dispatch: usize,
}

/// `WSK_REGISTRATION`.
#[repr(C)]
struct RegistrationBlock {
    state: u64,
    context: usize,
    lock: usize,
}

unsafe extern "win64" fn wsk_register(npi: *const ClientNpi, at: *mut RegistrationBlock) -> i32 {
    if npi.is_null() || at.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the client's NPI is in memory, as documented.
    let dispatch = unsafe { (*npi).dispatch };
    if dispatch == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let before = with(|state| {
        let before = state.network.registrations.get(at.addr())?;
        Some(shown(state, before.by))
    });
    if let Some(before) = before {
        let what = format!(
            "WskRegister was called for a WSK_REGISTRATION that is in use, by {before} before"
        );
        stop(NetworkRule::Registration, what);
    }
    // SAFETY: the block may be written, as documented.
    unsafe {
        at.write(RegistrationBlock {
            state: 1,
            context: 0,
            lock: 0,
        });
    }
    with(|state| {
        let by = caller(state);
        let Some(driver) = by.map(|by| by.driver) else {
            return STATUS_INVALID_PARAMETER;
        };
        if faults::fails(state, FaultKind::Network) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let registrations = &mut state.network.registrations;
        registrations.add(at.addr(), driver, by, dispatch);
        STATUS_SUCCESS
    })
}

fn shown(state: &State, site: Option<Site>) -> String {
    site.map_or_else(
        || "a driver".to_owned(),
        |site| state.loader.drivers.show(site),
    )
}

/// What of a registration `read` reads. Ends the cycle if there is none; `function` is called
/// for it.
fn registered<R>(at: usize, function: &str, read: impl FnOnce(&Registration) -> R) -> R {
    if let Some(found) = with(|state| state.network.registrations.get(at).map(read)) {
        return found;
    }
    let ended = with(|state| {
        let by = state.network.registrations.ended(at)?;
        Some(state.loader.drivers.show(by))
    });
    let what = ended.map_or_else(
        || format!("{function} was called for what WskRegister has not registered"),
        |by| format!("{function} was called for a registration that {by} has deregistered"),
    );
    stop(NetworkRule::Registration, what)
}

unsafe extern "win64" fn wsk_capture_provider_npi(
    at: usize,
    timeout: u32,
    npi: *mut ProviderNpi,
) -> i32 {
    const NO_WAIT: u32 = 0;
    const INFINITE: u32 = u32::MAX;

    let level = with(|state| state.scheduling.current().irql);
    if timeout != NO_WAIT && level > PASSIVE_LEVEL {
        let what = format!(
            "WskCaptureProviderNPI was called at {} with a timeout: it may wait, and its limit is \
             PASSIVE_LEVEL",
            irql::name(level)
        );
        stop(("0xA", [0, usize::from(level), 0, 0]), what);
    }
    if has_ended(at) {
        return STATUS_DEVICE_NOT_READY;
    }
    let (ends, dispatch) = registered(at, "WskCaptureProviderNPI", |one| {
        (one.ends.is_some(), one.dispatch)
    });
    if ends {
        return STATUS_DEVICE_NOT_READY;
    }
    // SAFETY: the client's dispatch table is in memory until it deregisters, as documented.
    let version = unsafe { (dispatch as *const u16).read_unaligned() };
    if version != VERSION {
        return STATUS_NOINTERFACE;
    }
    // At times the interface is not available yet. An infinite wait ends when it is; any other
    // ends without it.
    let is_late = with(|state| match timeout {
        INFINITE => timing::once_in(state, 8),
        _ => faults::fails(state, FaultKind::Network),
    });
    if is_late {
        if timeout != INFINITE {
            let wait = u64::from(timeout).saturating_mul(1_000);
            wait_until_available(at, wait);
            return STATUS_DEVICE_NOT_READY;
        }
        let time = with(|state| timing::draw(state, timing::LONGEST));
        wait_until_available(at, time);
        // WskDeregister cancels the wait, and may have returned before it ends.
        if has_ended(at) || registered(at, "WskCaptureProviderNPI", |one| one.ends.is_some()) {
            return STATUS_DEVICE_NOT_READY;
        }
    }
    let (client, dispatch) = with(|state| capture(state, at));
    // SAFETY: the NPI may be written, as documented.
    unsafe { npi.write(ProviderNpi { client, dispatch }) };
    STATUS_SUCCESS
}

/// Returns `true` if `WskDeregister` has returned for a registration. As documented, its block
/// stays valid until the driver no longer calls any other registration function.
fn has_ended(at: usize) -> bool {
    let has_ended = with(|state| state.network.registrations.ended(at).is_some());
    if has_ended {
        // SAFETY: the block can be read, as documented. A freed one faults, which is a finding.
        unsafe { (at as *const u64).read_volatile() };
    }
    has_ended
}

/// Waits for some microseconds, or until the registration ends.
fn wait_until_available(at: usize, time: u64) {
    if time > 0 {
        let until = with(|state| state.scheduling.now()).saturating_add(time * MICROSECOND);
        block(Waitable::Object(at), Some(until));
    }
}

/// Captures the NPI for a registration. Returns its client and its dispatch table.
fn capture(state: &mut State, at: usize) -> (usize, usize) {
    let by = caller(state);
    let known = state.network.registrations.get(at);
    let driver = known.filter(|one| one.client == 0).map(|one| one.driver);
    let made = driver.map(|driver| wsk::make_tables(state, driver));
    let Some(one) = state.network.registrations.get_mut(at) else {
        return (0, 0);
    };
    if let Some((client, tables)) = made {
        one.client = client;
        one.tables = tables;
    }
    one.captures.push(by);
    (one.client, one.tables.provider)
}

unsafe extern "win64" fn wsk_release_provider_npi(at: usize) {
    registered(at, "WskReleaseProviderNPI", |_| ());
    let released = with(|state| {
        let one = state.network.registrations.get_mut(at)?;
        one.captures.pop()
    });
    if released.is_none() {
        let what = "WskReleaseProviderNPI was called more often than WskCaptureProviderNPI has \
                    returned success";
        stop(NetworkRule::Capture, what.to_owned());
    }
    with(|state| registrations::settle(state, at));
}

unsafe extern "win64" fn wsk_query_characteristics(
    at: usize,
    characteristics: *mut [u16; 2],
) -> i32 {
    registered(at, "WskQueryProviderCharacteristics", |_| ());
    // SAFETY: they may be written, as documented.
    unsafe { characteristics.write([VERSION, VERSION]) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn wsk_deregister(at: usize) {
    let before = registered(at, "WskDeregister", |one| one.ends);
    if let Some(before) = before {
        let by = with(|state| state.loader.drivers.show(before));
        let what = format!("WskDeregister was called twice for a registration, by {by} before");
        stop(NetworkRule::Registration, what);
    }
    if with(|state| registrations::is_inside(state, at)) {
        let what = "WskDeregister was called in a callback or a completion routine of the same \
                    registration: it waits until that has returned";
        stop(NetworkRule::Callbacks, what.to_owned());
    }
    with(|state| {
        let by = caller(state);
        if let Some(one) = state.network.registrations.get_mut(at) {
            one.ends = by.or(one.by);
        }
        client_control::cancel_notifications(state, at, by);
        // Those that wait for the NPI.
        registrations::settle(state, at);
    });
    while with(|state| registrations::is_busy(state, at)) {
        block(Waitable::Object(at), None);
    }
    with(|state| registrations::end(state, at));
}
