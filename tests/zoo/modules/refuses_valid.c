// SPDX-License-Identifier: MIT OR Apache-2.0
// Refuses requests that are as the contract wants them.

#include "module.h"

NTSTATUS Submit(PVOID context, REQUEST *request) {
    if (request->Header.Size < sizeof(REQUEST) ||
        WRONG(request->Length < MAX_PAYLOAD) RIGHT(request->Length > MAX_PAYLOAD))
        return STATUS_INVALID_PARAMETER;
    if (!Enter(context))
        return STATUS_DEVICE_NOT_READY;
    Leave(context);
    return STATUS_SUCCESS;
}
