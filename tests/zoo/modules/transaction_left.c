// SPDX-License-Identifier: MIT OR Apache-2.0
// Neither aborts its transaction nor closes the session when a filter cannot be added.

#include "callouts.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

static NTSTATUS AddFilters(void) {
    NTSTATUS status = OpenEngine();
    if (!NT_SUCCESS(status))
        return status;
    status = FwpmTransactionBegin0(Engine, 0);
    if (NT_SUCCESS(status)) {
        status = AddFilter(&ConnectLayer, FWP_ACTION_CALLOUT_INSPECTION);
        WRONG(if (!NT_SUCCESS(status)) return status;)
        if (NT_SUCCESS(status))
            return FwpmTransactionCommit0(Engine);
        FwpmTransactionAbort0(Engine);
    }
    CloseEngine();
    return status;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = MakeCalloutDevice(driver);
    if (!NT_SUCCESS(status))
        return status;
    status = RegisterCallout(NULL);
    if (NT_SUCCESS(status)) {
        status = AddFilters();
        if (NT_SUCCESS(status))
            return Begin();
        FwpsCalloutUnregisterById0(CalloutId);
    }
    IoDeleteDevice(CalloutDevice);
    return status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
