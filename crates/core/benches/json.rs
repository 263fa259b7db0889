//! What it costs to read, walk and change a message.
//!
//! `serde_json` reading into `IgnoredAny` stands next to each reading, as the measure everybody knows; it checks
//! neither duplicate names nor depth in the same way.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot run should stop")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_core::json::{self, Reader, Splice, Token, Walker};
use serde::de::IgnoredAny;

/// A call as a coding agent sends it, about 1 KiB.
const TOOLS_CALL: &str = concat!(
    r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"github__create_issue","#,
    r#""arguments":{"owner":"portcullis-rs","repo":"portcullis","title":"Refuse duplicate keys in params","#,
    r#""body":"The gateway and the server behind it must never read two different values out of one message."#,
    r#" A filter that sees the first member and a server that takes the last one do not agree on what was called,"#,
    r#" and every decision that was made on the way is void. Refuse such messages before anything else looks at them."#,
    r#"","labels":["security","codec"],"assignees":["alice"],"milestone":3,"draft":false,"estimate":2.5},"#,
    r#""_meta":{"progressToken":"a81c02","io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"inspector","version":"2.12.0","title":"MCP Inspector"},"#,
    r#""io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}}},"#,
    r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}"#,
);

const PROSE: &str =
    "A layer may hold one message, never a whole stream, and forwards each as soon as it is judged. ";
const GREEK: &str = "Ένα επίπεδο κρατά ένα μήνυμα, ποτέ ολόκληρη ροή, and passes it on. ";
const CODE: &str =
    r#"    let name = call.name();\n    assert_eq!(name, \"search\");\n    println!(\"found\");\n"#;
/// What an encoder writes that keeps to ASCII.
const UNICODE: &str = r#"Les caf\u00e9s \u00e0 la cr\u00e8me, o\u00f9 l'on est bien assis.\n"#;

/// Pieces of source code, about 18 bytes from one escape to the next.
const CODE_PIECES: &[&str] = &[
    r#"\n    "#,
    r#";\n"#,
    r#" {\n        "#,
    r#"}\n\n"#,
    r#"\"found\""#,
    r#"\"C:\\temp\""#,
    r#"\t"#,
    "let name = call.name()",
    "assert_eq!(name, other)",
    "if error.offset() > 0",
    "fn refuse(&self, call: &Call) -> Refusal",
    "self.at += 1",
    "match",
    "return Ok(step)",
];
/// Pieces of a JSON document inside a string, with strings of its own that hold escapes.
const NESTED_PIECES: &[&str] = &[
    r#"{\"name\":\"search\","#,
    r#"\"found\":12},"#,
    r#"\"text\":\"a line\\nand another\","#,
    r#"\"quoted\":\"they said \\\"so\\\"\","#,
    r#"\"items\":[1,2,3],"#,
];
/// Sentences, with the escapes of line breaks and quotation marks; and those that are seldom elsewhere, of Windows line
/// ends and of slashes as PHP writes them.
const PROSE_PIECES: &[&str] = &[
    "A layer may hold one message, never a whole stream, and forwards each as soon as it is judged. ",
    "Every buffer, queue, cache, list, depth and wait has a limit with a safe default and a name. ",
    "Fail closed. ",
    "A change is a splice, not a parse and a re-serialisation. ",
    r#"Policy answers with \"a refusal\", typed. "#,
    r#"\n\n"#,
    r#"See https:\/\/example.org\/.\r\n"#,
];

fn text(unit: &str, length: usize) -> String {
    unit.repeat(length / unit.len() + 1)
}

/// Pieces in an order that no branch predictor can learn, the same in each run.
fn varied(pieces: &[&str], length: usize) -> String {
    let mut text = String::new();
    let mut state = 1_u64;
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
    }
    text
}

/// The answer to a call: `sizes` give the lengths of its texts.
fn result(unit: &str, sizes: &[usize]) -> String {
    let content: Vec<_> =
        sizes.iter().map(|size| format!(r#"{{"type":"text","text":"{}"}}"#, text(unit, *size))).collect();
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"result":{{"resultType":"complete","content":[{}],"isError":false}}}}"#,
        content.join(",")
    )
}

