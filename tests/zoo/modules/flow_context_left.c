// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free the context of a flow that ends.

#include "flows.h"

static void OnFlowDelete(UINT16 layer, UINT32 callout, UINT64 context) {
    WRONG(FLOW *flow = (FLOW *)context;)
    WRONG(KIRQL irql = Acquire();)
    WRONG(RemoveEntryList(&flow->Link);)
    WRONG(Release(irql);)
    RIGHT(FreeFlow(context);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartCallout(driver, &StreamLayer, FWP_ACTION_CALLOUT_INSPECTION, OnFlowDelete);
    return NT_SUCCESS(status) ? Begin() : status;
}

void AtUnload(void) {
    EndFlows();
    CloseEngine();
    UnregisterCallout();
    IoDeleteDevice(CalloutDevice);
}
