// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at the last packet in its thread, without a reference to it.

#include "callouts.h"

static NET_BUFFER_LIST *Last; // protected by Lock
static volatile LONG Bytes;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *old;
    KIRQL irql;
    RIGHT(FwpsReferenceNetBufferList0(data, FALSE);)
    irql = Acquire();
    old = Last;
    Last = data;
    Release(irql);
    RIGHT(if (old) FwpsDereferenceNetBufferList0(old, FALSE);)
    Continue(out);
}

void Turn(void) {
    NET_BUFFER_LIST *packet;
    KIRQL irql = Acquire();
    packet = Last;
    Last = NULL;
    Release(irql);
    if (!packet)
        return;
    Bytes += NET_BUFFER_DATA_LENGTH(NET_BUFFER_LIST_FIRST_NB(packet));
    RIGHT(FwpsDereferenceNetBufferList0(packet, FALSE);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &SendLayer, FWP_ACTION_CALLOUT_INSPECTION, NULL);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(if (Last) FwpsDereferenceNetBufferList0(Last, FALSE);)
    IoDeleteDevice(CalloutDevice);
}
