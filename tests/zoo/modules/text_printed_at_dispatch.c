// SPDX-License-Identifier: MIT OR Apache-2.0
// Prints Unicode text with a spin lock held.

#include "module.h"

void Turn(void) {
    static UNICODE_STRING name = {12, 14, (WCHAR *)L"client"};
    KIRQL irql = Acquire();
    WRONG(DbgPrint("%wZ\n", &name);)
    Release(irql);
    RIGHT(DbgPrint("%wZ\n", &name);)
}
