//! Finds the server that a call is for, where its name alone does not say so.

use std::sync::Arc;

use futures_util::future::join3;
use portcullis_core::Document;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Reply};

use crate::backend::Backend;
use crate::catalogue::Catalogue;
use crate::catalogue::page::INTERFACE;
use crate::class::Origin;
use crate::headers::{learn, must_learn};
use crate::kind::Kind;
use crate::owner::{self, Owner};
use crate::reference::Reference;
use crate::shared::Shared;
use crate::shelf::Need;
use crate::trouble::Trouble;
use crate::{Namespace, names, refuse};

/// Where a call goes.
enum Target {
    /// To this server, under its own name.
    Server(usize, Option<String>),
    Ambiguous(Vec<usize>),
    Nowhere,
}

impl Shared {
    /// Sends `tools/call` or `prompts/get` to the server that has the name.
    pub(crate) async fn call_by_name(self: Arc<Self>, kind: Kind, mut call: Call) -> Result<Reply, Failure> {
        let name = call.name().unwrap_or_default().to_owned();
        match self.find_name(kind, &name, &call).await? {
            Target::Server(server, bare) => {
                if let Some(bare) = bare {
                    call.message_mut().set_name(&bare);
                }
                self.send_to(server, call).await
            }
            Target::Ambiguous(servers) => Ok(self.ambiguous(&call, kind, &name, &servers)),
            Target::Nowhere => Ok(refuse::unknown_name(&call, kind, &name)),
        }
    }

    /// Sends `resources/read` to the server that has the URI.
    pub(crate) async fn call_by_uri(self: Arc<Self>, call: Call) -> Result<Reply, Failure> {
        let uri = call.name().unwrap_or_default().to_owned();
        match self.find_uri(&uri, &call).await? {
            Some(server) => self.send_to(server, call).await,
            None => Ok(refuse::unknown_uri(&call, &uri)),
        }
    }

    /// Sends `completion/complete` to the server that has the prompt or template it refers to.
    pub(crate) async fn complete(self: Arc<Self>, mut call: Call) -> Result<Reply, Failure> {
        let Some(reference) = Reference::read(&call) else {
            return Ok(refuse::invalid_params(&call, "ref must name a prompt or a resource"));
        };
        match reference {
            Reference::Prompt { name, at } => match self.find_name(Kind::Prompts, &name, &call).await? {
                Target::Server(server, bare) => {
                    if let Some(bare) = bare {
                        let text = call.message().text().clone();
                        let mut splice = Splice::new(&text);
                        splice.replace(at, json::quote(&bare));
                        let changed = splice.finish().map_err(|error| internal(error.into()))?;
                        call.message_mut().rewrite(changed).map_err(internal)?;
                    }
                    self.send_to(server, call).await
                }
                Target::Ambiguous(servers) => Ok(self.ambiguous(&call, Kind::Prompts, &name, &servers)),
                Target::Nowhere => Ok(refuse::unknown_name(&call, Kind::Prompts, &name)),
            },
            Reference::Resource { uri } => match self.find_uri(&uri, &call).await? {
                Some(server) => self.send_to(server, call).await,
                None => Ok(refuse::unknown_uri(&call, &uri)),
            },
        }
    }

    async fn send_to(&self, server: usize, mut call: Call) -> Result<Reply, Failure> {
        let Some(backend) = self.backends.get(server) else {
            return Err(internal("the server is gone".into()));
        };
        if must_learn(backend, &call) {
            learn(backend, &Arc::new(Origin::of(&call))).await;
        }
        if let Err(refusal) = backend.prepare(&mut call) {
            return Ok(*refusal);
        }
        let permit = backend.calls.enter().await?;
        backend.forward(call, permit).await
    }

    async fn find_name(&self, kind: Kind, name: &str, call: &Call) -> Result<Target, Failure> {
        if self.settings.namespace != Namespace::Never
            && let Some((id, bare)) = names::split(name)
            && let Some(server) = self.backends.iter().position(|backend| backend.id() == id)
        {
            return Ok(Target::Server(server, Some(bare.to_owned())));
        }
        if self.settings.namespace == Namespace::Always {
            return Ok(Target::Nowhere);
        }
        if self.only().is_some() {
            // What the only server does not know, it may say so itself.
            return Ok(Target::Server(0, None));
        }
        let origin = Arc::new(Origin::of(call));
        for need in self.needs() {
            let parts = self.known(kind, &origin, need).await;
            match owner::of(kind, self.rules(), &parts.catalogues, name) {
                Owner::Server(server) => return Ok(Target::Server(server, None)),
                Owner::Ambiguous(servers) => return Ok(Target::Ambiguous(servers)),
                Owner::Nobody => parts.fail_if(need)?,
            }
        }
        Ok(Target::Nowhere)
    }

