//! The control endpoint under `/_sandbox`: health, counters, faults, tokens, reset.
//!
//! | request | effect |
//! |---|---|
//! | `GET /_sandbox/health` | 200 once the stand-in serves |
//! | `GET /_sandbox/counters`, `DELETE` | what was counted; back to zero |
//! | `GET /_sandbox/faults` | the rules in force and how often each has hit |
//! | `POST /_sandbox/faults` | adds one rule or a list of them ([`crate::faults::Rule`]) |
//! | `PUT /_sandbox/faults` | replaces all rules |
//! | `DELETE /_sandbox/faults` | no faults from now on |
//! | `PUT /_sandbox/seed` | `{"seed": 42}`: chance starts anew |
//! | `PUT /_sandbox/tokens` | `{"lifetime_seconds": 5}` for the tokens given from now on |
//! | `DELETE /_sandbox/tokens` | makes every token unknown |
//! | `POST /_sandbox/delta/expire` | every delta token given so far has expired |
//! | `POST /_sandbox/reset` | no rows, no faults, counters at zero |

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Tokens;
use crate::counters::Counters;
use crate::faults::{Faults, Rule};
use crate::rows::{Rows, RowsError};

/// The parts of a stand-in that the control endpoint reaches. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Control {
    /// What the stand-in is: `dataverse` or `finops`.
    pub name: &'static str,
    /// Its faults.
    pub faults: Faults,
    /// Its counters.
    pub counters: Counters,
    /// Its tokens.
    pub tokens: Tokens,
    /// Its rows.
    pub rows: Rows,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    lifetime_seconds: i64,
}

impl Control {
    /// Answers a request whose path starts with `/_sandbox`.
    pub fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Response<Bytes> {
        let topic = path.trim_start_matches("/_sandbox").trim_matches('/');
        let outcome = match (method.as_str(), topic) {
            ("GET", "health") => Ok(json!({"status": "ok", "name": self.name})),
            ("GET", "counters") => {
                serde_json::to_value(self.counters.counts()).map_err(|error| error.to_string())
            }
            ("DELETE", "counters") => {
                self.counters.reset();
                Ok(Value::Null)
            }
            ("GET", "faults") => {
                serde_json::to_value(self.faults.rules()).map_err(|error| error.to_string())
            }
            ("POST", "faults") => rules(body).map(|rules| {
                for rule in rules {
                    self.faults.add(rule);
                }
                Value::Null
            }),
            ("PUT", "faults") => rules(body).map(|rules| {
                self.faults.replace(rules);
                Value::Null
            }),
            ("DELETE", "faults") => {
                self.faults.replace(Vec::new());
                Ok(Value::Null)
            }
            ("PUT", "seed") => read::<Seed>(body).map(|wanted| {
                self.faults.reseed(wanted.seed);
                Value::Null
            }),
            ("PUT", "tokens") => read::<Lifetime>(body).map(|wanted| {
                self.tokens.set_lifetime(wanted.lifetime_seconds);
                Value::Null
            }),
            ("DELETE", "tokens") => {
                self.tokens.revoke_all();
                Ok(Value::Null)
            }
            ("POST", "delta/expire") => self
                .rows
                .write(|tx| -> Result<_, RowsError> {
                    let version = tx.next_version();
                    tx.raise_delta_floor(version)?;
                    Ok(json!({"expired_before": version}))
                })
                .map_err(|error| error.to_string()),
            ("POST", "reset") => {
                self.faults.replace(Vec::new());
                self.counters.reset();
                self.rows
                    .clear()
                    .map(|()| Value::Null)
                    .map_err(|error| error.to_string())
            }
            _ => {
                let text = format!("nothing answers {method} {path} here");
                return response(StatusCode::NOT_FOUND, &json!({"error": text}));
            }
        };
        match outcome {
            Ok(Value::Null) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Ok(body) => response(StatusCode::OK, &body),
            Err(error) => response(StatusCode::BAD_REQUEST, &json!({"error": error})),
        }
    }
}

fn rules(body: &[u8]) -> Result<Vec<Rule>, String> {
    // Parsed by its first character: an untagged enum would hide what is wrong with a rule.
    if body.trim_ascii_start().starts_with(b"[") {
        read(body)
    } else {
        read(body).map(|rule| vec![rule])
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body does not fit: {error}"))
}

fn response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
