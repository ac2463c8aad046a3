// SPDX-License-Identifier: MIT OR Apache-2.0
// Lets two requests switch its second module at once.

#include "second.h"

void AwaitSecond(void) { NmrWaitForClientDeregisterComplete(Second); }

void BeginSwitching(void) {
    RIGHT(KeWaitForSingleObject(&Switching, 0, 0, 0, NULL);)
}

void EndSwitching(void) {
    RIGHT(KeReleaseMutex(&Switching, 0);)
}
