use super::{HeaderMismatch, HeaderParams, InvalidHeaderParams, MAX_HEADER_PARAMS, UnfitArguments};
use crate::header::encode_value;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(schema: &Value) -> Result<HeaderParams, InvalidHeaderParams> {
    HeaderParams::from_input_schema(schema.to_string().as_bytes())
}

fn names(params: &HeaderParams) -> Vec<&str> {
    params.names().map(HeaderName::as_str).collect()
}

fn property(schema: Value) -> Value {
    json!({"type": "object", "properties": {"a": schema}})
}

fn annotated() -> Value {
    json!({"type": "string", "x-mcp-header": "A"})
}

fn sample() -> HeaderParams {
    read(&json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"x-mcp-header": "Count", "type": "integer"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "where": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "ZONE"}}},
        "query": {"type": "string"},
    }}))
    .unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

#[test]
fn valid_schemas() {
    for (name, schema, want) in [
        ("empty", json!({}), &[][..]),
        ("no annotation", json!({"type": "object", "properties": {"a": {"type": "number"}, "b": true}}), &[]),
        ("string", property(annotated()), &["mcp-param-a"]),
        (
            "nested",
            property(json!({"properties": {"b": {"properties": {"c": annotated()}}}})),
            &["mcp-param-a"],
        ),
        (
            "every tchar",
            property(json!({"type": "string", "x-mcp-header": "aZ09!#$%&'*+-.^_`|~"})),
            &["mcp-param-az09!#$%&'*+-.^_`|~"],
        ),
        (
            "a property with the annotation's name",
            json!({"properties": {"x-mcp-header": {"type": "string"}}}),
            &[],
        ),
        (
            "a property named properties",
            json!({"properties": {"properties": {"type": "object", "properties": {"b": annotated()}}}}),
            &["mcp-param-a"],
        ),
        ("a property named items", json!({"properties": {"items": annotated()}}), &["mcp-param-a"]),
        ("a property named $defs", json!({"properties": {"$defs": annotated()}}), &["mcp-param-a"]),
        (
            "a definition with the annotation's name",
            json!({"$defs": {"x-mcp-header": {"type": "string"}}}),
            &[],
        ),
        (
            "data, not a schema",
            property(
                json!({"default": annotated(), "const": annotated(), "enum": [annotated()], "examples": [annotated()]}),
            ),
            &[],
        ),
        (
            "$ref beside it",
            property(json!({"$ref": "#/$defs/x", "type": "string", "x-mcp-header": "A"})),
            &["mcp-param-a"],
        ),
        (
            "composition beside it",
            json!({"oneOf": [{"required": ["a"]}], "properties": {"a": annotated()}}),
            &["mcp-param-a"],
        ),
        (
            "odd but harmless",
            json!({"type": ["object"], "properties": [], "$defs": 1, "required": ["a", "b"]}),
            &[],
        ),
    ] {
        assert_eq!(names(&read(&schema).unwrap()), want, "{name}");
    }
    assert_eq!(names(&sample()).len(), 4);
    assert!(!sample().is_empty());
    assert!(HeaderParams::from_input_schema(b"{}").unwrap().is_empty());
}

