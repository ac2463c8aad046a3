// SPDX-License-Identifier: MIT OR Apache-2.0

//! Classification: the filters of a layer, and the callouts that they name, decide on traffic.

use rand::RngExt;
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::{
    FWP_ACTION_BLOCK, FWP_ACTION_CALLOUT_INSPECTION, FWP_ACTION_CONTINUE, FWP_ACTION_FLAG_CALLOUT,
    FWP_ACTION_NONE, FWP_ACTION_PERMIT, FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT,
    FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED,
};

use super::callouts::{self, FIRST_VERSION};
use super::flows;
use super::layers::{self, COMPARTMENT_ID, Indication, Layer};
use super::layouts::{
    ACTION_WRITE, ALE_CLASSIFY_REQUIRED, CLEAR_ACTION_RIGHT, COMPARTMENT, COMPLETION, ClassifyOut,
    ENDPOINT, FLOW, Filter, IP_HEADER, IncomingValues, Metadata, PACKET_DIRECTION, PROCESS_ID,
    PROCESS_PATH, TOKEN, TRANSPORT_HEADER, Value,
};
use super::owner;
use super::packets;
use super::traffic::{self, linger};
use crate::findings::stop_at;
use crate::hardware::irql::Irql;
use crate::kernel::{State, with};
use crate::memory::pageable::set_irql;
use crate::objects::wfp::pending::{Active, Kind};

/// Traffic at a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) layer: Layer,
    pub(super) of: Indication,
    /// The flow that it belongs to, if there is one.
    pub(super) flow: Option<u64>,
    /// The packet, if there is one.
    pub(super) packet: usize,
    /// The IRQL at which it comes.
    pub(super) level: Irql,
}

impl Traffic {
    const fn layer_id(&self) -> u16 {
        self.layer.id(self.of.connection.is_v6)
    }
}

/// What a filter does.
struct Step {
    filter: Filter,
    callout: Option<Target>,
    /// Its own decision cannot be overridden.
    is_final: bool,
}

/// What the sublayers have decided so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decision {
    blocks: bool,
    /// `FWPS_RIGHT_ACTION_WRITE` is cleared: a lower sublayer cannot override it.
    is_final: bool,
    /// A callout has blocked without that right.
    is_veto: bool,
}

impl Decision {
    /// A permit that only a veto overrides.
    const PERMITTED: Self = Self {
        blocks: false,
        is_final: true,
        is_veto: false,
    };
    /// A block that nothing overrides.
    const BLOCKED: Self = Self {
        blocks: true,
        is_final: true,
        is_veto: false,
    };

    /// The decision once a sublayer has decided: a final permit is overridden by a veto only, a
    /// final block by nothing, and any other decision by each one that follows.
    fn after(before: Option<Self>, verdict: Option<Self>) -> Option<Self> {
        let Some(verdict) = verdict else {
            return before;
        };
        match before {
            Some(before) if before.is_final && before.blocks => Some(Self::BLOCKED),
            Some(before) if before.is_final => Some(if verdict.blocks && verdict.is_veto {
                Self::BLOCKED
            } else {
                before
            }),
            _ => Some(Self {
                is_veto: false,
                ..verdict
            }),
        }
    }
}

/// A callout that is to be called.
struct Target {
    id: u32,
    classify: usize,
    function: &'static str,
}

/// Returns `true` if the filters of a layer permit the traffic.
///
/// One page says that all sublayers are evaluated, also below one that has blocked for good, and
/// that such a decision ends the evaluation: either happens.
pub(super) fn permits(traffic: &Traffic) -> bool {
    /// One classification in one more than this many comes after a decision.
    const RARELY: u64 = 7;
    let layer = traffic.layer_id();
    let sublayers = with(|state| state.objects.wfp.engine.sublayers(layer));
    if sublayers.is_empty() {
        return true;
    }
    let Some(values) = with(|state| Values::hand_out(state, traffic)) else {
        return true;
    };
    // A filter that is not here may have permitted it for good.
    let mut decision = (traffic::draw(RARELY) == 0).then_some(Decision::PERMITTED);
    for filters in sublayers {
        if decision == Some(Decision::BLOCKED) && traffic::flip() {
            break;
        }
        let verdict = arbitrate(traffic, &filters, &values, decision);
        decision = Decision::after(decision, verdict);
    }
    with(|state| values.take_back(state));
    decision.is_none_or(|it| !it.blocks)
}

