// SPDX-License-Identifier: MIT OR Apache-2.0
// Unregisters its callout in notifyFn when the last filter is deleted: that waits for notifyFn.

#define OWN_NOTIFY
#include "callouts.h"

static NTSTATUS OnNotify(FWPS_CALLOUT_NOTIFY_TYPE type, const GUID *key, FWPS_FILTER1 *filter) {
    WRONG(if (type == FWPS_CALLOUT_NOTIFY_DELETE_FILTER) FwpsCalloutUnregisterById0(CalloutId);)
    return STATUS_SUCCESS;
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &ConnectLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    RIGHT(FwpsCalloutUnregisterById0(CalloutId);)
    IoDeleteDevice(CalloutDevice);
}
