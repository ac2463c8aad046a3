// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes two locks in either order.

#include "module.h"

static KSPIN_LOCK Other;

static void Both(KSPIN_LOCK *first, KSPIN_LOCK *second) {
    KIRQL outer = KeAcquireSpinLockRaiseToDpc(first);
    KIRQL inner = KeAcquireSpinLockRaiseToDpc(second);
    KeReleaseSpinLock(second, inner);
    KeReleaseSpinLock(first, outer);
}

void AtUnload(void) {
    Both(&Lock, &Other);
    WRONG(Both(&Other, &Lock);)
}
