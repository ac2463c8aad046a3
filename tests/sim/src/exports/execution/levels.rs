// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQLs, and the regions in which APCs are disabled.

use rand::RngExt;
use windows_sys::Win32::Foundation::{STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

use crate::analysis::dispatch_time;
use crate::exports::exports;
use crate::exports::memory::access::set as set_value;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::kernel::with;
use crate::memory::pageable::set_irql;
use crate::scheduling::{EnteredRegion, MICROSECOND, Region};

exports! {
    "KeGetCurrentIrql" <= HIGH_LEVEL => ke_get_current_irql: Irql;
    "KfRaiseIrql" <= HIGH_LEVEL => kf_raise_irql: Irql;
    "KeRaiseIrqlToDpcLevel" <= HIGH_LEVEL => ke_raise_irql_to_dpc_level: Irql;
    "KeShouldYieldProcessor" <= HIGH_LEVEL => should_yield: u32;
    "KeQueryDpcWatchdogInformation" <= HIGH_LEVEL => watchdog: i32;
    "KfLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeEnterCriticalRegion" <= APC_LEVEL => enter_region: ();
    "KeLeaveCriticalRegion" <= APC_LEVEL => leave_region: ();
    "KeEnterGuardedRegion" <= APC_LEVEL => enter_guarded_region: ();
    "KeLeaveGuardedRegion" <= APC_LEVEL => leave_guarded_region: ();
    "KeAreApcsDisabled" <= DISPATCH_LEVEL => ke_are_apcs_disabled: u8;
    "KeAreAllApcsDisabled" <= DISPATCH_LEVEL => ke_are_all_apcs_disabled: u8;
}

pub(crate) fn current() -> Irql {
    with(|state| state.scheduling.current().irql)
}

pub(crate) fn set(irql: Irql) {
    with(|state| set_irql(state, irql));
}

unsafe extern "win64" fn ke_get_current_irql() -> Irql {
    current()
}

unsafe extern "win64" fn kf_raise_irql(new: Irql) -> Irql {
    let old = current();
    if new < old {
        let code = [0x30, usize::from(old), usize::from(new), 0];
        let (new, old) = (irql::name(new), irql::name(old));
        stop(
            ("0xC4", code),
            format!("the IRQL was raised from {old} to {new}, which is lower"),
        );
    }
    set(new);
    old
}

unsafe extern "win64" fn ke_raise_irql_to_dpc_level() -> Irql {
    // SAFETY: any IRQL may be asked for.
    unsafe { kf_raise_irql(DISPATCH_LEVEL) }
}

/// Advises a thread to lower its IRQL: occasionally, and always once it has been there for longer
/// than a DPC should be.
unsafe extern "win64" fn should_yield() -> u32 {
    /// One in `OFTEN` calls returns true.
    const OFTEN: u32 = 8;
    const LONG: u64 = 100 * MICROSECOND;

    with(|state| {
        state.scheduling.pass_time(MICROSECOND);
        let current = state.scheduling.current();
        let (level, time) = (current.irql, current.at_dispatch);
        let drawn = state.choices.chance.random_ratio(1, OFTEN);
        u32::from(level >= DISPATCH_LEVEL && (drawn || time >= LONG))
    })
}

/// Writes the limits of the DPC watchdog and the remaining time, in ticks.
unsafe extern "win64" fn watchdog(information: usize) -> i32 {
    if current() < DISPATCH_LEVEL {
        return STATUS_UNSUCCESSFUL;
    }
    let [limit, left] = with(dispatch_time::remaining);
    set_value(information, [limit, left, limit, left, 0]);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ke_lower_irql(new: Irql) {
    lower(new);
}

/// Lowers the IRQL.
pub(crate) fn lower(new: Irql) {
    let old = current();
    if new > old {
        let code = [0x31, usize::from(old), usize::from(new), 0];
        let (new, old) = (irql::name(new), irql::name(old));
        stop(
            ("0xC4", code),
            format!("the IRQL was lowered from {old} to {new}, which is higher"),
        );
    }
    set(new);
}

pub(crate) unsafe extern "win64" fn enter_region() {
    enter(Region::Critical);
}

pub(crate) unsafe extern "win64" fn leave_region() {
    leave(Region::Critical);
}

pub(crate) unsafe extern "win64" fn enter_guarded_region() {
    enter(Region::Guarded);
}

pub(crate) unsafe extern "win64" fn leave_guarded_region() {
    leave(Region::Guarded);
}

fn enter(region: Region) {
    with(|state| {
        let by = caller(state);
        let regions = &mut state.scheduling.current_mut().regions;
        regions.push(EnteredRegion { region, by });
    });
}

/// Leaves the region of this kind that was entered last.
fn leave(region: Region) {
    let left = with(|state| {
        let regions = &mut state.scheduling.current_mut().regions;
        let last = regions.iter().rposition(|it| it.region == region);
        last.map(|place| regions.remove(place))
    });
    if left.is_none() {
        let what = format!("{} was left that had not been entered", region.name());
        stop(("0xC4", [0x3E, 0, 0, 0]), what);
    }
}

/// The IRQL does not count.
unsafe extern "win64" fn ke_are_apcs_disabled() -> u8 {
    with(|state| u8::from(!state.scheduling.current().regions.is_empty()))
}

unsafe extern "win64" fn ke_are_all_apcs_disabled() -> u8 {
    with(|state| {
        let current = state.scheduling.current();
        u8::from(current.is_in_guarded_region() || current.irql >= APC_LEVEL)
    })
}
