// SPDX-License-Identifier: MIT OR Apache-2.0
// Drops references to a shared block by a plain decrement: two that are the last drop it twice,
// or neither does.

#include "module.h"

typedef struct {
    volatile LONG References;
} SHARED;

typedef struct {
    REQUEST Request;
    SHARED *Shared;
} OWN_REQUEST;

// Its thread's.
static SHARED *Current;

static void Take(SHARED *shared) { __sync_fetch_and_add(&shared->References, 1); }

static void Drop(SHARED *shared) {
    WRONG(if (--shared->References == 0) Free(shared);)
    RIGHT(if (__sync_sub_and_fetch(&shared->References, 1) == 0) Free(shared);)
}

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    OWN_REQUEST *own = Current ? Allocate(sizeof(OWN_REQUEST)) : NULL;
    REQUEST *request = &own->Request;
    if (!own) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = (ULONGLONG)request >> 12;
    request->Length = 8;
    Take(Current);
    own->Shared = Current;
    Again(binding);
    if (table->Submit(binding->Peer, request) != STATUS_PENDING) {
        Drop(own->Shared);
        Free(request);
        Leave(binding);
    }
    Leave(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    Drop(((OWN_REQUEST *)request)->Shared);
    Free(request);
    Leave(binding);
}

void Turn(void) {
    Current = Allocate(sizeof(SHARED));
    if (Current)
        Current->References = 1;
    CallNewest();
    if (Current)
        Drop(Current);
}
