// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes STATUS_PENDING for the end when it switches its second module off.

#include "second.h"

void AwaitSecond(void) {
    RIGHT(NmrWaitForClientDeregisterComplete(Second);)
}

void BeginSwitching(void) { KeWaitForSingleObject(&Switching, 0, 0, 0, NULL); }
void EndSwitching(void) { KeReleaseMutex(&Switching, 0); }
