// SPDX-License-Identifier: MIT OR Apache-2.0

// The part that peers of all NPIs have in common: the driver, its bindings, its threads,
// and the calls that pend. It keeps the contract of NMR: nothing is called once the
// detach callback has begun but the completions that are due, a detach never blocks, and
// it is complete when the last call is back.

#define PEER_TAG 0x72656550
#define MOST_THREADS 3
#define MOST_KEPT 16
#define MOST_LENT 32

// By this section the simulated kernel knows that nobody wrote this driver.
__attribute__((section("peer"), used)) static const UCHAR Made = 1;

typedef struct _BINDING BINDING;
typedef struct _CALL CALL;

// One attached module of the other side.
struct _BINDING {
    BINDING *Next;
    HANDLE Handle;
    PVOID Peer;             // The binding context of the other side.
    const void *Table;      // Its table.
    ULONGLONG Common;       // What both sides offer.
    ULONGLONG Since;        // When the attach callback ran.
    LONG InFlight;          // The calls of this side that are not over.
    BOOLEAN Attached;       // This side has the context and the table.
    BOOLEAN Usable;         // The table is complete.
    BOOLEAN Heard;          // The other side has called: the attach is committed.
    BOOLEAN Detaching;
    BOOLEAN Calling, Completing;    // For calls that are matched by their order.
    BOOLEAN Done[FUNCTIONS];        // The functions that have been called with success.
    CALL *Made;             // The calls of this side that may pend, the oldest first.
    PVOID Own;              // A table for this binding alone, if it has one.
};

// A call that may pend: one that this side has made, or one of the other side's that it
// keeps.
struct _CALL {
    CALL *Next;
    CALL **List;            // The calls of this side that may pend with which it is.
    BINDING *Binding;
    ULONG Function;
    LONG References;
    BOOLEAN Pended;         // It has returned STATUS_PENDING.
    ULONGLONG Match;        // The argument that it has in common with its completion.
    KDPC Dpc;
    ULONG LentCount;
    PVOID Lent[MOST_LENT];  // The structures that are lent with it and with its completion.
};

// What the description says of a function.
typedef struct {
    KIRQL Lowest, Highest;
    LONG CompletedBy;       // A function of the other table, or -1.
    LONG After;             // The function that must have been called first, or -1.
    ULONGLONG IfOffered;
    BOOLEAN Ordered;        // Calls and completions are matched by their order.
} FUNCTION;

// A ModuleId, with its padding by name.
typedef union {
    struct { USHORT Length, Padding; LONG Type; GUID Guid; };
    NPI_MODULEID Id;
} MODULE_ID;
typedef struct { MODULE_ID Id; ULONG Number; USHORT Version; } MODULE;

// The part that is made of the description; it follows this one.
static const FUNCTION Functions[FUNCTIONS];
static const GUID NpiId;
static const MODULE Modules[MODULES];
// Draws the characteristics and the table of this side; each is null if it has none.
static void Prepare(const void **characteristics, const void **table);
// Returns TRUE if this side takes a peer with these characteristics.
static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer, ULONGLONG *common);
static BOOLEAN FitsTable(const void *table);
// Makes a call, which is drawn, through this table if the callee looks its context up.
static void CallPeer(BINDING *, const void *table);
// Completes a call that was kept.
static void Complete(CALL *);
// Frees what this side has lent with a call.
static void FreeLent(CALL *);
#ifdef HOSTILE
// What is handed over in place of the right characteristics and of the right table.
static const void *CharacteristicsOf(ULONG module, const void *right);
static const void *TableOf(BINDING *, const void *right);
static void FreeCharacteristics(void);
static NTSTATUS Refusal(void);
// The context that is handed over for a binding, and the binding that has a context.
static PVOID ContextFor(BINDING *);
static BINDING *Own(PVOID context);
static void Forget(BINDING *);
// The calls that were made with the context of another binding, or of none.
static CALL *Astray;
#else
static PVOID ContextFor(BINDING *binding) { return binding; }
static BINDING *Own(PVOID context) { return context; }
#endif

