// SPDX-License-Identifier: MIT OR Apache-2.0
// Asks for a request to connect, and does not apply it if there is nothing to change.

#include "redirects.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    UINT64 handle;
    PVOID request;
    if (!(out->rights & FWPS_RIGHT_ACTION_WRITE))
        return;
    out->actionType = FWP_ACTION_CONTINUE;
    if (!NT_SUCCESS(FwpsAcquireClassifyHandle0((void *)classify, 0, &handle)))
        return;
    if (NT_SUCCESS(FwpsAcquireWritableLayerDataPointer0(handle, filter->filterId, 0, &request, out))) {
        RIGHT(FwpsApplyModifiedLayerData0(handle, request, 0);)
        out->actionType = FWP_ACTION_CONTINUE;
        out->rights |= FWPS_RIGHT_ACTION_WRITE;
    }
    FwpsReleaseClassifyHandle0(handle);
}
