//! A method's types, each named once. See `src/interface/signature.rs` of the crate plugwire.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::{Expansion, reads_nothing};
use crate::interface::{ArgsForm, Method, ReplyForm};
use crate::kind::Kind;
use crate::names;
use crate::shape::shape;

impl Expansion<'_> {
    /// The type that stands for a method, and its implementation of `Signature`.
    pub(super) fn signature_of(&self, method: &Method) -> TokenStream {
        let wire = &self.wire;
        let cfgs: Vec<_> = method.cfgs().collect();
        let name = self.signature_name(method);
        let args = self.args_type(method);
        let reply = self.reply_type(method);
        let received = match reads_nothing(&method.reply) {
            true => quote!(()),
            false => reply.clone(),
        };
        let output = &method.output;
        let error = quote_spanned!(output.span()=> <#output as #wire::Outcome>::Error);
        let values = self.values(method);
        quote! {
            #(#cfgs)*
            #wire::signature! {
                #name(#args) -> #reply, #received, #error;
                #(#values),*
            }
        }
    }

    pub(super) fn signature_name(&self, method: &Method) -> Ident {
        self.struct_name(method, "Method")
    }

    fn args_type(&self, method: &Method) -> TokenStream {
        let wire = &self.wire;
        match method.args {
            ArgsForm::Nil => quote!(()),
            ArgsForm::Map => quote!(#wire::ArgMap),
            ArgsForm::Bare => self.crossing(&method.params[0].ty, method.params[0].kind),
            ArgsForm::Optional => {
                let inner = &method.params[0].optional;
                quote!(#wire::Optional<#inner>)
            }
            ArgsForm::Struct => {
                let params = method.params.iter();
                let values = params.filter(|param| param.kind == Kind::Value);
                let types: Vec<_> = values.map(|param| &param.ty).collect();
                with_arguments(&self.args_name(method), &types)
            }
        }
    }

    fn reply_type(&self, method: &Method) -> TokenStream {
        let wire = &self.wire;
        match &method.reply {
            ReplyForm::Empty => quote!(#wire::Empty),
            ReplyForm::Bare(ty, kind) => self.crossing(ty, *kind),
            ReplyForm::Optional(inner) => quote!(#wire::Optional<#inner>),
            ReplyForm::Struct { fields, .. } => {
                let values = fields.iter().filter(|(_, kind)| *kind == Kind::Value);
                let types: Vec<_> = values.map(|(ty, _)| ty).collect();
                with_arguments(&self.reply_name(method), &types)
            }
        }
    }

    /// The type that a value, or what stands for it, crosses as.
    fn crossing(&self, ty: &Type, kind: Kind) -> TokenStream {
        let wire = &self.wire;
        match kind {
            Kind::Value => ty.to_token_stream(),
            Kind::Brokered { .. } => quote!(u32),
            Kind::Nested => {
                let shape = shape(ty, wire);
                quote!(#wire::Shaped<#ty, #shape>)
            }
        }
    }

    /// The types of a method's values.
    fn values<'t>(&'t self, method: &'t Method) -> Vec<&'t Type> {
        let params = method.params.iter().map(|param| (&param.ty, param.kind));
        let params = params.filter(|_| method.args != ArgsForm::Map);
        let replies = match &method.reply {
            ReplyForm::Bare(ty, kind) => vec![(&**ty, *kind)],
            ReplyForm::Optional(inner) => vec![(&**inner, Kind::Value)],
            ReplyForm::Struct { fields, .. } => {
                fields.iter().map(|(ty, kind)| (ty, *kind)).collect()
            }
            ReplyForm::Empty => Vec::new(),
        };
        let all = params.chain(replies);
        let values = all.filter(|(_, kind)| *kind == Kind::Value);
        values.map(|(ty, _)| self.first_of(ty)).collect()
    }

    /// The type as it is first written in the trait: two errors at one place are one error.
    fn first_of<'t>(&'t self, ty: &'t Type) -> &'t Type {
        let written = ty.to_token_stream().to_string();
        let params = |method: &'t Method| method.params.iter().map(|param| &param.ty);
        let replies = |method: &'t Method| match &method.reply {
            ReplyForm::Bare(ty, _) | ReplyForm::Optional(ty) => vec![&**ty],
            ReplyForm::Struct { fields, .. } => fields.iter().map(|(ty, _)| ty).collect(),
            ReplyForm::Empty => Vec::new(),
        };
        let methods = self.interface.methods.iter();
        let mut types = methods.flat_map(|method| params(method).chain(replies(method)));
        types
            .find(|other| other.to_token_stream().to_string() == written)
            .unwrap_or(ty)
    }
}

/// Type parameters for the fields that are values, so that a struct of them can be declared
/// whatever they are.
pub(super) fn parameters(count: usize) -> impl Iterator<Item = Ident> {
    (0..count).map(|index| match names::letter(index) {
        Some(letter) => format_ident!("{letter}"),
        None => format_ident!("A{index}"),
    })
}

/// A type with its arguments, if it has any.
fn with_arguments(name: &Ident, types: &[&Type]) -> TokenStream {
    match types {
        [] => name.to_token_stream(),
        types => quote!(#name<#(#types),*>),
    }
}
