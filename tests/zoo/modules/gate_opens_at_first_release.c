// SPDX-License-Identifier: MIT OR Apache-2.0
// Can be unloaded again as soon as a hold is given back, whether or not it was the last one.

#include "module.h"

#define OWN_OPENS
#include "control.h"

BOOLEAN Opens(void) { return WRONG(TRUE) RIGHT(!Holds); }