    async fn find_uri(&self, uri: &str, call: &Call) -> Result<Option<usize>, Failure> {
        if self.only().is_some() {
            return Ok(Some(0));
        }
        let origin = Arc::new(Origin::of(call));
        for need in self.needs() {
            let of = |kind| self.known(kind, &origin, need);
            let tools = async {
                match uri.starts_with(INTERFACE) {
                    true => of(Kind::Tools).await,
                    false => Known::default(),
                }
            };
            let (resources, templates, tools) = join3(of(Kind::Resources), of(Kind::Templates), tools).await;
            let found = locate(self, uri, [&resources, &templates, &tools].map(|one| &*one.catalogues));
            if found.is_some() {
                return Ok(found);
            }
            resources.fail_if(need)?;
            templates.fail_if(need)?;
            tools.fail_if(need)?;
        }
        Ok(None)
    }

    /// Which server has a URI, going by what this caller was told so far.
    pub(crate) fn locate_known(&self, uri: &str, origin: &Origin) -> Option<usize> {
        let known = [Kind::Resources, Kind::Templates, Kind::Tools].map(|kind| self.peek(kind, origin));
        locate(self, uri, known.each_ref().map(|one| &**one))
    }

    /// A name is looked up in the lists that are there, and once more in newer ones if nobody has it. How often that
    /// may happen is bounded, or a flood of unknown names here would be a flood of lists there.
    fn needs(&self) -> [Need; 2] {
        [Need::Any, Need::Within(self.settings.limits.miss_interval)]
    }

    fn peek(&self, kind: Kind, origin: &Origin) -> Vec<Option<Arc<Catalogue>>> {
        let known = |backend: &Arc<Backend>| backend.shelf(kind).peek(&origin.class).map(|stock| stock.value);
        self.backends.iter().map(known).collect()
    }

    async fn known(&self, kind: Kind, origin: &Arc<Origin>, need: Need) -> Known {
        // A server that was down once must not hold up the calls of the others each time.
        let tried = |backend: &Arc<Backend>| backend.shelf(kind).was_tried(&origin.class);
        if need == Need::Any && self.backends.iter().all(tried) {
            return Known { catalogues: self.peek(kind, origin), failure: None };
        }
        let parts = self.parts(kind, origin, need).await;
        let failure = self.backends.iter().zip(&parts).find_map(|(backend, part)| match &part.trouble {
            Some(trouble @ Trouble::Failure(..)) if part.stock.is_none() => {
                Some(trouble.to_failure(backend.id()))
            }
            _ => None,
        });
        let catalogues = parts.into_iter().map(|part| part.stock.map(|stock| stock.value)).collect();
        Known { catalogues, failure }
    }

    fn ambiguous(&self, call: &Call, kind: Kind, name: &str, servers: &[usize]) -> Reply {
        let ids = self.ids();
        let ids: Vec<_> = servers.iter().filter_map(|server| ids.get(*server).copied()).collect();
        refuse::ambiguous(call, kind, name, &ids, self.settings.namespace != Namespace::Never)
    }
}

/// What is known of a list, and what stands in the way of knowing more.
#[derive(Default)]
struct Known {
    catalogues: Vec<Option<Arc<Catalogue>>>,
    failure: Option<Failure>,
}

impl Known {
    /// Nobody has it among those that could be asked last: whether the others have it, nobody can say.
    fn fail_if(self, need: Need) -> Result<(), Failure> {
        match (need, self.failure) {
            (Need::Within(_), Some(failure)) => Err(failure),
            _ => Ok(()),
        }
    }
}

/// Who has a URI, going by the lists of resources, of templates and of tools.
fn locate(shared: &Shared, uri: &str, lists: [&[Option<Arc<Catalogue>>]; 3]) -> Option<usize> {
    let [resources, templates, tools] = lists;
    for (kind, parts) in [(Kind::Resources, resources), (Kind::Templates, templates)] {
        // A completion refers to a template by the template itself.
        if let Owner::Server(server) = owner::of(kind, shared.rules(), parts, uri) {
            return Some(server);
        }
    }
    owner::by_interface(tools, uri).or_else(|| owner::by_template(templates, uri))
}

fn internal(error: portcullis_core::BoxError) -> Failure {
    Failure::new(FailureKind::Internal).with_source(error)
}
