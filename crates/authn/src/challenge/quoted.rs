//! Parameters of a challenge (RFC 9110, section 11.2), always quoted.

/// Appends `name="value"`. What must not stand in a header as it is, is escaped or replaced by a space.
pub(super) fn push(text: &mut String, name: &str, value: &str) {
    // A space after the scheme, a comma after a parameter.
    text.push_str(if text.ends_with('"') { ", " } else { " " });
    text.push_str(name);
    text.push_str("=\"");
    for char in value.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            ' '..='~' => text.push(char),
            _ => text.push(' '),
        }
    }
    text.push('"');
}

/// Appends the scopes, if there are any.
pub(super) fn push_scopes<S: AsRef<str>>(text: &mut String, scopes: &[S]) {
    if !scopes.is_empty() {
        let scopes: Vec<_> = scopes.iter().map(AsRef::as_ref).collect();
        push(text, "scope", &scopes.join(" "));
    }
}
