// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not destroy its redirect handle.

#define OWN_UNLOAD
#include "redirects.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
}

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(FwpsRedirectHandleDestroy0(Redirect);)
    IoDeleteDevice(CalloutDevice);
}
