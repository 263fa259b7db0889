use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A condition that can never hold, or contradicts another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequireError {
    condition: &'static str,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Empty,
    Blank,
    Unfit(Arc<str>),
    NoTime(Duration),
    Twice,
}

impl RequireError {
    pub(super) fn new(condition: &'static str, fault: Fault) -> Self {
        Self { condition, fault }
    }

    /// The condition's name, which is that of its setter.
    #[must_use]
    pub fn condition(&self) -> &'static str {
        self.condition
    }
}

impl fmt::Display for RequireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = self.condition;
        match &self.fault {
            Fault::Empty => write!(f, "the condition {condition} has an empty list and can never hold"),
            Fault::Blank => write!(f, "the condition {condition} has \"\" for a name or value"),
            Fault::Unfit(value) => write!(f, "the condition {condition} cannot be met by {value:?}"),
            Fault::NoTime(age) => write!(f, "the condition {condition} of {age:?} can never hold"),
            Fault::Twice => write!(f, "the condition {condition} is there twice"),
        }
    }
}

impl std::error::Error for RequireError {}
