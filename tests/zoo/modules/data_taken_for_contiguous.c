// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads what NdisGetDataBuffer returns, which is NULL if the data lie in two MDLs.

#define LAYER SendLayer
#include "inspects.h"

static volatile LONG Last;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER *buffer = data ? NET_BUFFER_LIST_FIRST_NB((NET_BUFFER_LIST *)data) : NULL;
    UCHAR storage[16], *bytes;
    Continue(out);
    if (!buffer || NET_BUFFER_DATA_LENGTH(buffer) < sizeof(storage))
        return;
    bytes = NdisGetDataBuffer(buffer, sizeof(storage), RIGHT(storage) WRONG(NULL), 1, 0);
    RIGHT(if (bytes))
        Last = bytes[15];
}
