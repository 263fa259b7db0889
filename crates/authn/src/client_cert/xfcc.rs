/// The `Cert` of the last element of `X-Forwarded-Client-Cert`.
///
/// All of the header must be sound, although only its end counts: elements of other proxies stand in front, and a quote
/// that one of them left open would turn texts of this element into its structure.
pub(super) fn last_certificate(header: &str) -> Option<&str> {
    let mut certificate = None;
    let mut rest = header;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_matches([' ', '\t']);
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (value, after) = value(after)?;
        if key.eq_ignore_ascii_case("cert") && certificate.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        let mut characters = after.chars();
        match characters.next() {
            None => return certificate,
            Some(';') => {}
            Some(',') => certificate = None,
            Some(_) => return None,
        }
        rest = characters.as_str();
    }
}

/// A value and what follows it. Texts with `,`, `;` or `=` stand in quotes, with `\"` for a quote.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ';']).unwrap_or(text.len()));
        return (!value.contains('"')).then_some((value, rest));
    };
    let mut escaped = false;
    let end = quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some((quoted.get(..end)?, quoted.get(end + 1..)?))
}