#[test]
fn invalid_annotations() {
    let name = |name: Value| property(json!({"type": "string", "x-mcp-header": name}));
    let kind = |kind: Value| property(json!({"type": kind, "x-mcp-header": "A"}));
    for (what, schema, why) in [
        ("empty name", name(json!("")), "1 to 256"),
        ("space", name(json!("My Region")), "1 to 256"),
        ("colon", name(json!("Region:Primary")), "1 to 256"),
        ("line break", name(json!("Region\r\nEvil: 1")), "1 to 256"),
        ("not ASCII", name(json!("Région")), "1 to 256"),
        ("control", name(json!("a\u{1}")), "1 to 256"),
        ("too long", name(json!("a".repeat(257))), "1 to 256"),
        ("number as a name", name(json!(5)), "1 to 256"),
        ("null as a name", name(json!(null)), "1 to 256"),
        ("object as a name", name(json!({})), "1 to 256"),
        ("number", kind(json!("number")), "of type"),
        ("object", kind(json!("object")), "of type"),
        ("array", kind(json!("array")), "of type"),
        ("null", kind(json!("null")), "of type"),
        ("unknown type", kind(json!("String")), "of type"),
        ("list of types", kind(json!(["string", "null"])), "of type"),
        ("no type", property(json!({"x-mcp-header": "A"})), "of type"),
        (
            "type from a composition",
            property(json!({"anyOf": [{"type": "string"}], "x-mcp-header": "A"})),
            "of type",
        ),
        ("same name", json!({"properties": {"a": annotated(), "b": annotated()}}), "same name"),
        (
            "same name, other case",
            json!({"properties": {"a": annotated(), "b": {"type": "string", "x-mcp-header": "a"}}}),
            "same name",
        ),
        (
            "same name, nested",
            json!({"properties": {"a": annotated(), "b": {"properties": {"a": annotated()}}}}),
            "same name",
        ),
        ("root", json!({"type": "string", "x-mcp-header": "A"}), "`properties` alone"),
        (
            "beside properties",
            json!({"properties": {}, "x-other": {"x-mcp-header": "A"}}),
            "`properties` alone",
        ),
    ] {
        let error = read(&schema).unwrap_err().to_string();
        assert!(error.contains(why), "{what}: {error}");
    }
    for keyword in [
        "items",
        "additionalItems",
        "contains",
        "unevaluatedItems",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
        "contentSchema",
        "x-unknown",
    ] {
        for schema in [
            annotated(),
            property(annotated()),
            json!([annotated()]),
            json!({"properties": {"p": property(annotated())}}),
        ] {
            for schema in [json!({keyword: schema}), property(json!({"type": "string", keyword: schema}))] {
                let error = read(&schema).unwrap_err().to_string();
                assert!(error.contains("`properties` alone"), "{keyword}: {error}");
            }
        }
    }
    for keyword in ["oneOf", "anyOf", "allOf", "prefixItems", "items"] {
        let error =
            read(&property(json!({keyword: [true, [], property(annotated())]}))).unwrap_err().to_string();
        assert!(error.contains("`properties` alone"), "{keyword}: {error}");
    }
    for keyword in ["$defs", "definitions", "dependentSchemas", "patternProperties"] {
        for inner in [annotated(), property(annotated())] {
            let error = read(&json!({keyword: {"any": inner}})).unwrap_err();
            assert!(error.to_string().contains("`properties` alone"), "{keyword}: {error}");
        }
    }
}

