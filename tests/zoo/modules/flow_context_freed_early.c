// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the context of a flow once it has removed it, while a classification may use it.

#include "flows.h"

static void OnFlowDelete(UINT16 layer, UINT32 callout, UINT64 context) {
    WRONG(if (FlowsEnd) return;)
    FreeFlow(context);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, OnFlowDelete);
    return NT_SUCCESS(status) ? Begin() : status;
}

static void RemoveAll(void) {
    FLOW *flow;
    UINT64 id;
    while ((flow = TakeFlow(&id))) {
        FwpsFlowRemoveContext0(id, FWPS_LAYER_STREAM_V4, CalloutId);
        WRONG(Free(flow);)
    }
}

void AtUnload(void) {
    EndFlows();
    RemoveAll();
    CloseEngine();
    UnregisterCallout();
    IoDeleteDevice(CalloutDevice);
}
