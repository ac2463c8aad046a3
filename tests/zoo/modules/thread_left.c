// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads with its thread alive.

#include "module.h"

void StopThread(void) {
    Stop = TRUE;
    RIGHT(KeWaitForSingleObject(Thread, 0, 0, 0, NULL);)
    ObfDereferenceObject(Thread);
}