#ifdef CLIENT
typedef NPI_CLIENT_CHARACTERISTICS CHARACTERISTICS;
#define REGISTER NmrRegisterClient
#define DEREGISTER NmrDeregisterClient
#define WAIT NmrWaitForClientDeregisterComplete
#define DETACH_COMPLETE NmrClientDetachProviderComplete
#else
typedef NPI_PROVIDER_CHARACTERISTICS CHARACTERISTICS;
#define REGISTER NmrRegisterProvider
#define DEREGISTER NmrDeregisterProvider
#define WAIT NmrWaitForProviderDeregisterComplete
#define DETACH_COMPLETE NmrProviderDetachClientComplete
#endif

static KSPIN_LOCK Lock;
static BINDING *Bindings;
static CALL *Kept;          // The oldest first.
static LONG KeptCount;
static const void *Table;
static CHARACTERISTICS Registered[MODULES];
static HANDLE Registrations[MODULES];
static PVOID Threads[MOST_THREADS];
static ULONG ThreadCount;
static volatile BOOLEAN Stop;
static LONG Nested;         // The completions from within a call.
static ULONGLONG Seed;

static KIRQL Acquire(void) { return KeAcquireSpinLockRaiseToDpc(&Lock); }
static void Release(KIRQL irql) { KeReleaseSpinLock(&Lock, irql); }
static PVOID Allocate(SIZE_T size) { return ExAllocatePool2(POOL_FLAG_NON_PAGED, size, PEER_TAG); }
static void Free(PVOID memory) { ExFreePoolWithTag(memory, PEER_TAG); }
static void Sleep(ULONG microseconds) {
    LARGE_INTEGER interval;
    interval.QuadPart = -10 * (LONGLONG)microseconds;
    KeDelayExecutionThread(0, FALSE, &interval);
}

