// SPDX-License-Identifier: MIT OR Apache-2.0
// Has the identity of the pair's monitor, and does not subscribe to the sources that it attaches
// to.

#include "module.h"
#include "telemetry_npi.h"

typedef struct {
    PVOID Peer;
    const void *Table;
} SOURCE;

static void IgnoreSample(PVOID source, const TELEMETRY_SAMPLE *sample) { (void)source, (void)sample; }
static const TELEMETRY_CLIENT_DISPATCH Monitor = TELEMETRY_CLIENT_DISPATCH_INIT(IgnoreSample);
static const TELEMETRY_CHARACTERISTICS Version = TELEMETRY_CHARACTERISTICS_INIT;
static HANDLE MonitorRegistration;

static NTSTATUS AttachSource(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    const TELEMETRY_CHARACTERISTICS *theirs = peer->NpiSpecificCharacteristics;
    const TELEMETRY_PROVIDER_DISPATCH *table;
    SOURCE *source;
    NTSTATUS status;
    (void)context;
    if (!theirs || theirs->LowestVersion > TELEMETRY_VERSION || theirs->HighestVersion < TELEMETRY_VERSION)
        return STATUS_NOINTERFACE;
    source = Allocate(sizeof(*source));
    if (!source)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, source, &Monitor, &source->Peer, &source->Table);
    if (!NT_SUCCESS(status)) {
        Free(source);
        return status;
    }
    table = source->Table;
    RIGHT(table->Subscribe(source->Peer);)
    return STATUS_SUCCESS;
}

// No call is under way: the only one is made in the attach callback.
static NTSTATUS DetachSource(PVOID source) { return STATUS_SUCCESS; }

static NPI_CLIENT_CHARACTERISTICS MonitorCharacteristics = {
    0, sizeof(NPI_CLIENT_CHARACTERISTICS), AttachSource, DetachSource, Cleanup,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &TELEMETRY_NPI_ID, &TELEMETRY_CLIENT_MODULE_ID, 0, &Version}};

static void EndMonitor(void) {
    if (NmrDeregisterClient(MonitorRegistration) == STATUS_PENDING)
        NmrWaitForClientDeregisterComplete(MonitorRegistration);
}

NTSTATUS Register(void) {
    NTSTATUS status = NmrRegisterClient(&MonitorCharacteristics, NULL, &MonitorRegistration);
    if (!NT_SUCCESS(status))
        return status;
    status = REGISTER(&Characteristics, NULL, &Registration);
    if (!NT_SUCCESS(status))
        EndMonitor();
    return status;
}

void Deregister(void) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    EndMonitor();
}
