// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for its thread with a spin lock held.

#include "module.h"

void StopThread(void) {
    WRONG(KIRQL irql;)
    Stop = TRUE;
    WRONG(irql = Acquire();)
    KeWaitForSingleObject(Thread, 0, 0, 0, NULL);
    WRONG(Release(irql);)
    ObfDereferenceObject(Thread);
}
