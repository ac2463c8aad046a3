// SPDX-License-Identifier: MIT OR Apache-2.0
// Destroys its injection handle before it unregisters the callout that injects with it.

#define OWN_UNLOAD
#include "injects.h"

void AtUnload(void) {
    WRONG(FwpsInjectionHandleDestroy0(Injection);)
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(FwpsInjectionHandleDestroy0(Injection);)
    IoDeleteDevice(CalloutDevice);
}
