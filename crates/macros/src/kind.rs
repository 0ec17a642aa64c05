//! How a parameter or result crosses, as far as its type's tokens show.

use std::fmt::Display;

use crate::shape::{self, Container};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Error, GenericArgument, Path, PathArguments, Result, Type, TypeParamBound, TypePath};

use crate::output;

/// How a value crosses the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// As itself, by serde.
    Value,
    /// As the number of a stream.
    Brokered {
        /// Whether it may be a writer, into which a method's last bytes go.
        writer: bool,
    },
    /// As itself, in a shape of its own, since parts of it cross as numbers of streams.
    Nested,
}

impl Kind {
    pub(crate) fn is_brokered(self) -> bool {
        matches!(self, Kind::Brokered { .. })
    }
}

/// The kind of a type, or what is wrong with it.
pub(crate) fn of(ty: &Type) -> Result<Kind> {
    match whole(ty)? {
        Some(kind) => Ok(kind),
        None => {
            let mut check = Check { error: None };
            check.parts(ty);
            let kind = match shape::has_id(ty) {
                true => Kind::Nested,
                false => Kind::Value,
            };
            check.error.map_or(Ok(kind), Err)
        }
    }
}

/// Whether a type is brokered as a whole.
pub(crate) fn is_id(ty: &Type) -> bool {
    matches!(whole(ty), Ok(Some(_)))
}

/// The kind of a type that is brokered as a whole, if it is.
fn whole(ty: &Type) -> Result<Option<Kind>> {
    match ty {
        Type::Path(TypePath {
            qself: None, path, ..
        }) => whole_path(path),
        _ => Ok(None),
    }
}

/// The `T` of a value that is an `Option<T>`.
pub(crate) fn option(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Path(TypePath {
            qself: None, path, ..
        }) => {
            let last = path.segments.last()?;
            let inner = only_type(&last.arguments)?;
            (last.ident == "Option").then_some(inner)
        }
        _ => None,
    }
}

fn whole_path(path: &Path) -> Result<Option<Kind>> {
    let Some(last) = path.segments.last() else {
        return Ok(None);
    };
    match (&*last.ident.to_string(), only_type(&last.arguments)) {
        ("Arc", Some(Type::TraitObject(object))) => {
            if object.bounds.len() > 1 {
                return Err(Error::new_spanned(
                    object,
                    "an interface is `Send`, `Sync` and `'static` already: write `Arc<dyn Trait>`",
                ));
            }
            Ok(Some(Kind::Brokered { writer: false }))
        }
        ("Option", Some(inner)) => whole(inner),
        // Its second argument is the error of its items.
        ("Stream", _) if is_ours(path) && has_type(&last.arguments) => {
            Ok(Some(Kind::Brokered { writer: false }))
        }
        ("Reader", None) if is_ours(path) => Ok(Some(Kind::Brokered { writer: false })),
        ("Writer", None) if is_ours(path) => Ok(Some(Kind::Brokered { writer: true })),
        _ => Ok(None),
    }
}

/// Whether a path is `Arc<dyn Trait>`.
fn is_interface(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| {
        last.ident == "Arc" && matches!(only_type(&last.arguments), Some(Type::TraitObject(_)))
    })
}

/// Whether `Reader`, `Writer` or `Stream` is plugwire's, as far as the tokens show.
fn is_ours(path: &Path) -> bool {
    path.segments.len() == 1 || path.segments[0].ident == "plugwire"
}

fn only_type(arguments: &PathArguments) -> Option<&Type> {
    match arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => {
            match arguments.args.first() {
                Some(GenericArgument::Type(ty)) => Some(ty),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether there are one or two arguments, and the first is a type.
fn has_type(arguments: &PathArguments) -> bool {
    match arguments {
        PathArguments::AngleBracketed(arguments) => {
            matches!(arguments.args.first(), Some(GenericArgument::Type(_)))
                && arguments.args.len() <= 2
        }
        _ => false,
    }
}

/// Looks for what cannot be part of a value.
struct Check {
    error: Option<Error>,
}

impl Check {
    /// Checks what an interface may be in, part by part.
    fn parts(&mut self, ty: &Type) {
        match (whole(ty), Container::of(ty)) {
            (Ok(Some(_)), _) => {}
            (Err(error), _) => {
                self.error.get_or_insert(error);
            }
            (Ok(None), Some(container)) => {
                for part in container.parts() {
                    self.parts(part);
                }
            }
            (Ok(None), None) => self.visit_type(ty),
        }
    }

    fn refuse(&mut self, what: impl ToTokens, message: impl Display) {
        self.error
            .get_or_insert_with(|| Error::new_spanned(what, message));
    }
}

impl Visit<'_> for Check {
    fn visit_type(&mut self, ty: &Type) {
        if output::is_stream(ty) {
            self.refuse(
                ty,
                "a stream of items crosses as `plugwire::Stream<T>`: `Stream::new` makes one of any `futures::Stream`, and it is one on the other side",
            );
            return;
        }
        match ty {
            Type::Reference(reference) => {
                let instead = match &*reference.elem {
                    Type::Path(path) if path.path.is_ident("str") => "`String`",
                    Type::Slice(_) => "a `Vec`",
                    Type::TraitObject(_) => "`Arc<dyn Trait>`",
                    _ => "the type itself",
                };
                self.refuse(
                    reference,
                    format_args!(
                        "what crosses to another process cannot be borrowed: use {instead}"
                    ),
                );
            }
            Type::ImplTrait(ty) => self.refuse(
                ty,
                "`impl Trait` is no type that both sides know: use `Arc<dyn Trait>` for an interface, `plugwire::Reader` or `plugwire::Writer` for a stream of bytes",
            ),
            Type::TraitObject(ty) => self.refuse(
                ty,
                "an interface crosses as `Arc<dyn Trait>`",
            ),
            Type::FnPtr(ty) => self.refuse(
                ty,
                "a function cannot cross to another process: make a trait of it with `#[plugwire::interface]`, and use `Arc<dyn Trait>`",
            ),
            Type::Ptr(ty) => self.refuse(ty, "a pointer cannot cross to another process"),
            Type::Infer(ty) => self.refuse(ty, "both sides have to know the type: write it out"),
            Type::Never(ty) => self.refuse(ty, "there is no value of this type to send"),
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_type_param_bound(&mut self, _: &TypeParamBound) {}

    fn visit_path(&mut self, path: &Path) {
        if is_interface(path) {
            self.refuse(
                path,
                "an interface crosses alone, or in `Option`, `Vec`, `VecDeque`, `HashMap`, `BTreeMap`, `Box`, `Result` and tuples; in a type of your own, put `#[serde(with = \"plugwire::brokered\")]` on its field, and name that type here without an interface in it",
            );
            return;
        }
        visit::visit_path(self, path);
    }

    fn visit_lifetime(&mut self, lifetime: &syn::Lifetime) {
        self.refuse(
            lifetime,
            "what crosses to another process cannot be borrowed: use a type without lifetimes",
        );
    }
}
