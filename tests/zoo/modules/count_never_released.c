// SPDX-License-Identifier: MIT OR Apache-2.0
// Forgets the count of a call that is refused.

#include "module.h"

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(sizeof(REQUEST));
    NTSTATUS status;
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    // Longer than any provider takes.
    request->Length = MAX_PAYLOAD + 1;
    status = table->Submit(binding->Peer, request);
    if (status == STATUS_PENDING)
        return;
    Free(request);
    RIGHT(Leave(binding);)
    WRONG(if (NT_SUCCESS(status)) Leave(binding);)
}
