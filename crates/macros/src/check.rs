//! The code that names the types of the methods, for the check that gob can say them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;

use crate::interface::{ArgsForm, Interface, Method, ReplyForm};
use crate::kind::Kind;
use crate::names;
use crate::shape::shape;

/// The function `check_types` of the interface.
pub(crate) fn types(interface: &Interface, wire: &Ident) -> TokenStream {
    let check = match interface.methods.is_empty() {
        true => Ident::new("_", Span::call_site()).into_token_stream(),
        false => Ident::new("check", Span::mixed_site()).into_token_stream(),
    };
    let name = names::plain(&interface.item.ident);
    let methods = interface.methods.iter().map(|method| {
        let cfgs = method.cfgs();
        let method_name = names::plain(method.ident());
        let parameters = parameters(method, wire);
        let reply = reply(method, wire);
        quote!(#(#cfgs)* #check.method(#name, #method_name) #parameters #reply;)
    });
    quote! {
        fn check_types(#check: &mut #wire::TypeCheck) {
            #[allow(unused_imports)]
            use #wire::{Learn as _, LearnBrokered as _, Skip as _};
            #(#methods)*
        }
    }
}

/// The function `check` of the trait object, unless the trait has a method of that name.
pub(crate) fn function(interface: &Interface, wire: &Ident) -> Option<TokenStream> {
    let taken = |method: &Method| method.ident() == "check";
    if interface.methods.iter().any(taken) {
        return None;
    }
    let name = &interface.item.ident;
    let vis = &interface.item.vis;
    let note = format!(
        " Checks that gob, the codec of Go peers, can say what the methods of [`{name}`] take and return."
    );
    Some(quote! {
        #[doc = #note]
        #[allow(dead_code)]
        #vis fn check() -> ::core::result::Result<(), #wire::CheckError> {
            #wire::check::<dyn #name>()
        }
    })
}

fn parameters(method: &Method, wire: &Ident) -> TokenStream {
    let parts = method.params.iter().map(|param| {
        let name = names::plain(&param.ident);
        let ty = &param.ty;
        let learned = learned(ty, param.kind, wire);
        match (method.args, &param.optional) {
            (ArgsForm::Bare, _) => quote!(.whole(#name, #learned)),
            (ArgsForm::Optional, Some(inner)) => {
                let learned = optional(inner, wire);
                quote!(.whole(#name, #learned))
            }
            _ => quote!(.parameter(#name, #learned)),
        }
    });
    quote!(#(#parts)*)
}

fn reply(method: &Method, wire: &Ident) -> TokenStream {
    match &method.reply {
        ReplyForm::Empty => TokenStream::new(),
        ReplyForm::Bare(ty, kind) => {
            let learned = learned(ty, *kind, wire);
            quote!(.reply(#learned))
        }
        ReplyForm::Optional(inner) => {
            let learned = optional(inner, wire);
            quote!(.reply(#learned))
        }
        ReplyForm::Struct { fields, .. } => {
            let fields = fields.iter().map(|(ty, kind)| learned(ty, *kind, wire));
            quote!(#(.reply_field(#fields))*)
        }
    }
}

fn learned(ty: &Type, kind: Kind, wire: &Ident) -> TokenStream {
    match kind {
        Kind::Value => quote!((&#wire::TypeOf::<#ty>::NEW).learn()),
        Kind::Brokered { .. } => quote!((&#wire::TypeOf::<#ty>::NEW).learn_brokered()),
        Kind::Nested => {
            let shape = shape(ty, wire);
            quote!((&#wire::TypeOf::<#wire::Shaped<#ty, #shape>>::NEW).learn())
        }
    }
}

fn optional(inner: &Type, wire: &Ident) -> TokenStream {
    quote!((&#wire::TypeOf::<#wire::Optional<#inner>>::NEW).learn())
}
