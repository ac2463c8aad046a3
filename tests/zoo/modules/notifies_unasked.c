// SPDX-License-Identifier: MIT OR Apache-2.0
// Notifies each client that has the function, although it offers no notifications itself.

#define OFFERED 0
#define CANCEL NULL
#define QUERY_STATISTICS NULL
#include "able.h"

void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    Finish(request, STATUS_SUCCESS);
    if (WRONG(table->Notify != NULL) RIGHT(ABLE(binding)->Common & ECHO_OFFERS_NOTIFY) &&
        Enter(binding)) {
        table->Notify(binding->Peer, 1, 1);
        Leave(binding);
    }
    Leave(binding);
}
