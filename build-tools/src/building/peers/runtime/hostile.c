// SPDX-License-Identifier: MIT OR Apache-2.0

// How a hostile peer breaks the contract of its NPI. It keeps that of NMR, and breaks
// what a module can check: sizes, versions, missing functions and tables, numbers out of
// bounds, null pointers, calls that were not offered, and completions of nothing.
//
// What a module cannot check by looking at it, a bare context or a pointer to what it has
// lent, is handed over wrong only if the description says that it is `looked_up`: then calls
// have the context of another binding, of one that is gone, or of none, and a call is
// completed again, after it was answered, or in another binding.
//
// It never does what no module can survive: hand over a pointer to memory that is not
// there, or less memory than the structure says; call before it has accepted; touch or free
// what it has lent while a call is pending, or lend it twice; leave a call that it keeps
// without completion; touch what the module may take for completed.

// By this section the simulated kernel knows that what this driver breaks is no finding.
__attribute__((section("hostile"), used)) static const UCHAR Mark = 1;

// A number in a structure, or a function in a table.
enum { SIZE, NUMBER, ENTRY };
typedef struct { ULONG Offset; UCHAR Width, Kind; } SPOT;
typedef struct { SIZE_T Size; BOOLEAN MayShrink; ULONG Count; const SPOT *Spots; } SHAPE;

static const SHAPE OwnCharacteristicsShape, OwnTableShape;

// Hostile peers know each other by this number in the padding of their ModuleId, and do not
// attach.
#define HOSTILE_PADDING 0x0BAD

static BOOLEAN IsHostile(const NPI_REGISTRATION_INSTANCE *peer) {
    const MODULE_ID *id = (const MODULE_ID *)peer->ModuleId;
    return id && id->Padding == HOSTILE_PADDING;
}

static ULONGLONG Odd(void) {
    static const ULONGLONG all[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF,
                                    0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, ~0ULL};
    ULONG drawn = Below(16);
    return drawn < 13 ? all[drawn] : Random();
}

static void Put(UCHAR *it, const SPOT *spot, ULONGLONG value) {
    __builtin_memcpy(it + spot->Offset, &value, spot->Width);
}

// The same structure with another size than is described; its memory is as large as it says,
// or at least holds the size.
static UCHAR *Resized(UCHAR *it, const SHAPE *shape, const SPOT *spot) {
    SIZE_T least = spot->Offset + spot->Width, claimed = 0, real;
    ULONG drawn = Below(3);
    UCHAR *other;
    if (drawn == 0)
        claimed = shape->Size + 1 + Below(4096);
    else if (drawn == 1 && least < shape->Size)
        claimed = (SIZE_T)Draw((LONGLONG)least, (LONGLONG)shape->Size - 1);
    real = claimed < least ? least : claimed;
    if (real < shape->Size && !shape->MayShrink)
        return it;
    other = Allocate(real);
    if (!other)
        return it;
    __builtin_memcpy(other, it, real < shape->Size ? real : shape->Size);
    Put(other, spot, claimed);
    Free(it);
    return other;
}

// Breaks a structure now and then: it, or another one in its place.
static PVOID Spoil(PVOID memory, const SHAPE *shape) {
    UCHAR *it = memory;
    const SPOT *spot;
    if (!it || !shape->Count || OneIn(2))
        return it;
    spot = &shape->Spots[Below(shape->Count)];
    if (spot->Kind == SIZE)
        return Resized(it, shape, spot);
    Put(it, spot, spot->Kind == ENTRY ? 0 : Odd());
    return it;
}

// Writes other numbers than are due into an answer.
static void Scribble(PVOID memory, const SHAPE *shape) {
    for (ULONG i = 0; i < shape->Count; i++)
        if (shape->Spots[i].Kind == NUMBER && OneIn(4))
            Put(memory, &shape->Spots[i], Odd());
}

// Any status but STATUS_PENDING, which would be a promise.
static NTSTATUS Refusal(void) {
    static const NTSTATUS all[] = {0x102, 0x40000000, STATUS_DEVICE_BUSY, STATUS_NOINTERFACE,
                                   STATUS_DEVICE_NOT_READY, -1};
    return all[Below(6)];
}

static PVOID Copy(const void *right, SIZE_T size) {
    PVOID copy = Allocate(size);
    if (copy)
        __builtin_memcpy(copy, right, size);
    return copy;
}

static PVOID Spoilt[MODULES];

static const void *CharacteristicsOf(ULONG module, const void *right) {
    if (!right || OneIn(6))
        return NULL;
    Spoilt[module] = Spoil(Copy(right, OwnCharacteristicsShape.Size), &OwnCharacteristicsShape);
    return Spoilt[module] ? Spoilt[module] : right;
}

