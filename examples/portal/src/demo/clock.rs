//! A server that knows the time, and takes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis_mcp_jsonrpc::{Failure, Id, Message, Reply};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::host::{Answer, Content, fragment, no_method};

/// How far, and how slowly, `count` counts at most.
const MOST: u64 = 100;
const SLOWEST: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Clock;

impl Content for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn capabilities(&self) -> Value {
        json!({ "tools": {} })
    }

    fn answer(&self, id: &Id, method: &str, params: &Value) -> Answer {
        match method {
            "tools/list" => Answer::list("tools", tools()),
            "tools/call" => match params["name"].as_str() {
                Some("now") => Answer::text(now(SystemTime::now())),
                Some("count") => count(id, params),
                _ => Answer::unknown("tool"),
            },
            _ => no_method(),
        }
    }
}

fn tools() -> Value {
    json!([
        {
            "name": "now",
            "title": "Time",
            "description": "The time, in UTC.",
            "inputSchema": { "type": "object", "additionalProperties": false },
            "annotations": { "readOnlyHint": true },
        },
        {
            "name": "count",
            "title": "Count",
            "description": "Counts aloud, as progress notifications if you give a progressToken.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "to": { "type": "integer", "minimum": 1, "maximum": MOST, "default": 3 },
                    "everyMs": { "type": "integer", "minimum": 0, "maximum": SLOWEST, "default": 500 },
                },
                "additionalProperties": false,
            },
            "annotations": { "readOnlyHint": true },
        },
    ])
}

/// A stream with a notification per number, and the result.
fn count(id: &Id, params: &Value) -> Answer {
    let arguments = &params["arguments"];
    let to = arguments["to"].as_u64().unwrap_or(3).clamp(1, MOST);
    let every = Duration::from_millis(arguments["everyMs"].as_u64().unwrap_or(500).min(SLOWEST));
    let token = params.pointer("/_meta/progressToken").cloned().unwrap_or_default();
    let silent = token.is_null();
    let id = id.clone();
    let begin = Instant::now();
    let messages = futures_util::stream::unfold(0_u64, move |said| {
        let (id, token) = (id.clone(), token.clone());
        async move {
            let next = said + 1;
            if said > to {
                return None;
            }
            tokio::time::sleep_until(begin + every * u32::try_from(said).unwrap_or(u32::MAX)).await;
            let message = if said == to {
                let text = format!("Counted to {to}.");
                let result = json!({ "content": [{ "type": "text", "text": text }] });
                Message::from_result(&id, &fragment(result, true))
            } else {
                let progress = json!({ "progressToken": token, "progress": next, "total": to });
                Message::from_notification("notifications/progress", &fragment(progress, false))
            };
            Some((Ok::<_, Failure>(message), next))
        }
    });
    // Without a token nobody is to be told of progress.
    match silent {
        false => Answer::Stream(Box::new(Reply::stream(messages))),
        true => {
            Answer::Stream(Box::new(Reply::stream(futures_util::StreamExt::filter(messages, |message| {
                std::future::ready(message.as_ref().map_or(true, Message::is_answer))
            }))))
        }
    }
}

/// RFC 3339, without a library: the civil calendar from days since 1970 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
fn now(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_knows_its_leap_days() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_785_196_800, "2026-07-28T00:00:00Z"),
        ] {
            assert_eq!(now(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