#[test]
fn errors_say_where() {
    let schema = json!({"properties": {"a/b": {"items": {"x-mcp-header": "A"}}}});
    let error = read(&schema).unwrap_err().to_string();
    assert!(error.starts_with(r#"at "/properties/a~1b/items/x-mcp-header": "#), "{error}");
    let long = json!({"properties": {"x\n".repeat(1000): {"x-mcp-header": 1}}});
    let error = read(&long).unwrap_err().to_string();
    assert!(error.len() < 800 && !error.contains('\n'), "{error}");
}

#[test]
fn schemas_that_are_not_strict_json() {
    for schema in [
        &b""[..],
        b"[]",
        b"true",
        b"{",
        b"{} {}",
        br#"{"properties":{"a":{"type":"string","x-mcp-header":"A","x-mcp-header":"B"}}}"#,
        br#"{"properties":{"a":{"type":"string","x-mcp-header":"A","x-mcp-h\u0065ader":"B"}}}"#,
        br#"{"properties":{"a":{"type":"string","type":"number","x-mcp-header":"A"}}}"#,
        br#"{"properties":{},"properties":{"a":{"type":"string","x-mcp-header":"A"}}}"#,
        b"{\"a\":\"\xff\"}",
    ] {
        assert!(HeaderParams::from_input_schema(schema).is_err(), "{}", String::from_utf8_lossy(schema));
    }
    for (open, close) in [(r#"{"items":"#, "}"), (r#"{"properties":{"a":"#, "}}"), ("[", "]")] {
        let deep = format!(r#"{{"x":{}{{}}{}}}"#, open.repeat(5000), close.repeat(5000));
        assert!(HeaderParams::from_input_schema(deep.as_bytes()).is_err());
    }
    let escaped = br#"{"properti\u0065s":{"\u0061":{"type":"str\u0069ng","x-mcp-h\u0065ader":"\u0041"}}}"#;
    let params = HeaderParams::from_input_schema(escaped).unwrap();
    assert_eq!(params.headers_for(br#"{"a":"b"}"#).unwrap().len(), 1, "escapes are read, not refused");
}

#[test]
fn number_of_annotations() {
    let schema = |count: usize| {
        let properties: serde_json::Map<_, _> = (0..count)
            .map(|n| (format!("p{n}"), json!({"type": "string", "x-mcp-header": format!("H{n}")})))
            .collect();
        json!({ "properties": properties })
    };
    assert_eq!(names(&read(&schema(MAX_HEADER_PARAMS)).unwrap()).len(), MAX_HEADER_PARAMS);
    assert!(read(&schema(MAX_HEADER_PARAMS + 1)).unwrap_err().to_string().contains("64"));
}

#[test]
fn headers_of_a_call() {
    let params = sample();
    for (arguments, want) in [
        ("{}", &[][..]),
        ("null", &[]),
        ("[]", &[]),
        (r#"{"region":"us-west1","query":"x"}"#, &[("mcp-param-region", "us-west1")]),
        (r#"{"region":"Hello, 世界"}"#, &[("mcp-param-region", "=?base64?SGVsbG8sIOS4lueVjA==?=")]),
        (r#"{"region":"a\r\nb"}"#, &[("mcp-param-region", "=?base64?YQ0KYg==?=")]),
        (r#"{"region":""}"#, &[("mcp-param-region", "")]),
        (r#"{"region":null,"count":null,"dry":null,"where":null}"#, &[]),
        (r#"{"dry":false,"count":-7}"#, &[("mcp-param-count", "-7"), ("mcp-param-dry-run", "false")]),
        (r#"{"dry":true,"count":4.2e1}"#, &[("mcp-param-count", "42"), ("mcp-param-dry-run", "true")]),
        (r#"{"where":{"zone":"z","region":"r"}}"#, &[("mcp-param-zone", "z")]),
        (r#"{"zone":"z","where":{"where":{"zone":"z"}}}"#, &[]),
        (r#"{"where":[{"zone":"z"}]}"#, &[]),
        (r#"{"where":"zone"}"#, &[]),
        (r#"{"r\u0065gion":"\u0061"}"#, &[("mcp-param-region", "a")]),
        // By the value's own type, whatever the schema says. (In the order of the sample: `json!` sorts.)
        (
            r#"{"region":5,"count":"5","dry":"x"}"#,
            &[("mcp-param-count", "5"), ("mcp-param-dry-run", "x"), ("mcp-param-region", "5")],
        ),
    ] {
        let made = params.headers_for(arguments.as_bytes()).unwrap();
        let got: Vec<_> = made.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(got, want, "{arguments}");
        params.check(arguments.as_bytes(), &made.into_iter().collect()).unwrap();
    }
}

#[test]
fn arguments_no_header_can_mirror() {
    let params = sample();
    for (arguments, why) in [
        (r#"{"count":1.5}"#, "not an integer"),
        (r#"{"count":9007199254740992}"#, "not an integer"),
        (r#"{"count":-9007199254740992}"#, "not an integer"),
        (r#"{"count":1e400}"#, "not an integer"),
        (r#"{"region":{}}"#, "an object or an array"),
        (r#"{"region":["a"]}"#, "an object or an array"),
        (r#"{"region":"a","region":"b"}"#, "strict JSON"),
        (r#"{"region":"a","r\u0065gion":"a"}"#, "strict JSON"),
        (r#"{"query":{"x":1,"x":1}}"#, "strict JSON"),
        (r#"{"region":"a""#, "strict JSON"),
        (r#"{"region":"\ud800"}"#, "strict JSON"),
        ("", "strict JSON"),
        ("[{}", "strict JSON"),
    ] {
        let error = params.headers_for(arguments.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(why), "{arguments}: {error}");
        let all = headers(&[("mcp-param-region", "a"), ("mcp-param-count", "1")]);
        assert!(params.check(arguments.as_bytes(), &all).is_err(), "{arguments}");
        assert!(params.check(arguments.as_bytes(), &HeaderMap::new()).is_err(), "{arguments}");
    }
}

#[test]
fn checking_a_call() {
    let params = sample();
    for (arguments, lines, want) in [
        ("{}", &[][..], "ok"),
        ("{}", &[("mcp-param-unknown", "x"), ("mcp-param-unknown", "y")], "ok"),
        ("{}", &[("mcp-param-region", "eu")], "is sent, but"),
        ("{}", &[("mcp-param-region", "")], "is sent, but"),
        (r#"{"region":null}"#, &[("mcp-param-region", "null")], "is sent, but"),
        (r#"{"region":"eu"}"#, &[], "is missing"),
        (r#"{"region":""}"#, &[], "is missing"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu")], "ok"),
        (r#"{"region":"eu"}"#, &[("Mcp-Param-REGION", "eu")], "ok"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "EU")], "does not match"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu ")], "is malformed"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu"), ("mcp-param-region", "eu")], "more than once"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu"), ("mcp-param-region", "us")], "more than once"),
        ("{}", &[("mcp-param-region", "eu"), ("mcp-param-region", "us")], "more than once"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu, us")], "does not match"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "=?base64?ZXU=?=")], "ok"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "=?BASE64?ZXU=?=")], "does not match"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "=?base64?ZXU?=")], "is malformed"),
        (r#"{"region":"=?base64?ZXU=?="}"#, &[("mcp-param-region", "=?base64?ZXU=?=")], "does not match"),
        (r#"{"region":"größe"}"#, &[("mcp-param-region", "größe")], "is malformed"),
        (r#"{"count":42}"#, &[("mcp-param-count", "42")], "ok"),
        (r#"{"count":42}"#, &[("mcp-param-count", "42.0")], "ok"),
        (r#"{"count":42.0}"#, &[("mcp-param-count", "42")], "ok"),
        (r#"{"count":42}"#, &[("mcp-param-count", "=?base64?NDI=?=")], "ok"),
        (r#"{"count":42}"#, &[("mcp-param-count", "042")], "does not match"),
        (r#"{"count":42}"#, &[("mcp-param-count", "+42")], "does not match"),
        (r#"{"count":42}"#, &[("mcp-param-count", "0x2a")], "does not match"),
        (r#"{"count":42}"#, &[("mcp-param-count", "42.00000000000000000001")], "does not match"),
        (r#"{"count":42}"#, &[("mcp-param-count", "43")], "does not match"),
        (r#"{"count":42}"#, &[("mcp-param-count", "")], "does not match"),
        (r#"{"count":"42"}"#, &[("mcp-param-count", "42.0")], "does not match"),
        (r#"{"count":9007199254740993}"#, &[("mcp-param-count", "9007199254740993")], "no header can mirror"),
        (r#"{"count":1.5}"#, &[("mcp-param-count", "1.5")], "no header can mirror"),
        (r#"{"dry":true}"#, &[("mcp-param-dry-run", "true")], "ok"),
        (r#"{"dry":true}"#, &[("mcp-param-dry-run", "True")], "does not match"),
        (r#"{"dry":true}"#, &[("mcp-param-dry-run", "1")], "does not match"),
        (r#"{"dry":false}"#, &[("mcp-param-dry-run", "true")], "does not match"),
        (r#"{"where":{"zone":"z"}}"#, &[("mcp-param-zone", "z")], "ok"),
        (r#"{"where":{"zone":"z"}}"#, &[("mcp-param-zone", "y")], "does not match"),
        (r#"{"zone":"z"}"#, &[("mcp-param-zone", "z")], "is sent, but"),
    ] {
        let got = match params.check(arguments.as_bytes(), &headers(lines)) {
            Ok(()) => "ok".to_owned(),
            Err(mismatch) => {
                assert!(mismatch.name().unwrap().as_str().starts_with("mcp-param-"));
                mismatch.to_string()
            }
        };
        assert!(got.contains(want), "{arguments} {lines:?}: {got}");
    }
}

#[test]
fn types_can_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<HeaderParams>();
    check::<InvalidHeaderParams>();
    check::<UnfitArguments>();
    check::<HeaderMismatch>();
}

proptest! {
    /// What we send, we accept; and one changed header, we do not.
    #[test]
    fn round_trip(region in any::<String>(), count in -((1_i64 << 53) - 1)..(1 << 53), dry in any::<bool>(), other in any::<String>()) {
        let params = sample();
        let arguments = json!({"region": region, "count": count, "dry": dry, "query": other}).to_string();
        let mut headers: HeaderMap = params.headers_for(arguments.as_bytes()).unwrap().into_iter().collect();
        prop_assert_eq!(headers.len(), 3);
        prop_assert!(params.check(arguments.as_bytes(), &headers).is_ok());
        headers.insert("mcp-param-region", encode_value(&other));
        prop_assert_eq!(params.check(arguments.as_bytes(), &headers).is_ok(), region == other);
    }

    #[test]
    fn never_panics(schema in "[{}\\[\\]:,\"ax]{0,40}|(\\{|\\}|\\[|\\]|:|,|\"properties\"|\"type\"|\"string\"|\"x-mcp-header\"|\"a\"){0,24}") {
        let _ = HeaderParams::from_input_schema(schema.as_bytes());
        let _ = sample().headers_for(schema.as_bytes());
    }
}
