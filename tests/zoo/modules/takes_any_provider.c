// SPDX-License-Identifier: MIT OR Apache-2.0
// Attaches to any provider of the NPI, whoever it is.

#include "module.h"

static const GUID Wanted = {0x2d1f2c91, 0x5b7a, 0x4f0e, {0x91, 0x3c, 6, 2, 8, 3, 1, 2}};

static BOOLEAN IsWanted(const NPI_MODULEID *id) {
    const UCHAR *theirs = (const UCHAR *)&id->Guid, *wanted = (const UCHAR *)&Wanted;
    for (ULONG i = 0; i < sizeof(GUID); i++)
        if (theirs[i] != wanted[i])
            return FALSE;
    return TRUE;
}

BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const ECHO_CHARACTERISTICS *theirs = peer->NpiSpecificCharacteristics;
    RIGHT(if (!IsWanted(peer->ModuleId)) return FALSE;)
    return theirs && theirs->Header.Size >= sizeof(*theirs) && !theirs->Required;
}
