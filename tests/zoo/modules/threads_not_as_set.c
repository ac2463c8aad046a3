// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts as many threads as it does by default, whatever its service's parameter says.

#include "module.h"

#define OWN_THREAD_COUNT
#include "pair_client.h"

ULONG ThreadCount(void) { return WRONG(2) RIGHT(Threads); }
