// SPDX-License-Identifier: MIT OR Apache-2.0
// Accepts a client without checking the versions that it supports.

#include "module.h"

BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const ECHO_CHARACTERISTICS *theirs = peer->NpiSpecificCharacteristics;
    RIGHT(if (!theirs || theirs->LowestVersion > ECHO_VERSION ||
              theirs->HighestVersion < ECHO_VERSION) return FALSE;)
    return theirs && theirs->Header.Size >= sizeof(*theirs) && !theirs->Required;
}