/// The values of the fields, in memory that ends right after them.
struct Values {
    at: usize,
    count: usize,
}

impl Values {
    const TAG: u32 = u32::from_le_bytes(*b"FwpV");

    /// Allocates the values for traffic, and moves the start of the packet's data to where it is at
    /// the layer. Returns `None` if there is no memory.
    fn hand_out(state: &mut State, traffic: &Traffic) -> Option<Self> {
        let values = layers::values(traffic.layer, traffic.of);
        let size = size_of_val(&values[..]);
        let at = state.memory.pool.allocate(size, Self::TAG, true, None)?;
        // SAFETY: the memory was just allocated for them.
        unsafe { (at as *mut Value).copy_from(values.as_ptr(), values.len()) };
        packets::show(
            state,
            traffic.packet,
            traffic.layer.headers_shown(traffic.of),
        );
        Some(Self {
            at,
            count: values.len(),
        })
    }

    fn take_back(self, state: &mut State) {
        let _ = state.memory.pool.free(self.at, 0, None);
    }
}

/// What the filters of a sublayer decide, from the heaviest on: the first that permits or blocks.
fn arbitrate(
    traffic: &Traffic,
    filters: &[u64],
    values: &Values,
    before: Option<Decision>,
) -> Option<Decision> {
    for &filter in filters {
        let Some(step) = with(|state| begin(state, traffic, filter)) else {
            continue;
        };
        let is_free = before.is_none_or(|it| !it.is_final);
        let (action, is_final, is_veto) = match step.callout {
            Some(target) => {
                let out = call(traffic, &step.filter, &target, values, is_free);
                (out.action, out.rights & ACTION_WRITE == 0, !is_free)
            }
            None => (step.filter.action, step.is_final, false),
        };
        let blocks = match action {
            FWP_ACTION_BLOCK => true,
            FWP_ACTION_PERMIT => false,
            _ => continue,
        };
        return Some(Decision {
            blocks,
            is_final,
            is_veto,
        });
    }
    None
}

/// Begins what a filter does, if it is still there.
fn begin(state: &mut State, traffic: &Traffic, filter: u64) -> Option<Step> {
    let wfp = &mut state.objects.wfp;
    let object = {
        let mut filters = wfp.engine.filters(traffic.layer_id());
        filters.find(|it| it.id == filter)?
    };
    let value = |key| layers::value_of(traffic.layer, traffic.of, key);
    let activity = &mut state.choices.activity;
    if !object.rules.match_values(value, || activity.random()) {
        return None;
    }
    let action = object.action;
    let flags = object.rules.flags;
    let is_cleared = flags & FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT != 0;
    let mut filter = Filter {
        id: filter,
        action: action.kind,
        context: object.context,
        sublayer_weight: wfp.engine.weight_of(object.rules.sublayer),
        flags: if is_cleared { CLEAR_ACTION_RIGHT } else { 0 },
        ..Filter::default()
    };
    if action.kind & FWP_ACTION_FLAG_CALLOUT == 0 {
        // A block is final by default, a permit is not.
        return Some(Step {
            is_final: is_cleared || action.kind == FWP_ACTION_BLOCK,
            filter,
            callout: None,
        });
    }
    let Some(callout) = wfp.callout_of(action.callout) else {
        // Without a registered callout the filter blocks, unless it inspects only.
        let is_ignored = action.kind == FWP_ACTION_CALLOUT_INSPECTION;
        let permits = flags & FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED != 0;
        filter.action = match (is_ignored, permits) {
            (true, _) => FWP_ACTION_CONTINUE,
            (false, true) => FWP_ACTION_PERMIT,
            (false, false) => FWP_ACTION_BLOCK,
        };
        return Some(Step {
            is_final: filter.action == FWP_ACTION_BLOCK,
            filter,
            callout: None,
        });
    };
    let target = Target {
        id: callout.id,
        classify: callout.classify,
        function: callout.function,
    };
    filter.callout = callout.id;
    callouts::enter(state, target.id);
    callouts::name(state, target.id);
    let current = state.scheduling.current_id();
    let wfp = &mut state.objects.wfp;
    wfp.filtering.push((filter.id, current));
    if let Some(flow) = traffic.flow.and_then(|id| wfp.flows.get(id)) {
        flow.inside.push((traffic.layer_id(), target.id, current));
    }
    Some(Step {
        filter,
        callout: Some(target),
        is_final: false,
    })
}

