// SPDX-License-Identifier: MIT OR Apache-2.0
// Enumerates the filters of the engine, and does not free the memory that it gets.

#include "callouts.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

static void Enumerate(void) {
    HANDLE enumeration;
    FWPM_FILTER0 **filters;
    UINT32 count;
    if (!NT_SUCCESS(FwpmFilterCreateEnumHandle0(Engine, NULL, &enumeration)))
        return;
    if (NT_SUCCESS(FwpmFilterEnum0(Engine, enumeration, 8, &filters, &count))) {
        RIGHT(FwpmFreeMemory0((void **)&filters);)
    }
    FwpmFilterDestroyEnumHandle0(Engine, enumeration);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    if (!NT_SUCCESS(status))
        return status;
    Enumerate();
    return Begin();
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    IoDeleteDevice(CalloutDevice);
}
