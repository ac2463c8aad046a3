// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters from Winsock Kernel without WskReleaseProviderNPI.

#include "sockets.h"

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    RIGHT(WskReleaseProviderNPI(&Network);)
    WskDeregister(&Network);
}
