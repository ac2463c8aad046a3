// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads the capability the wrong way round: a client that takes notifications gets none.

#define OFFERED ECHO_OFFERS_NOTIFY
#define CANCEL NULL
#define QUERY_STATISTICS NULL
#include "able.h"

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    ULONG offered = ABLE(binding)->Common & ECHO_OFFERS_NOTIFY;
    ULONGLONG completed = ++ABLE(binding)->Completed;
    Finish(request, STATUS_SUCCESS);
    if (WRONG(!) offered && completed % 16 == 0 && Enter(binding)) {
        table->Notify(binding->Peer, 1, completed);
        Leave(binding);
    }
    Leave(binding);
}
