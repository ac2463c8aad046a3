// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes a request in the call that submits it, and answers that with success as well.

#include "module.h"

NTSTATUS Submit(PVOID context, REQUEST *request) {
    KIRQL irql;
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    if (!Enter(context))
        return STATUS_DEVICE_NOT_READY;
    if (request->Id % 4 == 0) {
        OF(request) = context;
        Answer(request);
        WRONG(return STATUS_SUCCESS;)
        RIGHT(return STATUS_PENDING;)
    }
    irql = Acquire();
    OF(request) = context;
    NEXT(request) = Queue;
    Queue = request;
    Release(irql);
    return STATUS_PENDING;
}
