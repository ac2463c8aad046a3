// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free the clone of a packet that could not be injected.

#define OWN_CLASSIFY
#include "injects.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *clone;
    if (InjectClone(metadata, data, NULL, &clone)) {
        Absorb(out);
        return;
    }
    RIGHT(if (clone) FwpsFreeCloneNetBufferList0(clone, 0);)
    Continue(out);
}
