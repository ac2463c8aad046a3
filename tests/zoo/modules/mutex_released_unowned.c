// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases a mutex that it does not own.

#include "module.h"

static KMUTEX Mutex;

void AtUnload(void) {
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, 0, 0, 0, NULL);
    KeReleaseMutex(&Mutex, FALSE);
    WRONG(KeReleaseMutex(&Mutex, FALSE);)
}
