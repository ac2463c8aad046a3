// SPDX-License-Identifier: MIT OR Apache-2.0

//! The objects of the base filtering engine: providers, sublayers, callouts and filters.

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_FWP_ALREADY_EXISTS, STATUS_FWP_CALLOUT_NOT_FOUND, STATUS_FWP_FILTER_NOT_FOUND,
    STATUS_FWP_IN_USE, STATUS_FWP_INCOMPATIBLE_LAYER, STATUS_FWP_NULL_DISPLAY_NAME,
    STATUS_FWP_NULL_POINTER, STATUS_FWP_PROVIDER_CONTEXT_NOT_FOUND, STATUS_FWP_PROVIDER_NOT_FOUND,
    STATUS_FWP_SUBLAYER_NOT_FOUND, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::{
    FWP_ACTION_FLAG_CALLOUT, FWPM_CALLOUT0, FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT, FWPM_FILTER0,
    FWPM_PROVIDER_CONTEXT0, FWPM_PROVIDER0, FWPM_SUBLAYER_UNIVERSAL, FWPM_SUBLAYER0,
};
use windows_sys::core::GUID;

use super::conditions::{self, Weight};
use super::transactions::change;
use crate::exports::exports;
use crate::exports::wfp::callouts::identifier;
use crate::exports::wfp::layer_keys;
use crate::exports::wfp::layouts::number;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::wfp::engine::{Action, Kind, Object, forget_service, named_by};
use crate::objects::wfp::filters::Rules;
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpmProviderAdd0" <= PASSIVE_LEVEL => add_provider: i32;
    "FwpmProviderDeleteByKey0" <= PASSIVE_LEVEL => delete_provider: i32;
    "FwpmSubLayerAdd0" <= PASSIVE_LEVEL => add_sublayer: i32;
    "FwpmSubLayerDeleteByKey0" <= PASSIVE_LEVEL => delete_sublayer: i32;
    "FwpmCalloutAdd0" <= PASSIVE_LEVEL => add_callout: i32;
    "FwpmCalloutDeleteById0" <= PASSIVE_LEVEL => delete_callout_by_id: i32;
    "FwpmCalloutDeleteByKey0" <= PASSIVE_LEVEL => delete_callout_by_key: i32;
    "FwpmProviderContextAdd0" <= PASSIVE_LEVEL => add_context: i32;
    "FwpmProviderContextDeleteById0" <= PASSIVE_LEVEL => delete_context_by_id: i32;
    "FwpmProviderContextDeleteByKey0" <= PASSIVE_LEVEL => delete_context_by_key: i32;
    "FwpmFilterAdd0" <= PASSIVE_LEVEL => add_filter: i32;
    "FwpmFilterDeleteById0" <= PASSIVE_LEVEL => delete_filter_by_id: i32;
    "FwpmFilterDeleteByKey0" <= PASSIVE_LEVEL => delete_filter_by_key: i32;
}

impl Kind {
    const fn not_found(self) -> i32 {
        match self {
            Self::Provider => STATUS_FWP_PROVIDER_NOT_FOUND,
            Self::SubLayer => STATUS_FWP_SUBLAYER_NOT_FOUND,
            Self::Callout => STATUS_FWP_CALLOUT_NOT_FOUND,
            Self::Filter => STATUS_FWP_FILTER_NOT_FOUND,
            Self::ProviderContext => STATUS_FWP_PROVIDER_CONTEXT_NOT_FOUND,
        }
    }
}

/// An object that is to be added.
struct New {
    kind: Kind,
    key: u128,
    names: Vec<(Kind, u128)>,
    layer: u16,
    action: Action,
    rules: Rules,
    /// The range in which the engine chooses the weight of a filter, if it does.
    range: Option<u8>,
    /// The weight of a sublayer.
    weight: u16,
    context: u64,
}

impl New {
    const fn of(kind: Kind, key: &GUID) -> Self {
        Self {
            kind,
            key: number(key),
            names: Vec::new(),
            layer: 0,
            action: Action {
                kind: 0,
                callout: 0,
            },
            rules: Rules {
                sublayer: 0,
                weight: 0,
                flags: 0,
                conditions: Vec::new(),
            },
            range: None,
            weight: 0,
            context: 0,
        }
    }

    /// It names the provider with this key, if there is one.
    ///
    /// # Safety
    ///
    /// A key that is not null can be read.
    unsafe fn of_provider(mut self, key: *const GUID) -> Self {
        if !key.is_null() {
            // SAFETY: the key can be read, by this function's contract.
            let key = number(&unsafe { key.read_unaligned() });
            self.names.push((Kind::Provider, key));
        }
        self
    }
}

