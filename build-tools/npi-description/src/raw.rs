// SPDX-License-Identifier: MIT OR Apache-2.0

//! The file as it is written, each part with its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// Text with its place.
pub(crate) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Npi {
    pub(crate) name: Text,
    pub(crate) id: Text,
    #[serde(default)]
    pub(crate) provider: Registration,
    #[serde(default)]
    pub(crate) client: Registration,
    #[serde(default)]
    pub(crate) structures: BTreeMap<Text, Structure>,
    #[serde(default)]
    pub(crate) functions: BTreeMap<Text, Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    pub(crate) module_id: Option<Text>,
    pub(crate) characteristics: Option<Text>,
    pub(crate) table: Option<Text>,
    pub(crate) keeps_calling: Option<Text>,
    pub(crate) begins_with: Option<Text>,
    #[serde(default)]
    pub(crate) also_calls: Vec<Habit>,
    pub(crate) heeds: Option<Text>,
    pub(crate) accepts_all: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Habit {
    pub(crate) function: Text,
    pub(crate) calls: Spanned<u64>,
    pub(crate) of: Text,
    pub(crate) npi: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Structure {
    pub(crate) fields: Vec<Field>,
    pub(crate) counts: Option<Counts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    pub(crate) npi: Option<Text>,
    pub(crate) calls_made: Option<Text>,
    pub(crate) calls_received: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Due {
    pub(crate) calls: Spanned<u64>,
    pub(crate) of: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) name: Text,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    pub(crate) is: Option<Text>,
    pub(crate) value: Option<Spanned<Number>>,
    pub(crate) reply: Option<Spanned<Reply>>,
    pub(crate) counted_by: Option<Text>,
    pub(crate) counts: Option<Vec<Text>>,
    #[serde(default)]
    pub(crate) optional: bool,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a number, or [lowest, highest] to draw from"
)]
pub(crate) enum Number {
    One(i64),
    Range([i64; 2]),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a number or the name of a field")]
pub(crate) enum Reply {
    Number(i64),
    Field(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    pub(crate) irql: Text,
    pub(crate) returns: Option<Text>,
    #[serde(default)]
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) completed_by: Option<Text>,
    pub(crate) matched_by: Option<Text>,
    pub(crate) cancels: Option<Text>,
    pub(crate) after: Option<Text>,
    pub(crate) if_offered: Option<i64>,
    pub(crate) most_pending: Option<Spanned<u64>>,
    pub(crate) due_after: Option<Due>,
    pub(crate) overtaken_by: Option<Spanned<u64>>,
    pub(crate) refuses: Option<Spanned<Vec<Refusal>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    pub(crate) status: Spanned<i64>,
    pub(crate) when: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    pub(crate) name: Option<Text>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<Text>,
    pub(crate) is: Option<Text>,
    pub(crate) value: Option<Spanned<Number>>,
    pub(crate) looked_up: Option<Spanned<bool>>,
}
