// SPDX-License-Identifier: MIT OR Apache-2.0
// Saves the extended processor state with a spin lock held, and restores it without.

#include "executive.h"

static LONGLONG Sum;

void Turn(void) {
    XSTATE_SAVE state;
    KIRQL irql = Acquire();
    if (!NT_SUCCESS(KeSaveExtendedProcessorState(XSTATE_MASK_GSSE, &state))) {
        Release(irql);
        return;
    }
    Sum++;
    WRONG(Release(irql);)
    KeRestoreExtendedProcessorState(&state);
    RIGHT(Release(irql);)
    CallNewest();
}
