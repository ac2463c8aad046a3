// SPDX-License-Identifier: MIT OR Apache-2.0
// Stops the thread that completes requests before it deregisters.

#include "module.h"

void Unload(DRIVER_OBJECT *driver) {
    WRONG(StopThread();)
    Deregister();
    RIGHT(StopThread();)
}
