// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not destroy its injection handle.

#define OWN_UNLOAD
#include "injects.h"

void AtUnload(void) {
    CloseEngine();
    FwpsCalloutUnregisterById0(CalloutId);
    RIGHT(FwpsInjectionHandleDestroy0(Injection);)
    IoDeleteDevice(CalloutDevice);
}
