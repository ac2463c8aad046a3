// SPDX-License-Identifier: MIT OR Apache-2.0
// Puts cancelled requests aside until it has had nothing else to do for a while.

#include "module.h"

#define OFFERED ECHO_OFFERS_CANCEL
#define CANCEL Cancel
#define QUERY_STATISTICS NULL
static ECHO_CANCEL_FN Cancel;
#include "able.h"

#define CANCELLED(request) ((request)->ProviderArea[2])
#define LONG_ENOUGH 10

// Of the thread alone.
static REQUEST *Aside;
static ULONG IdleTurns;

static void Cancel(PVOID context, REQUEST *request) {
    KIRQL irql = Acquire();
    CANCELLED(request) = context;
    Release(irql);
}

static void End(REQUEST *request, NTSTATUS status) {
    BINDING *binding = OF(request);
    Finish(request, status);
    Leave(binding);
}

void Answer(REQUEST *request) {
    KIRQL irql = Acquire();
    BOOLEAN cancelled = CANCELLED(request) != NULL;
    Release(irql);
    WRONG(if (cancelled) {
        NEXT(request) = Aside;
        Aside = request;
        return;
    })
    End(request, cancelled ? STATUS_CANCELLED : STATUS_SUCCESS);
}

void Turn(void) {
    REQUEST *request = TakeQueue();
    IdleTurns = request ? 0 : IdleTurns + 1;
    while (request) {
        REQUEST *next = NEXT(request);
        Answer(request);
        request = next;
    }
    while (Aside && IdleTurns >= LONG_ENOUGH) {
        request = Aside;
        Aside = NEXT(request);
        End(request, STATUS_CANCELLED);
    }
}
