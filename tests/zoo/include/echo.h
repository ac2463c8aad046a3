// SPDX-License-Identifier: MIT OR Apache-2.0
// The Echo NPI as shared-npi/src/echo defines it.

#pragma once
#include "kernel.h"

#define MAX_PAYLOAD 64
#define ECHO_VERSION 1

typedef struct { USHORT Size, Version; ULONG Flags; } HEADER;

typedef struct {
    HEADER Header;
    USHORT LowestVersion, HighestVersion;
    ULONG Offered, Required;
} ECHO_CHARACTERISTICS;
_Static_assert(sizeof(ECHO_CHARACTERISTICS) == 20, "as in Rust");

typedef struct _REQUEST {
    HEADER Header;
    ULONGLONG Id;
    ULONG Length;
    NTSTATUS Status;
    UCHAR Payload[MAX_PAYLOAD], Reply[MAX_PAYLOAD];
    PVOID ProviderArea[4];
} REQUEST;
_Static_assert(sizeof(REQUEST) == 184, "as in Rust");

typedef struct {
    HEADER Header;
    NTSTATUS (*Submit)(PVOID binding, REQUEST *);
    void (*Cancel)(PVOID binding, REQUEST *);
    NTSTATUS (*QueryStatistics)(PVOID binding, PVOID statistics);
} PROVIDER_DISPATCH;

typedef struct {
    HEADER Header;
    void (*Complete)(PVOID binding, REQUEST *);
    void (*Notify)(PVOID binding, ULONG what, ULONGLONG value);
} CLIENT_DISPATCH;

static const GUID EchoNpi = {
    0x1e32787f, 0x806c, 0x4f83, {0x98, 0xe4, 0x7d, 0xbe, 0xc5, 0x12, 0x97, 0x01}};
// Without the abilities beyond submit and complete.
static const ECHO_CHARACTERISTICS Minimum = {
    {sizeof(ECHO_CHARACTERISTICS), ECHO_VERSION, 0}, ECHO_VERSION, ECHO_VERSION, 0, 0};
