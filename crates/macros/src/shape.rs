//! The shape of a type that holds interfaces: what serde's own traits cannot say of it.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{GenericArgument, PathArguments, Type, TypePath};

use crate::kind;

/// A type that plugwire knows the parts of.
pub(crate) enum Container<'a> {
    /// A container of one part, and its shape's name: `Vec<T>`, or a map's values.
    Of(&'static str, &'a Type),
    Option(&'a Type),
    Tuple(Vec<&'a Type>),
    Result(&'a Type, &'a Type),
}

impl<'a> Container<'a> {
    /// The container that a type is, by its tokens.
    pub(crate) fn of(ty: &'a Type) -> Option<Container<'a>> {
        let path = match ty {
            Type::Tuple(tuple) if !tuple.elems.is_empty() => {
                return Some(Container::Tuple(tuple.elems.iter().collect()));
            }
            Type::Paren(ty) => return Container::of(&ty.elem),
            Type::Group(ty) => return Container::of(&ty.elem),
            Type::Path(TypePath {
                qself: None, path, ..
            }) => path,
            _ => return None,
        };
        let last = path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        let mut types = Vec::new();
        for argument in &arguments.args {
            match argument {
                GenericArgument::Type(ty) => types.push(ty),
                _ => return None,
            }
        }
        match (&*last.ident.to_string(), &*types) {
            ("Option", [part]) => Some(Container::Option(part)),
            ("Vec" | "VecDeque", [part]) => Some(Container::Of("ListOf", part)),
            ("Box", [part]) => Some(Container::Of("BoxOf", part)),
            ("HashMap" | "BTreeMap", [_, part]) | ("HashMap", [_, part, _]) => {
                Some(Container::Of("MapOf", part))
            }
            ("Result", [ok, error]) => Some(Container::Result(ok, error)),
            _ => None,
        }
    }

    /// The parts that may be interfaces.
    pub(crate) fn parts(self) -> Vec<&'a Type> {
        match self {
            Container::Of(_, part) | Container::Option(part) => vec![part],
            Container::Tuple(parts) => parts,
            Container::Result(ok, error) => vec![ok, error],
        }
    }
}

/// Whether a part of the type, or the whole, crosses as a broker id.
pub(crate) fn has_id(ty: &Type) -> bool {
    kind::is_id(ty) || Container::of(ty).is_some_and(|of| of.parts().into_iter().any(has_id))
}

/// The type that describes how a value crosses: `wire::ListOf<wire::Id>`.
pub(crate) fn shape(ty: &Type, wire: &Ident) -> TokenStream {
    if !has_id(ty) {
        return quote!(#wire::Same);
    }
    match Container::of(ty) {
        _ if kind::is_id(ty) && !is_option(ty) => quote!(#wire::Id),
        None => quote!(#wire::Id),
        Some(Container::Option(part)) if kind::is_id(part) && !is_option(part) => {
            quote!(#wire::MaybeId)
        }
        Some(Container::Option(part)) => {
            let part = shape(part, wire);
            quote!(#wire::OptionOf<#part>)
        }
        Some(Container::Of(name, part)) => {
            let name = Ident::new(name, proc_macro2::Span::call_site());
            let part = shape(part, wire);
            quote!(#wire::#name<#part>)
        }
        Some(Container::Tuple(parts)) => {
            let parts = parts.into_iter().map(|part| shape(part, wire));
            quote!(#wire::TupleOf<(#(#parts,)*)>)
        }
        Some(Container::Result(ok, error)) => {
            let (ok, error) = (shape(ok, wire), shape(error, wire));
            quote!(#wire::ResultOf<#ok, #error>)
        }
    }
}

fn is_option(ty: &Type) -> bool {
    matches!(Container::of(ty), Some(Container::Option(_)))
}
