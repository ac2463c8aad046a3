// SPDX-License-Identifier: MIT OR Apache-2.0
// A provider or client of an NPI with a call that pends. With UNCHECKED the provider does not
// look at the size of what the client says of itself; with UNCOUNTED the client does not count
// calls that pend. With BELIEVING neither looks up what it is called with.

#include "module.h"

typedef struct { CHAR Text[24]; PVOID Next; } REASON;
typedef struct _QUESTION { ULONG Size; ULONGLONG Key, Value; const REASON *Why; } QUESTION;
typedef struct { ULONG Size; USHORT Lowest, Highest; ULONGLONG Most, Others[4]; } LIMITS;
typedef struct {
    ULONG Size;
    NTSTATUS (*Get)(PVOID, QUESTION *);
    ULONGLONG (*Set)(PVOID, ULONGLONG, const REASON *);
} PROVIDER_TABLE;
typedef struct { ULONG Size; void (*Got)(PVOID, QUESTION *); } CLIENT_TABLE;

static const GUID NpiId = {0x7b1c2f0e, 0x7a64, 0x4b7b, {0x9b, 0x53, 0x0c, 0x1d, 0x7f, 0x3a, 0x9e, 0x11}};
static const LIMITS Own = {sizeof(LIMITS), 1, 1, 4};
static const void *const Characteristics = &Own;
static volatile ULONGLONG Sum;

static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer) {
    const LIMITS *theirs = peer->NpiSpecificCharacteristics;
    if (!theirs)
        return FALSE;
#ifndef UNCHECKED
    if (theirs->Size < sizeof(*theirs))
        return FALSE;
#endif
    Sum += theirs->Others[3];
    return theirs->Lowest <= 1 && theirs->Highest >= 1;
}

#ifdef PROVIDER

// Calls that are kept, each with its binding.
typedef struct { BINDING *Binding; QUESTION *Question; } KEPT;
static KEPT Kept[8];

static NTSTATUS Answer(BINDING *binding, QUESTION *question) {
    const CLIENT_TABLE *table = binding->Table;
    KIRQL irql;
    if (!question || question->Size < sizeof(*question))
        return STATUS_INVALID_PARAMETER;
    // A client without the function gets its answer at once.
    if (question->Key % 2 && table && table->Size >= sizeof(*table) && table->Got && Enter(binding)) {
        irql = KeAcquireSpinLockRaiseToDpc(&Lock);
        for (ULONG i = 0; i < 8; i++)
            if (!Kept[i].Question) {
                Kept[i] = (KEPT){binding, question};
                KeReleaseSpinLock(&Lock, irql);
                return STATUS_PENDING;
            }
        KeReleaseSpinLock(&Lock, irql);
        Leave(binding);
    }
    question->Value = question->Key;
    return STATUS_SUCCESS;
}

static NTSTATUS Get(PVOID context, QUESTION *question) {
#ifdef BELIEVING
    return Answer(context, question);
#else
    BINDING *binding = Find(context);
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (binding) {
        status = Answer(binding, question);
        Leave(binding);
    }
    return status;
#endif
}

static ULONGLONG Set(PVOID context, ULONGLONG key, const REASON *why) {
    return why ? key : 0;
}

static const PROVIDER_TABLE OwnTable = {sizeof(OwnTable), Get, Set};

static void Turn(void) {
    for (ULONG i = 0; i < 8; i++) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
        KEPT kept = Kept[i];
        Kept[i].Question = NULL;
        KeReleaseSpinLock(&Lock, irql);
        if (!kept.Question)
            continue;
        kept.Question->Value = kept.Question->Key;
        ((const CLIENT_TABLE *)kept.Binding->Table)->Got(kept.Binding->Peer, kept.Question);
        Leave(kept.Binding);
    }
}

#else

// Questions, each used by the thread until its call has returned, and by the provider of
// a binding until it has answered.
typedef struct { QUESTION Question; BINDING *Binding; BOOLEAN Asking; } ASKED;
static ASKED Asked[8];

// Takes a question back from the provider that has it in this binding. Returns FALSE if it
// has not.
static BOOLEAN TakeBack(BINDING *binding, QUESTION *question) {
    BOOLEAN had = FALSE;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    for (ULONG i = 0; i < 8; i++)
        if (&Asked[i].Question == question && Asked[i].Binding == binding) {
            had = TRUE;
            Asked[i].Binding = NULL;
        }
    KeReleaseSpinLock(&Lock, irql);
    return had;
}

static void Got(PVOID context, QUESTION *question) {
    BINDING *binding = context;
#ifdef BELIEVING
    if (!question)
        return;
    binding = CONTAINING_RECORD(question, ASKED, Question)->Binding;
    TakeBack(binding, question);
#else
    if (!TakeBack(binding, question))
        return;
#endif
#ifndef UNCOUNTED
    Leave(binding);
#endif
}

static const CLIENT_TABLE OwnTable = {sizeof(OwnTable), Got};

// A question that nobody uses, for a call in this binding.
static ASKED *Take(BINDING *binding) {
    ASKED *asked = NULL;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&Lock);
    for (ULONG i = 0; i < 8 && !asked; i++)
        if (!Asked[i].Binding && !Asked[i].Asking)
            asked = &Asked[i];
    if (asked) {
        asked->Binding = binding;
        asked->Asking = TRUE;
#ifndef UNCOUNTED
        // The completion ends a part of the call.
        binding->InFlight++;
#endif
    }
    KeReleaseSpinLock(&Lock, irql);
    return asked;
}

static void Turn(void) {
    BINDING *binding = EnterAny();
    const PROVIDER_TABLE *table;
    ASKED *asked;
    if (!binding)
        return;
    table = binding->Table;
    asked = table && table->Size >= sizeof(*table) && table->Get ? Take(binding) : NULL;
    if (asked) {
        asked->Question = (QUESTION){.Size = sizeof(QUESTION), .Key = 3};
        if (table->Get(binding->Peer, &asked->Question) != STATUS_PENDING &&
            TakeBack(binding, &asked->Question)) {
#ifndef UNCOUNTED
            Leave(binding);
#endif
        }
        asked->Asking = FALSE;
    }
    Leave(binding);
}

#endif

static const void *const Table = &OwnTable;
