//! The attribute `#[plugwire::interface]` of the [plugwire] crate, which re-exports and documents
//! it.
//!
//! Use it through plugwire: the code that it generates names types of that crate.
//!
//! The item is parsed and checked in `interface` (with `attributes` for the options and `kind` for
//! the types), and the code is generated in `expand` for a trait and in `implementation` for an
//! `impl`. All mistakes are reported at once, each at its place; `tests/ui` has them.
//!
//! [plugwire]: https://docs.rs/plugwire

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]

mod attributes;
mod body;
mod check;
mod expand;
mod implementation;
mod interface;
mod kind;
mod names;
mod output;
#[cfg(test)]
mod page;
mod shape;

use proc_macro::TokenStream;
use syn::{Item, parse_macro_input};

// Documented where it is re-exported: the examples there need the crate.
#[allow(
    missing_docs,
    reason = "documentation here would be put behind that of the re-export"
)]
#[proc_macro_attribute]
pub fn interface(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as Item);
    let expanded = match item {
        Item::Trait(item) => interface::Interface::parse(options.into(), item)
            .map(|interface| expand::expand(&interface)),
        Item::Impl(item) => implementation::expand(options.into(), item),
        other => Err(syn::Error::new_spanned(
            &other,
            "this belongs on a trait, or on the implementation of one",
        )),
    };
    expanded
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
