// SPDX-License-Identifier: MIT OR Apache-2.0
// Leaves the requests that it completes in its queue, and completes them again.

#include "module.h"

REQUEST *TakeQueue(void) {
    REQUEST *newest, *oldest = NULL;
    KIRQL irql = Acquire();
    newest = Queue;
    RIGHT(Queue = NULL;)
    Release(irql);
    while (newest) {
        REQUEST *request = newest;
        newest = NEXT(request);
        NEXT(request) = oldest;
        oldest = request;
    }
    return oldest;
}
