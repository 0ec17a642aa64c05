//! The options: those of the attribute itself, and `#[plugwire(…)]` on methods and parameters.

use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Attribute, Error, LitStr, Meta, Path, Result};

/// How arguments are sent, if a method says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Args {
    Struct,
    Letters,
    Map,
}

/// How a reply is sent, if a method says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reply {
    Empty,
    Letters,
    Value,
    Brokered,
}

/// What is said to the attribute on a trait or an implementation.
pub(crate) struct TraitOptions {
    pub krate: Path,
    pub service: Option<LitStr>,
    pub args: Option<Args>,
    pub reply: Option<Reply>,
}

/// What is said on a method.
#[derive(Default)]
pub(crate) struct MethodOptions {
    pub name: Option<LitStr>,
    pub args: Option<Args>,
    pub reply: Option<(Reply, proc_macro2::Span)>,
}

/// What is said on a parameter.
#[derive(Default)]
pub(crate) struct ParamOptions {
    pub name: Option<LitStr>,
    pub go: Option<LitStr>,
    /// Whether it is brokered, where its type does not tell.
    pub brokered: Option<bool>,
}

impl TraitOptions {
    pub(crate) fn parse(tokens: proc_macro2::TokenStream, on_impl: bool) -> Result<TraitOptions> {
        let mut options = TraitOptions {
            krate: syn::parse_quote!(::plugwire),
            service: None,
            args: None,
            reply: None,
        };
        let mut seen = Seen::default();
        let parser = syn::meta::parser(|meta| {
            seen.check(&meta)?;
            if meta.path.is_ident("crate") {
                options.krate = meta.value()?.parse()?;
                return Ok(());
            }
            if on_impl {
                return Err(
                    meta.error("an implementation takes `crate` alone; all else is the trait's")
                );
            }
            if meta.path.is_ident("service") {
                let name: LitStr = meta.value()?.parse()?;
                if name.value().is_empty() {
                    return Err(Error::new(name.span(), "a service has a name"));
                }
                options.service = Some(name);
            } else if meta.path.is_ident("args") {
                options.args = Some(args(&meta)?);
            } else if meta.path.is_ident("reply") {
                let (form, span) = reply(&meta)?;
                if !matches!(form, Reply::Empty | Reply::Letters) {
                    return Err(Error::new(span, "this is said of one method, not of all"));
                }
                options.reply = Some(form);
            } else {
                return Err(meta.error(
                    "unknown option: a trait takes `service`, `args`, `reply` and `crate`",
                ));
            }
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}

impl MethodOptions {
    /// Takes the options out of a method's attributes.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<MethodOptions> {
        let mut options = MethodOptions::default();
        take(attributes, |meta| {
            if meta.path.is_ident("name") {
                options.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("args") {
                options.args = Some(args(meta)?);
            } else if meta.path.is_ident("reply") {
                options.reply = Some(reply(meta)?);
            } else {
                return Err(meta.error("unknown option: a method takes `name`, `args` and `reply`"));
            }
            Ok(())
        })?;
        Ok(options)
    }
}

impl ParamOptions {
    /// Takes the options out of a parameter's attributes.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<ParamOptions> {
        let mut options = ParamOptions::default();
        take(attributes, |meta| {
            if meta.path.is_ident("name") {
                options.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("go") {
                options.go = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("brokered") || meta.path.is_ident("value") {
                let brokered = meta.path.is_ident("brokered");
                if options.brokered.replace(brokered).is_some() {
                    return Err(meta.error("it crosses either as a value or `brokered`"));
                }
            } else {
                return Err(meta.error(
                    "unknown option: a parameter takes `name`, `go`, `brokered` and `value`",
                ));
            }
            Ok(())
        })?;
        Ok(options)
    }
}

/// Removes the `#[plugwire(…)]` and reads what is in them.
fn take(
    attributes: &mut Vec<Attribute>,
    mut option: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen = Seen::default();
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("plugwire")) {
        if !matches!(attribute.meta, Meta::List(_)) {
            return Err(Error::new_spanned(
                &attribute,
                "say what: `#[plugwire(name = \"…\")]`",
            ));
        }
        attribute.parse_nested_meta(|meta| {
            seen.check(&meta)?;
            option(&meta)
        })?;
    }
    Ok(())
}

/// The options there were, to find those that are there twice.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn check(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string);
        if let Some(name) = name {
            if self.0.contains(&name) {
                return Err(meta.error(format_args!("`{name}` is said twice")));
            }
            self.0.push(name);
        }
        Ok(())
    }
}

fn args(meta: &ParseNestedMeta<'_>) -> Result<Args> {
    let form: LitStr = meta.value()?.parse()?;
    match &*form.value() {
        "struct" => Ok(Args::Struct),
        "letters" => Ok(Args::Letters),
        "map" => Ok(Args::Map),
        _ => Err(Error::new(
            form.span(),
            "arguments go as a \"struct\", as \"letters\" or as a \"map\"",
        )),
    }
}

fn reply(meta: &ParseNestedMeta<'_>) -> Result<(Reply, proc_macro2::Span)> {
    let form: LitStr = meta.value()?.parse()?;
    let reply = match &*form.value() {
        "empty" => Reply::Empty,
        "letters" => Reply::Letters,
        "value" => Reply::Value,
        "brokered" => Reply::Brokered,
        _ => {
            return Err(Error::new(
                form.span(),
                "a reply goes as \"letters\", as \"empty\" struct where there is none, or, where its type does not tell, as a \"value\" or \"brokered\"",
            ));
        }
    };
    Ok((reply, form.span()))
}
