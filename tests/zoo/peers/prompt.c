// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes each request before Submit has returned.

#include "module.h"

NTSTATUS Submit(PVOID context, REQUEST *request) {
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    if (!Enter(context))
        return STATUS_DEVICE_NOT_READY;
    OF(request) = context;
    Answer(request);
    return STATUS_PENDING;
}
