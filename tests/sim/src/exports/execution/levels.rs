// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQLs, and the regions in which APCs are disabled.

use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::kernel::with;
use crate::memory::pageable::set_irql;

exports! {
    "KeGetCurrentIrql" <= HIGH_LEVEL => ke_get_current_irql: Irql;
    "KfRaiseIrql" <= HIGH_LEVEL => kf_raise_irql: Irql;
    "KeRaiseIrqlToDpcLevel" <= HIGH_LEVEL => ke_raise_irql_to_dpc_level: Irql;
    "KfLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeLowerIrql" <= HIGH_LEVEL => ke_lower_irql: ();
    "KeEnterCriticalRegion" <= APC_LEVEL => enter_region: ();
    "KeLeaveCriticalRegion" <= APC_LEVEL => leave_region: ();
    "KeEnterGuardedRegion" <= APC_LEVEL => enter_region: ();
    "KeLeaveGuardedRegion" <= APC_LEVEL => leave_region: ();
    "KeAreApcsDisabled" <= DISPATCH_LEVEL => ke_are_apcs_disabled: u8;
    "KeAreAllApcsDisabled" <= DISPATCH_LEVEL => ke_are_apcs_disabled: u8;
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

pub(in crate::exports) unsafe extern "win64" fn enter_region() {
    with(|state| state.scheduling.current_mut().regions += 1);
}

pub(in crate::exports) unsafe extern "win64" fn leave_region() {
    let left = with(|state| {
        let regions = &mut state.scheduling.current_mut().regions;
        let left = regions.checked_sub(1);
        *regions = left.unwrap_or(0);
        left
    });
    if left.is_none() {
        let what = "a critical region was left that had not been entered";
        stop(("0xC4", [0x3E, 0, 0, 0]), what.to_owned());
    }
}

unsafe extern "win64" fn ke_are_apcs_disabled() -> u8 {
    with(|state| {
        let current = state.scheduling.current();
        u8::from(current.regions > 0 || current.irql >= APC_LEVEL)
    })
}
