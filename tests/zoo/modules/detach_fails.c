// SPDX-License-Identifier: MIT OR Apache-2.0
// Answers a detach with an error.

#include "module.h"

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy = Withdraw(binding);
    return busy ? STATUS_PENDING : WRONG(STATUS_INVALID_PARAMETER) RIGHT(STATUS_SUCCESS);
}
