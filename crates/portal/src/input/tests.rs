use super::*;

#[test]
fn what_a_request_needs_and_what_declares_it() {
    let (tools, both) = (Needs::SAMPLING.and(Needs::SAMPLING_TOOLS), Needs::FORM.and(Needs::URL));
    let table = [
        (r#"{"method":"roots/list"}"#, Ok(Needs::ROOTS), r#"{"roots":{}}"#),
        (r#"{"method":"sampling/createMessage","params":{}}"#, Ok(Needs::SAMPLING), r#"{"sampling":{}}"#),
        (
            r#"{"method":"sampling/createMessage","params":{"tools":[]}}"#,
            Ok(tools),
            r#"{"sampling":{"tools":{}}}"#,
        ),
        (
            r#"{"params":{"toolChoice":{}},"\u006dethod":"sampling/createMessage"}"#,
            Ok(tools),
            r#"{"sampling":{"tools":{}}}"#,
        ),
        (r#"{"method":"elicitation/create"}"#, Ok(Needs::FORM), r#"{"elicitation":{"form":{}}}"#),
        (
            r#"{"method":"elicitation/create","params":{"mode":"form"}}"#,
            Ok(Needs::FORM),
            r#"{"elicitation":{}}"#,
        ),
        (
            r#"{"method":"elicitation/create","params":{"mode":"u\u0072l"}}"#,
            Ok(Needs::URL),
            r#"{"elicitation":{"url":{}}}"#,
        ),
        (r#"{"method":"elicitation/create","params":{"mode":"video"}}"#, Err(NotARequest), "{}"),
        (r#"{"method":"elicitation/create","params":{"mode":1}}"#, Err(NotARequest), "{}"),
        (r#"{"method":"tools/call"}"#, Err(NotARequest), "{}"),
        (r#"{"method":7}"#, Err(NotARequest), "{}"),
        (r"{}", Err(NotARequest), "{}"),
        ("[]", Err(NotARequest), "{}"),
    ];
    for (request, needs, capabilities) in table {
        let requests = format!(r#"{{"one":{request}}}"#);
        assert_eq!(needs_of(requests.as_bytes(), 0..requests.len()), needs, "{request}");
        let missing = needs.unwrap_or_default().without(Needs::declared(capabilities.as_bytes()));
        assert!(missing.is_empty(), "{request}: {missing:?}");
    }
    assert_eq!(needs_of(b"{}", 0..2), Ok(Needs::default()));
    assert_eq!(needs_of(b"[]", 0..2), Err(NotARequest));
    let all = br#"{"a":{"method":"elicitation/create"},"b":{"method":"elicitation/create","params":{"mode":"url"}}}"#;
    assert_eq!(needs_of(all, 0..all.len()), Ok(both));
}

#[test]
fn what_is_declared_by_halves_is_not_declared() {
    for (capabilities, declared) in [
        (r#"{"elicitation":{"url":{}}}"#, Needs::URL),
        (r#"{"elicitation":{"url":true}}"#, Needs::FORM),
        (r#"{"elicitation":true,"sampling":null,"roots":[]}"#, Needs::default()),
        (r#"{"sampling":{"tools":true}}"#, Needs::SAMPLING),
        (r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#, Needs::TASKS),
        (r#"{"io.modelcontextprotocol/tasks":{}}"#, Needs::default()),
        ("null", Needs::default()),
    ] {
        assert_eq!(Needs::declared(capabilities.as_bytes()), declared, "{capabilities}");
    }
}

#[test]
fn what_is_missing_is_told_in_the_words_of_the_schema() {
    let all = Needs::ROOTS.and(Needs::SAMPLING).and(Needs::SAMPLING_TOOLS).and(Needs::URL).and(Needs::TASKS);
    let text = r#"{"roots":{},"sampling":{"tools":{}},"elicitation":{"url":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    assert_eq!(all.to_json(), text);
    assert_eq!(Needs::declared(text.as_bytes()), all);
    assert_eq!(Needs::SAMPLING.to_json(), r#"{"sampling":{}}"#);
}