// Random numbers: SplitMix64, at any IRQL.
static ULONGLONG Random(void) {
    const ULONGLONG step = 0x9E3779B97F4A7C15;
    ULONGLONG z = __atomic_add_fetch(&Seed, step, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}
static ULONG Below(ULONG count) { return (ULONG)((Random() >> 32) % count); }
static BOOLEAN OneIn(ULONG count) { return Below(count) == 0; }
static LONGLONG Draw(LONGLONG lowest, LONGLONG highest) {
    ULONGLONG count = (ULONGLONG)highest - (ULONGLONG)lowest + 1;
    return (LONGLONG)((ULONGLONG)lowest + (count ? Random() % count : Random()));
}

// A number that no other call has.
static ULONGLONG Token(void) {
    static ULONGLONG last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

// A level at which a function may be called from here; FALSE if there is none.
static BOOLEAN Raise(ULONG function, KIRQL *before) {
    KIRQL lowest = Functions[function].Lowest, highest = Functions[function].Highest;
    *before = KeGetCurrentIrql();
    if (*before > highest)
        return FALSE;
    if (*before < lowest)
        KfRaiseIrql(lowest);
    else if (*before < highest && OneIn(2))
        KfRaiseIrql(highest);
    return TRUE;
}
static void Lower(KIRQL before) {
    if (KeGetCurrentIrql() != before)
        KeLowerIrql(before);
}

// A call has ended. The last one of a binding that is being detached completes that, and
// touches the binding no more.
static void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    if (last)
        DETACH_COMPLETE(handle);
}

// A provider is not told that the attach of its client is committed. It knows by a call of
// the client, or assumes it after this time, in units of 100 ns.
#define COMMITTED_AFTER 10000

static BOOLEAN MayCall(const BINDING *binding) {
    if (!binding->Usable || binding->Detaching)
        return FALSE;
#ifdef PROVIDER
    return binding->Heard || KeQueryInterruptTime() - binding->Since > COMMITTED_AFTER;
#else
    return TRUE;
#endif
}

// A binding in which a call may begin, with that call counted; NULL if there is none.
static BINDING *Enter(void) {
    BINDING *found = NULL;
    ULONG fitting = 0;
    KIRQL irql = Acquire();
    for (BINDING *it = Bindings; it; it = it->Next)
        if (MayCall(it) && OneIn(++fitting))
            found = it;
    if (found)
        found->InFlight++;
    Release(irql);
    return found;
}

// Another one, now and then.
static BINDING *EnterAnother(void) {
#ifdef HOSTILE
    if (OneIn(4))
        return Enter();
#endif
    return NULL;
}

// Calls of this side.

// Returns TRUE if the description allows the call now.
static BOOLEAN MayUse(BINDING *binding, ULONG function) {
    const FUNCTION *it = &Functions[function];
    return (it->After < 0 || binding->Done[it->After]) &&
           (binding->Common & it->IfOffered) == it->IfOffered;
}

static CALL *NewCall(BINDING *binding, ULONG function) {
    CALL *call = Allocate(sizeof(CALL));
    if (call) {
        call->Binding = binding;
        call->List = &binding->Made;
        call->Function = function;
        call->References = 1;
    }
    return call;
}

static void Drop(CALL *call) {
    if (__atomic_sub_fetch(&call->References, 1, __ATOMIC_ACQ_REL) == 0) {
        FreeLent(call);
        Free(call);
    }
}

static CALL **LinkOf(CALL **list, const CALL *call) {
    while (*list && *list != call)
        list = &(*list)->Next;
    return list;
}

static void Append(CALL **list, CALL *call) {
    call->Next = NULL;
    *LinkOf(list, NULL) = call;
}

// Returns TRUE if the call was in the list, and takes it out.
static BOOLEAN Unlink(CALL **list, CALL *call) {
    CALL **link = LinkOf(list, call);
    if (!*link)
        return FALSE;
    *link = call->Next;
    return TRUE;
}

// A call that Enter has let in begins. One that may pend has two ends: its return and its
// completion, which may come first. Returns FALSE if it must wait for another one.
static BOOLEAN Begin(CALL *call) {
    BINDING *binding = call->Binding;
    const FUNCTION *function = &Functions[call->Function];
    BOOLEAN begins = TRUE;
    KIRQL irql;
    if (function->CompletedBy < 0)
        return TRUE;
    irql = Acquire();
    if (function->Ordered) {
        begins = !binding->Calling;
        binding->Calling = TRUE;
    }
    if (begins) {
        Append(call->List, call);
        __atomic_add_fetch(&call->References, 1, __ATOMIC_RELAXED);
        binding->InFlight++;
    }
    Release(irql);
    return begins;
}

// A call has returned.
static void Returned(CALL *call, NTSTATUS status) {
    BINDING *binding = call->Binding;
    const FUNCTION *function = &Functions[call->Function];
    BOOLEAN answered = FALSE;
    if (function->CompletedBy >= 0) {
        KIRQL irql = Acquire();
        if (function->Ordered)
            binding->Calling = FALSE;
        if (status == STATUS_PENDING)
            call->Pended = TRUE;
        else
            answered = Unlink(call->List, call);
        Release(irql);
    }
    if (status == STATUS_SUCCESS)
        binding->Done[call->Function] = TRUE;
    if (answered) {
        Drop(call);
        Leave(binding);
    }
    Drop(call);
}

// The first call of a list that this completion is one of.
static CALL *CompletedIn(CALL *call, ULONG completion, ULONGLONG match) {
    while (call && (Functions[call->Function].CompletedBy != (LONG)completion ||
                    (!Functions[call->Function].Ordered && call->Match != match)))
        call = call->Next;
    return call;
}

// The other side completes a call of this side.
static void Completed(BINDING *binding, ULONG completion, ULONGLONG match) {
    KIRQL irql = Acquire();
    CALL *call = CompletedIn(binding->Made, completion, match);
#ifdef HOSTILE
    if (!call)
        call = CompletedIn(Astray, completion, match);
#endif
    if (call)
        Unlink(call->List, call);
    Release(irql);
    if (!call)
        return;
    binding = call->Binding;
    binding->Done[call->Function] = TRUE;
    Drop(call);
    Leave(binding);
}

// A call of this side that pends, with a reference; NULL if there is none. It is one of
// this binding, or of any if `binding` is NULL.
static CALL *Pending(BINDING *binding, ULONG function) {
    CALL *found = NULL;
    ULONG fitting = 0;
    KIRQL irql = Acquire();
    for (BINDING *of = binding ? binding : Bindings; of; of = binding ? NULL : of->Next)
        for (CALL *it = of->Made; it; it = it->Next)
            if (it->Pended && it->Function == function && OneIn(++fitting))
                found = it;
    if (found)
        __atomic_add_fetch(&found->References, 1, __ATOMIC_RELAXED);
    Release(irql);
    return found;
}

// Calls of the other side.

enum { SUCCEED, REFUSE, KEEP };

// The other side has called a function of this side: what it gets.
static ULONG Decide(BINDING *binding, ULONG function) {
    ULONG drawn = Below(8);
    binding->Heard = TRUE;
    if (drawn == 0)
        return REFUSE;
    return drawn < 5 && Functions[function].CompletedBy >= 0 ? KEEP : SUCCEED;
}

#ifndef HOSTILE
static NTSTATUS Refusal(void) {
    static const NTSTATUS all[] = {STATUS_DEVICE_NOT_READY, STATUS_DEVICE_BUSY,
                                   STATUS_INSUFFICIENT_RESOURCES};
    return all[Below(3)];
}
#endif

// Keeps a call until it is completed; FALSE if it must be answered at once.
static BOOLEAN Keep(CALL *call) {
    BINDING *binding = call->Binding;
    KIRQL irql = Acquire();
    BOOLEAN keeps = !binding->Detaching && KeptCount < MOST_KEPT;
    if (keeps) {
        binding->InFlight++;
        KeptCount++;
        Append(&Kept, call);
    }
    Release(irql);
    return keeps;
}

// Returns TRUE if a call that is kept may be completed now.
static BOOLEAN MayComplete(const CALL *call) {
    const BINDING *binding = call->Binding;
    if (!binding->Attached)
        return FALSE;
    if (!Functions[call->Function].Ordered)
        return TRUE;
    for (const CALL *it = Kept; it != call; it = it->Next)
        if (it->Binding == binding)
            return FALSE;
    return !binding->Completing;
}

// Takes a call to complete it: this one if it is still kept, any one if `wanted` is NULL,
// or if `due`, one whose binding is being detached.
static CALL *Take(const CALL *wanted, BOOLEAN due) {
    CALL *found = NULL;
    ULONG fitting = 0;
    KIRQL irql = Acquire();
    for (CALL *it = Kept; it; it = it->Next)
        if ((!wanted || it == wanted) && (!due || it->Binding->Detaching) && MayComplete(it) &&
            OneIn(++fitting))
            found = it;
    if (found) {
        Unlink(&Kept, found);
        KeptCount--;
        if (Functions[found->Function].Ordered)
            found->Binding->Completing = TRUE;
    }
    Release(irql);
    return found;
}

static void Finish(CALL *call) {
    BINDING *binding = call->Binding;
    KIRQL before;
    if (Raise((ULONG)Functions[call->Function].CompletedBy, &before)) {
        Complete(call);
        Lower(before);
    }
    if (Functions[call->Function].Ordered)
        binding->Completing = FALSE;
    Free(call);
    Leave(binding);
}

static void FinishInDpc(KDPC *dpc, PVOID call, PVOID first, PVOID second) { Finish(call); }

// Completes a call from this thread or from a DPC.
static void FinishSomewhere(CALL *call) {
    if (Functions[Functions[call->Function].CompletedBy].Highest < DISPATCH_LEVEL || !OneIn(3)) {
        Finish(call);
        return;
    }
    KeInitializeDpc(&call->Dpc, FinishInDpc, call);
    KeInsertQueueDpc(&call->Dpc, NULL, NULL);
}

// Completes a call from within one of the other side's, now and then: this one, or if
// `match` is not 0 that with this argument.
static void FinishWithin(const CALL *wanted, ULONG function, ULONGLONG match) {
    if (!OneIn(3) || KeGetCurrentIrql() > Functions[Functions[function].CompletedBy].Highest)
        return;
    if (__atomic_add_fetch(&Nested, 1, __ATOMIC_RELAXED) == 1) {
        CALL *call;
        if (match) {
            KIRQL irql = Acquire();
            for (CALL *it = Kept; it && !wanted; it = it->Next)
                if (it->Function == function && it->Match == match)
                    wanted = it;
            Release(irql);
        }
        call = wanted ? Take(wanted, FALSE) : NULL;
        if (call)
            FinishSomewhere(call);
    }
    __atomic_sub_fetch(&Nested, 1, __ATOMIC_RELAXED);
}

// Threads.

static void Work(PVOID context) {
    while (!Stop) {
        CALL *call;
        while ((call = Take(NULL, TRUE)))
            FinishSomewhere(call);
        if (OneIn(2) && (call = Take(NULL, FALSE))) {
            FinishSomewhere(call);
        } else {
            BINDING *binding = Enter();
            if (binding) {
                BINDING *other = EnterAnother();
                CallPeer(binding, other ? other->Table : binding->Table);
                if (other)
                    Leave(other);
                Leave(binding);
            }
        }
        Sleep(20 + Below(200));
    }
}

static void StopThreads(void) {
    Stop = TRUE;
    while (ThreadCount) {
        PVOID thread = Threads[--ThreadCount];
        KeWaitForSingleObject(thread, 0, 0, FALSE, NULL);
        ObfDereferenceObject(thread);
    }
}

// At least one thread; fewer than were drawn do as well.
static NTSTATUS StartThreads(void) {
    ULONG count = 1 + Below(MOST_THREADS);
    while (ThreadCount < count) {
        HANDLE handle;
        NTSTATUS status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Work, NULL);
        if (!NT_SUCCESS(status))
            return ThreadCount ? STATUS_SUCCESS : status;
        ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Threads[ThreadCount++], NULL);
        ZwClose(handle);
    }
    return STATUS_SUCCESS;
}

