//! `async fn`, and a plain `fn`, as a function that returns a boxed future.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Block, FnArg, Ident, Pat, Signature, Type};

/// The body of an `async fn` as the body of a function that returns its future. The parameters are
/// held until the future ends, used or not, as those of an `async fn` are.
pub(crate) fn boxed(params: &[(Ident, Pat)], output: &Type, block: &Block) -> TokenStream {
    let held = params.iter().map(|(ident, pattern)| {
        quote! { let #pattern = #ident; }
    });
    let statements = &block.stmts;
    let returned = Ident::new("returned", Span::mixed_site());
    quote! {
        ::std::boxed::Box::pin(async move {
            // Fixes the return type before the body is inferred.
            if let ::core::option::Option::Some(#returned) =
                ::core::option::Option::None::<#output>
            {
                return #returned;
            }
            #(#held)*
            #(#statements)*
        })
    }
}

/// The body of a plain `fn` as the body of a function that returns a future which is ready at its
/// first poll. `at` is where the compiler reports an `await` in it.
pub(crate) fn plain(
    params: &[(Ident, Pat)],
    output: &Type,
    block: &Block,
    at: Span,
) -> TokenStream {
    let held = params.iter().map(|(ident, pattern)| {
        quote! { let #pattern = #ident; }
    });
    let statements = &block.stmts;
    let body = Ident::new("body", Span::mixed_site());
    // A closure, so that an `await` in it does not compile.
    let closure = quote_spanned! {at=>
        move || -> #output {
            #(#held)*
            #(#statements)*
        }
    };
    quote! {
        ::std::boxed::Box::pin(async move {
            let #body = #closure;
            #body()
        })
    }
}

/// The method of every interface that says which methods of an implementation are plain. The
/// attribute writes it, so the compiler misses it in an implementation without the attribute, and
/// prints its name.
pub(crate) fn is_plain_fn() -> Ident {
    Ident::new(
        "__the_attribute_plugwire_interface_is_missing",
        Span::call_site(),
    )
}

/// Gives every parameter a name, and returns the names with the original patterns.
pub(crate) fn name_params(signature: &mut Signature) -> Vec<(Ident, Pat)> {
    let mut params = Vec::new();
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        let FnArg::Typed(input) = input else {
            continue;
        };
        let ident = match &*input.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.clone()
            }
            _ => Ident::new(&format!("_argument{index}"), Span::mixed_site()),
        };
        let pattern = match &*input.pat {
            // `_` binds nothing, and the argument would be dropped at once.
            Pat::Wild(_) => syn::parse_quote!(#ident),
            pattern => pattern.clone(),
        };
        *input.pat = syn::parse_quote!(#ident);
        params.push((ident, pattern));
    }
    params
}
