//! What a method returns, as far as the tokens of the type show.

use syn::{GenericArgument, PathArguments, Type, TypeParamBound};

pub(crate) const MESSAGE: &str = "a call can always fail: return `plugwire::Result<T>`, or a `Result<T, E>` whose `E` is made from `plugwire::Error`";

pub(crate) const STREAM: &str = "a call can always fail, before the first item too: return `plugwire::Result<plugwire::Stream<T>>`";

/// Types of the prelude and of crates in wide use that are no `Result`. Any other name may be an
/// alias of one.
const OTHERS: &[&str] = &[
    "Option", "Vec", "String", "Box", "Arc", "Rc", "Pin", "HashMap", "BTreeMap", "HashSet",
    "BTreeSet", "VecDeque", "Bytes", "bool", "char", "str", "u8", "u16", "u32", "u64", "u128",
    "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "Self", "Reader", "Writer",
];

/// What a method returns.
pub(crate) enum Output<'a> {
    /// A `Result`, or what may be an alias of one, and its first argument: the type of the result.
    Result(Option<&'a Type>),
    /// A stream of items by itself.
    Stream,
    Other,
}

pub(crate) fn of(output: &Type) -> Output<'_> {
    if is_stream(output) {
        return Output::Stream;
    }
    let Type::Path(path) = output else {
        return Output::Other;
    };
    let Some(last) = path.path.segments.last() else {
        return Output::Other;
    };
    let name = last.ident.to_string();
    if OTHERS.contains(&&*name) || name.ends_with("Future") {
        return Output::Other;
    }
    match &last.arguments {
        PathArguments::None => Output::Result(None),
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(ok)) => Output::Result(Some(ok)),
            // A future under another name: `Later<'_, T>`.
            _ => Output::Other,
        },
        PathArguments::Parenthesized(_) => Output::Other,
    }
}

/// Whether a type is a stream of items that does not cross: one of the crate `futures`, by whatever
/// way it is written.
pub(crate) fn is_stream(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().any(is_stream_bound),
        Type::TraitObject(ty) => ty.bounds.iter().any(is_stream_bound),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                    Some(GenericArgument::Type(inner)) => Some(inner),
                    _ => None,
                },
                _ => None,
            };
            match &*name {
                "BoxStream" | "LocalBoxStream" | "ReceiverStream" | "UnboundedReceiverStream" => {
                    true
                }
                "Pin" | "Box" => inner.is_some_and(is_stream),
                _ => false,
            }
        }),
        _ => false,
    }
}

fn is_stream_bound(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound)
        if bound.path.segments.last().is_some_and(|last| last.ident == "Stream"))
}