// Bindings.

static BINDING *NewBinding(HANDLE handle, ULONGLONG common) {
    BINDING *binding = Allocate(sizeof(BINDING));
    if (binding) {
        binding->Handle = handle;
        binding->Common = common;
        binding->Since = KeQueryInterruptTime();
    }
    return binding;
}

static void FreeBinding(BINDING *binding) {
#ifdef HOSTILE
    Forget(binding);
#endif
    if (binding->Own)
        Free(binding->Own);
    Free(binding);
}

static void Publish(BINDING *binding, BOOLEAN usable) {
    KIRQL irql = Acquire();
    binding->Attached = TRUE;
    binding->Usable = usable;
    binding->Next = Bindings;
    Bindings = binding;
    Release(irql);
}

static const void *TableFor(BINDING *binding) {
#ifdef HOSTILE
    return TableOf(binding, Table);
#else
    return Table;
#endif
}

#ifdef CLIENT

static NTSTATUS Attach(HANDLE handle, PVOID context, PNPI_REGISTRATION_INSTANCE peer) {
    ULONGLONG common = 0;
    BINDING *binding;
    NTSTATUS status;
    if (!Fits(peer, &common))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle, common);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, ContextFor(binding), TableFor(binding),
                                     &binding->Peer, &binding->Table);
    if (!NT_SUCCESS(status)) {
        FreeBinding(binding);
        return status;
    }
    // A provider that has accepted is not refused any more: its table is just not used.
    Publish(binding, FitsTable(binding->Table));
    // Calls as early as can be.
    for (ULONG calls = Below(3); calls && binding->Usable; calls--) {
        KIRQL irql = Acquire();
        binding->InFlight++;
        Release(irql);
        CallPeer(binding, binding->Table);
        Leave(binding);
    }
    return status;
}

