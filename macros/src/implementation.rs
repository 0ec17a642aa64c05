//! The attribute on an implementation: `async fn` in what the trait made of it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, ImplItem, ItemImpl, Result, ReturnType, Type};

use crate::attributes::TraitOptions;
use crate::body;

pub fn expand(options: TokenStream, mut item: ItemImpl) -> Result<TokenStream> {
    let krate = TraitOptions::parse(options, true)?.krate;
    if item.trait_.is_none() {
        return Err(Error::new_spanned(
            &item.self_ty,
            "this belongs on the implementation of an interface: `impl Trait for Type`",
        ));
    }
    for member in &mut item.items {
        let ImplItem::Fn(function) = member else {
            continue;
        };
        // What is not async is what the trait has already: a function that returns a future.
        if function.sig.asyncness.take().is_none() {
            continue;
        }
        let params = body::name_params(&mut function.sig);
        let output: Type = match &function.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, output) => (**output).clone(),
        };
        let boxed = body::boxed(&params, &output, &function.block);
        function.sig.output = syn::parse_quote!(-> #krate::interface::BoxFuture<'_, #output>);
        function.block = syn::parse_quote!({ #boxed });
    }
    let item = item.into_token_stream();
    Ok(quote!(#item))
}
