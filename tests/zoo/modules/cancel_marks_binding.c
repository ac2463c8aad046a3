// SPDX-License-Identifier: MIT OR Apache-2.0
// A cancellation marks the binding instead of the request, so that all later requests are
// completed as cancelled, too.

#include "module.h"

#define OFFERED ECHO_OFFERS_CANCEL
#define CANCEL Cancel
#define QUERY_STATISTICS NULL
static ECHO_CANCEL_FN Cancel;
#include "able.h"

#define CANCELLED(request) ((request)->ProviderArea[2])

static void Cancel(PVOID context, REQUEST *request) {
    KIRQL irql = Acquire();
    WRONG(ABLE(context)->Cancelled = TRUE; (void)request;)
    RIGHT(CANCELLED(request) = context;)
    Release(irql);
}

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    KIRQL irql = Acquire();
    BOOLEAN cancelled = WRONG(ABLE(binding)->Cancelled) RIGHT(CANCELLED(request) != NULL);
    Release(irql);
    Finish(request, cancelled ? STATUS_CANCELLED : STATUS_SUCCESS);
    Leave(binding);
}
