// SPDX-License-Identifier: MIT OR Apache-2.0
// Permits all traffic, also where another filter has decided for good.

#define LAYER ConnectLayer
#define ACTION FWP_ACTION_CALLOUT_TERMINATING
#include "inspects.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    RIGHT(if (out->rights & FWPS_RIGHT_ACTION_WRITE))
        out->actionType = FWP_ACTION_PERMIT;
}
