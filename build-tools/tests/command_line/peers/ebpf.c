// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of the NPI in ebpf.toml: it has a program, and calls nothing.

#include "module.h"

typedef struct { USHORT Version; SIZE_T Size; } HEADER;
typedef struct { HEADER Header; ULONG Parameter; } PROGRAM_DATA;
typedef struct { HEADER Header; GUID AttachType; ULONG LinkType; } HOOK_DATA;
typedef struct {
    HEADER Header;
    NTSTATUS (*Invoke)(PVOID, ULONGLONG, ULONGLONG *);
    ULONG Flags;
} CLIENT_TABLE;

static const GUID NpiId = {0x2a770002, 0, 0x4000, {0x80, 0, 0, 0, 0, 0, 0, 1}};
static const PROGRAM_DATA Own = {{1, sizeof(PROGRAM_DATA)}, 5};
static const void *const Characteristics = &Own;

static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const HOOK_DATA *theirs = peer->NpiSpecificCharacteristics;
    return theirs && theirs->Header.Version == 1 && theirs->Header.Size >= sizeof(*theirs) &&
           theirs->LinkType == 1;
}

static NTSTATUS Invoke(PVOID context, ULONGLONG argument, ULONGLONG *result) {
    *result = argument + 1;
    return STATUS_SUCCESS;
}
static const CLIENT_TABLE OwnTable = {{1, sizeof(OwnTable)}, Invoke, 0};
static const void *const Table = &OwnTable;

static void Turn(void) {}
