use std::fmt;

/// Why a description of services cannot be used. The text names the service, and never what is stored about its secret.
#[derive(Debug)]
pub struct ServiceTokenError {
    input: String,
    fault: Fault,
}

#[derive(Debug)]
pub(super) enum Fault {
    /// What was stored is not repeated: it may be the secret itself.
    Stored(&'static str),
    Id,
    Twice,
    TooMany,
    NoEntries,
    Blank,
    Expires,
    Concurrency,
    Randomness(getrandom::Error),
}

impl ServiceTokenError {
    pub(super) fn new(input: &str, fault: Fault) -> Self {
        Self { input: input.to_owned(), fault }
    }

    /// Says of which service a stored secret is that cannot be used.
    pub(super) fn of(mut self, id: &str) -> Self {
        id.clone_into(&mut self.input);
        self
    }
}

impl fmt::Display for ServiceTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = &self.input;
        match &self.fault {
            Fault::Stored(why) if input.is_empty() => write!(f, "the stored secret {why}"),
            Fault::Stored(why) => write!(f, "the stored secret of the service {input:?} {why}"),
            Fault::Id => {
                write!(f, "the service {input:?} needs a name of 1 to 128 visible ASCII characters")
            }
            Fault::Twice => write!(f, "the service {input:?} is there twice"),
            Fault::TooMany => write!(f, "the service {input:?} is one too many: at most 10000"),
            Fault::NoEntries => f.write_str("there is no service"),
            Fault::Blank => write!(f, "the service {input:?} has \"\" for a group, scope or attribute"),
            Fault::Expires => write!(f, "the service {input:?} expires at a time that cannot be told"),
            Fault::Concurrency => {
                write!(f, "{input:?} secrets at once and waiting: 1 to 1000000, 0 to 1000000")
            }
            Fault::Randomness(_) => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for ServiceTokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Randomness(source) => Some(source),
            _ => None,
        }
    }
}
