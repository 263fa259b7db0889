//! Reads claims out of a payload, each as what it has to be or not at all.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use portcullis_core::json::{self, Member, Reader, Token};

use crate::Denial;
use crate::jws::quoted;

/// The claims of a token: an object in which no name stands twice, at any depth.
#[derive(Debug)]
pub(crate) struct Claims<'a> {
    members: Vec<Member<'a>>,
}

/// By how much the clocks of issuers and senders may be ahead. For the end of a token there is no such leeway.
pub(crate) const SKEW: Duration = Duration::from_secs(30);

/// The last second of the year 9999. Larger numbers are milliseconds, or a mistake.
const LATEST: u64 = 253_402_300_799;

impl<'a> Claims<'a> {
    pub(crate) fn parse(payload: &'a [u8], max_claims: usize) -> Result<Self, Denial> {
        let mut members = Vec::new();
        for member in json::members(payload) {
            let member =
                member.map_err(|error| Denial::invalid(format!("the claims are no sound JSON: {error}")))?;
            if members.len() == max_claims {
                return Err(Denial::invalid("the token has too many claims"));
            }
            members.push(member);
        }
        Ok(Self { members })
    }

    /// The claim as JSON.
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.members.iter().find(|member| member.key() == name).map(Member::value)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A claim that is a string if it is there.
    pub(crate) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, Denial> {
        self.get(name).map(|value| string(value).ok_or_else(|| wrong(name, "a string"))).transpose()
    }

    /// A claim that is a string or a list of strings if it is there.
    pub(crate) fn strings(&self, name: &str) -> Result<Vec<Cow<'a, str>>, Denial> {
        self.get(name).map_or(Ok(Vec::new()), |value| {
            strings(value).ok_or_else(|| wrong(name, "a string or a list of strings"))
        })
    }

    /// A claim that is a time if it is there.
    pub(crate) fn time(&self, name: &str) -> Result<Option<SystemTime>, Denial> {
        self.get(name)
            .map(|value| time(value).ok_or_else(|| wrong(name, "a time in seconds since 1970")))
            .transpose()
    }
}

pub(crate) fn wrong(name: &str, wanted: &str) -> Denial {
    Denial::invalid(format!("the claim {} is not {wanted}", quoted(name)))
}

pub(crate) fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    match first(value)? {
        Token::String(text) => Some(text.decode()),
        _ => None,
    }
}

pub(crate) fn strings(value: &[u8]) -> Option<Vec<Cow<'_, str>>> {
    match first(value)? {
        Token::String(text) => Some(vec![text.decode()]),
        Token::BeginArray => json::elements(value).map(|element| string(element.ok()?.value())).collect(),
        _ => None,
    }
}

/// A string, number or truth value as text; a list of them with spaces between. Nothing for `null`.
pub(crate) fn text(value: &[u8]) -> Result<Option<Cow<'_, str>>, ()> {
    Ok(Some(match first(value).ok_or(())? {
        Token::Null => return Ok(None),
        Token::String(text) => text.decode(),
        Token::Number(number) => number.into(),
        Token::Bool(truth) => if truth { "true" } else { "false" }.into(),
        Token::BeginArray => {
            let mut all = String::new();
            for element in json::elements(value) {
                let value = element.map_err(|_| ())?.value();
                if matches!(first(value), Some(Token::BeginArray)) {
                    return Err(());
                }
                if let Some(one) = text(value)? {
                    if !all.is_empty() {
                        all.push(' ');
                    }
                    all.push_str(&one);
                }
            }
            all.into()
        }
        _ => return Err(()),
    }))
}

/// RFC 7519, section 2: seconds since 1970, with or without a fraction.
fn time(value: &[u8]) -> Option<SystemTime> {
    let Token::Number(number) = first(value)? else { return None };
    let since = match number.parse::<u64>() {
        Ok(seconds) => (seconds <= LATEST).then(|| Duration::from_secs(seconds))?,
        Err(_) => {
            let seconds = number.parse::<f64>().ok()?;
            let plausible = (0.0..=LATEST as f64).contains(&seconds);
            Duration::try_from_secs_f64(plausible.then_some(seconds)?).ok()?
        }
    };
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn first(value: &[u8]) -> Option<Token<'_>> {
    Reader::new(value).ok()?.next().ok()?
}
