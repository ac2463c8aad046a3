// SPDX-License-Identifier: MIT OR Apache-2.0

// How a hostile peer breaks the contract of its NPI. It keeps that of NMR, and breaks
// what a module can check: sizes, versions, missing functions, numbers out of bounds, null
// pointers, calls that were not offered, and completions of nothing.
//
// It never does what no module can survive: hand over a pointer to memory that is not
// there, or less memory than the structure says; call after its detach or before it has
// accepted; touch or free what it has lent while a call is pending, or lend it twice; complete
// a call twice, or one that it was not given; leave a call that it keeps without completion.

// A number in a structure, or a function in a table.
enum { SIZE, NUMBER, ENTRY };
typedef struct { ULONG Offset; UCHAR Width, Kind; } SPOT;
typedef struct { SIZE_T Size; BOOLEAN MayShrink; ULONG Count; const SPOT *Spots; } SHAPE;

static const SHAPE OwnCharacteristicsShape, OwnTableShape;

// Hostile peers know each other by this number in the padding of their ModuleId, and do not
// attach.
#define HOSTILE_PADDING 0x0BAD

static BOOLEAN IsHostile(const NPI_REGISTRATION_INSTANCE *peer) {
    return peer->ModuleId && peer->ModuleId->Padding == HOSTILE_PADDING;
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

static const void *TableOf(BINDING *binding, const void *right) {
#ifdef CLIENT
    // NMR allows a client to have no table; a provider has one.
    if (OneIn(8))
        return NULL;
#endif
    if (!right)
        return NULL;
    binding->Own = Spoil(Copy(right, OwnTableShape.Size), &OwnTableShape);
    return binding->Own ? binding->Own : right;
}
