// SPDX-License-Identifier: MIT OR Apache-2.0
// A callout driver at the layer where requests to connect are redirected.

#pragma once
#include "callouts.h"

static const GUID RedirectLayer = {0xc6e63c8c, 0xb784, 0x4562, {0xaa, 0x7d, 0x0a, 0x67, 0xcf, 0xca, 0xf9, 0xa3}};

static HANDLE Redirect;

INLINE NTSTATUS StartRedirection(DRIVER_OBJECT *driver) {
    NTSTATUS status = FwpsRedirectHandleCreate0(&CalloutKey, 0, &Redirect);
    if (!NT_SUCCESS(status))
        return status;
    status = StartCallout(driver, &RedirectLayer, FWP_ACTION_CALLOUT_UNKNOWN, NULL);
    if (!NT_SUCCESS(status))
        FwpsRedirectHandleDestroy0(Redirect);
    return status;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartRedirection(driver);
    return NT_SUCCESS(status) ? Begin() : status;
}

#ifndef OWN_UNLOAD
void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    FwpsRedirectHandleDestroy0(Redirect);
    IoDeleteDevice(CalloutDevice);
}
#endif
