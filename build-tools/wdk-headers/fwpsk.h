// SPDX-License-Identifier: MIT OR Apache-2.0
// Stands in for the Windows Driver Kit's fwpsk.h where that is not installed: callouts of the
// Windows Filtering Platform, data flows, pended operations and injected packets.

#pragma once
#include <fwptypes.h>
#include <ndis.h>

#ifdef __cplusplus
extern "C" {
#endif

// Filtering layers.
typedef enum FWPS_BUILTIN_LAYERS_ {
    FWPS_LAYER_INBOUND_IPPACKET_V4 = 0,
    FWPS_LAYER_INBOUND_IPPACKET_V6 = 2,
    FWPS_LAYER_OUTBOUND_IPPACKET_V4 = 4,
    FWPS_LAYER_OUTBOUND_IPPACKET_V6 = 6,
    FWPS_LAYER_INBOUND_TRANSPORT_V4 = 12,
    FWPS_LAYER_INBOUND_TRANSPORT_V6 = 14,
    FWPS_LAYER_OUTBOUND_TRANSPORT_V4 = 16,
    FWPS_LAYER_OUTBOUND_TRANSPORT_V6 = 18,
    FWPS_LAYER_STREAM_V4 = 20,
    FWPS_LAYER_STREAM_V6 = 22,
    FWPS_LAYER_DATAGRAM_DATA_V4 = 24,
    FWPS_LAYER_DATAGRAM_DATA_V6 = 26,
    FWPS_LAYER_ALE_RESOURCE_ASSIGNMENT_V4 = 36,
    FWPS_LAYER_ALE_RESOURCE_ASSIGNMENT_V6 = 38,
    FWPS_LAYER_ALE_AUTH_LISTEN_V4 = 40,
    FWPS_LAYER_ALE_AUTH_LISTEN_V6 = 42,
    FWPS_LAYER_ALE_AUTH_RECV_ACCEPT_V4 = 44,
    FWPS_LAYER_ALE_AUTH_RECV_ACCEPT_V6 = 46,
    FWPS_LAYER_ALE_AUTH_CONNECT_V4 = 48,
    FWPS_LAYER_ALE_AUTH_CONNECT_V6 = 50,
    FWPS_LAYER_ALE_FLOW_ESTABLISHED_V4 = 52,
    FWPS_LAYER_ALE_FLOW_ESTABLISHED_V6 = 54,
    FWPS_LAYER_ALE_RESOURCE_RELEASE_V4 = 62,
    FWPS_LAYER_ALE_RESOURCE_RELEASE_V6 = 63,
    FWPS_LAYER_ALE_ENDPOINT_CLOSURE_V4 = 64,
    FWPS_LAYER_ALE_ENDPOINT_CLOSURE_V6 = 65,
    FWPS_LAYER_STREAM_PACKET_V4 = 70,
    FWPS_LAYER_STREAM_PACKET_V6 = 71
} FWPS_BUILTIN_LAYERS;

// The data of the stream layer.
typedef struct FWPS_STREAM_DATA_OFFSET0_ {
    NET_BUFFER_LIST *netBufferList;
    NET_BUFFER *netBuffer;
    MDL *mdl;
    UINT32 mdlOffset;
    UINT32 netBufferOffset;
    SIZE_T streamDataOffset;
} FWPS_STREAM_DATA_OFFSET0;
typedef struct FWPS_STREAM_DATA0_ {
    UINT32 flags;
    FWPS_STREAM_DATA_OFFSET0 dataOffset;
    SIZE_T dataLength;
    NET_BUFFER_LIST *netBufferListChain;
} FWPS_STREAM_DATA0;
typedef struct FWPS_STREAM_CALLOUT_IO_PACKET0_ {
    FWPS_STREAM_DATA0 *streamData;
    SIZE_T missedBytes;
    UINT32 countBytesRequired;
    SIZE_T countBytesEnforced;
    UINT32 streamAction;
} FWPS_STREAM_CALLOUT_IO_PACKET0;
NTKERNELAPI VOID FwpsCopyStreamDataToBuffer0(
    CONST FWPS_STREAM_DATA0 *calloutStreamData, PVOID buffer, SIZE_T bytesToCopy, SIZE_T *bytesCopied);

// What callouts are given.
typedef struct FWPS_INCOMING_VALUE0_ {
    FWP_VALUE0 value;
} FWPS_INCOMING_VALUE0;
typedef struct FWPS_INCOMING_VALUES0_ {
    UINT16 layerId;
    UINT32 valueCount;
    FWPS_INCOMING_VALUE0 *incomingValue;
} FWPS_INCOMING_VALUES0;

#define FWPS_METADATA_FIELD_FLOW_HANDLE 0x00000002
#define FWPS_METADATA_FIELD_IP_HEADER_SIZE 0x00000004
#define FWPS_METADATA_FIELD_PROCESS_PATH 0x00000008
#define FWPS_METADATA_FIELD_TOKEN 0x00000010
#define FWPS_METADATA_FIELD_PROCESS_ID 0x00000020
#define FWPS_METADATA_FIELD_TRANSPORT_HEADER_SIZE 0x00000400
#define FWPS_METADATA_FIELD_COMPARTMENT_ID 0x00000800
#define FWPS_METADATA_FIELD_COMPLETION_HANDLE 0x00004000
#define FWPS_METADATA_FIELD_TRANSPORT_ENDPOINT_HANDLE 0x00008000
#define FWPS_METADATA_FIELD_PACKET_DIRECTION 0x00040000
#define FWPS_METADATA_FIELD_ALE_CLASSIFY_REQUIRED 0x00400000
#define FWPS_IS_METADATA_FIELD_PRESENT(metadataValues, metadataField) \
    (((metadataValues)->currentMetadataValues & (metadataField)) == (metadataField))
typedef struct FWPS_DISCARD_METADATA0_ {
    UINT32 discardModule;
    UINT32 discardReason;
    UINT64 filterId;
} FWPS_DISCARD_METADATA0;
typedef struct FWPS_INBOUND_FRAGMENT_METADATA0_ {
    UINT32 fragmentIdentification;
    UINT16 fragmentOffset;
    ULONG fragmentLength;
} FWPS_INBOUND_FRAGMENT_METADATA0;
typedef struct FWPS_INCOMING_METADATA_VALUES0_ {
    UINT32 currentMetadataValues;
    UINT32 flags;
    UINT64 reserved;
    FWPS_DISCARD_METADATA0 discardMetadata;
    UINT64 flowHandle;
    UINT32 ipHeaderSize;
    UINT32 transportHeaderSize;
    FWP_BYTE_BLOB *processPath;
    UINT64 token;
    UINT64 processId;
    UINT32 sourceInterfaceIndex;
    UINT32 destinationInterfaceIndex;
    ULONG compartmentId;
    FWPS_INBOUND_FRAGMENT_METADATA0 fragmentMetadata;
    ULONG pathMtu;
    HANDLE completionHandle;
    UINT64 transportEndpointHandle;
    ULONG remoteScopeId;
    PVOID controlData;
    ULONG controlDataLength;
    FWP_DIRECTION packetDirection;
} FWPS_INCOMING_METADATA_VALUES0;
C_ASSERT(__builtin_offsetof(FWPS_INCOMING_METADATA_VALUES0, completionHandle) == 104);
C_ASSERT(__builtin_offsetof(FWPS_INCOMING_METADATA_VALUES0, packetDirection) == 140);

typedef struct FWPS_ACTION0_ {
    FWP_ACTION_TYPE type;
    UINT32 calloutId;
} FWPS_ACTION0;
typedef struct FWPS_FILTER1_ {
    UINT64 filterId;
    FWP_VALUE0 weight;
    UINT16 subLayerWeight;
    UINT16 flags;
    UINT32 numFilterConditions;
    PVOID filterCondition;
    FWPS_ACTION0 action;
    UINT64 context;
    PVOID providerContext;
} FWPS_FILTER1, FWPS_FILTER0, FWPS_FILTER2, FWPS_FILTER3;
C_ASSERT(sizeof(FWPS_FILTER1) == 0x40);
#define FWPS_FILTER_FLAG_CLEAR_ACTION_RIGHT 0x0001

#define FWPS_RIGHT_ACTION_WRITE 0x00000001
#define FWPS_CLASSIFY_OUT_FLAG_ABSORB 0x00000001
typedef struct FWPS_CLASSIFY_OUT0_ {
    FWP_ACTION_TYPE actionType;
    UINT64 outContext;
    UINT64 filterId;
    UINT32 rights;
    UINT32 flags;
    UINT32 reserved;
} FWPS_CLASSIFY_OUT0;
C_ASSERT(sizeof(FWPS_CLASSIFY_OUT0) == 0x28);

// Callouts.
typedef enum FWPS_CALLOUT_NOTIFY_TYPE_ {
    FWPS_CALLOUT_NOTIFY_ADD_FILTER,
    FWPS_CALLOUT_NOTIFY_DELETE_FILTER,
    FWPS_CALLOUT_NOTIFY_TYPE_MAX
} FWPS_CALLOUT_NOTIFY_TYPE;
typedef VOID (*FWPS_CALLOUT_CLASSIFY_FN1)(
    CONST FWPS_INCOMING_VALUES0 *inFixedValues, CONST FWPS_INCOMING_METADATA_VALUES0 *inMetaValues, VOID *layerData,
    CONST VOID *classifyContext, CONST FWPS_FILTER1 *filter, UINT64 flowContext, FWPS_CLASSIFY_OUT0 *classifyOut);
typedef NTSTATUS (*FWPS_CALLOUT_NOTIFY_FN1)(
    FWPS_CALLOUT_NOTIFY_TYPE notifyType, CONST GUID *filterKey, FWPS_FILTER1 *filter);
typedef VOID (*FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0)(UINT16 layerId, UINT32 calloutId, UINT64 flowContext);
typedef struct FWPS_CALLOUT1_ {
    GUID calloutKey;
    UINT32 flags;
    FWPS_CALLOUT_CLASSIFY_FN1 classifyFn;
    FWPS_CALLOUT_NOTIFY_FN1 notifyFn;
    FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flowDeleteFn;
} FWPS_CALLOUT1;
C_ASSERT(sizeof(FWPS_CALLOUT1) == 0x30);
typedef VOID (*FWPS_CALLOUT_CLASSIFY_FN0)(
    CONST FWPS_INCOMING_VALUES0 *inFixedValues, CONST FWPS_INCOMING_METADATA_VALUES0 *inMetaValues, VOID *layerData,
    CONST FWPS_FILTER0 *filter, UINT64 flowContext, FWPS_CLASSIFY_OUT0 *classifyOut);
typedef FWPS_CALLOUT_NOTIFY_FN1 FWPS_CALLOUT_NOTIFY_FN0;
typedef struct FWPS_CALLOUT0_ {
    GUID calloutKey;
    UINT32 flags;
    FWPS_CALLOUT_CLASSIFY_FN0 classifyFn;
    FWPS_CALLOUT_NOTIFY_FN0 notifyFn;
    FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flowDeleteFn;
} FWPS_CALLOUT0;
NTKERNELAPI NTSTATUS FwpsCalloutRegister0(PVOID deviceObject, CONST FWPS_CALLOUT0 *callout, UINT32 *calloutId);
NTKERNELAPI NTSTATUS FwpsCalloutRegister1(PVOID deviceObject, CONST FWPS_CALLOUT1 *callout, UINT32 *calloutId);
NTKERNELAPI NTSTATUS FwpsCalloutUnregisterById0(CONST UINT32 calloutId);
NTKERNELAPI NTSTATUS FwpsCalloutUnregisterByKey0(CONST GUID *calloutKey);

typedef FWPS_CALLOUT1 FWPS_CALLOUT2, FWPS_CALLOUT3;
NTKERNELAPI NTSTATUS FwpsCalloutRegister2(PVOID deviceObject, CONST FWPS_CALLOUT2 *callout, UINT32 *calloutId);
NTKERNELAPI NTSTATUS FwpsCalloutRegister3(PVOID deviceObject, CONST FWPS_CALLOUT3 *callout, UINT32 *calloutId);

// Data flows.
NTKERNELAPI NTSTATUS FwpsFlowAssociateContext0(UINT64 flowId, UINT16 layerId, UINT32 calloutId, UINT64 flowContext);
NTKERNELAPI NTSTATUS FwpsFlowRemoveContext0(UINT64 flowId, UINT16 layerId, UINT32 calloutId);
NTKERNELAPI NTSTATUS FwpsFlowAbort0(UINT64 flowId);

// Pended classifications.
NTKERNELAPI NTSTATUS FwpsPendOperation0(HANDLE completionHandle, HANDLE *completionContext);
NTKERNELAPI VOID FwpsCompleteOperation0(HANDLE completionContext, NET_BUFFER_LIST *netBufferList);
NTKERNELAPI NTSTATUS FwpsAcquireClassifyHandle0(VOID *classifyContext, UINT32 flags, UINT64 *classifyHandle);
NTKERNELAPI VOID FwpsReleaseClassifyHandle0(UINT64 classifyHandle);
NTKERNELAPI NTSTATUS FwpsPendClassify0(
    UINT64 classifyHandle, UINT64 filterId, UINT32 flags, FWPS_CLASSIFY_OUT0 *classifyOut);
NTKERNELAPI VOID FwpsCompleteClassify0(UINT64 classifyHandle, UINT32 flags, CONST FWPS_CLASSIFY_OUT0 *classifyOut);

// Packets.
#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 23
#define FWPS_INJECTION_TYPE_STREAM 0x00000001
#define FWPS_INJECTION_TYPE_TRANSPORT 0x00000002
#define FWPS_INJECTION_TYPE_NETWORK 0x00000004
#define FWPS_INJECTION_TYPE_FORWARD 0x00000008
typedef enum FWPS_PACKET_INJECTION_STATE_ {
    FWPS_PACKET_NOT_INJECTED,
    FWPS_PACKET_INJECTED_BY_SELF,
    FWPS_PACKET_INJECTED_BY_OTHER,
    FWPS_PACKET_PREVIOUSLY_INJECTED_BY_SELF,
    FWPS_PACKET_INJECTION_STATE_MAX
} FWPS_PACKET_INJECTION_STATE;
typedef VOID (*FWPS_INJECT_COMPLETE0)(VOID *context, NET_BUFFER_LIST *netBufferList, BOOLEAN dispatchLevel);
typedef struct FWPS_TRANSPORT_SEND_PARAMS0_ FWPS_TRANSPORT_SEND_PARAMS0;
NTKERNELAPI NTSTATUS FwpsInjectionHandleCreate0(USHORT addressFamily, UINT32 flags, HANDLE *injectionHandle);
NTKERNELAPI NTSTATUS FwpsInjectionHandleDestroy0(HANDLE injectionHandle);
NTKERNELAPI FWPS_PACKET_INJECTION_STATE FwpsQueryPacketInjectionState0(
    HANDLE injectionHandle, CONST NET_BUFFER_LIST *netBufferList, HANDLE *injectionContext);
NTKERNELAPI NTSTATUS FwpsInjectTransportSendAsync0(
    HANDLE injectionHandle, HANDLE injectionContext, UINT64 endpointHandle, UINT32 flags,
    FWPS_TRANSPORT_SEND_PARAMS0 *sendArgs, USHORT addressFamily, ULONG compartmentId, NET_BUFFER_LIST *netBufferList,
    FWPS_INJECT_COMPLETE0 completionFn, HANDLE completionContext);
NTKERNELAPI NTSTATUS FwpsInjectNetworkSendAsync0(
    HANDLE injectionHandle, HANDLE injectionContext, UINT32 flags, ULONG compartmentId, NET_BUFFER_LIST *netBufferList,
    FWPS_INJECT_COMPLETE0 completionFn, HANDLE completionContext);
NTKERNELAPI NTSTATUS FwpsInjectNetworkReceiveAsync0(
    HANDLE injectionHandle, HANDLE injectionContext, UINT32 flags, ULONG compartmentId, ULONG interfaceIndex,
    ULONG subInterfaceIndex, NET_BUFFER_LIST *netBufferList, FWPS_INJECT_COMPLETE0 completionFn,
    HANDLE completionContext);
NTKERNELAPI NTSTATUS FwpsInjectTransportReceiveAsync0(
    HANDLE injectionHandle, HANDLE injectionContext, VOID *reserved, UINT32 flags, USHORT addressFamily,
    ULONG compartmentId, ULONG interfaceIndex, ULONG subInterfaceIndex, NET_BUFFER_LIST *netBufferList,
    FWPS_INJECT_COMPLETE0 completionFn, HANDLE completionContext);
typedef struct FWPS_TRANSPORT_SEND_PARAMS1_ FWPS_TRANSPORT_SEND_PARAMS1;
NTKERNELAPI NTSTATUS FwpsInjectTransportSendAsync1(
    HANDLE injectionHandle, HANDLE injectionContext, UINT64 endpointHandle, UINT32 flags,
    FWPS_TRANSPORT_SEND_PARAMS1 *sendArgs, USHORT addressFamily, ULONG compartmentId, NET_BUFFER_LIST *netBufferList,
    FWPS_INJECT_COMPLETE0 completionFn, HANDLE completionContext);
#define FWPS_STREAM_FLAG_RECEIVE 0x00000001
#define FWPS_STREAM_FLAG_RECEIVE_DISCONNECT 0x00000004
#define FWPS_STREAM_FLAG_SEND 0x00010000
#define FWPS_STREAM_FLAG_SEND_DISCONNECT 0x00080000
NTKERNELAPI NTSTATUS FwpsCloneStreamData0(
    FWPS_STREAM_DATA0 *calloutStreamData, HANDLE netBufferListPoolHandle, HANDLE netBufferPoolHandle,
    ULONG allocateCloneFlags, NET_BUFFER_LIST **netBufferListChain);
NTKERNELAPI VOID FwpsDiscardClonedStreamData0(
    NET_BUFFER_LIST *netBufferListChain, ULONG allocateCloneFlags, BOOLEAN dispatchLevel);
NTKERNELAPI NTSTATUS FwpsStreamInjectAsync0(
    HANDLE injectionHandle, HANDLE injectionContext, UINT32 flags, UINT64 flowId, UINT32 calloutId, UINT16 layerId,
    UINT32 streamFlags, NET_BUFFER_LIST *netBufferList, SIZE_T dataLength, FWPS_INJECT_COMPLETE0 completionFn,
    HANDLE completionContext);
NTKERNELAPI NTSTATUS FwpsAllocateCloneNetBufferList0(
    NET_BUFFER_LIST *originalNetBufferList, HANDLE netBufferListPoolHandle, HANDLE netBufferPoolHandle,
    ULONG allocateCloneFlags, NET_BUFFER_LIST **netBufferList);
NTKERNELAPI VOID FwpsFreeCloneNetBufferList0(NET_BUFFER_LIST *netBufferList, ULONG freeCloneFlags);
NTKERNELAPI NTSTATUS FwpsAllocateNetBufferAndNetBufferList0(
    HANDLE poolHandle, USHORT contextSize, USHORT contextBackFill, MDL *mdlChain, ULONG dataOffset, SIZE_T dataLength,
    NET_BUFFER_LIST **netBufferList);
NTKERNELAPI VOID FwpsFreeNetBufferList0(NET_BUFFER_LIST *netBufferList);
NTKERNELAPI VOID FwpsReferenceNetBufferList0(NET_BUFFER_LIST *netBufferList, BOOLEAN intendToModify);
// What the filtering platform knows of a packet is not declared here.
typedef struct FWPS_PACKET_LIST_INFORMATION0_ {
    union {
        UINT32 flags;
    } ipsecInformation;
} FWPS_PACKET_LIST_INFORMATION0;
NTKERNELAPI NTSTATUS FwpsGetPacketListSecurityInformation0(
    NET_BUFFER_LIST *packetList, UINT32 queryFlags, FWPS_PACKET_LIST_INFORMATION0 *packetInformation);
NTKERNELAPI VOID FwpsDereferenceNetBufferList0(NET_BUFFER_LIST *netBufferList, BOOLEAN dispatchLevel);

// Redirection of requests to bind and to connect.
typedef struct _FWPS_CONNECT_REQUEST0 {
    UCHAR localAddressAndPort[128];
    UCHAR remoteAddressAndPort[128];
    UINT64 portReservationToken;
    UINT32 localRedirectTargetPID;
    struct _FWPS_CONNECT_REQUEST0 *previousVersion;
    UINT64 modifierFilterId;
    HANDLE localRedirectHandle;
    PVOID localRedirectContext;
    SIZE_T localRedirectContextSize;
} FWPS_CONNECT_REQUEST0;
NTKERNELAPI NTSTATUS FwpsRedirectHandleCreate0(CONST GUID *providerGuid, UINT32 flags, HANDLE *redirectHandle);
NTKERNELAPI VOID FwpsRedirectHandleDestroy0(HANDLE redirectHandle);
NTKERNELAPI NTSTATUS FwpsAcquireWritableLayerDataPointer0(
    UINT64 classifyHandle, UINT64 filterId, UINT32 flags, PVOID *writableLayerData, FWPS_CLASSIFY_OUT0 *classifyOut);
NTKERNELAPI VOID FwpsApplyModifiedLayerData0(UINT64 classifyHandle, PVOID modifiedLayerData, UINT32 flags);

#ifdef __cplusplus
}
#endif
