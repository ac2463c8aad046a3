// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the context of a connection that it has redirected, which belongs to the platform then.

#include "redirects.h"

static void Change(FWPS_CONNECT_REQUEST0 *request) {
    request->localRedirectHandle = Redirect;
    request->localRedirectTargetPID = 4;
    request->localRedirectContext = Allocate(48);
    request->localRedirectContextSize = request->localRedirectContext ? 48 : 0;
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    UINT64 handle;
    FWPS_CONNECT_REQUEST0 *request;
    WRONG(PVOID block;)
    if (!(out->rights & FWPS_RIGHT_ACTION_WRITE))
        return;
    out->actionType = FWP_ACTION_CONTINUE;
    if (!NT_SUCCESS(FwpsAcquireClassifyHandle0((void *)classify, 0, &handle)))
        return;
    if (NT_SUCCESS(FwpsAcquireWritableLayerDataPointer0(handle, filter->filterId, 0, (PVOID *)&request, out))) {
        Change(request);
        WRONG(block = request->localRedirectContext;)
        FwpsApplyModifiedLayerData0(handle, request, 0);
        WRONG(if (block) Free(block);)
        out->actionType = FWP_ACTION_CONTINUE;
        out->rights |= FWPS_RIGHT_ACTION_WRITE;
    }
    FwpsReleaseClassifyHandle0(handle);
}
