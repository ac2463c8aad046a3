// SPDX-License-Identifier: MIT OR Apache-2.0

//! What calls of the kernel, and calls by it, order.
//!
//! Locks, waits, and threads that begin and end order by themselves
//! ([`locks`](crate::verifier::locks), [`clocks`](crate::scheduling::clocks)). The rest is
//! here, by the names of the functions. Where the documents leave open whether something is
//! ordered, it counts as ordered: that can miss a race, but causes no false alarm.

use hashbrown::HashMap;

use crate::hardware::arena::{IMAGES, POOL, STACKS};
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::clocks::Sync;

/// What a call orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Nothing, or what orders by itself.
    None,
    /// A release: what precedes the call is ordered before a later acquire of the object that
    /// is its first argument.
    Release,
    /// An acquire: what was released to the object that is its first argument is ordered before
    /// what follows the call.
    Acquire,
    /// Both.
    Both,
    /// Calls of the registrar order each other.
    Nmr,
    /// A request is complete: what came before it is before the driver's unload, too.
    Complete,
    /// The framework calls the driver later, or has called it before.
    Framework,
    /// The kernel calls the driver later, or does not any more.
    Register,
}

/// Functions that work on the memory of the caller only, or tell something.
const PLAIN: [&str; 24] = [
    "Rtl",
    "Dbg",
    "ExAllocatePool",
    "ExFreePool",
    "KeGet",
    "KeQuery",
    "KeRaise",
    "KeLower",
    "Kf",
    "KeStall",
    "KeEnter",
    "KeLeave",
    "KeDelay",
    "KeAre",
    "PsGet",
    "IoGet",
    "IoAllocateMdl",
    "IoFreeMdl",
    "IoBuild",
    "IoAllocateIrp",
    "IoFreeIrp",
    "IoReuseIrp",
    "IoInitializeIrp",
    "Mm",
];

/// Locks, and objects that threads wait for.
const BY_THEMSELVES: [&str; 12] = [
    "SpinLock",
    "FastMutex",
    "GuardedMutex",
    "PushLock",
    "Resource",
    "WaitLock",
    "KeWait",
    "KeSetEvent",
    "KeReleaseMutex",
    "KeReleaseSemaphore",
    "KePulseEvent",
    "ZwWait",
];

/// Functions of the framework after which its callbacks are ordered.
const FRAMEWORK: [&str; 13] = [
    "Complete",
    "Cancelable",
    "Delete",
    "Dereference",
    "Create",
    "Timer",
    "WorkItem",
    "IoQueue",
    "Collection",
    "Finish",
    "Dpc",
    "Unbind",
    "Interrupt",
];

/// What each function orders that was called.
#[derive(Debug, Default)]
pub(super) struct Orders(HashMap<*const u8, Order>);

impl Orders {
    fn of(&mut self, name: &'static str) -> Order {
        *self
            .0
            .entry(name.as_ptr())
            .or_insert_with(|| Order::of(name))
    }
}

/// Functions that return when no routine of the object runs any more.
const ENDS: [&str; 9] = [
    "Unregister",
    "Deregister",
    "UnRegister",
    "NotifyRoutine",
    "Delete",
    "Free",
    "Flush",
    "FwpmEngineClose",
    "FwpsInjectionHandleDestroy",
];

impl Order {
    fn of(name: &str) -> Self {
        let begins = |all: &[&str]| all.iter().any(|it| name.starts_with(it));
        let contains = |all: &[&str]| all.iter().any(|it| name.contains(it));
        if name.starts_with(|first: char| !first.is_ascii_uppercase()) {
            return Self::None;
        }
        if name.contains("Lookaside") {
            return Self::Both;
        }
        if begins(&PLAIN) || contains(&BY_THEMSELVES) {
            return Self::None;
        }
        if name.starts_with("Nmr") {
            return Self::Nmr;
        }
        if name == "IofCompleteRequest" {
            return Self::Complete;
        }
        if name.starts_with("Wdf") {
            let orders = contains(&FRAMEWORK);
            return if orders { Self::Framework } else { Self::None };
        }
        if begins(&[
            "KeFlush",
            "ExDeleteTimer",
            "ExRegister",
            "ExUnregister",
            "ExCreate",
        ]) {
            return Self::Register;
        }
        if begins(&["KeRead", "ExAcquireRundown"]) {
            return Self::Acquire;
        }
        if begins(&[
            "ExReleaseRundown",
            "KeInsertQueueDpc",
            "ExQueueWorkItem",
            "ExCancelTimer",
            "KeInitialize",
        ]) {
            return Self::Release;
        }
        if begins(&["Ke", "Ex", "Initialize"]) || contains(&["Csq", "RemoveLock"]) {
            return Self::Both;
        }
        Self::Register
    }
}

/// The object that an argument is, if it is one.
fn object(argument: usize) -> Option<Sync> {
    let is_memory =
        POOL.contains(&argument) || IMAGES.contains(&argument) || STACKS.contains(&argument);
    is_memory.then_some(Sync::Object(argument))
}

