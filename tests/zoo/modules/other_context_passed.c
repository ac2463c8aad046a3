// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes each request with the binding context of the client that it met last.

#include "module.h"

static BINDING *volatile Newest;

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof *binding);
    if (binding) {
        binding->Handle = handle;
        Newest = binding;
    }
    return binding;
}

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    PVOID peer = binding->Peer;
    WRONG(BINDING *newest = Newest; if (newest && newest->Peer) peer = newest->Peer;)
    request->Status = STATUS_SUCCESS;
    table->Complete(peer, request);
    Leave(binding);
}

void Cleanup(PVOID binding) {
    if (Newest == binding)
        Newest = NULL;
    Free(binding);
}
