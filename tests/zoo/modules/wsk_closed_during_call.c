// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes its socket while its thread may send.

#include "sockets.h"

void Turn(void) { SendSome(); }

void Deregister(void) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    WRONG(CloseSocket();)
}

void AtUnload(void) {
    RIGHT(CloseSocket();)
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
