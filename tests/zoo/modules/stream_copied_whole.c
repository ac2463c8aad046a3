// SPDX-License-Identifier: MIT OR Apache-2.0
// Copies all data that a stream indicates to a buffer of constant size.

#define LAYER StreamLayer
#include "inspects.h"

enum { SIZE = 64 };

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    FWPS_STREAM_CALLOUT_IO_PACKET0 *packet = data;
    SIZE_T length = packet && packet->streamData ? packet->streamData->dataLength : 0;
    UCHAR *buffer = length ? Allocate(SIZE) : NULL;
    Continue(out);
    if (!buffer)
        return;
    RIGHT(if (length > SIZE) length = SIZE;)
    FwpsCopyStreamDataToBuffer0(packet->streamData, buffer, length, &length);
    Free(buffer);
}
