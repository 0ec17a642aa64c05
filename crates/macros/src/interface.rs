//! A trait as an interface: parsed and checked.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Block, Error, FnArg, Ident, ItemTrait, LitStr, Pat, Path, ReceiverKind, Result,
    ReturnType, Safety, Signature, TraitItem, TraitItemFn, Type, TypeParamBound,
};

use crate::attributes::{Args, MethodOptions, ParamOptions, Reply, TraitOptions};
use crate::kind::{self, Kind};
use crate::names;
use crate::output::{self, Output};

/// A trait that can cross the wire.
pub(crate) struct Interface {
    pub item: ItemTrait,
    pub options: TraitOptions,
    pub methods: Vec<Method>,
}

pub(crate) struct Method {
    /// The attributes other than plugwire's.
    pub attributes: Vec<Attribute>,
    pub signature: Signature,
    pub default: Option<Block>,
    pub params: Vec<Param>,
    pub args: ArgsForm,
    pub reply: ReplyForm,
    /// The name on the wire, without the service's.
    pub wire: String,
    /// The return type.
    pub output: Type,
    /// Whether it may be called twice for once.
    pub idempotent: bool,
}

pub(crate) struct Param {
    pub ident: Ident,
    /// The pattern that it is bound to in a default body.
    pub pattern: Pat,
    pub ty: Type,
    pub kind: Kind,
    /// The `T` of a value that is an `Option<T>`, unless an option says that it is a plain value.
    pub optional: Option<Type>,
    /// The name of the field, or the key.
    pub field: LitStr,
    /// Whether an option chose it.
    named: bool,
    /// The name of the Go type of a value in a map.
    pub go: Option<LitStr>,
}

/// How arguments are sent.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ArgsForm {
    Nil,
    Bare,
    /// One parameter that is an `Option`.
    Optional,
    Struct,
    Map,
}

/// How a reply is sent.
pub(crate) enum ReplyForm {
    Bare(Box<Type>, Kind),
    /// An `Option` of a type.
    Optional(Box<Type>),
    Empty,
    /// As a struct of lettered fields: a tuple, or one value.
    Struct {
        fields: Vec<(Type, Kind)>,
        tuple: bool,
    },
}

impl Method {
    pub(crate) fn ident(&self) -> &Ident {
        &self.signature.ident
    }

    /// The parameters that are sent in a shape, outside of a struct.
    pub(crate) fn shaped(&self) -> impl Iterator<Item = &Param> {
        let in_struct = self.args == ArgsForm::Struct;
        let params = self.params.iter();
        params.filter(move |param| param.kind == Kind::Nested && !in_struct)
    }

    /// The attributes that decide whether the method exists.
    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        let attributes = self.attributes.iter();
        attributes.filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

impl Interface {
    /// Parses the trait. All mistakes are reported at once.
    pub(crate) fn parse(options: TokenStream, mut item: ItemTrait) -> Result<Interface> {
        let options = TraitOptions::parse(options, false)?;
        let mut errors = Errors::default();
        errors.note(check_trait(&item));
        let mut methods = Vec::new();
        for member in std::mem::take(&mut item.items) {
            let method = match member {
                TraitItem::Fn(function) => Method::parse(function, &options),
                other => Err(Error::new_spanned(
                    &other,
                    "an interface can have only methods",
                )),
            };
            methods.extend(errors.note(method));
        }
        errors.note(check_names(&methods));
        errors.into_result()?;
        Ok(Interface {
            item,
            options,
            methods,
        })
    }
}

/// The errors found so far.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        match (result, &mut self.0) {
            (Ok(value), _) => Some(value),
            (Err(error), Some(errors)) => {
                errors.combine(error);
                None
            }
            (Err(error), none) => {
                *none = Some(error);
                None
            }
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn check_trait(item: &ItemTrait) -> Result<()> {
    if let Some(token) = &item.unsafety {
        return Err(Error::new(token.span, "an interface cannot be `unsafe`"));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &item.generics.params,
            "an interface cannot be generic: the other side has to know the types",
        ));
    }
    if let Some(clause) = &item.generics.where_clause {
        return Err(Error::new_spanned(
            clause,
            "an interface cannot have a `where` clause",
        ));
    }
    for bound in &item.supertraits {
        let known =
            match bound {
                TypeParamBound::Lifetime(lifetime) => lifetime.ident == "static",
                TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
                    ["Send", "Sync", "Debug"].contains(&&*last.ident.to_string())
                }),
                _ => false,
            };
        if !known {
            return Err(Error::new_spanned(
                bound,
                "a remote implementation cannot have this bound: an interface may be `Debug`, and is `Send`, `Sync` and `'static` without saying so",
            ));
        }
    }
    Ok(())
}

/// No two methods have the same name on the wire.
fn check_names(methods: &[Method]) -> Result<()> {
    let mut names: HashMap<&str, &Method> = HashMap::new();
    for method in methods {
        // Methods under a `cfg` may exclude each other.
        if method.cfgs().next().is_some() {
            continue;
        }
        if let Some(other) = names.insert(&method.wire, method) {
            return Err(Error::new(
                method.ident().span(),
                format_args!(
                    "`{}` is called {:?} on the wire already: give one of the two another name with `#[plugwire(name = \"…\")]`",
                    other.ident(),
                    method.wire,
                ),
            ));
        }
    }
    Ok(())
}

