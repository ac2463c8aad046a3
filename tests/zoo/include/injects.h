// SPDX-License-Identifier: MIT OR Apache-2.0
// A callout driver that absorbs the packets of the send layer, and injects a clone of each. A module
// defines OWN_INJECTED, OWN_CLASSIFY, OWN_START or OWN_UNLOAD for what it does otherwise.

#pragma once
#include "callouts.h"

static HANDLE Injection;

static void OnInjected(PVOID context, NET_BUFFER_LIST *clone, BOOLEAN atDispatch);

// The packet is replaced by a clone, unless that fails or it is one that was injected.
INLINE BOOLEAN InjectClone(METADATA *metadata, NET_BUFFER_LIST *packet, PVOID context, NET_BUFFER_LIST **clone) {
    NTSTATUS status;
    *clone = NULL;
    if (!packet || FwpsQueryPacketInjectionState0(Injection, packet, NULL) == FWPS_PACKET_INJECTED_BY_SELF)
        return FALSE;
    if (!NT_SUCCESS(FwpsAllocateCloneNetBufferList0(packet, NULL, NULL, 0, clone)))
        return FALSE;
    status = FwpsInjectTransportSendAsync0(Injection, NULL, metadata->transportEndpointHandle, 0, NULL, AF_INET,
                                           metadata->compartmentId, *clone, OnInjected, context);
    return NT_SUCCESS(status);
}

INLINE void Absorb(FWPS_CLASSIFY_OUT0 *out) {
    if (!(out->rights & FWPS_RIGHT_ACTION_WRITE))
        return;
    out->actionType = FWP_ACTION_BLOCK;
    out->flags |= FWPS_CLASSIFY_OUT_FLAG_ABSORB;
    out->rights &= ~FWPS_RIGHT_ACTION_WRITE;
}

INLINE NTSTATUS StartInjecting(DRIVER_OBJECT *driver) {
    NTSTATUS status = FwpsInjectionHandleCreate0(AF_INET, FWPS_INJECTION_TYPE_TRANSPORT, &Injection);
    if (!NT_SUCCESS(status))
        return status;
    status = StartCallout(driver, &SendLayer, FWP_ACTION_CALLOUT_TERMINATING, NULL);
    if (!NT_SUCCESS(status))
        FwpsInjectionHandleDestroy0(Injection);
    return status;
}

#ifndef OWN_INJECTED
static void OnInjected(PVOID context, NET_BUFFER_LIST *clone, BOOLEAN atDispatch) {
    FwpsFreeCloneNetBufferList0(clone, 0);
}
#endif

#ifndef OWN_CLASSIFY
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
#endif

#ifndef OWN_START
NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartInjecting(driver);
    return NT_SUCCESS(status) ? Begin() : status;
}
#endif

#ifndef OWN_UNLOAD
void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    FwpsInjectionHandleDestroy0(Injection);
    IoDeleteDevice(CalloutDevice);
}
#endif
