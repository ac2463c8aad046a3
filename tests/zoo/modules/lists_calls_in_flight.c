// SPDX-License-Identifier: MIT OR Apache-2.0
// Lists the bindings that have a call in flight, not those in use.

#include "module.h"

#define OWN_LISTS
#include "control.h"

BOOLEAN Lists(BINDING *binding) { return WRONG(binding->InFlight > 0) RIGHT(TRUE); }
