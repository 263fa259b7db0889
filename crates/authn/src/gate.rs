//! One request's way to a verdict: what is shown, whether it was seen before, who judges it, and what policy says.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode};
use portcullis_core::{Peer, Reason, Refusal, Secret, SubjectToken};

use crate::challenge::{Challenges, Rejection};
use crate::dpop::{Dpop, Proof};
use crate::metadata::MetadataDocument;
use crate::network::Networks;
use crate::permit::Allowed;
use crate::present::{self, Places, Presented, Shown};
use crate::require::Require;
use crate::verdicts::{Admission, Key, Verdicts, bytes_of};
use crate::{Audience, Binding, Credential, Denial, DenialKind, Resource, Scopes, Verified, Verifier};

/// What a limited token takes to keep, at the most: the token as it was parsed, and the operations it was asked about.
const ALLOWANCE: u64 = 200 * 1024;

/// Gives the time of day.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Everything that decides, shared by all clones of a layer and its services.
pub(crate) struct Gate {
    pub(crate) resource: Resource,
    pub(crate) audience: Audience,
    pub(crate) verifiers: Vec<Arc<dyn Verifier>>,
    pub(crate) places: Places,
    pub(crate) networks: Networks,
    pub(crate) require: Option<Require>,
    pub(crate) scopes: Arc<Scopes>,
    pub(crate) dpop: Option<Dpop>,
    pub(crate) metadata: MetadataDocument,
    pub(crate) challenges: Challenges,
    pub(crate) verdicts: Verdicts,
    pub(crate) verify_timeout: Duration,
    /// Whether a layer further in asks credentials what operations they allow.
    pub(crate) permit: bool,
    pub(crate) hand_on_tokens: bool,
    pub(crate) clock: Clock,
}

/// How far a look at a request got.
pub(crate) enum Met {
    /// It is answered here.
    Answer(Response<Bytes>),
    /// Its credential is known.
    Know(Arc<Admission>),
    /// Somebody has to be asked.
    Ask(Question),
}

/// What opened a stream.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) admission: Arc<Admission>,
    pub(crate) question: Question,
}

/// What a verifier is asked, apart from the request.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    key: Key,
    credential: Credential,
    network: Option<u16>,
}

impl Gate {
    /// Looks at a request as far as that goes without waiting for anybody.
    pub(crate) fn meet<B>(&self, request: &Request<B>) -> Met {
        if self.resource.metadata_paths().contains(&request.uri().path()) {
            return Met::Answer(self.metadata.answer(request.method()));
        }
        match self.look(request) {
            Ok(met) => met,
            Err(rejection) => Met::Answer(self.answer(request, &rejection)),
        }
    }

    fn look<B>(&self, request: &Request<B>) -> Result<Met, Rejection> {
        let (headers, extensions) = (request.headers(), request.extensions());
        let presented = self.presented(request).map_err(Rejection::Malformed)?;
        let Some(shown) = presented.main() else { return Err(Rejection::Missing) };
        let (key, network) = self.key(shown, headers, extensions);
        if let Some(admission) = self.verdicts.admitted(&key) {
            if self.still_holds(&admission) {
                self.check_holder(request, &presented, &admission)?;
                self.check_scopes(&admission)?;
                return Ok(Met::Know(admission));
            }
            self.verdicts.forget(&key);
        } else if let Some(denial) = self.verdicts.denied(&key, self.generation(), self.now()) {
            return Err(Rejection::from(&denial));
        }
        shown.check().map_err(Rejection::Malformed)?;
        Ok(Met::Ask(Question { key, credential: shown.credential(), network }))
    }

    /// What stands for a credential here, and the network it came from: verdicts may differ by it.
    fn key(&self, shown: Shown<'_>, headers: &HeaderMap, extensions: &Extensions) -> (Key, Option<u16>) {
        let network = self.networks.source(extensions.get::<Peer>(), headers).network;
        let key = match shown {
            Shown::Token { text, .. } => self.verdicts.key(0, network, [text.as_bytes(), &[]]),
            Shown::Service { id, secret } => {
                self.verdicts.key(1, network, [id.as_bytes(), secret.as_bytes()])
            }
            Shown::Certificate(certificate) => self.verdicts.key(2, network, [certificate.der(), &[]]),
        };
        (key, network)
    }

    /// The question that the request's credential has answered once.
    fn question<B>(&self, request: &Request<B>) -> Option<Question> {
        let presented = self.presented(request).ok()?;
        let shown = presented.main()?;
        let (key, network) = self.key(shown, request.headers(), request.extensions());
        Some(Question { key, credential: shown.credential(), network })
    }

