// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach with calls under way.

#include "module.h"

NTSTATUS Detach(PVOID context) {
    BINDING *binding = context;
    BOOLEAN busy = Withdraw(binding);
    WRONG(binding->Detaching = FALSE; return STATUS_SUCCESS;)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}
