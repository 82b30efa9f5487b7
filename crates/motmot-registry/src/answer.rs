//! What a registry's response means. Pure: a status and a body in, a meaning out.

use motmot_wire::SchemaError;
use serde::Deserialize;

use crate::error::{Failure, Found, Kind};

/// The longest schema that is taken. motmot's longest has 7 KiB.
const MAX_SCHEMA: usize = 1 << 20;
/// Confluent's own codes, in the body of a 404.
const NO_SUBJECT: u32 = 40_401;
const NO_SCHEMA: u32 = 40_403;

/// A response, its body cut at a bound.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) is_cut: bool,
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
    #[serde(default, rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
}

#[derive(Deserialize)]
struct Number {
    id: u32,
}

#[derive(Deserialize)]
struct Complaint {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// A registry's no to a schema that was to be registered or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    NotThere,
    Refused(String),
}

impl Response {
    /// The schema of a number; none: the registry says that it has none.
    pub(crate) fn schema(&self) -> Result<Option<Found>, Failure> {
        match self.status {
            200 => {
                let Schema { schema, schema_type, references } = self.json()?;
                if schema.len() > MAX_SCHEMA {
                    return Err(failure(
                        Kind::Nonsense,
                        format!("its schema has {} bytes, more than {MAX_SCHEMA}", schema.len()),
                    ));
                }
                if let Some(other) = schema_type.filter(|kind| kind != "AVRO") {
                    return Ok(Some(Err(SchemaError::NotASchema { detail: format!("it is of the type {other}") })));
                }
                let names: Vec<String> = references.unwrap_or_default().into_iter().map(|reference| reference.name).collect();
                if !names.is_empty() {
                    return Ok(Some(Err(SchemaError::HasReferences { names: names.join(", ") })));
                }
                Ok(Some(Ok(schema)))
            }
            404 if self.complaint().is_some_and(|complaint| complaint.error_code == NO_SCHEMA) => Ok(None),
            _ => Err(self.failure()),
        }
    }

    /// The number of a schema under a subject.
    pub(crate) fn number(&self) -> Result<Result<u32, No>, Failure> {
        match (self.status, self.complaint()) {
            (200, _) => Ok(Ok(self.json::<Number>()?.id)),
            (404, Some(complaint)) if [NO_SUBJECT, NO_SCHEMA].contains(&complaint.error_code) => Ok(Err(No::NotThere)),
            (409 | 422, Some(complaint)) => Ok(Err(No::Refused(complaint.message))),
            _ => Err(self.failure()),
        }
    }

    fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        if self.is_cut {
            return Err(failure(Kind::Nonsense, format!("its answer has more than {} bytes", self.body.len())));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| failure(Kind::Nonsense, format!("its answer is none of a registry's ({error}): {}", self.quote())))
    }

    fn complaint(&self) -> Option<Complaint> {
        serde_json::from_slice(&self.body).ok()
    }

    fn failure(&self) -> Failure {
        let kind = match self.status {
            401 | 403 => Kind::Unauthorized,
            404 | 300..=399 => Kind::Nonsense,
            _ => Kind::Status,
        };
        let said = self.complaint().map_or_else(|| self.quote(), |complaint| complaint.message);
        let mend = match self.status {
            401 | 403 => "; check registry.user and registry.password_file, or registry.token_file, and what this user may do",
            404 | 300..=399 => "; is registry.url right, its path included?",
            _ => "",
        };
        failure(kind, format!("it answers {} ({said}){mend}", self.status))
    }

    /// The beginning of the body, for whoever wonders what this server is.
    fn quote(&self) -> String {
        let text = String::from_utf8_lossy(self.body.get(..80).unwrap_or(&self.body));
        if text.trim().is_empty() { "an empty body".to_owned() } else { format!("{:?}", text.trim()) }
    }
}

fn failure(kind: Kind, detail: String) -> Failure {
    Failure { kind, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), is_cut: false }
    }

    fn check_failure(response: &Response, kind: Kind, words: &str) {
        let failure = response.schema().unwrap_err();
        assert!(failure.kind == kind && failure.detail.contains(words), "{failure:?}");
        assert_eq!(response.number().unwrap_err().kind, kind);
    }

    #[test]
    fn a_schema_and_its_absence_are_a_registrys_own_words() {
        assert_eq!(
            response(200, r#"{"schema": "\"long\"", "references": [], "id": 3}"#).schema(),
            Ok(Some(Ok("\"long\"".to_owned())))
        );
        assert_eq!(response(404, r#"{"error_code": 40403, "message": "Schema not found"}"#).schema(), Ok(None));
        assert_eq!(response(404, r#"{"error_code": 40401, "message": "no subject"}"#).number(), Ok(Err(No::NotThere)));
        assert_eq!(response(200, r#"{"id": 7}"#).number(), Ok(Ok(7)));
        let refused = response(409, r#"{"error_code": 409, "message": "incompatible"}"#).number();
        assert_eq!(refused, Ok(Err(No::Refused("incompatible".to_owned()))));
    }

    #[test]
    fn what_is_no_avro_or_not_whole_is_refused_in_words() {
        let references = r#"{"schema": "\"a.B\"", "references": [{"name": "a.B", "subject": "s", "version": 1}]}"#;
        assert_eq!(response(200, references).schema(), Ok(Some(Err(SchemaError::HasReferences { names: "a.B".to_owned() }))));
        let protobuf = response(200, r#"{"schema": "message M {}", "schemaType": "PROTOBUF"}"#).schema();
        assert!(matches!(protobuf, Ok(Some(Err(SchemaError::NotASchema { .. })))), "{protobuf:?}");
    }

    #[test]
    fn nonsense_is_no_answer() {
        check_failure(&response(200, "<html>welcome</html>"), Kind::Nonsense, "<html>welcome</html>");
        check_failure(&response(200, r#"{"schema": "{\"type\""#), Kind::Nonsense, "none of a registry's");
        check_failure(&response(200, "{}"), Kind::Nonsense, "missing field");
        check_failure(&response(200, ""), Kind::Nonsense, "an empty body");
        check_failure(&Response { is_cut: true, ..response(200, "{\"schema\": ") }, Kind::Nonsense, "more than");
        check_failure(&response(404, "<html>no such page</html>"), Kind::Nonsense, "is registry.url right");
        check_failure(&response(404, r#"{"error_code": 404, "message": "HTTP 404"}"#), Kind::Nonsense, "HTTP 404");
        check_failure(&response(302, ""), Kind::Nonsense, "302");
        check_failure(&response(401, ""), Kind::Unauthorized, "registry.password_file");
        check_failure(&response(503, "busy"), Kind::Status, "503");
        let long = format!("{{\"schema\": \"{}\"}}", "x".repeat(MAX_SCHEMA + 1));
        assert_eq!(response(200, &long).schema().unwrap_err().kind, Kind::Nonsense);
    }
}
