// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleeps with a spin lock held.

#include "module.h"

void Turn(void) {
    KIRQL irql = Acquire();
    REQUEST *request = Queue;
    WRONG(if (request) Sleep(1);)
    if (request)
        Queue = request->ProviderArea[0];
    Release(irql);
    if (request)
        Answer(request);
}
