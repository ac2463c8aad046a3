// SPDX-License-Identifier: MIT OR Apache-2.0
// A request that is answered at once keeps its slot, until no slot is left.

#include "module.h"

#define OWN_GIVES_SLOT_BACK
#include "pair_client.h"

BOOLEAN GivesSlotBack(BOOLEAN pended) { return WRONG(pended) RIGHT(TRUE); }
