// SPDX-License-Identifier: MIT OR Apache-2.0
// A callout driver that looks at the traffic of a layer, LAYER, with the action ACTION.

#pragma once
#include "callouts.h"

#ifndef ACTION
#define ACTION FWP_ACTION_CALLOUT_INSPECTION
#endif

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &LAYER, ACTION, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
