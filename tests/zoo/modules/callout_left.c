// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while its callout is registered.

#include "callouts.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    RIGHT(FwpsCalloutUnregisterById0(CalloutId);)
    IoDeleteDevice(CalloutDevice);
}