/// Calls the `classifyFn` of a callout, with the right to decide if that is free. Returns what it
/// has chosen.
fn call(
    traffic: &Traffic,
    filter: &Filter,
    target: &Target,
    values: &Values,
    is_free: bool,
) -> ClassifyOut {
    let layer = traffic.layer_id();
    let fixed = IncomingValues {
        layer,
        count: u32::try_from(values.count).expect("there are few"),
        values: values.at as *const Value,
    };
    let active = with(|state| activate(state, traffic));
    let metadata = metadata(traffic, active);
    let mut out = ClassifyOut {
        action: FWP_ACTION_NONE,
        rights: if is_free { ACTION_WRITE } else { 0 },
        ..ClassifyOut::default()
    };
    let level = with(|state| {
        let before = state.scheduling.current().irql;
        set_irql(state, before.max(traffic.level));
        before
    });
    // The context as it is when the call begins.
    let context = with(|state| {
        let flow = traffic.flow.and_then(|id| state.objects.wfp.flows.get(id));
        let context = flow.and_then(|it| it.context(layer, target.id));
        context.map_or(0, |it| it.value)
    });
    let mut arguments = vec![
        (&raw const fixed).addr(),
        (&raw const metadata).addr(),
        match traffic.layer {
            Layer::Stream if traffic.packet != 0 => packets::stream_of(traffic.packet),
            _ => traffic.packet,
        },
    ];
    if target.function != FIRST_VERSION {
        arguments.push(active);
    }
    arguments.extend([
        (&raw const *filter).addr(),
        usize::try_from(context).expect("a machine of 64 bits"),
        (&raw mut out).addr(),
    ]);
    with(|state| packets::watch(state, traffic.packet));
    // The context may be removed from here on, and is in use.
    linger(traffic.level);
    callouts::call("classifyFn", target.id, target.classify, &arguments);
    if with(packets::has_moved) {
        let what = "classifyFn has moved the start of a packet's data and returned without moving \
                    it back: NdisAdvanceNetBufferDataStart undoes NdisRetreatNetBufferDataStart";
        let by = with(|state| state.loader.drivers.site(target.classify));
        stop_at("wfp", what.to_owned(), by);
    }
    with(|state| {
        let current = state.scheduling.current_id();
        let filtering = &mut state.objects.wfp.filtering;
        if let Some(last) = filtering.iter().rposition(|it| *it == (filter.id, current)) {
            filtering.remove(last);
        }
        let active_ones = &mut state.objects.wfp.pending.active;
        active_ones.retain(|it| it.handle != active);
        leave_flow(state, traffic, target.id);
        callouts::leave(state, target.id);
    });
    if let Some(flow) = traffic.flow {
        flows::delete_contexts(flow);
    }
    with(|state| set_irql(state, level));
    // SAFETY: the callout may have written there, and nothing else does.
    let out = unsafe { (&raw const out).read_volatile() };
    if !is_free && out.action == FWP_ACTION_PERMIT {
        let mut what = "classifyFn has set actionType to FWP_ACTION_PERMIT although rights has no \
                        FWPS_RIGHT_ACTION_WRITE: a filter of a higher weight has decided for good, \
                        after which a callout may write actionType only to veto a permit, by \
                        FWP_ACTION_BLOCK"
            .to_owned();
        if filter.action == FWP_ACTION_CALLOUT_INSPECTION {
            what += "; the action of its filter is FWP_ACTION_CALLOUT_INSPECTION, for which \
                     classifyFn must answer FWP_ACTION_CONTINUE in any case";
        }
        let by = with(|state| state.loader.drivers.site(target.classify));
        stop_at("wfp", what, by);
    }
    check_pended(&out, active);
    check_applied(active);
    out
}

