// SPDX-License-Identifier: MIT OR Apache-2.0

//! A description that has been read and checked.

use std::ops::RangeInclusive;

use crate::NpiId;

/// An NPI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Npi {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub id: NpiId,
    /// What a provider registers.
    pub provider: Module,
    /// What a client registers.
    pub client: Module,
    /// Each after those that it contains.
    pub structures: Vec<Structure>,
    /// The functions of both tables.
    pub functions: Vec<Function>,
}

/// A side of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The provider.
    Provider,
    /// The client.
    Client,
}

/// What a module of one side registers and hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// The GUID of a module that is known.
    pub module_id: Option<NpiId>,
    /// The structure of its NPI-specific characteristics.
    pub characteristics: Option<String>,
    /// The structure of its dispatch table.
    pub table: Option<String>,
    /// The function of its peers that the module with that GUID calls again and again.
    pub keeps_calling: Option<String>,
    /// The function that it calls in each binding, before its attach callback returns.
    pub begins_with: Option<String>,
    /// The functions that it calls beside another one.
    pub also_calls: Vec<Habit>,
    /// The function of its own table by which it lets itself be told to cancel a call.
    pub heeds: Option<String>,
    /// `true` if the module with that GUID accepts each other such module that fits.
    pub accepts_all: bool,
}

/// A function that a known module calls beside another one, in bindings with a known module
/// that offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habit {
    /// The function.
    pub function: String,
    /// How often: each thread in as many calls of another function, or in as many that pend if
    /// it cancels them. With [`Habit::npi`], the driver in each binding once it may.
    pub due: Due,
    /// The NPI of the other function, if that is another one.
    pub npi: Option<NpiId>,
}

/// A structure, laid out as C does for x64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Its name.
    pub name: String,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// Its size in bytes.
    pub size: usize,
    /// Its alignment in bytes.
    pub align: usize,
    /// The calls that its fields count, if they count calls.
    pub counts: Option<CountedCalls>,
}

/// The calls that a structure of counters counts: those of the driver that fills it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedCalls {
    /// The NPI of the function; `None` for the structure's own.
    pub npi: Option<NpiId>,
    /// The function.
    pub function: String,
    /// Whether the driver makes the calls; otherwise it is called.
    pub made: bool,
}

/// What comes of a call, as its caller learns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Its return with success.
    Answered,
    /// Its return with an error.
    Refused,
    /// Its return with `STATUS_PENDING`.
    Pended,
    /// Its completion with success.
    Completed,
    /// Its completion with `STATUS_CANCELLED`.
    Cancelled,
    /// Its completion with another error.
    Failed,
}

impl Outcome {
    /// All of them, each with its name in a description.
    pub const ALL: [(&str, Self); 6] = [
        ("answered", Self::Answered),
        ("refused", Self::Refused),
        ("pended", Self::Pended),
        ("completed", Self::Completed),
        ("cancelled", Self::Cancelled),
        ("failed", Self::Failed),
    ];
}

/// A field of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Where it is, in bytes.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
    /// What it says, if the tools know.
    pub meaning: Option<Meaning>,
    /// What a peer writes.
    pub value: Number,
    /// What the callee writes before it answers with success.
    pub reply: Option<Reply>,
    /// The field with the number of elements that count, if not all do.
    pub counted_by: Option<String>,
    /// The outcomes of calls that it counts; every call if there are none.
    pub counts: Option<Vec<Outcome>>,
    /// Whether a function may be null.
    pub optional: bool,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number without sign of this many bytes.
    Unsigned(usize),
    /// A number with a sign of this many bytes.
    Signed(usize),
    /// A `BOOLEAN`.
    Bool,
    /// An `NTSTATUS`.
    Status,
    /// A `GUID`.
    Guid,
    /// A pointer that only its owner follows.
    Pointer,
    /// A number of elements in a row.
    Array(Box<Self>, usize),
    /// A structure, by its name.
    Structure(String),
    /// A pointer to a structure that is lent, by its name.
    Lent {
        /// The structure.
        structure: String,
        /// Whether the callee only reads it.
        constant: bool,
    },
    /// A pointer to the function that has the field's name.
    Function,
}

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `size`: the size in bytes of the structure that it is in.
    Size,
    /// `version`: the version of that structure.
    Version,
    /// `lowest_version`: the lowest version of the NPI that the module speaks.
    LowestVersion,
    /// `highest_version`: the highest one.
    HighestVersion,
    /// `offered`: bits of what the module can do.
    Offered,
    /// `required`: bits of what its peer must be able to do.
    Required,
}

/// A number that a peer writes: one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(pub RangeInclusive<i64>);

impl Default for Number {
    fn default() -> Self {
        Self(0..=0)
    }
}

/// What a callee writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This number.
    Number(i64),
    /// What is in another field of the structure.
    Field(String),
}

