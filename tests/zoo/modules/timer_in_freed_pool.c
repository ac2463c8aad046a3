// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the memory of a timer that is set.

#include "module.h"

void AtUnload(void) {
    KTIMER *timer = Allocate(sizeof(*timer));
    if (!timer)
        return;
    KeInitializeTimer(timer);
    KeSetTimerEx(timer, -1000000, 0, NULL);
    RIGHT(KeCancelTimer(timer);)
    Free(timer);
}
