// SPDX-License-Identifier: MIT OR Apache-2.0
// Returns from DriverUnload inside a critical region.

#include "module.h"

void AtUnload(void) {
    KeEnterCriticalRegion();
    RIGHT(KeLeaveCriticalRegion();)
}
