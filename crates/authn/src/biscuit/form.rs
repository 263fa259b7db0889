//! The form that a token exchange is asked for with (RFC 8693, section 2.1).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Fields of a form; real ones have a dozen.
const MAX_FIELDS: usize = 32;

/// The fields that matter. Others are none of our business (RFC 6749, section 3.2).
#[derive(Debug, Default)]
pub(super) struct Form<'a> {
    pub(super) grant_type: Option<Cow<'a, str>>,
    pub(super) subject_token: Option<Cow<'a, str>>,
    pub(super) subject_token_type: Option<Cow<'a, str>>,
    pub(super) requested_token_type: Option<Cow<'a, str>>,
    pub(super) scope: Option<Cow<'a, str>>,
    pub(super) actor: Option<Cow<'a, str>>,
    pub(super) actor_token: bool,
    /// `audience` and `resource`, which may be there several times.
    pub(super) targets: Vec<Cow<'a, str>>,
}

impl<'a> Form<'a> {
    /// Reads a form in which no parameter is there twice but those that may.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let mut form = Self::default();
        for (count, pair) in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MAX_FIELDS {
                return None;
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (decode(halves.next()?)?, decode(halves.next().unwrap_or_default())?);
            // A parameter without a value counts as absent (RFC 6749, section 3.2).
            if value.is_empty() {
                continue;
            }
            let field = match &*name {
                "grant_type" => &mut form.grant_type,
                "subject_token" => &mut form.subject_token,
                "subject_token_type" => &mut form.subject_token_type,
                "requested_token_type" => &mut form.requested_token_type,
                "scope" => &mut form.scope,
                "actor" => &mut form.actor,
                "actor_token" => {
                    form.actor_token = true;
                    continue;
                }
                "audience" | "resource" => {
                    form.targets.push(value);
                    continue;
                }
                _ => continue,
            };
            if field.replace(value).is_some() {
                return None;
            }
        }
        Some(form)
    }
}

/// Undoes `application/x-www-form-urlencoded`: `+` is a space.
fn decode(part: &[u8]) -> Option<Cow<'_, str>> {
    if !part.contains(&b'+') {
        return percent_decode(part).decode_utf8().ok();
    }
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}