/// The answer to `tools/list`, with the schemas of `count` tools: little but structure.
fn tools_list(count: usize) -> String {
    let mut tools = String::new();
    for index in 0..count {
        let comma = if index == 0 { "" } else { "," };
        write!(
            tools,
            concat!(
                r#"{}{{"name":"tool_{}","title":"Tool","description":"Creates a thing in a place.","#,
                r#""inputSchema":{{"type":"object","properties":{{"owner":{{"type":"string","description":"Who"}},"#,
                r#""repo":{{"type":"string","minLength":1,"maxLength":100}},"page":{{"type":"integer","#,
                r#""minimum":1,"default":1}},"labels":{{"type":"array","items":{{"type":"string"}}}}}},"#,
                r#""required":["owner","repo"],"additionalProperties":false}},"annotations":{{"readOnlyHint":true,"#,
                r#""openWorldHint":false}}}}"#
            ),
            comma, index
        )
        .unwrap();
    }
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}],"ttlMs":1000}}}}"#)
}

fn wide_object(prefix: &str, keys: usize) -> String {
    let members: Vec<_> = (0..keys).map(|key| format!(r#""{prefix}{:x}":1"#, key * 7919 % keys)).collect();
    format!("{{{}}}", members.join(","))
}

fn documents() -> Vec<(&'static str, String)> {
    vec![
        ("tools_call_1k", TOOLS_CALL.to_owned()),
        ("one_string_1m", result(PROSE, &[1 << 20])),
        ("some_strings_1m", result(PROSE, &[300, 100 << 10, 2000, 800 << 10, 40, 120 << 10])),
        ("not_ascii_1m", result(GREEK, &[1 << 20])),
        ("source_code_1m", result(CODE, &[1 << 20])),
        ("varied_code_1m", result(&varied(CODE_PIECES, 1 << 20), &[1])),
        ("varied_code_2k", result(&varied(CODE_PIECES, 2000), &[1])),
        ("varied_code_200", result(&varied(CODE_PIECES, 200), &[1])),
        ("varied_prose_1m", result(&varied(PROSE_PIECES, 1 << 20), &[1])),
        ("nested_json_1m", result(&varied(NESTED_PIECES, 1 << 20), &[1])),
        ("unicode_escapes_1m", result(UNICODE, &[1 << 20])),
        ("short_escapes_64k", result(r#"say \"hi\""#, &[5; 1500])),
        ("tools_list_64k", tools_list(120)),
        ("200k_keys", wide_object("", 200_000)),
        ("200k_keys_shared_prefix", wide_object(&"prefix/".repeat(8), 200_000)),
    ]
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for (name, doc) in documents() {
        let doc = doc.as_bytes();
        group.throughput(Throughput::Bytes(doc.len() as u64));
        group.bench_function(format!("{name}/check"), |bencher| {
            bencher.iter(|| json::check(black_box(doc)).unwrap());
        });
        group.bench_function(format!("{name}/tokens"), |bencher| {
            bencher.iter(|| {
                let mut reader = Reader::new(black_box(doc)).unwrap();
                let mut strings = 0;
                while let Some(token) = reader.next().unwrap() {
                    if let Token::String(text) = token {
                        strings += text.raw().len();
                    }
                }
                strings
            });
        });
        group.bench_function(format!("{name}/serde_json"), |bencher| {
            bencher.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(doc)).unwrap());
        });
    }
    group.finish();
}

fn walk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("walk");
    let results = [
        ("result_4k", result(PROSE, &[300, 2000, 700, 900])),
        ("result_100k", result(PROSE, &[400, 100 << 10, 200])),
        ("source_code_100k", result(CODE, &[100 << 10])),
        ("tools_list_64k", tools_list(120)),
    ];
    for (name, doc) in results {
        let doc = doc.as_bytes();
        group.throughput(Throughput::Bytes(doc.len() as u64));
        group.bench_function(name, |bencher| {
            let mut scratch = String::new();
            bencher.iter(|| {
                let mut walker = Walker::new(black_box(doc)).unwrap().with_keys();
                let mut length = 0;
                while let Some(found) = walker.next().unwrap() {
                    length += found.text().decode_in(&mut scratch).len() + found.path().segments().len();
                }
                length
            });
        });
    }
    group.finish();
}

fn splice(criterion: &mut Criterion) {
    let name = json::find(TOOLS_CALL.as_bytes(), &["params", "name"]).unwrap().unwrap();
    let meta = json::find(TOOLS_CALL.as_bytes(), &["params", "_meta"]).unwrap().unwrap();
    criterion.bench_function("splice/tools_call_1k", |bencher| {
        bencher.iter(|| {
            let mut splice = Splice::new(black_box(TOOLS_CALL.as_bytes()));
            splice.replace(name.clone(), r#""create_issue""#).insert_member(meta.clone(), "hop", "1");
            splice.finish().unwrap()
        });
    });
}

criterion_group!(benches, read, walk, splice);
criterion_main!(benches);