/// Adds an object. Returns its run-time identifier.
fn add(handle: usize, function: &str, new: New) -> Result<u64, i32> {
    change(handle, function, |state, objects, session| {
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let find = |kind: Kind, key: u128| {
            let mut all = objects.iter();
            all.find(|it| it.kind == kind && it.key == key)
        };
        if let Some(taken) = find(new.kind, new.key) {
            collide(state, taken);
            return Err(STATUS_FWP_ALREADY_EXISTS);
        }
        for &(kind, key) in &new.names {
            let Some(named) = find(kind, key) else {
                return Err(kind.not_found());
            };
            if kind == Kind::Callout && named.layer != new.layer {
                return Err(STATUS_FWP_INCOMPATIBLE_LAYER);
            }
        }
        let by = caller(state);
        let id = if new.kind == Kind::Callout {
            u64::from(identifier(state, new.key))
        } else {
            state.objects.wfp.engine.next_id()
        };
        let mut rules = new.rules;
        if let Some(range) = new.range {
            rules.weight = state.objects.wfp.engine.choose_weight(range, id);
        }
        // A filter without a key gets one.
        let key = if new.key == 0 {
            u128::from(id)
        } else {
            new.key
        };
        objects.push(Object {
            kind: new.kind,
            key,
            id,
            session,
            names: new.names,
            layer: new.layer,
            action: new.action,
            rules,
            weight: new.weight,
            context: new.context,
            by,
            is_service: false,
        });
        Ok(id)
    })
}

/// That a driver cannot be loaded twice for that reason is no defect.
fn collide(state: &mut State, taken: &Object) {
    if let (Some(by), Some(owner)) = (caller(state), taken.by) {
        let name = "the key of an object of the filter engine".to_owned();
        state.objects.names.collide(by.driver, name, owner.driver);
    }
}

