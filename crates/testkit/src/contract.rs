//! What every message-level layer promises, as one suite that can be run against any of them.
//!
//! A crate describes its layer in a [`Contract`] and calls [`check`] in `tests/contract.rs`. Every field has to be
//! given: a case that does not apply is [skipped](Case::Skip) with the reason, so that nothing is left out unseen.
//!
//! | case | what is asserted |
//! |---|---|
//! | allow | the call arrives once, with all that was attached to it; every message of the answer comes back |
//! | stream | a message is passed on before the next one exists; nothing is read ahead of the reader |
//! | refuse | an answer with the caller's id and the right code; the inner service is not asked; the trail tells, the answer does not tell the detail |
//! | inner error | what broke arrives as what it is, at once or mid-stream, and the next call is served |
//! | inner not ready | readiness and its failure are the inner service's; the instance that was readied is called |
//! | cancel | dropping the future drops the inner one |
//! | drop | dropping the reply drops the inner stream |
//! | missing principal | refused, where one is needed |
//! | limit | refused, once it is passed |
//! | bad configuration | a typed error that names the input |
//!
//! The suite runs in tokio's paused time, so a layer that waits costs a test nothing.

mod cases;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Reply};
use tower_service::Service;

use crate::{Act, Ask, Scripted};

/// A layer, and the calls that show its promises.
///
/// ```
/// use portcullis_core::{Kind, Principal};
/// use portcullis_testkit::{Ask, contract::{self, Case, Contract}};
///
/// // A layer that does nothing keeps the promises that are not about doing something.
/// contract::check(&Contract {
///     layer: "identity",
///     wrap: |inner| inner,
///     allow: Ask::tool("echo").principal(Principal::new(Kind::User, "alice")),
///     refuse: Case::Skip("refuses nothing"),
///     inner_error: Case::Test(()),
///     readiness: Case::Test(()),
///     missing_principal: Case::Skip("asks nobody who they are"),
///     limit: Case::Skip("has no limit"),
///     bad_config: Case::Skip("has no configuration"),
/// });
/// ```
#[derive(Debug)]
pub struct Contract<W> {
    /// The name under which the layer writes on the trail.
    pub layer: &'static str,
    /// Puts the layer, configured for the calls below, around a service.
    pub wrap: W,
    /// A call that passes unchanged. It has a principal if the layer needs one.
    pub allow: Ask,
    /// A call that does not pass.
    pub refuse: Case<Refuse>,
    /// What broke inside arrives outside, with its kind.
    pub inner_error: Case<()>,
    /// The layer is ready when the inner service is.
    pub readiness: Case<()>,
    /// The code that `allow` is refused with when it has no principal.
    pub missing_principal: Case<i64>,
    /// A call that passes a limit.
    pub limit: Case<Refuse>,
    /// Configurations that must not be taken.
    pub bad_config: Case<Vec<BadConfig>>,
}

/// A case of the contract, or why it does not apply.
#[derive(Clone, Debug)]
pub enum Case<T> {
    /// It applies, and this is what it needs.
    Test(T),
    /// It cannot apply to this layer, for this reason.
    Skip(&'static str),
}

/// A call that must be refused.
#[derive(Clone, Debug)]
pub struct Refuse {
    ask: Ask,
    code: i64,
    before: Vec<Ask>,
    answer: Option<Act>,
}

impl Refuse {
    /// This call must be refused with this code.
    #[must_use]
    pub fn new(ask: Ask, code: i64) -> Self {
        Self { ask, code, before: Vec::new(), answer: None }
    }

    /// After these calls, which pass.
    #[must_use]
    pub fn after(mut self, before: impl IntoIterator<Item = Ask>) -> Self {
        self.before.extend(before);
        self
    }

    /// For what the server answers, so that the call itself does arrive there.
    #[must_use]
    pub fn for_answer(mut self, answer: Act) -> Self {
        self.answer = Some(answer);
        self
    }
}

/// A configuration that must not be taken.
#[derive(Clone, Copy, Debug)]
pub struct BadConfig {
    input: &'static str,
    build: fn() -> Result<(), BoxError>,
}

impl BadConfig {
    /// `build` must fail, with an error whose text holds `input`.
    #[must_use]
    pub fn new(input: &'static str, build: fn() -> Result<(), BoxError>) -> Self {
        Self { input, build }
    }
}

/// A promise that a layer did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The case, by its name in the table above.
    pub case: &'static str,
    /// What happened.
    pub what: String,
}

/// Holds a layer to its contract.
///
/// # Panics
///
/// If it breaks it, with all that was found.
pub fn check<W, S>(contract: &Contract<W>)
where
    W: Fn(Scripted) -> S,
    S: Service<Call, Response = Reply> + Clone + 'static,
    S::Error: Into<BoxError>,
{
    let breaches = breaches(contract);
    let found: Vec<_> =
        breaches.iter().map(|breach| format!("\n  {}: {}", breach.case, breach.what)).collect();
    assert!(found.is_empty(), "{} breaks the contract:{}", contract.layer, found.concat());
}

/// All the promises that a layer does not keep; at most one for each case.
pub fn breaches<W, S>(contract: &Contract<W>) -> Vec<Breach>
where
    W: Fn(Scripted) -> S,
    S: Service<Call, Response = Reply> + Clone + 'static,
    S::Error: Into<BoxError>,
{
    [
        run("allow", cases::allow(contract)),
        run("stream", cases::stream(contract)),
        run("refuse", cases::refuse(contract)),
        run("inner error", cases::inner_error(contract)),
        run("inner not ready", cases::inner_not_ready(contract)),
        run("cancel", cases::cancel(contract)),
        run("drop", cases::drop_reply(contract)),
        run("missing principal", cases::missing_principal(contract)),
        run("limit", cases::limit(contract)),
        run("bad configuration", std::future::ready(cases::bad_config(contract))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a case found, if anything.
type Verdict = Result<(), String>;

/// Runs one case in a runtime of its own, so that nothing is left over for the next.
fn run(case: &'static str, test: impl Future<Output = Verdict>) -> Option<Breach> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be built");
    let test: Pin<Box<dyn Future<Output = _>>> = Box::pin(AssertUnwindSafe(test).catch_unwind());
    let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(3600), test).await });
    let what = match ended {
        Ok(Ok(Ok(()))) => return None,
        Ok(Ok(Err(what))) => what,
        Ok(Err(panic)) => match panic.downcast_ref::<String>() {
            Some(text) => text.clone(),
            None => panic.downcast_ref::<&str>().copied().unwrap_or("it panicked").to_owned(),
        },
        Err(_) => "it hangs".to_owned(),
    };
    Some(Breach { case, what })
}
