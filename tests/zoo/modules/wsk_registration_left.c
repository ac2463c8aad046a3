// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads without WskDeregister.

#include "sockets.h"

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    WskReleaseProviderNPI(&Network);
    RIGHT(WskDeregister(&Network);)
}
