// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free the clone of a packet that could not be injected.

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
    RIGHT(if (clone) FwpsFreeCloneNetBufferList0(clone, 0);)
    Continue(out);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartInjecting(driver);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    FwpsInjectionHandleDestroy0(Injection);
    IoDeleteDevice(CalloutDevice);
}
