// SPDX-License-Identifier: MIT OR Apache-2.0
// Moves the start of a packet's data to its header, and does not move it back.

#define LAYER InboundLayer
#include "module.h"
#include <fwpmk.h>
static const GUID InboundLayer = {0x5926dfc8, 0xe3cf, 0x4426, {0xa2, 0x83, 0xdc, 0x39, 0x3f, 0x5d, 0x0f, 0x9d}};
#include "inspects.h"

static volatile LONG Bytes;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER *buffer = data ? NET_BUFFER_LIST_FIRST_NB((NET_BUFFER_LIST *)data) : NULL;
    ULONG header = metadata->ipHeaderSize;
    Continue(out);
    if (!buffer || !NT_SUCCESS(NdisRetreatNetBufferDataStart(buffer, header, 0, NULL)))
        return;
    Bytes = NET_BUFFER_DATA_LENGTH(buffer);
    RIGHT(NdisAdvanceNetBufferDataStart(buffer, header, FALSE, NULL);)
}
