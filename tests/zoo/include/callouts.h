// SPDX-License-Identifier: MIT OR Apache-2.0
// A callout driver with one callout and one filter that names it, in a dynamic session.

#pragma once
#include "module.h"
#include <fwpmk.h>
#include <fwpsk.h>

static const GUID StreamLayer = {0x3b89653c, 0xc170, 0x49e4, {0xb1, 0xcd, 0xe0, 0xee, 0xee, 0xe1, 0x9a, 0x3e}};
static const GUID ConnectLayer = {0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}};
static const GUID SendLayer = {0x09e61aea, 0xd214, 0x46e2, {0x9b, 0x21, 0xb2, 0x6b, 0x0b, 0x2f, 0x28, 0xc8}};
static const GUID CalloutKey = {0x5e1b0d01, 0x2f4d, 0x4b8e, {0x9a, 0x31, 0x77, 0x10, 0x42, 0x6c, 0x5d, 0x02}};

static PVOID CalloutDevice;
static HANDLE Engine;
static UINT32 CalloutId;

typedef const FWPS_INCOMING_VALUES0 VALUES;
typedef const FWPS_INCOMING_METADATA_VALUES0 METADATA;
static void OnClassify(VALUES *, METADATA *, PVOID data, const void *classify, const FWPS_FILTER1 *,
                       UINT64 context, FWPS_CLASSIFY_OUT0 *);

static NTSTATUS OnNotify(FWPS_CALLOUT_NOTIFY_TYPE type, const GUID *key, FWPS_FILTER1 *filter);
#ifndef OWN_NOTIFY
static NTSTATUS OnNotify(FWPS_CALLOUT_NOTIFY_TYPE type, const GUID *key, FWPS_FILTER1 *filter) {
    return STATUS_SUCCESS;
}
#endif

INLINE NTSTATUS MakeCalloutDevice(DRIVER_OBJECT *driver) {
    return IoCreateDevice(driver, 0, NULL, 0x12, 0x100, FALSE, &CalloutDevice);
}

INLINE NTSTATUS RegisterCallout(FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flowDelete) {
    FWPS_CALLOUT1 callout = {CalloutKey, 0, OnClassify, OnNotify, flowDelete};
    return FwpsCalloutRegister1(CalloutDevice, &callout, &CalloutId);
}

INLINE NTSTATUS OpenEngine(void) {
    FWPM_SESSION0 session = {.flags = FWPM_SESSION_FLAG_DYNAMIC};
    return FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, &session, &Engine);
}

INLINE NTSTATUS AddFilter(const GUID *layer, UINT32 action) {
    static WCHAR name[] = L"zoo";
    FWPM_CALLOUT0 callout = {CalloutKey, {name, NULL}};
    FWPM_FILTER0 filter = {{0}, {name, NULL}};
    NTSTATUS status;
    callout.applicableLayer = filter.layerKey = *layer;
    filter.action.type = action;
    filter.action.calloutKey = CalloutKey;
    status = FwpmCalloutAdd0(Engine, &callout, NULL, NULL);
    return NT_SUCCESS(status) ? FwpmFilterAdd0(Engine, &filter, NULL, NULL) : status;
}

INLINE void CloseEngine(void) {
    if (Engine)
        FwpmEngineClose0(Engine);
}

// All of it, and what comes of a failure.
INLINE NTSTATUS StartCallout(DRIVER_OBJECT *driver, const GUID *layer, UINT32 action,
                             FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flowDelete) {
    NTSTATUS status = MakeCalloutDevice(driver);
    if (!NT_SUCCESS(status))
        return status;
    status = RegisterCallout(flowDelete);
    if (NT_SUCCESS(status)) {
        status = OpenEngine();
        if (NT_SUCCESS(status))
            status = AddFilter(layer, action);
        if (NT_SUCCESS(status))
            return status;
        CloseEngine();
        FwpsCalloutUnregisterById0(CalloutId);
    }
    IoDeleteDevice(CalloutDevice);
    return status;
}

// The last step of Start; what it undoes if that fails is what an unload does.
INLINE NTSTATUS Begin(void) {
    NTSTATUS status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

INLINE void Continue(FWPS_CLASSIFY_OUT0 *out) {
    if (out->rights & FWPS_RIGHT_ACTION_WRITE)
        out->actionType = FWP_ACTION_CONTINUE;
}
