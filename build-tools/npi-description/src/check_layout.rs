// SPDX-License-Identifier: MIT OR Apache-2.0

//! The check that a described structure is laid out as a type of Rust, for tests beside
//! the type.

/// Checks the size and the alignment of a structure, and the offset of each field: a field
/// of the description may be inside a field of the Rust type.
///
/// # Panics
///
/// They differ, or there is no structure of this name.
#[macro_export]
macro_rules! check_layout {
    ($npi:ident, $name:literal, $type:ty: $($field:ident $(= $($inner:ident).+)?),*) => {
        let structure = $npi.structure($name).expect($name);
        let defined = (::core::mem::size_of::<$type>(), ::core::mem::align_of::<$type>());
        assert_eq!((structure.size, structure.align), defined, $name);
        let described = structure.fields.iter().map(|it| (it.name.as_str(), it.offset));
        let defined = [
            $((stringify!($field), $crate::check_layout!(@offset $type, $field $(= $($inner).+)?))),*
        ];
        assert!(described.eq(defined), "{structure:?}");
    };
    (@offset $type:ty, $field:ident) => {
        ::core::mem::offset_of!($type, $field)
    };
    (@offset $type:ty, $field:ident = $($inner:ident).+) => {
        ::core::mem::offset_of!($type, $($inner).+)
    };
}