fn delete(handle: usize, function: &str, kind: Kind, wanted: impl Fn(&Object) -> bool) -> i32 {
    let deleted = change(handle, function, |_, objects, _| {
        let found = objects
            .iter()
            .position(|it| it.kind == kind && wanted(it))
            .ok_or(kind.not_found())?;
        let key = objects[found].key;
        forget_service(objects, kind, key);
        if named_by(objects, kind, key).is_some() {
            return Err(STATUS_FWP_IN_USE);
        }
        objects.retain(|it| it.kind != kind || it.key != key);
        Ok(())
    });
    deleted.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
///
/// A key that is not null can be read.
unsafe fn delete_by_key(handle: usize, function: &str, kind: Kind, key: *const GUID) -> i32 {
    if key.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the key can be read, by this function's contract.
    let key = number(&unsafe { key.read_unaligned() });
    delete(handle, function, kind, |it| it.key == key)
}

unsafe extern "win64" fn add_provider(
    handle: usize,
    provider: *const FWPM_PROVIDER0,
    _security: usize,
) -> i32 {
    if provider.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the provider can be read, as documented.
    let provider = unsafe { provider.read_unaligned() };
    if provider.displayData.name.is_null() {
        return STATUS_FWP_NULL_DISPLAY_NAME;
    }
    let new = New::of(Kind::Provider, &provider.providerKey);
    let added = add(handle, "FwpmProviderAdd0", new);
    added.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "win64" fn delete_provider(handle: usize, key: *const GUID) -> i32 {
    // SAFETY: the key can be read, as documented.
    unsafe { delete_by_key(handle, "FwpmProviderDeleteByKey0", Kind::Provider, key) }
}

unsafe extern "win64" fn add_sublayer(
    handle: usize,
    sublayer: *const FWPM_SUBLAYER0,
    _security: usize,
) -> i32 {
    if sublayer.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the sublayer can be read, as documented.
    let sublayer = unsafe { sublayer.read_unaligned() };
    if sublayer.displayData.name.is_null() {
        return STATUS_FWP_NULL_DISPLAY_NAME;
    }
    let new = New {
        weight: sublayer.weight,
        ..New::of(Kind::SubLayer, &sublayer.subLayerKey)
    };
    // SAFETY: a provider's key that is given can be read, as documented.
    let new = unsafe { new.of_provider(sublayer.providerKey) };
    let added = add(handle, "FwpmSubLayerAdd0", new);
    added.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "win64" fn delete_sublayer(handle: usize, key: *const GUID) -> i32 {
    // SAFETY: the key can be read, as documented.
    unsafe { delete_by_key(handle, "FwpmSubLayerDeleteByKey0", Kind::SubLayer, key) }
}

unsafe extern "win64" fn add_callout(
    handle: usize,
    callout: *const FWPM_CALLOUT0,
    _security: usize,
    id: *mut u32,
) -> i32 {
    if callout.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the callout can be read, as documented.
    let callout = unsafe { callout.read_unaligned() };
    if callout.displayData.name.is_null() {
        return STATUS_FWP_NULL_DISPLAY_NAME;
    }
    let new = New {
        layer: layer_keys::find(number(&callout.applicableLayer)),
        ..New::of(Kind::Callout, &callout.calloutKey)
    };
    // SAFETY: a provider's key that is given can be read, as documented.
    let new = unsafe { new.of_provider(callout.providerKey) };
    match add(handle, "FwpmCalloutAdd0", new) {
        Ok(number) => {
            if !id.is_null() {
                let number = u32::try_from(number).expect("it is a callout's");
                // SAFETY: the identifier may be written, as documented.
                unsafe { id.write(number) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn delete_callout_by_id(handle: usize, id: u32) -> i32 {
    let function = "FwpmCalloutDeleteById0";
    delete(handle, function, Kind::Callout, |it| it.id == u64::from(id))
}

unsafe extern "win64" fn delete_callout_by_key(handle: usize, key: *const GUID) -> i32 {
    // SAFETY: the key can be read, as documented.
    unsafe { delete_by_key(handle, "FwpmCalloutDeleteByKey0", Kind::Callout, key) }
}

unsafe extern "win64" fn add_context(
    handle: usize,
    context: *const FWPM_PROVIDER_CONTEXT0,
    _security: usize,
    id: *mut u64,
) -> i32 {
    if context.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the context can be read, as documented.
    let context = unsafe { context.read_unaligned() };
    if context.displayData.name.is_null() {
        return STATUS_FWP_NULL_DISPLAY_NAME;
    }
    let new = New::of(Kind::ProviderContext, &context.providerContextKey);
    // SAFETY: a provider's key that is given can be read, as documented.
    let new = unsafe { new.of_provider(context.providerKey) };
    match add(handle, "FwpmProviderContextAdd0", new) {
        Ok(number) => {
            if !id.is_null() {
                // SAFETY: the identifier may be written, as documented.
                unsafe { id.write(number) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn delete_context_by_id(handle: usize, id: u64) -> i32 {
    let function = "FwpmProviderContextDeleteById0";
    delete(handle, function, Kind::ProviderContext, |it| it.id == id)
}

unsafe extern "win64" fn delete_context_by_key(handle: usize, key: *const GUID) -> i32 {
    let function = "FwpmProviderContextDeleteByKey0";
    // SAFETY: the key can be read, as documented.
    unsafe { delete_by_key(handle, function, Kind::ProviderContext, key) }
}

unsafe extern "win64" fn add_filter(
    handle: usize,
    filter: *const FWPM_FILTER0,
    _security: usize,
    id: *mut u64,
) -> i32 {
    if filter.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the filter can be read, as documented.
    let filter = unsafe { filter.read_unaligned() };
    if filter.displayData.name.is_null() {
        return STATUS_FWP_NULL_DISPLAY_NAME;
    }
    let mut new = New {
        layer: layer_keys::find(number(&filter.layerKey)),
        ..New::of(Kind::Filter, &filter.filterKey)
    };
    new.action.kind = filter.action.r#type;
    if new.action.kind & FWP_ACTION_FLAG_CALLOUT != 0 {
        // SAFETY: the action's type says which field is set.
        new.action.callout = number(&unsafe { filter.action.Anonymous.calloutKey });
        new.names.push((Kind::Callout, new.action.callout));
    }
    // The default sublayer and the universal one are always there.
    let sublayer = number(&filter.subLayerKey);
    if sublayer != 0 && sublayer != number(&FWPM_SUBLAYER_UNIVERSAL) {
        new.names.push((Kind::SubLayer, sublayer));
    }
    new.rules.sublayer = sublayer;
    new.rules.flags = filter.flags;
    if filter.flags & FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT == 0 {
        // SAFETY: the flags say that the field is set.
        new.context = unsafe { filter.Anonymous.rawContext };
    } else {
        // SAFETY: the flags say that the field is set.
        let key = number(&unsafe { filter.Anonymous.providerContextKey });
        new.names.push((Kind::ProviderContext, key));
    }
    // SAFETY: what the weight points to can be read, as documented.
    match unsafe { conditions::weight(&filter.weight) } {
        Ok(Weight::Exact(weight)) => new.rules.weight = weight,
        Ok(Weight::Range(range)) => new.range = Some(range),
        Err(status) => return status,
    }
    // SAFETY: the conditions, and what they point to, can be read, as documented.
    match unsafe { conditions::conditions(&filter, new.layer) } {
        Ok(conditions) => new.rules.conditions = conditions,
        Err(status) => return status,
    }
    with(|state| {
        if state.objects.wfp.engine.salt == 0 {
            state.objects.wfp.engine.salt = state.choices.activity.random_range(1..=u64::MAX);
        }
    });
    // SAFETY: a provider's key that is given can be read, as documented.
    let new = unsafe { new.of_provider(filter.providerKey) };
    match add(handle, "FwpmFilterAdd0", new) {
        Ok(number) => {
            if !id.is_null() {
                // SAFETY: the identifier may be written, as documented.
                unsafe { id.write(number) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn delete_filter_by_id(handle: usize, id: u64) -> i32 {
    delete(handle, "FwpmFilterDeleteById0", Kind::Filter, |it| {
        it.id == id
    })
}

unsafe extern "win64" fn delete_filter_by_key(handle: usize, key: *const GUID) -> i32 {
    // SAFETY: the key can be read, as documented.
    unsafe { delete_by_key(handle, "FwpmFilterDeleteByKey0", Kind::Filter, key) }
}
