// SPDX-License-Identifier: MIT OR Apache-2.0

//! Contexts that callouts associate with data flows.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
    STATUS_OBJECT_NAME_EXISTS, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use super::callouts;
use crate::exports::exports;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::objects::wfp::flows::Context;
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpsFlowAssociateContext0" <= DISPATCH_LEVEL => associate: i32;
    "FwpsFlowRemoveContext0" <= DISPATCH_LEVEL => remove: i32;
    "FwpsFlowAbort0" <= DISPATCH_LEVEL => abort: i32;
}

unsafe extern "win64" fn associate(flow: u64, layer: u16, id: u32, value: u64) -> i32 {
    with(|state| {
        let deletes = state
            .objects
            .wfp
            .callout(id)
            .is_some_and(|it| it.flow_delete != 0 && !it.ends);
        if value == 0 || !deletes {
            return STATUS_INVALID_PARAMETER;
        }
        if faults::fails(state, FaultKind::Allocation) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let flow = state.objects.wfp.flows.get(flow);
        let Some(flow) = flow.filter(|it| !it.has_ended) else {
            return STATUS_NOT_FOUND;
        };
        if flow.context(layer, id).is_some() {
            return STATUS_OBJECT_NAME_EXISTS;
        }
        flow.contexts.push(Context {
            layer,
            callout: id,
            value,
            is_removed: false,
        });
        STATUS_SUCCESS
    })
}

unsafe extern "win64" fn remove(flow: u64, layer: u16, id: u32) -> i32 {
    let is_removed = with(|state| {
        let flow = state.objects.wfp.flows.get(flow);
        let context = flow.and_then(|it| it.context(layer, id));
        context.map(|it| it.is_removed = true).is_some()
    });
    if !is_removed {
        return STATUS_UNSUCCESSFUL;
    }
    delete_contexts(flow);
    let is_left = with(|state| {
        let flow = state.objects.wfp.flows.get(flow);
        flow.is_some_and(|flow| {
            let mut contexts = flow.contexts.iter();
            contexts.any(|it| it.is_removed && it.layer == layer && it.callout == id)
        })
    });
    if is_left {
        STATUS_PENDING
    } else {
        STATUS_SUCCESS
    }
}

unsafe extern "win64" fn abort(flow: u64) -> i32 {
    if end(flow) {
        STATUS_SUCCESS
    } else {
        STATUS_NOT_FOUND
    }
}

/// Ends a flow. Returns `false` if there is none.
pub(super) fn end(id: u64) -> bool {
    let ends = with(|state| {
        let flow = state.objects.wfp.flows.get(id);
        let Some(flow) = flow.filter(|it| !it.has_ended) else {
            return false;
        };
        flow.has_ended = true;
        for context in &mut flow.contexts {
            context.is_removed = true;
        }
        true
    });
    if ends {
        delete_contexts(id);
    }
    ends
}

/// Calls `flowDeleteFn` for the contexts of a flow that are removed and that no classification
/// uses any more.
pub(super) fn delete_contexts(flow: u64) {
    while let Some(context) = with(|state| take_removed(state, flow)) {
        let Context {
            layer,
            callout: id,
            value,
            ..
        } = context;
        let function = with(|state| state.objects.wfp.callout(id).map(|it| it.flow_delete));
        if let Some(function) = function {
            let value = usize::try_from(value).expect("a machine of 64 bits");
            callouts::call(
                "flowDeleteFn",
                id,
                function,
                &[layer.into(), id as usize, value],
            );
        }
        with(|state| callouts::leave(state, id));
    }
    with(|state| state.objects.wfp.flows.sweep());
}

/// Takes a removed context, and begins the call of `flowDeleteFn`.
fn take_removed(state: &mut State, flow: u64) -> Option<Context> {
    let context = state.objects.wfp.flows.get(flow)?.take_removed()?;
    callouts::enter(state, context.callout);
    Some(context)
}
