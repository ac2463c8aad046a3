// SPDX-License-Identifier: MIT OR Apache-2.0

//! Routines that go on with a driver's initialization once its `DriverEntry` has returned.

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::notifications::Reinitialization;
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "IoRegisterDriverReinitialization" <= PASSIVE_LEVEL => register: ();
    "IoRegisterBootDriverReinitialization" <= PASSIVE_LEVEL => register: ();
}

unsafe extern "win64" fn register(driver: usize, routine: usize, context: usize) {
    with(|state| {
        let by = caller(state);
        let due = &mut state.objects.notifications.reinitializations;
        due.push(Reinitialization {
            driver,
            routine,
            context,
            by,
        });
    });
}

/// `DriverEntry` of this driver object has succeeded: calls its routines, and those that these
/// register, each once.
pub(crate) fn reinitialize(driver: usize) {
    let next = || {
        with(|state| {
            let due = &mut state.objects.notifications.reinitializations;
            let place = due.iter().position(|it| it.driver == driver)?;
            Some(due.remove(place))
        })
    };
    let mut count = 0;
    while let Some(one) = next() {
        count += 1;
        let what = "the routine that IoRegisterDriverReinitialization registered";
        let arguments = [driver, one.context, count];
        // SAFETY: the driver's own routine, with the arguments that are documented for it.
        unsafe { driver_call::call(what, one.routine, one.by, &arguments) };
        check_return(what, EntryState::default(), one.by);
    }
}