impl Method {
    fn parse(function: TraitItemFn, of_trait: &TraitOptions) -> Result<Method> {
        let TraitItemFn {
            attrs: mut attributes,
            sig: signature,
            default,
            ..
        } = function;
        let options = MethodOptions::take(&mut attributes)?;
        check_signature(&signature)?;
        let args = options.args.or(of_trait.args);
        let mut signature = signature;
        let params = params(&mut signature, args)?;
        let form = match (args, params.len()) {
            (None, 0) => ArgsForm::Nil,
            (None, 1) if params[0].optional.is_some() => ArgsForm::Optional,
            (None | Some(Args::Value), 1) => ArgsForm::Bare,
            (Some(Args::Value), _) => {
                return Err(Error::new_spanned(
                    &signature.ident,
                    "a \"value\" is the only parameter of a method: several are sent as a \"struct\", as \"letters\" or as a \"map\"",
                ));
            }
            (None | Some(Args::Struct | Args::Letters), _) => ArgsForm::Struct,
            (Some(Args::Map), _) => ArgsForm::Map,
        };
        check_params(&params, form)?;
        check_idempotent(&params, &options)?;
        let (output, ok) = output(&signature, &of_trait.krate)?;
        check_reply(&ok, &options)?;
        let reply = reply(ok, &options, of_trait)?;
        Ok(Method {
            idempotent: options.idempotent.is_some(),
            wire: wire_name(&signature.ident, options.name)?,
            attributes,
            signature,
            default,
            params,
            args: form,
            reply,
            output,
        })
    }
}

fn wire_name(ident: &Ident, chosen: Option<LitStr>) -> Result<String> {
    let (name, span) = match &chosen {
        Some(chosen) => (chosen.value(), chosen.span()),
        None => (names::pascal_case(&names::plain(ident)), ident.span()),
    };
    if !names::is_exported(&name) {
        return Err(Error::new(
            span,
            format_args!("Go knows no method {name:?}: the name must begin with a capital letter"),
        ));
    }
    Ok(name)
}

fn check_signature(signature: &Signature) -> Result<()> {
    fn refuse(what: impl ToTokens, message: &str) -> Result<()> {
        Err(Error::new_spanned(what, message))
    }
    if signature.asyncness.is_none() {
        return refuse(
            signature.fn_token,
            "a method is called over a connection, so it is async: write `async fn`",
        );
    }
    if let Some(token) = &signature.constness {
        return refuse(token, "a method of an interface cannot be `const`");
    }
    if !matches!(signature.safety, Safety::Default) {
        return refuse(
            &signature.safety,
            "a method of an interface cannot be `unsafe`",
        );
    }
    if let Some(abi) = &signature.abi {
        return refuse(
            abi,
            "a method of an interface cannot have another ABI than Rust's",
        );
    }
    if !signature.generics.params.is_empty() {
        return refuse(
            &signature.generics.params,
            "a method of an interface cannot be generic: the other side has to know the types",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        return refuse(
            clause,
            "a method of an interface cannot have a `where` clause",
        );
    }
    let Some(receiver) = signature.receiver() else {
        return refuse(
            &signature.ident,
            "the first parameter of a method is `&self`",
        );
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) if receiver.mutability.is_none() => Ok(()),
        ReceiverKind::Reference(_, Some(lifetime), None) => refuse(
            lifetime,
            "what crosses to another process cannot be borrowed: write `&self`",
        ),
        _ => refuse(
            receiver,
            "calls overlap, so a method takes `&self`: keep what changes in a `Mutex` or an atomic",
        ),
    }
}

/// Removes the options from the parameters of the signature, and names the parameters as this form
/// of argument does.
fn params(signature: &mut Signature, form: Option<Args>) -> Result<Vec<Param>> {
    let mut params = Vec::new();
    for input in &mut signature.inputs {
        let FnArg::Typed(input) = input else {
            continue;
        };
        let options = ParamOptions::take(&mut input.attrs)?;
        let pattern = (*input.pat).clone();
        let ident = match &pattern {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.clone()
            }
            other => {
                return Err(Error::new_spanned(
                    other,
                    "a parameter needs a name, which is the name of its field on the wire",
                ));
            }
        };
        let kind = match options.brokered {
            Some(true) => Kind::Brokered { writer: true },
            Some(false) => Kind::Value,
            None => kind::of(&input.ty)?,
        };
        let optional = match (kind, options.brokered) {
            (Kind::Value, None) => kind::option(&input.ty).cloned(),
            _ => None,
        };
        let plain = names::plain(&ident);
        let span = ident.span();
        let default = match form {
            Some(Args::Map) => plain,
            Some(Args::Letters) => names::letter(params.len()).ok_or_else(|| {
                Error::new(
                    span,
                    "lettered fields end at `Z`: a method has at most 26 of them",
                )
            })?,
            Some(Args::Struct | Args::Value) | None => names::pascal_case(&plain),
        };
        params.push(Param {
            named: options.name.is_some(),
            field: match options.name {
                Some(name) => name,
                None => LitStr::new(&default, span),
            },
            go: options.go,
            pattern,
            ident,
            ty: (*input.ty).clone(),
            kind,
            optional,
        });
    }
    Ok(params)
}

