// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters a registration it never made.

#include "module.h"

static HANDLE Second;

void AtUnload(void) {
    WRONG(DEREGISTER(Second);)
    RIGHT(if (Second) DEREGISTER(Second);)
}
