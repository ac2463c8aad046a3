// SPDX-License-Identifier: MIT OR Apache-2.0
// Injects a clone of each packet, also of those that it has injected itself.

#define OWN_CLASSIFY
#include "injects.h"

static void OnClassify(VALUES *values, METADATA *metadata, PVOID data, const void *classify,
                       const FWPS_FILTER1 *filter, UINT64 context, FWPS_CLASSIFY_OUT0 *out) {
    NET_BUFFER_LIST *clone;
    RIGHT(if (FwpsQueryPacketInjectionState0(Injection, data, NULL) != FWPS_PACKET_NOT_INJECTED) {)
    RIGHT(Continue(out); return; })
    if (!NT_SUCCESS(FwpsAllocateCloneNetBufferList0(data, NULL, NULL, 0, &clone))) {
        Continue(out);
        return;
    }
    if (NT_SUCCESS(FwpsInjectTransportSendAsync0(Injection, NULL, metadata->transportEndpointHandle, 0, NULL, AF_INET,
                                                 metadata->compartmentId, clone, OnInjected, NULL)))
        Absorb(out);
    else
        FwpsFreeCloneNetBufferList0(clone, 0);
}
