//! The code generated for a trait.

mod declaration;
mod signature;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Path, Type};

use self::declaration::default_name;
use crate::body;
use crate::check;
use crate::interface::{ArgsForm, Interface, Method, Param, ReplyForm};
use crate::kind::Kind;
use crate::names;
use crate::shape::shape;

/// The trait as implementations see it, the client and the server.
pub(crate) fn expand(interface: &Interface) -> TokenStream {
    let expansion = Expansion::new(interface);
    let declaration = expansion.declaration();
    let defaults = expansion.defaults();
    let wire = &expansion.wire;
    let krate = &interface.options.krate;
    let structs = interface
        .methods
        .iter()
        .map(|method| expansion.structs(method));
    let signatures = (interface.methods.iter()).map(|method| expansion.signature_of(method));
    let constants = expansion.constants();
    let remote = expansion.remote();
    let served = expansion.served();
    quote! {
        #declaration
        #defaults
        const _: () = {
            use #krate::interface::__private as #wire;
            #(#structs)*
            #(#signatures)*
            #constants
            #remote
            #served
        };
    }
}

struct Expansion<'a> {
    interface: &'a Interface,
    krate: &'a Path,
    /// The trait.
    name: &'a Ident,
    /// The local name of plugwire's module for generated code.
    wire: Ident,
    /// The name of the trait with the default bodies.
    defaults: Ident,
    /// All tokens that the user wrote, whose names are avoided.
    written: TokenStream,
}