/// A driver calls a function of the kernel.
pub(crate) fn call(state: &mut State, driver: DriverId, name: &'static str, first: usize) {
    if !state.verifier.races.enabled {
        return;
    }
    let scheduling = &mut state.scheduling;
    match state.verifier.races.orders.of(name) {
        Order::None | Order::Acquire => {}
        Order::Release | Order::Both => {
            if let Some(object) = object(first) {
                scheduling.release(object);
            }
        }
        Order::Nmr => {
            scheduling.release(Sync::Nmr);
            scheduling.release(Sync::Registered(driver.0));
        }
        Order::Complete => {
            if let Some(object) = object(first) {
                scheduling.release(object);
            }
            scheduling.release(Sync::Returned(driver.0));
        }
        Order::Framework => {
            scheduling.release(Sync::Framework);
            scheduling.release(Sync::Registered(driver.0));
            scheduling.release(Sync::Returned(driver.0));
        }
        Order::Register => scheduling.release(Sync::Registered(driver.0)),
    }
}

/// The call has been made. The first argument is that of the call.
pub(crate) fn returned(state: &mut State, driver: DriverId, name: &'static str, first: usize) {
    if !state.verifier.races.enabled {
        return;
    }
    let scheduling = &mut state.scheduling;
    match state.verifier.races.orders.of(name) {
        Order::None | Order::Release | Order::Complete => {}
        Order::Acquire | Order::Both => {
            if let Some(object) = object(first) {
                scheduling.acquire(object);
            }
        }
        Order::Nmr => scheduling.acquire(Sync::Nmr),
        Order::Framework => scheduling.acquire(Sync::Framework),
        Order::Register => {
            scheduling.acquire(Sync::Ended);
            if name == "KeFlushQueuedDpcs" {
                scheduling.acquire(Sync::Unwaited);
            }
            // It waits for a callback only if it is asked to.
            if name != "ExDeleteTimer"
                && let Some(object) = object(first)
            {
                scheduling.acquire(object);
            }
            if ENDS.iter().any(|it| name.contains(it)) {
                scheduling.acquire(Sync::Returned(driver.0));
            }
        }
    }
}

/// The kernel calls a routine of a driver.
pub(crate) fn begin_routine(state: &mut State, what: &str, address: usize, arguments: &[usize]) {
    /// The offset of `CancelRoutine` in an `IRP`.
    const CANCEL_ROUTINE: usize = 0x68;

    if !state.verifier.races.enabled {
        return;
    }
    let driver = state.loader.drivers.site(address).map(|site| site.driver);
    let Some(DriverId(driver)) = driver else {
        return;
    };
    let scheduling = &mut state.scheduling;
    scheduling.acquire(Sync::Registered(driver));
    for object in arguments.iter().filter_map(|it| object(*it)) {
        scheduling.acquire(object);
    }
    if is_last(what) {
        scheduling.acquire(Sync::Returned(driver));
        scheduling.acquire(Sync::Ended);
    }
    if what.starts_with("Evt") {
        scheduling.acquire(Sync::Framework);
    }
    if what.contains("the cancel routine")
        && let [_, irp] = arguments
    {
        acquire_word(state, irp + CANCEL_ROUTINE);
    }
}

/// The routine has returned.
pub(crate) fn end_routine(state: &mut State, what: &str, address: usize, arguments: &[usize]) {
    if !state.verifier.races.enabled {
        return;
    }
    let driver = state.loader.drivers.site(address).map(|site| site.driver);
    let Some(DriverId(driver)) = driver else {
        return;
    };
    let scheduling = &mut state.scheduling;
    for object in arguments.iter().filter_map(|it| object(*it)) {
        scheduling.release(object);
    }
    // The kernel waits for no DPC, and for no thread that a driver has made.
    let current = scheduling.current();
    if current.ends_before == Sync::Unwaited {
        scheduling.release(Sync::Unwaited);
    } else if !current.is_drivers || !current.routines.is_empty() {
        scheduling.release(Sync::Returned(driver));
    }
    if what == "DriverEntry" {
        scheduling.release(Sync::Registered(driver));
    }
    if what.starts_with("Evt") {
        scheduling.release(Sync::Framework);
    }
}

/// Returns `true` for routines that the kernel calls when others have returned: those of the
/// end of a driver, an object or a file.
fn is_last(what: &str) -> bool {
    ["Unload", "Cleanup", "Destroy", "Close", "CLOSE"]
        .iter()
        .any(|last| what.contains(last))
}

/// What other threads did before they stored to the word at `address` is ordered before what
/// the current thread does next.
fn acquire_word(state: &mut State, address: usize) {
    let thread = state.scheduling.current_id();
    let shadow = &state.verifier.races.shadow;
    shadow.acquire(address, &mut state.scheduling.clocks, thread);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_order_what_they_are_for() {
        let expected = [
            ("KeSetEvent", Order::None),
            ("KeAcquireSpinLockRaiseToDpc", Order::None),
            ("RtlCopyUnicodeString", Order::None),
            ("memcpy", Order::None),
            ("_vsnwprintf", Order::None),
            ("ExFreePoolWithTag", Order::None),
            ("ExFreeToLookasideListEx", Order::Both),
            ("ExpInterlockedPushEntrySList", Order::Both),
            ("ExReleaseRundownProtection", Order::Release),
            ("ExWaitForRundownProtectionRelease", Order::Both),
            ("KeFlushQueuedDpcs", Order::Register),
            ("NmrRegisterClient", Order::Nmr),
            ("WdfRequestComplete", Order::Framework),
            ("WdfObjectGetTypedContextWorker", Order::None),
            ("WdfSpinLockAcquire", Order::None),
            ("PsCreateSystemThread", Order::Register),
            ("ExCancelTimer", Order::Release),
        ];
        for (name, order) in expected {
            assert_eq!(Order::of(name), order, "{name}");
        }
    }
}
