// SPDX-License-Identifier: MIT OR Apache-2.0
// A callout driver whose callout associates a context with each flow at the stream layer.

#pragma once
#include "callouts.h"

typedef struct {
    LIST_ENTRY Link; // in Flows, or alone; protected by Lock
    UINT64 Id;
    LONG Segments; // protected by Lock
} FLOW;

static LIST_ENTRY Flows = {&Flows, &Flows};
static BOOLEAN FlowsEnd; // protected by Lock

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    FLOW *flow = (FLOW *)context;
    KIRQL irql;
    Continue(out);
    if (flow) {
        irql = Acquire();
        flow->Segments++;
        Release(irql);
        return;
    }
    irql = Acquire();
    flow = FlowsEnd ? NULL : Allocate(sizeof(FLOW));
    if (flow) {
        flow->Id = metadata->flowHandle;
        InsertTailList(&Flows, &flow->Link);
        if (FwpsFlowAssociateContext0(flow->Id, values->layerId, CalloutId, (UINT64)flow) != STATUS_SUCCESS) {
            RemoveEntryList(&flow->Link);
            Free(flow);
        }
    }
    Release(irql);
}

INLINE void FreeFlow(UINT64 context) {
    FLOW *flow = (FLOW *)context;
    KIRQL irql = Acquire();
    RemoveEntryList(&flow->Link);
    Release(irql);
    Free(flow);
}

INLINE void EndFlows(void) {
    KIRQL irql = Acquire();
    FlowsEnd = TRUE;
    Release(irql);
}

// Takes a flow from the list; NULL if there is none.
INLINE FLOW *TakeFlow(UINT64 *id) {
    FLOW *flow = NULL;
    KIRQL irql = Acquire();
    if (!IsListEmpty(&Flows)) {
        LIST_ENTRY *first = RemoveHeadList(&Flows);
        InitializeListHead(first);
        flow = CONTAINING_RECORD(first, FLOW, Link);
        *id = flow->Id;
    }
    Release(irql);
    return flow;
}

INLINE void RemoveFlows(void) {
    UINT64 id;
    while (TakeFlow(&id))
        FwpsFlowRemoveContext0(id, FWPS_LAYER_STREAM_V4, CalloutId);
}

INLINE void UnregisterCallout(void) {
    while (FwpsCalloutUnregisterById0(CalloutId) == STATUS_DEVICE_BUSY) {
        RemoveFlows();
        Sleep(100);
    }
}
