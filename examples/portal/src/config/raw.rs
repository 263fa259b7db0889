//! The configuration as it is written: the shape of the file, and nothing about what makes sense.
//!
//! Each value that a later check can find fault with keeps its place. Whoever adds a key here adds it to `portal.toml`
//! and `docs/configuration.md` too; a test sees to the former.

pub(super) mod identity;

use std::collections::BTreeMap;

use portcullis_core::Secret;
use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;

use self::identity::{Issuer, Network};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Root {
    pub(super) listen: Option<Spanned<OneOrMany>>,
    pub(super) admin: Option<Admin>,
    pub(super) log: Log,
    pub(super) limits: Limits,
    pub(super) sessions: Sessions,
    pub(super) network: Network,
    pub(super) issuer: Vec<Spanned<Issuer>>,
    pub(super) portal: Vec<Spanned<Portal>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Spanned<OneOrMany>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<Spanned<String>>,
    pub(super) format: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) max_connections: Option<Spanned<i64>>,
    pub(super) max_streams: Option<Spanned<i64>>,
    pub(super) max_header_size: Option<Spanned<Size>>,
    pub(super) header_timeout: Option<Spanned<String>>,
    pub(super) max_body: Option<Spanned<Size>>,
    pub(super) body_timeout: Option<Spanned<String>>,
    pub(super) keep_alive: Option<Spanned<String>>,
    pub(super) drain_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sessions {
    pub(super) keys: Option<Spanned<Vec<Spanned<SecretText>>>>,
    pub(super) lifetime: Option<Spanned<String>>,
    pub(super) max_sessions: Option<Spanned<i64>>,
    pub(super) resume_within: Option<Spanned<String>>,
    pub(super) max_replay: Option<Spanned<Size>>,
    pub(super) input_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Portal {
    pub(super) id: Spanned<String>,
    pub(super) host: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) allowed_hosts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) allowed_origins: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) danger_allow_any_host: bool,
    #[serde(default)]
    pub(super) danger_allow_any_origin: bool,
    pub(super) namespace: Option<Spanned<String>>,
    pub(super) collision: Option<Spanned<String>>,
    pub(super) page_size: Option<Spanned<i64>>,
    pub(super) list_timeout: Option<Spanned<String>>,
    pub(super) max_list_items: Option<Spanned<i64>>,
    pub(super) max_list_pages: Option<Spanned<i64>>,
    pub(super) max_stale: Option<Spanned<String>>,
    pub(super) max_principals: Option<Spanned<i64>>,
    pub(super) max_cached_bytes: Option<Spanned<Size>>,
    pub(super) listen_timeout: Option<Spanned<String>>,
    pub(super) authn: Option<Spanned<identity::Authn>>,
    #[serde(default)]
    pub(super) server: Vec<Spanned<Server>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) id: Spanned<String>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, Spanned<SecretText>>,
    pub(super) directory: Option<Spanned<String>>,
    pub(super) processes: Option<Spanned<String>>,
    pub(super) max_processes: Option<Spanned<i64>>,
    pub(super) process_idle: Option<Spanned<String>>,
    pub(super) max_memory: Option<Spanned<Size>>,
    pub(super) max_open_files: Option<Spanned<i64>>,
    pub(super) max_cpu_time: Option<Spanned<String>>,
    pub(super) era: Option<Spanned<String>>,
    pub(super) sessions: Option<Spanned<String>>,
    pub(super) max_sessions: Option<Spanned<i64>>,
    pub(super) session_idle: Option<Spanned<String>>,
    pub(super) max_parked: Option<Spanned<i64>>,
    pub(super) list_ttl: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<Spanned<String>, Spanned<SecretText>>,
    pub(super) http_version: Option<Spanned<String>>,
    pub(super) root_certificates: Option<Spanned<String>>,
    pub(super) connect_timeout: Option<Spanned<String>>,
    pub(super) head_timeout: Option<Spanned<String>>,
    pub(super) idle_timeout: Option<Spanned<String>>,
    pub(super) listen_idle_timeout: Option<Spanned<String>>,
    pub(super) total_timeout: Option<Spanned<String>>,
    pub(super) max_answer: Option<Spanned<Size>>,
    pub(super) max_event: Option<Spanned<Size>>,
    pub(super) max_idle_connections: Option<Spanned<i64>>,
    pub(super) retries: Option<Spanned<i64>>,
    pub(super) circuit: Option<Circuit>,
    pub(super) max_in_flight: Option<Spanned<i64>>,
    pub(super) max_waiting: Option<Spanned<i64>>,
    pub(super) max_wait: Option<Spanned<String>>,
    pub(super) max_listeners: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) per_principal: bool,
    pub(super) credentials: Option<Spanned<identity::Credentials>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Circuit {
    #[serde(default)]
    pub(super) off: bool,
    pub(super) failures: Option<Spanned<i64>>,
    pub(super) open_for: Option<Spanned<String>>,
}

/// One text, or a list of texts.
#[derive(Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

/// A number of bytes: a number, or a text with a unit.
#[derive(Debug)]
pub(super) enum Size {
    Bytes(i64),
    Text(String),
}

/// Where a text that may be secret comes from.
#[derive(Debug)]
pub(super) enum SecretText {
    Plain(Secret),
    From(Reference),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    pub(super) env: Option<String>,
    pub(super) file: Option<String>,
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany::Many(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Size;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of bytes, or a text such as \"4MiB\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Size, E> {
                Ok(Size::Bytes(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Ok(Size::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretTextVisitor)
    }
}

struct SecretTextVisitor;

impl SecretTextVisitor {
    /// The message serde would make of itself shows the value, which may be a password made of digits.
    fn refuse<E: de::Error>(self) -> Result<SecretText, E> {
        Err(E::invalid_type(de::Unexpected::Other("something else"), &self))
    }
}

impl<'de> Visitor<'de> for SecretTextVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::Plain(Secret::new(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretText, A::Error> {
        Reference::deserialize(MapAccessDeserializer::new(map)).map(SecretText::From)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretText, E> {
        self.refuse()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretText, E> {
        self.refuse()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretText, E> {
        self.refuse()
    }
}