static void FreeCharacteristics(void) {
    for (ULONG i = 0; i < MODULES; i++)
        if (Spoilt[i])
            Free(Spoilt[i]);
}

// NMR allows a client to have no table, and providers that hand over none are in use.
static const void *TableOf(BINDING *binding, const void *right) {
    if (!right || OneIn(8))
        return NULL;
    binding->Own = Spoil(Copy(right, OwnTableShape.Size), &OwnTableShape);
    return binding->Own ? binding->Own : right;
}

// Contexts.

// The binding whose context is null, of which there is one at a time: a context is its
// owner's alone, who may need none.
static BINDING *WithoutContext;
// The context of the other side in the binding that has gone last.
static PVOID Gone;

static PVOID ContextFor(BINDING *binding) {
    BINDING *none = NULL;
    if (OneIn(8) && __atomic_compare_exchange_n(&WithoutContext, &none, binding, FALSE,
                                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return NULL;
    return binding;
}

static BINDING *Own(PVOID context) { return context ? context : WithoutContext; }

static void Forget(BINDING *binding) {
    Gone = binding->Peer;
    if (WithoutContext == binding)
        __atomic_store_n(&WithoutContext, NULL, __ATOMIC_RELEASE);
}

// The context for a callee that looks it up: that of the call's binding, or now and then
// one that the callee does not have.
static PVOID Misdirect(CALL *call) {
    ULONG drawn = Below(8);
    if (drawn > 1)
        return call->Binding->Peer;
    call->List = &Astray;
    return drawn ? Gone : (PVOID)Odd();
}

// Completions that are not due.

#define MOST_PAST 16

// A call of the other side's that is over. While it is `Busy`, a completion of it is under
// way. It is `Suspect` once it is completed again: the other side may have begun another
// call by then that has the same in common with its completion, and take it for completed
// before it arrives here.
typedef struct {
    ULONGLONG Token;        // 0 if the place is free.
    ULONG Function;
    BOOLEAN Busy, Suspect;
    BINDING *Binding;
    ULONGLONG Match;
} PAST;
static PAST Past[MOST_PAST];

// A call is about to be completed, or to be answered if not `busy`, and nothing of it is
// touched any more. Returns what Settle takes.
static ULONGLONG Remember(BINDING *binding, ULONG function, ULONGLONG match, BOOLEAN busy) {
    ULONGLONG token = Token();
    ULONG fitting = 0;
    PAST *place = NULL;
    KIRQL irql = Acquire();
    for (ULONG i = 0; i < MOST_PAST; i++)
        if (!Past[i].Busy && !Past[i].Suspect && OneIn(++fitting))
            place = &Past[i];
    if (place)
        *place = (PAST){token, function, busy, FALSE, binding, match};
    Release(irql);
    return token;
}

// A completion has returned.
static void Settle(ULONGLONG token) {
    KIRQL irql = Acquire();
    for (ULONG i = 0; i < MOST_PAST && token; i++)
        if (Past[i].Token == token)
            Past[i].Busy = FALSE;
    Release(irql);
}

// A call arrives. Returns FALSE if the other side may take it for completed: it must be
// refused, and nothing of it be touched.
static BOOLEAN Admit(ULONG function, ULONGLONG match) {
    BOOLEAN admitted = TRUE;
    KIRQL irql = Acquire();
    for (ULONG i = 0; i < MOST_PAST; i++) {
        PAST *it = &Past[i];
        if (!it->Token || it->Function != function || it->Match != match)
            continue;
        if (it->Suspect)
            admitted = FALSE;
        if (!it->Suspect || !it->Busy)
            *it = (PAST){0};
    }
    Release(irql);
    return admitted;
}

// Draws what a completion that is not due has in common with a call of this function: of
// one that is past, or of one in another binding. Only a pointer is known to be of one
// binding. Returns what Settle takes.
static ULONGLONG DrawPast(const BINDING *binding, ULONG function, BOOLEAN pointer,
                          ULONGLONG *match) {
    ULONGLONG token = 0;
    ULONG fitting = 0;
    PAST *past = NULL;
    KIRQL irql = Acquire();
    for (ULONG i = 0; i < MOST_PAST; i++) {
        PAST *it = &Past[i];
        if (it->Token && it->Function == function && !it->Busy &&
            (pointer || it->Binding == binding) && OneIn(++fitting))
            past = it;
    }
    for (CALL *it = Kept; it && pointer; it = it->Next)
        if (it->Function == function && it->Binding != binding && OneIn(++fitting)) {
            past = NULL;
            *match = it->Match;
        }
    if (past) {
        past->Busy = past->Suspect = TRUE;
        *match = past->Match;
        token = past->Token;
    }
    Release(irql);
    return token;
}
