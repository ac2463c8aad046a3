// SPDX-License-Identifier: MIT OR Apache-2.0
// Queues whatever is submitted: a client that does not wait uses up the pool.

#include "module.h"

#define MAX_PENDING 64

static ULONG Pending(const BINDING *binding) {
    ULONG count = 0;
    for (REQUEST *it = Queue; it; it = NEXT(it))
        count += OF(it) == binding;
    return count;
}

NTSTATUS Submit(PVOID context, REQUEST *request) {
    KIRQL irql;
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    if (!Enter(context))
        return STATUS_DEVICE_NOT_READY;
    irql = Acquire();
    RIGHT(if (Pending(context) >= MAX_PENDING) {
        Release(irql);
        Leave(context);
        return STATUS_DEVICE_BUSY;
    })
    OF(request) = context;
    NEXT(request) = Queue;
    Queue = request;
    Release(irql);
    WRONG((void)Pending;)
    return STATUS_PENDING;
}

// The oldest request at each turn: so that many gather.
void Turn(void) {
    REQUEST *request = NULL;
    KIRQL irql = Acquire();
    REQUEST **link = &Queue;
    while (*link && NEXT(*link))
        link = &NEXT(*link);
    request = *link;
    *link = NULL;
    Release(irql);
    if (request)
        Answer(request);
}

// The requests of a binding that detaches are completed at once, those of others stay queued.
static REQUEST *TakeOne(const BINDING *binding) {
    KIRQL irql = Acquire();
    REQUEST **link = &Queue, *request;
    while (*link && OF(*link) != binding)
        link = &NEXT(*link);
    request = *link;
    if (request)
        *link = NEXT(request);
    Release(irql);
    return request;
}

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy = Withdraw(binding);
    REQUEST *request;
    while ((request = TakeOne(binding)))
        Answer(request);
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}
