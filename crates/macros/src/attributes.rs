//! The options: those of the attribute itself, and `#[plugwire(…)]` on methods and parameters.

use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Meta, Path, Result};

/// How arguments are sent, as an option says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Args {
    Struct,
    Letters,
    Map,
    Value,
}

/// How a reply is sent, as an option says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reply {
    Empty,
    Letters,
    Value,
    Brokered,
}

/// The options of the attribute on a trait or an implementation.
pub(crate) struct TraitOptions {
    pub krate: Path,
    pub service: Option<LitStr>,
    pub args: Option<Args>,
    pub reply: Option<Reply>,
}

/// The options of a method.
#[derive(Default)]
pub(crate) struct MethodOptions {
    pub name: Option<LitStr>,
    pub args: Option<Args>,
    pub reply: Option<(Reply, proc_macro2::Span)>,
    /// Whether it may be called twice for once.
    pub idempotent: Option<proc_macro2::Span>,
}

/// The options of a parameter.
#[derive(Default)]
pub(crate) struct ParamOptions {
    pub name: Option<LitStr>,
    pub go: Option<LitStr>,
    /// Whether it is brokered, if its type does not show that.
    pub brokered: Option<bool>,
}

const OF_A_METHOD: &str = "this is an option of one method, not of a trait";

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
                return Err(meta.error(
                    "an implementation takes `crate` alone: all other options belong on the trait",
                ));
            }
            if meta.path.is_ident("service") {
                let name: LitStr = meta.value()?.parse()?;
                if name.value().is_empty() {
                    return Err(Error::new(name.span(), "the name of the service is empty"));
                }
                options.service = Some(name);
            } else if meta.path.is_ident("args") {
                let (form, span) = args(&meta)?;
                if form == Args::Value {
                    return Err(Error::new(span, OF_A_METHOD));
                }
                options.args = Some(form);
            } else if meta.path.is_ident("reply") {
                let (form, span) = reply(&meta)?;
                if !matches!(form, Reply::Empty | Reply::Letters) {
                    return Err(Error::new(span, OF_A_METHOD));
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
    /// Removes the options from a method's attributes, and parses them.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<MethodOptions> {
        let mut options = MethodOptions::default();
        take(attributes, |meta| {
            if meta.path.is_ident("name") {
                options.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("args") {
                options.args = Some(args(meta)?.0);
            } else if meta.path.is_ident("reply") {
                options.reply = Some(reply(meta)?);
            } else if meta.path.is_ident("idempotent") {
                options.idempotent = Some(meta.path.span());
            } else {
                return Err(meta.error(
                    "unknown option: a method takes `name`, `args`, `reply` and `idempotent`",
                ));
            }
            Ok(())
        })?;
        Ok(options)
    }
}

impl ParamOptions {
    /// Removes the options from a parameter's attributes, and parses them.
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
                    return Err(meta.error("a parameter is either a `value` or `brokered`"));
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

/// Removes every `#[plugwire(…)]`, and parses its options.
fn take(
    attributes: &mut Vec<Attribute>,
    mut option: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen = Seen::default();
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("plugwire")) {
        if !matches!(attribute.meta, Meta::List(_)) {
            return Err(Error::new_spanned(
                &attribute,
                "an option is missing, such as `#[plugwire(name = \"…\")]`",
            ));
        }
        attribute.parse_nested_meta(|meta| {
            seen.check(&meta)?;
            option(&meta)
        })?;
    }
    Ok(())
}

/// The options so far, to find one that is given twice.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn check(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string);
        if let Some(name) = name {
            if self.0.contains(&name) {
                return Err(meta.error(format_args!("`{name}` is given twice")));
            }
            self.0.push(name);
        }
        Ok(())
    }
}

fn args(meta: &ParseNestedMeta<'_>) -> Result<(Args, proc_macro2::Span)> {
    let form: LitStr = meta.value()?.parse()?;
    let args = match &*form.value() {
        "struct" => Args::Struct,
        "letters" => Args::Letters,
        "map" => Args::Map,
        "value" => Args::Value,
        _ => {
            return Err(Error::new(
                form.span(),
                "arguments are sent as a \"struct\", as \"letters\", as a \"map\", or, if there is one, as a \"value\"",
            ));
        }
    };
    Ok((args, form.span()))
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
                "a reply is sent as \"letters\", as an \"empty\" struct if there is none, or, if its type does not show which, as a \"value\" or \"brokered\"",
            ));
        }
    };
    Ok((reply, form.span()))
}