fn check_params(params: &[Param], form: ArgsForm) -> Result<()> {
    let mut names: HashMap<String, Ident> = HashMap::new();
    for param in params {
        let name = param.field.value();
        match form {
            ArgsForm::Bare | ArgsForm::Optional if param.named => {
                return Err(Error::new_spanned(
                    &param.field,
                    "a single argument is sent without a name: for a struct or a map add `#[plugwire(args = \"struct\")]` or `\"map\"` on the method",
                ));
            }
            ArgsForm::Struct if !names::is_exported(&name) => {
                return Err(Error::new_spanned(
                    &param.field,
                    format_args!(
                        "Go sees no field {name:?}: the name must begin with a capital letter"
                    ),
                ));
            }
            _ => {}
        }
        if let (Some(go), true) = (&param.go, form != ArgsForm::Map) {
            return Err(Error::new_spanned(
                go,
                "`go` names the type of an `interface{}`, which only an argument in a map is: add `#[plugwire(args = \"map\")]` on the method",
            ));
        }
        if let Some(other) = names.insert(name.clone(), param.ident.clone()) {
            return Err(Error::new_spanned(
                &param.field,
                format_args!(
                    "`{other}` is called {name:?} on the wire already: give one of the two another name with `#[plugwire(name = \"…\")]`"
                ),
            ));
        }
    }
    Ok(())
}

/// A call that is made anew sends its argument again, and what is lent is lent once.
fn check_idempotent(params: &[Param], options: &MethodOptions) -> Result<()> {
    let lent = params.iter().find(|param| param.kind != Kind::Value);
    match (options.idempotent, lent) {
        (Some(_), Some(lent)) => Err(Error::new_spanned(
            &lent.ty,
            "an idempotent call may be made anew, and what it lends can be lent only once: take `idempotent` out, or hand this over by a method of its own",
        )),
        _ => Ok(()),
    }
}

/// The return type of a method, and the type that crosses as the reply.
fn output(signature: &Signature, krate: &Path) -> Result<(Type, Type)> {
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(Error::new_spanned(&signature.ident, output::MESSAGE));
    };
    let ok = match output::of(output) {
        Output::Result(Some(ok)) => ok.clone(),
        // An alias of which the tokens show no more.
        Output::Result(None) => {
            let ok = quote_spanned! {output.span()=>
                <#output as #krate::interface::__private::Outcome>::Ok
            };
            Type::Verbatim(ok)
        }
        Output::Other => return Err(Error::new_spanned(output, output::MESSAGE)),
        Output::Stream => return Err(Error::new_spanned(output, output::STREAM)),
    };
    Ok(((**output).clone(), ok))
}

fn check_reply(ok: &Type, options: &MethodOptions) -> Result<()> {
    match (options.reply, ok) {
        (Some((Reply::Empty, _)), Type::Tuple(tuple)) if tuple.elems.is_empty() => Ok(()),
        (Some((Reply::Empty, span)), _) => Err(Error::new(
            span,
            "an empty struct is the reply of a method that returns `Result<()>`",
        )),
        _ => Ok(()),
    }
}

fn reply(ok: Type, options: &MethodOptions, of_trait: &TraitOptions) -> Result<ReplyForm> {
    let bare = |ty: Type, kind| Ok(ReplyForm::Bare(Box::new(ty), kind));
    let form = options.reply.map(|(form, _)| form).or(of_trait.reply);
    let is_unit = matches!(&ok, Type::Tuple(tuple) if tuple.elems.is_empty());
    match (form, ok) {
        (Some(Reply::Value), ok) => bare(ok, Kind::Value),
        (Some(Reply::Brokered), ok) => bare(ok, Kind::Brokered { writer: false }),
        (Some(Reply::Empty | Reply::Letters), _) if is_unit => Ok(ReplyForm::Empty),
        (_, Type::Tuple(tuple)) if !is_unit => fields(tuple.elems.into_iter().collect(), true),
        (Some(Reply::Letters), ok) => fields(vec![ok], false),
        (_, ok) => {
            let kind = kind::of(&ok)?;
            match kind::option(&ok) {
                Some(inner) if kind == Kind::Value => Ok(ReplyForm::Optional(inner.clone().into())),
                _ => bare(ok, kind),
            }
        }
    }
}

fn fields(types: Vec<Type>, tuple: bool) -> Result<ReplyForm> {
    let mut fields = Vec::new();
    for (index, ty) in types.into_iter().enumerate() {
        if names::letter(index).is_none() {
            return Err(Error::new_spanned(
                ty,
                "lettered fields end at `Z`: a method has at most 26 of them",
            ));
        }
        let kind = kind::of(&ty)?;
        fields.push((ty, kind));
    }
    Ok(ReplyForm::Struct { fields, tuple })
}