    fn presented<'a, B>(&self, request: &'a Request<B>) -> Result<Presented<'a>, present::Malformed> {
        self.places.find(request.uri(), request.headers(), request.extensions(), &self.networks)
    }

    /// Has a credential judged, and remembers the verdict. Of many who come with one credential, one asks.
    pub(crate) async fn ask(self: Arc<Self>, question: Question) -> Result<Arc<Admission>, Denial> {
        match tokio::time::timeout(self.verify_timeout, self.find_out(&question)).await {
            Ok(verdict) => verdict,
            Err(_) => Err(Denial::unavailable(Duration::from_secs(1), "the verifier takes too long")),
        }
        .inspect_err(|denial| tracing::info!(detail = denial.detail(), "refused a caller"))
    }

    async fn find_out(&self, question: &Question) -> Result<Arc<Admission>, Denial> {
        let turn = loop {
            match self.verdicts.admitted_or_turn(&question.key).await {
                Ok(admission) if self.still_holds(&admission) => return Ok(admission),
                // It has ended, or was overtaken by a change.
                Ok(_) => self.verdicts.forget(&question.key),
                Err(turn) => break turn,
            }
        };
        let generation = self.generation();
        if let Some(denial) = self.verdicts.denied(&question.key, generation, self.now()) {
            return Err(denial);
        }
        let verdict = self.judge(&question.credential, question.network).await;
        match &verdict {
            // Fails if there are more verdicts than can be kept; this one is good all the same.
            Ok(admission) => drop(turn.insert(Arc::clone(admission))),
            Err(denial) if denial.kind() == DenialKind::Invalid => {
                self.verdicts.deny(question.key, denial.clone(), generation, self.now());
            }
            Err(_) => {}
        }
        verdict
    }

    async fn judge(&self, credential: &Credential, network: Option<u16>) -> Result<Arc<Admission>, Denial> {
        let mut verifiers = self.verifiers.iter().enumerate();
        let Some((index, verifier)) = verifiers.find(|(_, verifier)| verifier.recognizes(credential)) else {
            return Err(Denial::invalid("no verifier knows this kind of credential or its issuer"));
        };
        // Before the verdict: one that is overtaken by a change must not outlive it.
        let generation = verifier.generation();
        let verified = verifier.verify(credential, &self.audience, self.now()).await?;
        let admission = self.admission(verified, credential, network, (index, generation))?;
        Ok(Arc::new(admission))
    }

    /// What policy makes of an identity.
    fn admission(
        &self,
        verified: Verified,
        credential: &Credential,
        network: Option<u16>,
        (verifier, generation): (usize, u64),
    ) -> Result<Admission, Denial> {
        let now = self.now();
        let network = network.and_then(|network| self.networks.name(network));
        // Where a request comes from is for this layer to say, and no token can say it: neither to policy here, nor to
        // whoever is further in.
        let mut principal = verified.principal.without_attribute("network");
        if let Some(network) = network {
            principal = principal.with_attribute("network", network);
        }
        let verified = Verified { principal, ..verified };
        let mut end = verified.end();
        if let Some(require) = &self.require {
            let holds_until = require.check(&verified, network, now)?;
            end = [end, holds_until].into_iter().flatten().min();
        }
        if end.is_some_and(|end| end <= now) {
            return Err(Denial::invalid("expired"));
        }
        if verified.allowance().is_some() && !self.permit {
            return Err(Denial::forbid(
                "the token is limited to some operations, and nobody further in asks which",
            ));
        }
        let subject = match credential.token() {
            Some(token) if self.hand_on_tokens => Some(SubjectToken::new(Secret::new(token))),
            _ => None,
        };
        let token = credential.token().filter(|_| self.hand_on_tokens).map_or(0, str::len) as u64;
        let allowance = verified.allowance().map_or(0, |_| ALLOWANCE);
        Ok(Admission {
            bytes: bytes_of(&verified.principal) + token + allowance,
            principal: verified.principal,
            end,
            binding: verified.binding,
            allowance: verified.allowance,
            subject,
            verifier,
            generation,
        })
    }

    /// Grows with that of any verifier. Who was refused by what has changed since is judged anew.
    fn generation(&self) -> u64 {
        self.verifiers.iter().fold(0, |sum, verifier| sum.wrapping_add(verifier.generation()))
    }

    /// Whether an admission of before is still one.
    pub(crate) fn still_holds(&self, admission: &Admission) -> bool {
        let verifier = self.verifiers.get(admission.verifier);
        verifier.is_some_and(|verifier| verifier.generation() == admission.generation)
            && admission.lasts_at(self.now())
    }

    /// What is checked of every request, whether or not its credential is known.
    pub(crate) fn check<B>(&self, request: &Request<B>, admission: &Admission) -> Result<(), Rejection> {
        let presented = self.presented(request).map_err(Rejection::Malformed)?;
        self.check_holder(request, &presented, admission)?;
        self.check_scopes(admission)
    }

    /// A credential that is good in one pair of hands only is in those.
    fn check_holder<B>(
        &self,
        request: &Request<B>,
        presented: &Presented<'_>,
        admission: &Admission,
    ) -> Result<(), Rejection> {
        let Some(Shown::Token { text, dpop }) = presented.main() else {
            // Whoever binds something else than a token is not taken to mean nothing by it.
            return if admission.binding.is_none() { Ok(()) } else { Err(Rejection::Invalid) };
        };
        match (&admission.binding, &self.dpop) {
            (Some(Binding::Key(thumbprint)), Some(policy)) if dpop => {
                let Some(proof) = present::proof(request.headers()) else {
                    return Err(Rejection::InvalidProof);
                };
                let url = format!("{}{}", self.resource.origin(), request.uri().path());
                let proof = Proof {
                    text: proof,
                    method: request.method(),
                    url: &url,
                    token: text,
                    thumbprint,
                    now: self.now(),
                };
                policy.check(&proof).map_err(|denial| match denial.kind() {
                    DenialKind::Unavailable(wait) => Rejection::Unavailable(wait),
                    _ => {
                        tracing::info!(detail = denial.detail(), "refused a proof of possession");
                        Rejection::InvalidProof
                    }
                })
            }
            (Some(Binding::Certificate(thumbprint)), policy) if !dpop && !requires_key(policy) => {
                match presented.certificate.as_deref().map(crate::ClientCertificate::thumbprint) {
                    Some(shown) if shown == *thumbprint => Ok(()),
                    _ => Err(Rejection::Invalid),
                }
            }
            (None, policy) if !dpop && !requires_key(policy) => Ok(()),
            // A bound token without its proof, a proof for a token that is not bound, or a binding nobody here checks.
            _ => Err(Rejection::Invalid),
        }
    }

    /// The scopes without which nothing is possible. Those of the operation are for the message level to check, where it
    /// is known for certain; but whoever has to come back with more scopes is told all of them at once.
    fn check_scopes(&self, admission: &Admission) -> Result<(), Rejection> {
        match self.scopes.missing(None, None, &admission.principal).next() {
            None => Ok(()),
            Some(_) => Err(Rejection::WantScope),
        }
    }

    /// The scopes to ask for. Strangers are told those that the metadata names: some clients never get more than they
    /// registered with. Whoever is known and lacks some is told all that the request needs by its headers.
    fn wanted(&self, headers: &HeaderMap, rejection: &Rejection) -> Vec<&str> {
        if *rejection != Rejection::WantScope {
            return self.scopes.supported().collect();
        }
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let method = text("mcp-method");
        let tool = text("mcp-name").filter(|_| method == Some("tools/call"));
        self.scopes.needed(method, tool).collect()
    }

    /// Lets a request in: takes its credentials out and writes down whose they were. If the answer may be a stream without
    /// an end of its own, gives what it takes to look at the credential again, because the stream has to end with it.
    pub(crate) fn admit<B>(&self, request: &mut Request<B>, admission: Arc<Admission>) -> Option<Opened> {
        let waits_for_changes = *request.method() == Method::GET
            || request.headers().get("mcp-method").is_some_and(|method| method == "subscriptions/listen");
        let question = if waits_for_changes { self.question(request) } else { None };
        self.places.strip(request.headers_mut());
        let extensions = request.extensions_mut();
        extensions.insert(admission.principal.clone());
        if let Some(allowance) = &admission.allowance {
            extensions.insert(Allowed::new(Arc::clone(allowance)));
        }
        if let Some(subject) = &admission.subject {
            extensions.insert(subject.clone());
            extensions.insert(Arc::clone(&admission));
        }
        question.map(|question| Opened { admission, question })
    }

    /// Says no.
    pub(crate) fn answer<B>(&self, request: &Request<B>, rejection: &Rejection) -> Response<Bytes> {
        self.challenges.answer(request.method(), rejection, &self.wanted(request.headers(), rejection))
    }

    /// Adds the challenge to an answer in which somebody further in asks for more scopes.
    pub(crate) fn challenge<B>(&self, response: &mut Response<B>) {
        if response.status() != StatusCode::FORBIDDEN {
            return;
        }
        let refusal = response.extensions().get::<Refusal>();
        if let Some(refusal) = refusal.filter(|refusal| refusal.reason() == Reason::WantScope) {
            let scopes = refusal.scopes().to_vec();
            self.challenges.append_to(response.headers_mut(), &Rejection::WantScope, &scopes);
        }
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

/// Whether a token is refused that no key is bound to, be it bound to a certificate.
fn requires_key(policy: &Option<Dpop>) -> bool {
    policy.as_ref().is_some_and(Dpop::is_required)
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("resource", &self.resource)
            .field("audience", &self.audience)
            .field("verifiers", &self.verifiers)
            .field("verdicts", &self.verdicts)
            .finish_non_exhaustive()
    }
}
