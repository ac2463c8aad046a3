// SPDX-License-Identifier: MIT OR Apache-2.0
// Destroys its injection handle before it unregisters the callout that injects with it.

#include "injects.h"

static void OnInjected(PVOID context, NET_BUFFER_LIST *clone, BOOLEAN atDispatch) {
    FwpsFreeCloneNetBufferList0(clone, 0);
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *clone;
    if (InjectClone(metadata, data, NULL, &clone)) {
        Absorb(out);
        return;
    }
    if (clone)
        FwpsFreeCloneNetBufferList0(clone, 0);
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartInjecting(driver);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    WRONG(FwpsInjectionHandleDestroy0(Injection);)
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(FwpsInjectionHandleDestroy0(Injection);)
    IoDeleteDevice(CalloutDevice);
}
