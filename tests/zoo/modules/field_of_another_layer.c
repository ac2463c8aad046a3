// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads the flags of what the stream layer classifies at the place that they have at the layer where
// connections are authorised: that one has more fields.

#define LAYER StreamLayer
#include "inspects.h"

// FWPS_FIELD_STREAM_V4_FLAGS and FWPS_FIELD_ALE_AUTH_CONNECT_V4_FLAGS.
enum { STREAM_FLAGS = 6, CONNECT_FLAGS = 12 };

static volatile UINT32 Flags;

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    Continue(out);
    WRONG(Flags = values->incomingValue[CONNECT_FLAGS].value.uint32;)
    RIGHT(Flags = values->incomingValue[STREAM_FLAGS].value.uint32;)
}
