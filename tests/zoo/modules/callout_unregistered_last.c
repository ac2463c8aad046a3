// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees its table of ports before it unregisters the callout that looks ports up in it.

#include "callouts.h"

#define PORTS 64
static UCHAR *Ports;
static volatile LONG Hits;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
    if (Ports[values->incomingValue[2].value.uint16 % PORTS])
        __atomic_fetch_add(&Hits, 1, __ATOMIC_SEQ_CST);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Ports = Allocate(PORTS);
    if (!Ports)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    if (NT_SUCCESS(status))
        return Begin();
    Free(Ports);
    return status;
}

void AtUnload(void) {
    WRONG(Free(Ports);)
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(Free(Ports);)
    IoDeleteDevice(CalloutDevice);
}
