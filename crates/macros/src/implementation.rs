//! The attribute on an implementation: `async fn` and plain `fn` become the expanded trait's
//! methods.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, ImplItem, ImplItemFn, ItemImpl, Result, ReturnType, Type};

use crate::attributes::TraitOptions;
use crate::output::{self, Output};
use crate::{body, names};

pub(crate) fn expand(options: TokenStream, mut item: ItemImpl) -> Result<TokenStream> {
    let krate = TraitOptions::parse(options, true)?.krate;
    if item.trait_.is_none() {
        return Err(Error::new_spanned(
            &item.self_ty,
            "this belongs on the implementation of an interface: `impl Trait for Type`",
        ));
    }
    let mut plain = Vec::new();
    for member in &mut item.items {
        let ImplItem::Fn(function) = member else {
            continue;
        };
        let is_plain = match function.sig.asyncness.take() {
            Some(_) => false,
            None if is_plain_fn(function)? => true,
            // A function that returns a future, as the expanded trait has it.
            None => continue,
        };
        let params = body::name_params(&mut function.sig);
        let output: Type = match &function.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, output) => (**output).clone(),
        };
        let boxed = match is_plain {
            true => body::plain(
                &params,
                &output,
                &function.block,
                function.sig.fn_token.span,
            ),
            false => body::boxed(&params, &output, &function.block),
        };
        function.sig.output = syn::parse_quote!(-> #krate::interface::BoxFuture<'_, #output>);
        function.block = syn::parse_quote!({ #boxed });
        if is_plain {
            let name = names::plain(&function.sig.ident);
            let cfgs = function
                .attrs
                .iter()
                .filter(|attr| attr.path().is_ident("cfg"));
            plain.push(quote!(#(#cfgs)* #name => true,));
        }
    }
    let is_plain_fn = body::is_plain_fn();
    item.items.push(syn::parse_quote! {
        fn #is_plain_fn(&self, method: &str) -> bool {
            match method {
                #(#plain)*
                _ => false,
            }
        }
    });
    let item = item.into_token_stream();
    Ok(quote!(#item))
}

/// Whether a function that is not `async` is one that may block, rather than one that returns a
/// future.
fn is_plain_fn(function: &ImplItemFn) -> Result<bool> {
    if function.sig.receiver().is_none() {
        return Ok(false);
    }
    match &function.sig.output {
        ReturnType::Type(_, output) => Ok(matches!(output::of(output), Output::Result(_))),
        ReturnType::Default => Err(Error::new_spanned(
            &function.sig,
            "a method returns a `Result`: as an `async fn`, or as a plain `fn`, which may block",
        )),
    }
}
