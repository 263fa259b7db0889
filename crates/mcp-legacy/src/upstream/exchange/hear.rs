//! What the caller hears of what the server says.

use portcullis_mcp_jsonrpc::{Failure, Kind, Message, code};

use super::Exchange;
use crate::upstream::answer::{self, Form};
use crate::upstream::builder::Sharing;
use crate::upstream::capabilities::Abilities;
use crate::upstream::flight::{MAX_QUESTIONS, Way};
use crate::upstream::request::Method;
use crate::upstream::{edit, route};

/// The error of 2025-11-25 by which a server has the client open pages before it calls again (Elicitation, "URL
/// Elicitation Required Error").
const URL_ELICITATION_REQUIRED: i64 = -32042;

impl Exchange {
    /// What the caller hears of what the server says.
    pub(super) fn hear(&mut self, message: Message, way: Way) -> Result<Option<Message>, Failure> {
        let Some(flight) = &mut self.flight else { return Ok(None) };
        let method = message.method().unwrap_or_default();
        match message.kind() {
            Kind::Request => {
                self.ask(&message);
                Ok(None)
            }
            Kind::Notification => {
                if !flight.questions.is_empty() {
                    self.delayed += 1;
                }
                match method {
                    "notifications/progress" => {
                        let token = self.request.token.as_deref();
                        let own = flight.has_token(answer::progress_token(&message));
                        Ok(token.filter(|_| own).and_then(|token| answer::progress(&message, token)))
                    }
                    "notifications/message" => {
                        let wanted =
                            answer::log_level(&message).filter(|level| self.request.level.wants(*level));
                        Ok(wanted.map(|_| message))
                    }
                    "notifications/cancelled" => {
                        flight.cancelled(&message);
                        Ok(None)
                    }
                    method if route::is_change(method) => {
                        route::changed(flight.session(), &message);
                        Ok(None)
                    }
                    method if route::is_obsolete(method) => Ok(None),
                    _ => Ok(Some(message)),
                }
            }
            Kind::Result | Kind::Error if !flight.is_answer(&message) => Ok(None),
            Kind::Result | Kind::Error if way == Way::Session => Ok(None),
            Kind::Result | Kind::Error => self.answer(message),
        }
    }

    /// The answer, unless it only says that the call takes a detour.
    fn answer(&mut self, message: Message) -> Result<Option<Message>, Failure> {
        let Some(flight) = &mut self.flight else { return Ok(None) };
        let refused = message.error_code() == Some(code::METHOD_NOT_FOUND);
        if refused && std::mem::take(&mut self.may_turn) {
            // A tool that must be a task says so of a call that is none, and one that must not, of one that is
            // (2025-11-25, Tasks, "Tool-Level Negotiation").
            let request = &self.request;
            if let Some(tool) = request.tool() {
                flight.session().note_task(tool, false);
            }
            self.as_task = !self.as_task;
            flight.send(|id| request.to_legacy(id, self.as_task))?;
            return Ok(None);
        }
        if std::mem::take(&mut self.as_task) {
            let task = message.result().and_then(|result| edit::member(result, "task"));
            let task = task.and_then(|task| edit::text(task, "taskId"));
            if let Some(tool) = self.request.tool() {
                flight.session().note_task(tool, task.is_some());
            }
            if let Some(task) = task {
                flight.follow(task)?;
                return Ok(None);
            }
        }
        self.may_turn = false;
        if self.request.level.get().is_some() {
            // A server that has one channel for everything has said before the answer what belongs before it.
            flight.session().catch_up();
        }
        self.answered = Some(message);
        Ok(None)
    }

    /// The answer, as the caller gets it.
    pub(super) fn land(&mut self, answer: &Message) -> Result<Message, Failure> {
        let flight = self.flight.take();
        let task = flight.as_ref().is_some_and(|flight| flight.is_task());
        if let Some(mut flight) = flight {
            flight.landed();
            if answer.error_code() == Some(URL_ELICITATION_REQUIRED)
                && let Some(visit) = self.visit(answer, flight.entry().abilities)
            {
                return Ok(visit);
            }
        }
        let settings = &self.shared.settings;
        let once = match settings.sharing {
            Sharing::PerPrincipal => r#""ttlMs":0,"cacheScope":"private""#,
            Sharing::Shared => r#""ttlMs":0,"cacheScope":"public""#,
        };
        let form = Form {
            cache: match self.request.method {
                Method::ListTools | Method::List => Some(&self.shared.cache),
                Method::ReadResource => Some(once),
                Method::CallTool | Method::GetPrompt | Method::Other => None,
            },
            executions: self.request.method == Method::ListTools,
            task,
        };
        answer::translate(answer, &self.request.id, form)
    }

    /// Asks the client to visit the pages that an error of the server's names, after which the call can be made again. The
    /// call is over, so there is no state to come back with. None if this client cannot, or did not want to.
    fn visit(&self, error: &Message, abilities: Abilities) -> Option<Message> {
        let pages = answer::pages(error)?;
        let fits = self.request.method.may_ask() && pages.len() <= MAX_QUESTIONS;
        if !fits || !pages.iter().all(|page| abilities.can_answer(page)) {
            return None;
        }
        let pages: Option<Vec<_>> = pages.iter().map(answer::question).collect();
        let pages: Vec<_> =
            pages?.into_iter().zip(1..).map(|(page, n)| (format!("page-{n}"), page)).collect();
        let refuses = |key: &str| {
            let response = self.request.response(key);
            response.is_some_and(|response| edit::text(response, "action").as_deref() != Some("accept"))
        };
        if pages.iter().any(|(key, _)| refuses(key)) {
            return None;
        }
        answer::input_required(&self.request.id, pages.iter().map(|(key, page)| (&**key, page)), None)
    }

    /// A request of the server's during the call.
    fn ask(&mut self, message: &Message) {
        let Some(flight) = &mut self.flight else { return };
        let Some(id) = message.id() else { return };
        let session = flight.session();
        if !route::is_question(message.method().unwrap_or_default()) {
            route::simple(session, message);
        } else if !flight.entry().abilities.can_answer(message) {
            session.refuse(id, code::METHOD_NOT_FOUND, "the client has no such capability");
        } else if !flight.entry().may_ask {
            session.refuse(id, code::INTERNAL_ERROR, "nothing can be asked during this request");
        } else if let Some(text) = answer::question(message) {
            flight.keep(id.clone(), text);
        } else {
            session.refuse(id, code::INVALID_PARAMS, "the params cannot be passed on");
        }
    }
}
