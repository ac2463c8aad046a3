// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of the NPI in wsk.toml.

#include "module.h"

typedef struct { USHORT Highest, Lowest; } VERSIONS;
typedef struct {
    USHORT Version, Reserved;
    NTSTATUS (*Control)(PVOID, ULONG);
    NTSTATUS (*Socket)(PVOID, ULONGLONG *);
    NTSTATUS (*Close)(PVOID, ULONGLONG);
} PROVIDER_TABLE;
typedef struct { USHORT Version, Reserved; NTSTATUS (*Event)(PVOID, ULONG); } CLIENT_TABLE;

static const GUID NpiId = {0x2a770001, 0, 0x4000, {0x80, 0, 0, 0, 0, 0, 0, 1}};
static const void *const Characteristics = NULL;

static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const VERSIONS *theirs = peer->NpiSpecificCharacteristics;
    return theirs && theirs->Lowest <= 0x100 && 0x100 <= theirs->Highest;
}

static NTSTATUS Event(PVOID context, ULONG code) { return STATUS_SUCCESS; }
static const CLIENT_TABLE OwnTable = {0x100, 0, Event};
static const void *const Table = &OwnTable;

static void Turn(void) {
    BINDING *binding = EnterAny();
    const PROVIDER_TABLE *table;
    ULONGLONG socket = 0;
    if (!binding)
        return;
    table = binding->Table;
    table->Control(binding->Peer, 1);
    if (table->Socket(binding->Peer, &socket) == STATUS_SUCCESS)
        table->Close(binding->Peer, socket);
    Leave(binding);
}
