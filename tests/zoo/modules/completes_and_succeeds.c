// SPDX-License-Identifier: MIT OR Apache-2.0
// Answers a detach with STATUS_SUCCESS and completes it as well.

#include "module.h"

static BINDING *Idle;

NTSTATUS Detach(PVOID context) {
    BINDING *binding = context;
    if (Withdraw(binding))
        return STATUS_PENDING;
    Idle = binding;
    return STATUS_SUCCESS;
}

void Cleanup(PVOID context) {
    BINDING *binding = context;
    WRONG(if (binding == Idle) DETACH_COMPLETE(binding->Handle);)
    Free(binding);
}