#else

static NTSTATUS Attach(HANDLE handle, PVOID context, PNPI_REGISTRATION_INSTANCE peer,
                       PVOID client, const void *dispatch, PVOID *mine, const void **table) {
    ULONGLONG common = 0;
    BINDING *binding;
    // A provider may always lack what another binding takes.
    if (!Fits(peer, &common) || !FitsTable(dispatch) || OneIn(16))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle, common);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    binding->Peer = client;
    binding->Table = dispatch;
    *mine = ContextFor(binding);
    *table = TableFor(binding);
    Publish(binding, TRUE);
    return STATUS_SUCCESS;
}

#endif

static NTSTATUS Detach(PVOID context) {
    BINDING *binding = Own(context), **link = &Bindings;
    KIRQL irql = Acquire();
    NTSTATUS status = binding->InFlight ? STATUS_PENDING : STATUS_SUCCESS;
    while (*link && *link != binding)
        link = &(*link)->Next;
    if (*link)
        *link = binding->Next;
    binding->Detaching = TRUE;
    Release(irql);
    return status;
}

static void Cleanup(PVOID context) { FreeBinding(Own(context)); }

// The driver.

static void DeregisterAll(ULONG count) {
    BOOLEAN waits[MODULES];
    for (ULONG i = 0; i < count; i++)
        waits[i] = DEREGISTER(Registrations[i]) == STATUS_PENDING;
    for (ULONG i = 0; i < count; i++)
        if (waits[i])
            WAIT(Registrations[i]);
}

