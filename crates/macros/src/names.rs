//! Names in Go.

use proc_macro2::{Ident, TokenStream, TokenTree};

/// `user_id` as `UserId`.
pub(crate) fn pascal_case(name: &str) -> String {
    let mut pascal = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        pascal.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        pascal.push_str(letters.as_str());
    }
    pascal
}

/// `put_all` as `PUT_ALL`.
pub(crate) fn constant(method: &Ident) -> Ident {
    Ident::new(&plain(method).to_uppercase(), method.span())
}

/// The name without the `r#` of a raw identifier.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// `A` to `Z`, and no further.
pub(crate) fn letter(index: usize) -> Option<String> {
    let letter = u8::try_from(index).ok().filter(|&index| index < 26)?;
    Some(char::from(b'A' + letter).to_string())
}

/// Whether Go can see a field or method of this name in another package.
pub(crate) fn is_exported(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A name that does not occur in the tokens, so that it shadows none of theirs.
pub(crate) fn unused(name: &str, tokens: &TokenStream) -> Ident {
    let mut name = name.to_owned();
    while occurs(&name, tokens) {
        name.push('_');
    }
    Ident::new(&name, proc_macro2::Span::call_site())
}

fn occurs(name: &str, tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => occurs(name, &group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_with_a_capital() {
        let names = ["put", "user_id", "_x", "a1_b", "größe", "already_Go"];
        let pascal: Vec<String> = names.iter().map(|name| pascal_case(name)).collect();
        assert_eq!(pascal, ["Put", "UserId", "X", "A1B", "Größe", "AlreadyGo"]);
    }

    #[test]
    fn there_are_26_letters() {
        assert_eq!(letter(0).unwrap(), "A");
        assert_eq!(letter(25).unwrap(), "Z");
        assert_eq!(letter(26), None);
    }
}
