// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers at DISPATCH_LEVEL.

#include "module.h"

NTSTATUS Register(void) {
    NTSTATUS status;
    WRONG(KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);)
    status = REGISTER(&Characteristics, NULL, &Registration);
    WRONG(KeLowerIrql(irql);)
    return status;
}
