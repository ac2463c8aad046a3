// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a fast mutex in classifyFn, which may be called at DISPATCH_LEVEL.

#include "callouts.h"

static FAST_MUTEX Mutex = {1, NULL, 0, {{0}}, 0};
static KSPIN_LOCK CountLock;
static LONG Count;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    RIGHT(KIRQL irql = KeAcquireSpinLockRaiseToDpc(&CountLock);)
    WRONG(ExAcquireFastMutex(&Mutex);)
    Count++;
    WRONG(ExReleaseFastMutex(&Mutex);)
    RIGHT(KeReleaseSpinLock(&CountLock, irql);)
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Mutex.Event, SynchronizationEvent, FALSE);
    status = StartCallout(driver, &ConnectLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
