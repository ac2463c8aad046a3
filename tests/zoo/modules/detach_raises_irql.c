// SPDX-License-Identifier: MIT OR Apache-2.0
// Returns from its detach callback at another IRQL.

#include "module.h"

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy = Withdraw(binding);
    WRONG(KfRaiseIrql(APC_LEVEL + 2);)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}
