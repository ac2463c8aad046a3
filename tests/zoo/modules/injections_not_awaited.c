// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees what completion routines use before FwpsInjectionHandleDestroy0 has waited for them.

#define OWN_INJECTED
#define OWN_CLASSIFY
#define OWN_START
#define OWN_UNLOAD
#include "injects.h"

typedef struct {
    volatile LONG Injected;
} STATISTICS;
static STATISTICS *Statistics;

static void OnInjected(PVOID context, NET_BUFFER_LIST *clone, BOOLEAN atDispatch) {
    __atomic_fetch_add(&((STATISTICS *)context)->Injected, 1, __ATOMIC_SEQ_CST);
    FwpsFreeCloneNetBufferList0(clone, 0);
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *clone;
    if (InjectClone(metadata, data, Statistics, &clone)) {
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
    Statistics = Allocate(sizeof(STATISTICS));
    if (!Statistics)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartInjecting(driver);
    if (NT_SUCCESS(status))
        return Begin();
    Free(Statistics);
    return status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    WRONG(Free(Statistics);)
    FwpsInjectionHandleDestroy0(Injection);
    RIGHT(Free(Statistics);)
    IoDeleteDevice(CalloutDevice);
}