/// Checks that each request that a callout has acquired was applied, unless the classification is
/// pended, as documented.
fn check_applied(active: usize) {
    let left = with(|state| {
        let all = &state.objects.wfp.pending.all;
        let of_this = |kind| {
            all.iter()
                .find(|it| it.kind == kind && it.of.handle == active)
        };
        let left = of_this(Kind::Data)?;
        of_this(Kind::Classify).is_none().then_some(left.by)
    });
    if let Some(by) = left {
        let what = "classifyFn has called FwpsAcquireWritableLayerDataPointer0 and returned \
                    without FwpsApplyModifiedLayerData0: the classification cannot be completed";
        stop_at("wfp", what.to_owned(), by);
    }
}

/// Checks that a callout which has pended an operation has blocked and absorbed it, as
/// documented: otherwise it goes on at once.
fn check_pended(out: &ClassifyOut, active: usize) {
    const ABSORB: u32 = 1;
    let pended = with(|state| {
        let mut all = state.objects.wfp.pending.all.iter();
        let pended = all.find(|it| it.kind == Kind::Operation && it.of.handle == active);
        pended.map(|it| it.by)
    });
    if let Some(by) = pended
        && (out.action != FWP_ACTION_BLOCK || out.flags & ABSORB == 0)
    {
        let what = "classifyFn has called FwpsPendOperation0 and returned without \
                    FWP_ACTION_BLOCK and FWPS_CLASSIFY_OUT_FLAG_ABSORB: the operation goes on \
                    although it is pended";
        stop_at("wfp", what.to_owned(), by);
    }
}

/// The classification of a flow by a callout is over.
fn leave_flow(state: &mut State, traffic: &Traffic, callout: u32) {
    let entry = (traffic.layer_id(), callout, state.scheduling.current_id());
    let flow = traffic.flow.and_then(|id| state.objects.wfp.flows.get(id));
    if let Some(flow) = flow
        && let Some(last) = flow.inside.iter().rposition(|it| *it == entry)
    {
        flow.inside.remove(last);
    }
}

/// Gives a classification a handle with which a callout can pend it.
fn activate(state: &mut State, traffic: &Traffic) -> usize {
    let wfp = &mut state.objects.wfp;
    let handle = wfp.next_handle();
    wfp.pending.active.push(Active {
        handle,
        connection: traffic.of.connection,
        can_pend: traffic.layer.can_pend(),
        is_again: traffic.of.is_again,
        redirects: traffic.layer.redirects(),
    });
    handle
}

/// Returns the metadata, in which a field that is not set is zero.
fn metadata(traffic: &Traffic, active: usize) -> Metadata {
    const ENDPOINT_HANDLE: u64 = 0x5D;
    let connection = traffic.of.connection;
    let mut fields = traffic.layer.metadata();
    if matches!(traffic.layer, Layer::Accept | Layer::Connect) {
        fields |= PACKET_DIRECTION;
    }
    if traffic.layer == Layer::InboundTransport && traffic.of.is_unauthorized {
        fields |= ALE_CLASSIFY_REQUIRED;
    }
    if traffic.layer.can_pend() {
        fields |= COMPLETION;
    }
    if traffic.flow.is_some() {
        fields |= FLOW;
    }
    let is_set = |field| fields & field != 0;
    let short = |field, value| if is_set(field) { value } else { 0 };
    let long = |field, value| if is_set(field) { value } else { 0 };
    let address = |field, value| if is_set(field) { value } else { 0 };
    Metadata {
        fields,
        flow: traffic.flow.unwrap_or_default(),
        ip_header: short(IP_HEADER, connection.ip_header()),
        transport_header: short(TRANSPORT_HEADER, connection.transport_header()),
        process_path: address(PROCESS_PATH, (&raw const owner::PROGRAM).addr()),
        token: long(TOKEN, owner::TOKEN),
        process: long(PROCESS_ID, owner::PROCESS),
        compartment: short(COMPARTMENT, COMPARTMENT_ID),
        completion: address(COMPLETION, active),
        endpoint: long(ENDPOINT, ENDPOINT_HANDLE),
        direction: i32::from(is_set(PACKET_DIRECTION) && !traffic.of.is_sent),
        ..Metadata::default()
    }
}
