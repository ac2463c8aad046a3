// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of the NPI in xdp.toml: an interface that takes its own provider only.

#define NUMBER 12
#define INSTANCE_VERSION 1
#include "module.h"

typedef struct { ULONG Revision, Size, Count, Versions[2]; } CAPABILITIES;
typedef struct {
    ULONG Revision, Size;
    PVOID Interface;
    NTSTATUS (*GetDispatch)(PVOID, ULONG, ULONGLONG *);
} CLIENT_TABLE;

static const GUID NpiId = {0x2a770003, 0, 0x4000, {0x80, 0, 0, 0, 0, 0, 0, 1}};
static const CAPABILITIES Own = {1, sizeof(Own), 2, {1, 2}};
static const void *const Characteristics = &Own;

static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    return peer->Version == 1 && peer->Number == NUMBER && peer->ModuleId &&
           peer->ModuleId->Guid.Data1 == 0x11 && peer->ModuleId->Guid.Data4[0] == NUMBER;
}

static NTSTATUS GetDispatch(PVOID context, ULONG version, ULONGLONG *dispatch) {
    if (version != 2)
        return STATUS_NOINTERFACE;
    *dispatch = 0xD15;
    return STATUS_SUCCESS;
}
static const CLIENT_TABLE OwnTable = {1, sizeof(OwnTable), NULL, GetDispatch};
static const void *const Table = &OwnTable;

static void Turn(void) {}
