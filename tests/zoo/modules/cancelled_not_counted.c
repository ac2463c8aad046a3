// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts what it completes with success, and not what it completes as cancelled.

#include "module.h"

#define OFFERED (ECHO_OFFERS_CANCEL | ECHO_OFFERS_QUERY_STATISTICS)
#define CANCEL Cancel
#define QUERY_STATISTICS QueryStatistics
static ECHO_CANCEL_FN Cancel;
static ECHO_QUERY_STATISTICS_FN QueryStatistics;
#include "able.h"

#define CANCELLED(request) ((request)->ProviderArea[2])

static ECHO_STATISTICS Statistics;

static void Count(ULONGLONG *counter) {
    KIRQL irql = Acquire();
    *counter += 1;
    Release(irql);
}

static void Cancel(PVOID context, REQUEST *request) {
    KIRQL irql = Acquire();
    CANCELLED(request) = context;
    Release(irql);
}

static NTSTATUS QueryStatistics(PVOID context, ECHO_STATISTICS *statistics) {
    ECHO_HEADER header = statistics->Header;
    KIRQL irql = Acquire();
    *statistics = Statistics;
    Release(irql);
    statistics->Header = header;
    (void)context;
    return STATUS_SUCCESS;
}

NTSTATUS Submit(PVOID context, REQUEST *request) {
    KIRQL irql;
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD) {
        Count(&Statistics.Refused);
        return STATUS_INVALID_PARAMETER;
    }
    if (!Enter(context)) {
        Count(&Statistics.Refused);
        return STATUS_DEVICE_NOT_READY;
    }
    irql = Acquire();
    OF(request) = context;
    NEXT(request) = Queue;
    Queue = request;
    Statistics.Pended += 1;
    Release(irql);
    return STATUS_PENDING;
}

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    KIRQL irql = Acquire();
    BOOLEAN cancelled = CANCELLED(request) != NULL;
    Release(irql);
    if (!cancelled)
        Count(&Statistics.CompletedLater);
    RIGHT(else Count(&Statistics.Cancelled);)
    Finish(request, cancelled ? STATUS_CANCELLED : STATUS_SUCCESS);
    Leave(binding);
}
