// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes the reply where a request is answered at once, and not where it is completed later.

#include "module.h"

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    RIGHT(for (ULONG i = 0; i < request->Length; i++)
              request->Reply[i] = request->Payload[i];)
    request->Status = STATUS_SUCCESS;
    table->Complete(binding->Peer, request);
    Leave(binding);
}
