/// Why a portal cannot be built.
///
/// The text names the input at fault, so that whoever reads a configuration file can say where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A portal without servers answers nothing.
    NoServers,
    /// The portal's name is empty, too long or holds control characters.
    Name {
        /// The name.
        name: String,
    },
    /// A server's id is not one.
    ServerId {
        /// The id.
        id: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Two servers have the same id, perhaps but for the case of letters.
    Duplicate {
        /// The id of the second.
        id: String,
    },
    /// A setting is zero, with which nothing could ever pass.
    Zero {
        /// The setting, by the name of its setter.
        setting: &'static str,
        /// The server that it belongs to, if it belongs to one.
        server: Option<String>,
    },
    /// No key could be made, because the operating system gives no random numbers.
    Random,
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoServers => f.write_str("a portal needs at least one server"),
            Self::Name { name } => {
                write!(f, "the portal name {name:?} must have 1 to 128 characters and no control characters")
            }
            Self::ServerId { id, rule } => write!(f, "the server id {id:?} {rule}"),
            Self::Duplicate { id } => write!(f, "the server id {id:?} is used twice"),
            Self::Zero { setting, server: None } => write!(f, "{setting} must not be zero"),
            Self::Zero { setting, server: Some(id) } => {
                write!(f, "{setting} of server {id:?} must not be zero")
            }
            Self::Random => f.write_str("no key can be made: the operating system gives no random numbers"),
        }
    }
}

impl std::error::Error for BuildError {}
