// SPDX-License-Identifier: MIT OR Apache-2.0
// Sets an event that it has not initialised.

#include "module.h"

static KEVENT Event;

void AtUnload(void) {
    RIGHT(KeInitializeEvent(&Event, 0, FALSE);)
    KeSetEvent(&Event, 0, FALSE);
}
