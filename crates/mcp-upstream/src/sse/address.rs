//! Where messages are posted to, as a pure decision.

use http::Uri;
use http::uri::{Parts, PathAndQuery};

/// Resolves what an `endpoint` event says against the URL of the stream (RFC 3986, 5.2), for the very same origin alone:
/// the gateway's secrets go with every message, and a server must not be able to send them elsewhere.
pub(super) fn resolve(base: &Uri, endpoint: &str) -> Result<Uri, &'static str> {
    let endpoint = endpoint.trim();
    let reference = endpoint.split('#').next().unwrap_or_default();
    if reference.is_empty() {
        return Err("names no URL");
    }
    let path = match after_authority(base, reference)? {
        Some("") => "/".to_owned(),
        Some(path) if path.starts_with('?') => format!("/{path}"),
        Some(path) => path.to_owned(),
        None if reference.starts_with('?') => format!("{}{reference}", base.path()),
        None if reference.starts_with('/') => reference.to_owned(),
        None => {
            let directory = base.path().rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{directory}/{reference}")
        }
    };
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*path, None),
    };
    let mut path = without_dots(path);
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = Parts::default();
    parts.scheme = base.scheme().cloned();
    // Not the one that the server wrote, though it is the same: this one was configured.
    parts.authority = base.authority().cloned();
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| "is not a URL")?);
    Uri::from_parts(parts).map_err(|_| "is not a URL")
}

/// What follows the authority of a reference that has one, if it is that of `base`.
fn after_authority<'a>(base: &Uri, reference: &'a str) -> Result<Option<&'a str>, &'static str> {
    let scheme = base.scheme_str().unwrap_or_default();
    let rest = match scheme_of(reference) {
        Some((named, rest)) if named.eq_ignore_ascii_case(scheme) => rest,
        Some(_) => return Err("is of another origin"),
        None => reference,
    };
    // Some parsers take a backslash for a slash, and see an authority where others see a path.
    if rest.contains('\\') {
        return Err("is not a URL");
    }
    let Some(rest) = rest.strip_prefix("//") else {
        // `http:path` is read in more than one way.
        return if rest.len() == reference.len() { Ok(None) } else { Err("is not a URL") };
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let named: Uri = format!("{scheme}://{authority}/").parse().map_err(|_| "is not a URL")?;
    if authority.contains('@') || !same_host(base, &named) || port(base) != port(&named) {
        return Err("is of another origin");
    }
    Ok(Some(path))
}

fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    is_scheme.then_some((scheme, rest))
}

fn same_host(one: &Uri, other: &Uri) -> bool {
    one.host().zip(other.host()).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        _ => Some(80),
    })
}

/// RFC 3986, 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.split('/').skip(1);
    let mut ends_in_directory = false;
    for segment in segments {
        ends_in_directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut path = format!("/{}", kept.join("/"));
    if ends_in_directory && !path.ends_with('/') {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_of_the_same_origin_or_none() {
        let base = Uri::from_static("http://Example.com/api/sse?key=1");
        let table = [
            ("/messages?session=7", Ok("http://Example.com/messages?session=7")),
            ("messages", Ok("http://Example.com/api/messages")),
            ("?session=7", Ok("http://Example.com/api/sse?session=7")),
            ("../messages/./a", Ok("http://Example.com/messages/a")),
            ("../../../..", Ok("http://Example.com/")),
            ("http://example.com/m?s=1#f", Ok("http://Example.com/m?s=1")),
            ("HTTP://EXAMPLE.COM:80", Ok("http://Example.com/")),
            ("http://example.com?s=1", Ok("http://Example.com/?s=1")),
            ("//example.com/m", Ok("http://Example.com/m")),
            ("/messages?to=http://elsewhere/", Ok("http://Example.com/messages?to=http://elsewhere/")),
            (" /m \n", Ok("http://Example.com/m")),
            ("https://example.com/m", Err("is of another origin")),
            ("http://example.com:8080/m", Err("is of another origin")),
            ("http://elsewhere/m", Err("is of another origin")),
            ("//elsewhere/m", Err("is of another origin")),
            ("http://example.com@elsewhere/m", Err("is of another origin")),
            ("http://user@example.com/m", Err("is of another origin")),
            ("javascript:alert(1)", Err("is of another origin")),
            ("\\\\elsewhere/m", Err("is not a URL")),
            ("/\\elsewhere/m", Err("is not a URL")),
            ("http:/m", Err("is not a URL")),
            ("/a b", Err("is not a URL")),
            ("", Err("names no URL")),
            ("#x", Err("names no URL")),
        ];
        for (endpoint, wanted) in table {
            let got = resolve(&base, endpoint).map(|uri| uri.to_string());
            // `Uri` writes the authority as it was given.
            let got =
                got.as_deref().map_err(|flaw| *flaw).map(|uri| uri.replace("example.com/", "Example.com/"));
            assert_eq!(got, wanted.map(str::to_owned), "{endpoint}");
        }
    }
}