static void End(void) {
    StopThreads();
    KeFlushQueuedDpcs();
#ifdef HOSTILE
    FreeCharacteristics();
#endif
}

static void Unload(DRIVER_OBJECT *driver) {
    DeregisterAll(MODULES);
    End();
}

static NTSTATUS RegisterAll(const void *characteristics) {
    for (ULONG i = 0; i < MODULES; i++) {
        const MODULE *module = &Modules[i];
        const void *offered = characteristics;
        NTSTATUS status;
#ifdef HOSTILE
        offered = CharacteristicsOf(i, characteristics);
#endif
        Registered[i] = (CHARACTERISTICS){
            0, sizeof(CHARACTERISTICS), Attach, Detach, Cleanup,
            {module->Version, sizeof(NPI_REGISTRATION_INSTANCE), &NpiId, &module->Id.Id,
             module->Number, offered}};
        status = REGISTER(&Registered[i], NULL, &Registrations[i]);
        if (!NT_SUCCESS(status)) {
            DeregisterAll(i);
            return status;
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    const void *characteristics = NULL;
    NTSTATUS status = BCryptGenRandom(NULL, (UCHAR *)&Seed, sizeof(Seed),
                                      BCRYPT_USE_SYSTEM_PREFERRED_RNG);
    if (!NT_SUCCESS(status))
        return status;
    driver->DriverUnload = Unload;
    KeInitializeSpinLock(&Lock);
    Prepare(&characteristics, &Table);
    status = StartThreads();
    if (!NT_SUCCESS(status))
        return status;
    // Last of all: callbacks may run before it returns.
    status = RegisterAll(characteristics);
    if (!NT_SUCCESS(status))
        End();
    return status;
}
