// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases a spin lock that it holds shared as if it held it exclusive.

#include "executive.h"

static EX_SPIN_LOCK Readers;

void Turn(void) {
    KIRQL irql = ExAcquireSpinLockShared(&Readers);
    RIGHT(ExReleaseSpinLockShared(&Readers, irql);)
    WRONG(ExReleaseSpinLockExclusive(&Readers, irql);)
}
