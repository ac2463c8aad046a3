// SPDX-License-Identifier: MIT OR Apache-2.0
// Ignores the answer that flows still have contexts of its callout.

#include "flows.h"

static void OnFlowDelete(UINT16 layer, UINT32 callout, UINT64 context) { FreeFlow(context); }

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, OnFlowDelete);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    EndFlows();
    CloseEngine();
    WRONG(FwpsCalloutUnregisterById0(CalloutId);)
    RIGHT(UnregisterCallout();)
    IoDeleteDevice(CalloutDevice);
}
