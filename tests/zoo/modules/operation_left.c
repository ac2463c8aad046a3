// SPDX-License-Identifier: MIT OR Apache-2.0
// Pends the authorisation of connections, and forgets the last one when it is unloaded.

#include "callouts.h"

static HANDLE Pended; // protected by Lock
static BOOLEAN Ends;  // protected by Lock

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    HANDLE operation;
    KIRQL irql;
    Continue(out);
    if (!(out->rights & FWPS_RIGHT_ACTION_WRITE))
        return;
    irql = Acquire();
    if (!Ends && !Pended && NT_SUCCESS(FwpsPendOperation0(metadata->completionHandle, &operation))) {
        Pended = operation;
        out->actionType = FWP_ACTION_BLOCK;
        out->flags |= FWPS_CLASSIFY_OUT_FLAG_ABSORB;
        out->rights &= ~FWPS_RIGHT_ACTION_WRITE;
    }
    Release(irql);
}

static void CompletePended(void) {
    HANDLE operation;
    KIRQL irql = Acquire();
    operation = Pended;
    Pended = NULL;
    Release(irql);
    if (operation)
        FwpsCompleteOperation0(operation, NULL);
}

void Turn(void) { CompletePended(); }

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &ConnectLayer, FWP_ACTION_CALLOUT_TERMINATING, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    KIRQL irql = Acquire();
    Ends = TRUE;
    Release(irql);
    RIGHT(CompletePended();)
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
