// SPDX-License-Identifier: MIT OR Apache-2.0
// Returns from DriverUnload at DISPATCH_LEVEL.

#include "module.h"

void AtUnload(void) {
    KIRQL irql = Acquire();
    RIGHT(Release(irql);)
}
