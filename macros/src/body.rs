//! `async fn` as a function that returns a boxed future.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Block, FnArg, Ident, Pat, Signature, Type};

/// The body of an `async fn` as the body of a function that returns its future. The parameters are
/// held until the future ends, used or not, as those of an `async fn` are.
pub fn boxed(params: &[(Ident, Pat)], output: &Type, block: &Block) -> TokenStream {
    let held = params.iter().map(|(ident, pattern)| {
        quote! { let #pattern = #ident; }
    });
    let statements = &block.stmts;
    let returned = Ident::new("returned", Span::mixed_site());
    quote! {
        ::std::boxed::Box::pin(async move {
            // Says what is returned, before the body says so.
            if let ::core::option::Option::Some(#returned) = ::core::option::Option::None::<#output> {
                return #returned;
            }
            #(#held)*
            #(#statements)*
        })
    }
}

/// Gives every parameter a name, and returns these with the patterns that they had.
pub fn name_params(signature: &mut Signature) -> Vec<(Ident, Pat)> {
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
            // Not bound, it would be dropped at once.
            Pat::Wild(_) => syn::parse_quote!(#ident),
            pattern => pattern.clone(),
        };
        *input.pat = syn::parse_quote!(#ident);
        params.push((ident, pattern));
    }
    params
}
