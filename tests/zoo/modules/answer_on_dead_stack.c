// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits with a timeout for the answer to a request, which the completion writes into a local
// variable: it may have been gone for long.

#include "module.h"

typedef struct { REQUEST Request; volatile LONG *Answer; KEVENT Done; LONG References; } WAITED;

static void Drop(WAITED *waited) {
    KIRQL irql = Acquire();
    LONG left = --waited->References;
    Release(irql);
    if (!left)
        Free(waited);
}

static LONG Ask(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    volatile LONG answer = 0;
    LARGE_INTEGER limit = {.QuadPart = -10 * 20};
    WAITED *waited = Allocate(sizeof(WAITED));
    if (!waited) {
        Leave(binding);
        return 0;
    }
    waited->Request.Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    waited->Request.Id = 1;
    waited->Request.Length = 8;
    waited->Answer = &answer;
    waited->References = 2;
    KeInitializeEvent(&waited->Done, 0, FALSE);
    Again(binding);
    if (table->Submit(binding->Peer, &waited->Request) != STATUS_PENDING) {
        Drop(waited);
        Leave(binding);
    } else {
        KeWaitForSingleObject(&waited->Done, 0, 0, 0, WRONG(&limit) RIGHT(NULL));
    }
    Drop(waited);
    Leave(binding);
    return answer;
}

void Call(BINDING *binding) { (void)Ask(binding); }

void Complete(PVOID binding, REQUEST *request) {
    WAITED *waited = (WAITED *)request;
    *waited->Answer = 1;
    KeSetEvent(&waited->Done, 0, FALSE);
    Drop(waited);
    Leave(binding);
}