/// A function of a dispatch table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Whose table has it.
    pub side: Side,
    /// Where it is in the table, in bytes.
    pub offset: usize,
    /// Whether the entry may be null.
    pub optional: bool,
    /// At which IRQL it may be called.
    pub irql: Irql,
    /// What it returns.
    pub returns: Returns,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The function of the peer that completes a call which returned `STATUS_PENDING`.
    pub completed_by: Option<String>,
    /// The functions of the peer whose calls it completes.
    pub completes: Vec<String>,
    /// How a call is matched to its completion, of either of them.
    pub matched_by: Option<Match>,
    /// The function whose pending call it hurries.
    pub cancels: Option<String>,
    /// The function that must have been called first in a binding.
    pub after: Option<String>,
    /// What both sides must offer.
    pub if_offered: i64,
    /// The most calls of it that pend in a binding at a time.
    pub most_pending: Option<u64>,
    /// When the peer is owed a call of it.
    pub due_after: Option<Due>,
    /// The most later calls that may be completed before one that it cancels.
    pub overtaken_by: Option<u64>,
    /// How a call may be refused; `None` if that is not known.
    pub refuses: Option<Vec<Refusal>>,
}

/// A status with which a call may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `NTSTATUS`, an error or a warning.
    pub status: u32,
    /// When it may be.
    pub when: When,
}

/// When a call may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// What the caller lends is malformed.
    Malformed,
    /// The callee's end of the binding detaches.
    Detaching,
    /// As many calls pend as may.
    Busy,
    /// At any time.
    Ever,
}

/// When a module is owed a call that both sides offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Once at least in this many calls in the same binding
    pub calls: u64,
    /// of this function, in the same table.
    pub of: String,
}

/// At which IRQL a function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irql {
    /// `PASSIVE_LEVEL` only.
    Passive,
    /// Up to `APC_LEVEL`.
    UpToApc,
    /// Up to `DISPATCH_LEVEL`.
    UpToDispatch,
    /// `DISPATCH_LEVEL` only.
    Dispatch,
}

/// What a function returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// An `NTSTATUS`.
    Status,
    /// Nothing.
    Void,
    /// A number or pointer.
    Value(Type),
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// It is the callee's binding context.
    pub is_binding: bool,
    /// What a peer passes.
    pub value: Number,
    /// The callee looks it up among what it has before it follows it, and survives one
    /// that it does not have.
    pub looked_up: bool,
}

/// How a call is matched to its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Both have this parameter, by its number from 0 in the function that this is of.
    Parameter(usize),
    /// The oldest call of the binding completes first.
    Order,
}

impl Npi {
    /// What a module of a side registers.
    #[must_use]
    pub const fn module(&self, side: Side) -> &Module {
        match side {
            Side::Provider => &self.provider,
            Side::Client => &self.client,
        }
    }

    /// The structure of this name.
    #[must_use]
    pub fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.iter().find(|it| it.name == name)
    }

    /// The dispatch table of a side.
    #[must_use]
    pub fn table(&self, side: Side) -> Option<&Structure> {
        self.structure(self.module(side).table.as_deref()?)
    }

    /// The characteristics of a side.
    #[must_use]
    pub fn characteristics(&self, side: Side) -> Option<&Structure> {
        self.structure(self.module(side).characteristics.as_deref()?)
    }

    /// The functions in the table of a side, in its order.
    pub fn functions_of(&self, side: Side) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(move |it| it.side == side)
    }

    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|it| it.name == name)
    }

    /// The function at `offset` of the table of a side.
    #[must_use]
    pub fn function_at(&self, side: Side, offset: usize) -> Option<&Function> {
        self.functions_of(side).find(|it| it.offset == offset)
    }
}

impl Field {
    /// The number of its bytes that count, if its `counted_by` is `count`.
    #[must_use]
    pub fn counted(&self, count: u64) -> usize {
        let Type::Array(_, length) = self.kind else {
            return self.size;
        };
        let count = usize::try_from(count).unwrap_or(length).min(length);
        self.size.checked_div(length).unwrap_or_default() * count
    }
}

impl Parameter {
    /// The part of an argument's register or word that counts.
    #[must_use]
    pub const fn significant(&self, word: usize) -> usize {
        match self.kind {
            Type::Unsigned(1) | Type::Signed(1) | Type::Bool => word & 0xFF,
            Type::Unsigned(2) | Type::Signed(2) => word & 0xFFFF,
            Type::Unsigned(4) | Type::Signed(4) | Type::Status => word & 0xFFFF_FFFF,
            _ => word,
        }
    }
}

impl Structure {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|it| it.name == name)
    }
}

impl Function {
    /// A call of it may return `STATUS_PENDING` and be completed later.
    #[must_use]
    pub const fn pends(&self) -> bool {
        self.completed_by.is_some()
    }

    /// A call of it completes one in the other direction.
    #[must_use]
    pub const fn is_completion(&self) -> bool {
        !self.completes.is_empty()
    }
}

impl Side {
    /// The other side of a binding.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Provider => Self::Client,
            Self::Client => Self::Provider,
        }
    }
}
