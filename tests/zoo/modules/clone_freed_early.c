// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a clone right after it was injected, and not when that is complete.

#define OWN_INJECTED
#define OWN_CLASSIFY
#include "injects.h"

static void OnInjected(PVOID context, NET_BUFFER_LIST *clone, BOOLEAN atDispatch) {
    RIGHT(FwpsFreeCloneNetBufferList0(clone, 0);)
}

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *clone;
    if (InjectClone(metadata, data, NULL, &clone)) {
        WRONG(FwpsFreeCloneNetBufferList0(clone, 0);)
        Absorb(out);
        return;
    }
    if (clone)
        FwpsFreeCloneNetBufferList0(clone, 0);
    Continue(out);
}
