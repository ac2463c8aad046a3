// SPDX-License-Identifier: MIT OR Apache-2.0
// Has its detach callback in pageable code.

#include "module.h"

WRONG(__attribute__((section("PAGE"))))
NTSTATUS Detach(PVOID binding) {
    return Withdraw(binding) ? STATUS_PENDING : STATUS_SUCCESS;
}