/// A local variable, hygienic: it cannot clash with a name of the user's.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl<'a> Expansion<'a> {
    fn new(interface: &'a Interface) -> Self {
        let mut written = interface.item.to_token_stream();
        for method in &interface.methods {
            method.signature.to_tokens(&mut written);
            method.default.to_tokens(&mut written);
        }
        let name = &interface.item.ident;
        Expansion {
            interface,
            krate: &interface.options.krate,
            name,
            wire: names::unused("wire", &written),
            defaults: names::unused(&format!("{name}Defaults"), &written),
            written,
        }
    }

    fn methods(&self) -> impl Iterator<Item = &'a Method> + use<'a> {
        self.interface.methods.iter()
    }

    /// The argument and the reply of a method, if they are structs.
    fn structs(&self, method: &Method) -> TokenStream {
        let Expansion { wire, .. } = self;
        let krate = self.krate.to_token_stream().to_string().replace(' ', "");
        let serde = format!("{krate}::interface::__private::serde");
        let cfgs: Vec<_> = method.cfgs().collect();
        // Each field: its name on the wire, its name here, and its type, which is a parameter of
        // the struct where it is a value.
        let declare = |name: Ident, fields: Vec<(LitStr, Ident, &Type, Kind)>| {
            let values = fields.iter().filter(|(.., kind)| *kind == Kind::Value);
            let parameters: Vec<Ident> = signature::parameters(values.count()).collect();
            let mut types = parameters.iter();
            let fields = fields.iter().map(|(name, ident, ty, kind)| match kind {
                Kind::Value => {
                    let ty = types.next();
                    quote!(#[serde(rename = #name)] #ident: #ty)
                }
                Kind::Brokered { .. } => quote!(#[serde(rename = #name)] #ident: u32),
                Kind::Nested => {
                    let shape = shape(ty, wire);
                    let with = quote!(#wire::As::<#shape>).to_string().replace(' ', "");
                    quote!(#[serde(rename = #name, with = #with)] #ident: #ty)
                }
            });
            let fields: Vec<TokenStream> = fields.collect();
            let generics = (!parameters.is_empty()).then(|| quote!(<#(#parameters),*>));
            quote! {
                #(#cfgs)*
                #[derive(#wire::serde::Serialize, #wire::serde::Deserialize)]
                #[serde(crate = #serde)]
                struct #name #generics {
                    #(#fields),*
                }
            }
        };
        let args = (method.args == ArgsForm::Struct).then(|| {
            let fields = method.params.iter();
            let fields = fields
                .map(|param| {
                    (
                        param.field.clone(),
                        param.ident.clone(),
                        &param.ty,
                        param.kind,
                    )
                })
                .collect();
            declare(self.args_name(method), fields)
        });
        let reply = match &method.reply {
            ReplyForm::Struct { fields, .. } => {
                let fields = letters(fields.len())
                    .zip(fields)
                    .map(|((ident, name), (ty, kind))| {
                        (LitStr::new(&name, ty.span()), ident, ty, *kind)
                    })
                    .collect();
                Some(declare(self.reply_name(method), fields))
            }
            _ => None,
        };
        quote!(#args #reply)
    }

    fn args_name(&self, method: &Method) -> Ident {
        self.struct_name(method, "Args")
    }

    fn reply_name(&self, method: &Method) -> Ident {
        self.struct_name(method, "Reply")
    }

    fn struct_name(&self, method: &Method, suffix: &str) -> Ident {
        let name = names::pascal_case(&names::plain(method.ident()));
        names::unused(&format!("{name}{suffix}"), &self.written)
    }

    /// The constants with the methods' names.
    fn constants(&self) -> TokenStream {
        let Expansion { name, wire, .. } = self;
        let vis = &self.interface.item.vis;
        let service = self.service();
        let constants = self.methods().map(|method| {
            let cfgs = method.cfgs();
            let constant = names::constant(method.ident());
            let full = format!("{service}.{}", method.wire);
            let twice = method.idempotent.then(|| quote!(.idempotent()));
            let ident = method.ident();
            let note = format!(" [`{name}::{ident}`] as it is called on the wire.");
            quote! {
                #(#cfgs)*
                #[doc = #note]
                #vis const #constant: #wire::Method<dyn #name> = #wire::Method::new(#full)#twice;
            }
        });
        let check = check::function(self.interface, wire);
        quote!(impl dyn #name { #(#constants)* #check })
    }

    fn service(&self) -> String {
        let service = &self.interface.options.service;
        service
            .as_ref()
            .map_or_else(|| "Plugin".to_owned(), LitStr::value)
    }

    /// The implementation for `Remote`, which calls the peer.
    fn remote(&self) -> TokenStream {
        let Expansion { name, wire, .. } = self;
        let methods = self.methods().map(|method| {
            let cfgs = method.cfgs();
            let signature = self.signature(method, method.ident());
            let body = self.call(method);
            quote! {
                #(#cfgs)*
                #signature {
                    ::std::boxed::Box::pin(async move { #body })
                }
            }
        });
        let is_plain = body::is_plain_fn();
        let remote = remote_fn();
        quote! {
            impl #name for #wire::Remote<dyn #name> {
                #(#methods)*

                fn #is_plain(&self, _: &str) -> bool {
                    false
                }
                fn #remote(&self) -> ::core::option::Option<&Self> {
                    ::core::option::Option::Some(self)
                }
            }
        }
    }

    /// The body of a method that calls the peer.
    fn call(&self, method: &Method) -> TokenStream {
        let Expansion { name, wire, .. } = self;
        let (call, reply) = (local("call"), local("reply"));
        let constant = names::constant(method.ident());
        let lent = method
            .params
            .iter()
            .filter(|param| param.kind.is_brokered());
        let lend = lent.map(|param| {
            let ident = &param.ident;
            let lend = Ident::new("lend", param.ty.span());
            quote!(let #ident = #call.#lend(#ident);)
        });
        let shaped = method.shaped().map(|Param { ident, ty, .. }| {
            let shape = shape(ty, wire);
            quote!(let #ident = #wire::Shaped::<#ty, #shape>::new(#ident);)
        });
        let (arguments, argument) = self.arguments(method);
        let send = Ident::new("send", method.output.span());
        let signature = self.signature_name(method);
        let sent = quote!(#call.#send::<#signature>(#argument).await);
        let or_error = self.caught(method);
        let replied = match &method.default {
            None => quote!(#sent #or_error),
            Some(_) => self.fall_back(method, &sent),
        };
        let finish = match &method.reply {
            ReplyForm::Empty | ReplyForm::Bare(_, Kind::Value) => {
                quote!(::core::result::Result::Ok(#replied))
            }
            ReplyForm::Bare(_, Kind::Nested) => quote! {
                let #reply = #replied;
                ::core::result::Result::Ok(#reply.into_inner())
            },
            ReplyForm::Optional(_) => quote! {
                let #reply = #replied;
                ::core::result::Result::Ok(#reply.0)
            },
            ReplyForm::Bare(ty, Kind::Brokered { .. }) => quote! {
                let #reply = #replied;
                ::core::result::Result::Ok(#call.dial::<#ty>(#reply).await #or_error)
            },
            ReplyForm::Struct { fields, tuple } => {
                let values = letters(fields.len())
                    .zip(fields)
                    .map(|((ident, _), (ty, kind))| match kind {
                        Kind::Value | Kind::Nested => quote!(#reply.#ident),
                        Kind::Brokered { .. } => {
                            quote!(#call.dial::<#ty>(#reply.#ident).await #or_error)
                        }
                    });
                let value = match tuple {
                    true => quote!((#(#values,)*)),
                    false => quote!(#(#values)*),
                };
                quote! {
                    let #reply = #replied;
                    ::core::result::Result::Ok(#value)
                }
            }
        };
        quote! {
            let mut #call = #wire::Call::new(self, <dyn #name>::#constant);
            if #call.is_waiting() {
                #call.connect().await #or_error;
            }
            #(#lend)*
            #(#shaped)*
            #arguments
            #finish
        }
    }

    /// Statements that build the argument, and the expression for it.
    fn arguments(&self, method: &Method) -> (TokenStream, TokenStream) {
        let wire = &self.wire;
        let (args, call) = (local("args"), local("call"));
        let or_error = self.caught(method);
        match method.args {
            ArgsForm::Nil => (TokenStream::new(), quote!(&())),
            ArgsForm::Bare => {
                let param = &method.params[0];
                let ident = &param.ident;
                let argument = match param.kind {
                    Kind::Value | Kind::Nested => quote_spanned!(param.ty.span()=> &#ident),
                    Kind::Brokered { .. } => quote!(&#ident.id()),
                };
                (TokenStream::new(), argument)
            }
            ArgsForm::Optional => {
                let ident = &method.params[0].ident;
                (quote!(let #args = #wire::Optional(#ident);), quote!(&#args))
            }
            ArgsForm::Struct => {
                let struct_name = self.args_name(method);
                let fields = method
                    .params
                    .iter()
                    .map(|Param { ident, kind, .. }| match kind {
                        Kind::Value | Kind::Nested => quote!(#ident),
                        Kind::Brokered { .. } => quote!(#ident: #ident.id()),
                    });
                (
                    quote!(let #args = #struct_name { #(#fields),* };),
                    quote!(&#args),
                )
            }
            ArgsForm::Map => {
                let puts = method.params.iter().map(|param| {
                    let Param { ident, field, .. } = param;
                    let value = match param.kind {
                        Kind::Value | Kind::Nested => quote_spanned!(param.ty.span()=> &#ident),
                        Kind::Brokered { .. } => quote!(&#ident.id()),
                    };
                    match &param.go {
                        None => {
                            let put = Ident::new("put", param.ty.span());
                            quote!(#wire::#put(&mut #args, #field, #value);)
                        }
                        Some(go) => {
                            let put = Ident::new("put_as", param.ty.span());
                            quote!(#call.#put(&mut #args, #field, #go, #value) #or_error;)
                        }
                    }
                });
                let made = quote! {
                    let mut #args = #wire::ArgMap::new();
                    #(#puts)*
                };
                (made, quote!(&#args))
            }
        }
    }

    /// The reply, or the default body's result if the peer does not have the method.
    fn fall_back(&self, method: &Method, sent: &TokenStream) -> TokenStream {
        let defaults = &self.defaults;
        let caught = self.caught(method);
        let (call, reply, error, args) =
            (local("call"), local("reply"), local("error"), local("args"));
        let default = default_name(method);
        let taken = method
            .params
            .iter()
            .filter(|param| param.kind.is_brokered());
        let taken = taken.map(|Param { ident, .. }| {
            quote! {
                let ::core::option::Option::Some(#ident) = #ident.take_back() else {
                    return ::core::result::Result::Err(#error.into());
                };
            }
        });
        let params =
            method
                .params
                .iter()
                .map(|Param { ident, kind, .. }| match (method.args, kind) {
                    (ArgsForm::Struct, Kind::Value | Kind::Nested) => quote!(#args.#ident),
                    (ArgsForm::Optional, _) => quote!(#args.0),
                    (_, Kind::Nested) => quote!(#ident.into_inner()),
                    _ => quote!(#ident),
                });
        quote! {
            match #sent {
                ::core::result::Result::Err(#error) if #call.is_unknown(&#error) => {
                    #(#taken)*
                    return #defaults::#default(self, #(#params),*).await;
                }
                #reply => #reply #caught,
            }
        }
    }

    /// The implementation as a service.
    fn served(&self) -> TokenStream {
        let Expansion { name, wire, .. } = self;
        let methods = local("methods");
        let is_plain = body::is_plain_fn();
        let remote = remote_fn();
        let added = self.methods().map(|method| self.serve(method));
        let types = check::types(self.interface, wire);
        let service = self
            .interface
            .options
            .service
            .as_ref()
            .map(|service| quote!(const SERVICE: &'static str = #service;));
        quote! {
            impl #wire::Interface for dyn #name {
                #service
                fn service(
                    self: ::std::sync::Arc<Self>,
                    broker: #wire::MuxBroker,
                ) -> #wire::Service {
                    let mut #methods = #wire::Methods::new(self, broker, #name::#is_plain);
                    #(#added)*
                    #methods.into_service()
                }

                #types

                fn from_remote(remote: #wire::Remote<Self>) -> ::std::sync::Arc<Self> {
                    ::std::sync::Arc::new(remote)
                }

                fn remote(&self) -> ::core::option::Option<&#wire::Remote<Self>> {
                    #name::#remote(self)
                }
            }
        }
    }

    /// The closure that serves a method.
    fn serve(&self, method: &Method) -> TokenStream {
        let Expansion { name, wire, .. } = self;
        let (methods, object, broker) = (local("methods"), local("object"), local("broker"));
        let (args, reply) = (local("args"), local("reply"));
        let cfgs = method.cfgs();
        let or_error = self.caught(method);
        let ident = method.ident();
        let wire_name = &method.wire;
        let plain_name = names::plain(ident);
        let argument = match method.args {
            ArgsForm::Nil => quote!(_),
            ArgsForm::Bare => method.params[0].ident.to_token_stream(),
            ArgsForm::Struct | ArgsForm::Optional => quote!(#args),
            ArgsForm::Map => quote!(mut #args),
        };
        let taken = method.params.iter().filter_map(|param| {
            let Param {
                ident, ty, field, ..
            } = param;
            let sent = match (method.args, param.kind) {
                (ArgsForm::Map, Kind::Value) if param.go.is_none() => {
                    let take = Ident::new("take", ty.span());
                    return Some(
                        quote!(let #ident = #wire::#take::<#ty>(&mut #args, #field) #or_error;),
                    );
                }
                (ArgsForm::Map, Kind::Value | Kind::Nested) => {
                    let take = Ident::new("take_in", ty.span());
                    let ty = match param.kind {
                        Kind::Nested => {
                            let shape = shape(ty, wire);
                            quote!(#wire::Shaped<#ty, #shape>)
                        }
                        _ => ty.to_token_stream(),
                    };
                    return Some(quote! {
                        let #ident = #wire::#take::<#ty>(&#broker, &mut #args, #field).await
                            #or_error;
                    });
                }
                (ArgsForm::Map, Kind::Brokered { .. }) => {
                    quote!(#wire::take::<u32>(&mut #args, #field) #or_error)
                }
                (_, Kind::Value | Kind::Nested) => return None,
                (ArgsForm::Struct, Kind::Brokered { .. }) => quote!(#args.#ident),
                (_, Kind::Brokered { .. }) => quote!(#ident),
            };
            let dial = Ident::new("dial", ty.span());
            Some(quote!(let #ident = #wire::#dial::<#ty>(&#broker, #sent).await #or_error;))
        });
        let params =
            method
                .params
                .iter()
                .map(|Param { ident, kind, .. }| match (method.args, kind) {
                    (ArgsForm::Struct, Kind::Value | Kind::Nested) => quote!(#args.#ident),
                    (ArgsForm::Optional, _) => quote!(#args.0),
                    (_, Kind::Nested) => quote!(#ident.into_inner()),
                    _ => quote!(#ident),
                });
        let called = quote! {
            #object.call(move |#object| #name::#ident(#object, #(#params),*)).await
        };
        let mapped = self.mapped(method);
        let writes =
            (method.params.iter()).any(|param| param.kind == Kind::Brokered { writer: true });
        let outcome = match (writes, mapped) {
            (false, mapped) => quote!(#called #mapped),
            (true, mapped) => quote! {
                let #reply = #called;
                #wire::flush(&#broker).await;
                #reply #mapped
            },
        };
        let lends = match &method.reply {
            ReplyForm::Empty | ReplyForm::Optional(_) => false,
            ReplyForm::Bare(_, kind) => kind.is_brokered(),
            ReplyForm::Struct { fields, .. } => fields.iter().any(|(_, kind)| kind.is_brokered()),
        };
        let dials = method.params.iter().any(|param| {
            let from_map = method.args == ArgsForm::Map && param.go.is_some();
            param.kind.is_brokered() || from_map
        });
        let broker = match lends || dials {
            true => quote!(#broker),
            false => quote!(_),
        };
        let add = Ident::new("add", method.output.span());
        let signature = self.signature_name(method);
        quote_spanned! {method.output.span()=>
            #(#cfgs)*
            #methods.#add::<#signature, _, _>(
                #wire_name,
                #plain_name,
                |#object, #broker, #argument| async move {
                    #(#taken)*
                    #outcome
                },
            );
        }
    }

    /// A `?` for the error of a call, which is the method's own if the peer's is.
    fn caught(&self, method: &Method) -> TokenStream {
        let wire = &self.wire;
        let signature = self.signature_name(method);
        quote!(.map_err(#wire::caught::<#signature>)?)
    }

    /// The expression that turns a result into the reply.
    fn mapped(&self, method: &Method) -> TokenStream {
        let wire = &self.wire;
        let (broker, reply) = (local("broker"), local("reply"));
        match &method.reply {
            ReplyForm::Bare(_, Kind::Value) => TokenStream::new(),
            ReplyForm::Bare(ty, Kind::Nested) => {
                let shape = shape(ty, wire);
                quote!(.map(#wire::Shaped::<#ty, #shape>::new))
            }
            ReplyForm::Bare(_, Kind::Brokered { .. }) => {
                quote!(.map(|#reply| #wire::lend(&#broker, #reply)))
            }
            ReplyForm::Optional(_) => quote!(.map(#wire::Optional)),
            ReplyForm::Empty => quote!(.map(|()| #wire::Empty {})),
            ReplyForm::Struct { fields, tuple } => {
                let struct_name = self.reply_name(method);
                let idents: Vec<Ident> = letters(fields.len()).map(|(ident, _)| ident).collect();
                let values = idents
                    .iter()
                    .zip(fields)
                    .map(|(ident, (_, kind))| match kind {
                        Kind::Value | Kind::Nested => quote!(#ident),
                        Kind::Brokered { .. } => quote!(#ident: #wire::lend(&#broker, #ident)),
                    });
                let pattern = match tuple {
                    true => quote!((#(#idents,)*)),
                    false => quote!(#(#idents)*),
                };
                quote!(.map(|#pattern| #struct_name { #(#values),* }))
            }
        }
    }
}

/// The method of every interface that says whether it is a remote.
fn remote_fn() -> Ident {
    Ident::new("__remote", Span::call_site())
}

/// Whether the client takes any reply for an empty one.
fn reads_nothing(reply: &ReplyForm) -> bool {
    matches!(reply, ReplyForm::Empty)
}

/// The fields of a lettered struct, and their names on the wire.
fn letters(count: usize) -> impl Iterator<Item = (Ident, String)> {
    (0..count).filter_map(names::letter).map(|letter| {
        (
            Ident::new(&letter.to_lowercase(), Span::call_site()),
            letter,
        )
    })
}
