// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters from Winsock Kernel with a socket open.

#include "sockets.h"

void AtUnload(void) {
    RIGHT(CloseSocket();)
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
