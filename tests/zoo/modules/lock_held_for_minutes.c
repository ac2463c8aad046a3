// SPDX-License-Identifier: MIT OR Apache-2.0
// Holds a spin lock for minutes, while it waits for its device.

#include "module.h"

static void WaitForDevice(ULONGLONG seconds) {
    ULONGLONG begun = KeQueryInterruptTime();
    while (KeQueryInterruptTime() - begun < seconds * 10000000)
        RIGHT(Sleep(1000000));
}

void AtUnload(void) {
    WRONG(KIRQL irql = Acquire();)
    WaitForDevice(WRONG(150) RIGHT(1));
    WRONG(Release(irql);)
}
