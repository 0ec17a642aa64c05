//! The trait as implementations see it, and its default bodies.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Expansion;
use crate::body;
use crate::interface::{Method, Param};

impl Expansion<'_> {
    /// The trait, made object-safe.
    pub(super) fn declaration(&self) -> TokenStream {
        let name = self.name;
        let item = &self.interface.item;
        let attributes = &item.attrs;
        let vis = &item.vis;
        let bounds = item.supertraits.iter();
        let methods = self.methods().map(|method| {
            let attributes = &method.attributes;
            let signature = self.signature(method, method.ident());
            let body = match &method.default {
                None => quote!(;),
                Some(_) => {
                    let defaults = &self.defaults;
                    let default = default_name(method);
                    let params = method.params.iter().map(|param| &param.ident);
                    quote!({ #defaults::#default(self, #(#params),*) })
                }
            };
            quote!(#(#attributes)* #signature #body)
        });
        let bounds = quote!(#(#bounds +)*);
        let is_plain = body::is_plain_fn();
        let (remote, krate) = (super::remote_fn(), self.krate);
        quote! {
            #(#attributes)*
            #vis trait #name: #bounds ::core::marker::Send + ::core::marker::Sync + 'static {
                #(#methods)*
                #[doc(hidden)]
                fn #is_plain(&self, method: &str) -> bool;
                #[doc(hidden)]
                fn #remote(&self) -> ::core::option::Option<&#krate::Remote<dyn #name>> {
                    ::core::option::Option::None
                }
            }
        }
    }

    pub(super) fn signature(&self, method: &Method, name: &Ident) -> TokenStream {
        let krate = self.krate;
        let receiver = method.signature.receiver();
        let params = method
            .params
            .iter()
            .map(|Param { ident, ty, .. }| quote!(#ident: #ty));
        let output = &method.output;
        quote! {
            fn #name(#receiver, #(#params),*) -> #krate::interface::BoxFuture<'_, #output>
        }
    }

    /// The default bodies, in a trait of their own that a remote implementation can call too.
    pub(super) fn defaults(&self) -> Option<TokenStream> {
        let Expansion { name, defaults, .. } = self;
        let mut bodies = self.methods().filter_map(|method| {
            let block = method.default.as_ref()?;
            let cfgs = method.cfgs();
            let signature = self.signature(method, &default_name(method));
            let params: Vec<_> = method
                .params
                .iter()
                .map(|param| (param.ident.clone(), param.pattern.clone()))
                .collect();
            let body = body::boxed(&params, &method.output, block);
            Some(quote!(#(#cfgs)* #signature { #body }))
        });
        let first = bodies.next()?;
        let note = format!(
            " The default bodies of [`{name}`], for those that implement it and for remotes whose peer lacks a method."
        );
        Some(quote! {
            #[doc = #note]
            trait #defaults: #name {
                #first
                #(#bodies)*
            }
            impl<T: #name + ?Sized> #defaults for T {}
        })
    }
}

/// The name of a method's default body.
pub(super) fn default_name(method: &Method) -> Ident {
    format_ident!("default_{}", method.ident())
}
