// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not unregister the callback for changes of the filter engine's state.

#include "callouts.h"

static HANDLE Changes;

static void OnChange(PVOID context, FWPM_SERVICE_STATE state) {}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &ConnectLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    if (!NT_SUCCESS(status))
        return status;
    if (!NT_SUCCESS(FwpmBfeStateSubscribeChanges0(CalloutDevice, OnChange, NULL, &Changes)))
        Changes = NULL;
    return Begin();
}

void AtUnload(void) {
    RIGHT(if (Changes) FwpmBfeStateUnsubscribeChanges0(Changes);)
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
