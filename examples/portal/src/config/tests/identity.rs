//! Who vouches for callers, what portals ask of them, and what is shown to servers.

mod manual;

use std::path::PathBuf;

use portcullis_authn::biscuit::SigningKey;

use super::*;

/// A folder with files of every kind, sound and otherwise; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let key = SigningKey::generate();
        for (file, text) in [
            ("keys.json", include_str!("identity/keys.json").to_owned()),
            ("roots.txt", format!("1 {}\n", key.public())),
            ("agents.txt", format!("planner {}\n", SigningKey::generate().public())),
            ("revoked.txt", format!("{}\n", "0f".repeat(64))),
            ("tokens.json", format!(r#"[{{"id":"nightly","secret":"sha256:{}"}}]"#, "0f".repeat(32))),
            ("plain.json", r#"[{"id":"nightly","secret":"s3cr3t"}]"#.to_owned()),
            ("twice.json", r#"{"keys":[],"keys":[]}"#.to_owned()),
            ("garbage", "\u{7f}s3cr3t{".to_owned()),
            ("lines", "s3cr3t\ns3cr3t".to_owned()),
            ("secret", "s3cr3t\n".to_owned()),
            ("empty", String::new()),
            ("key", format!("{}\n", key.to_text().expose())),
        ] {
            std::fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }

    fn check(&self, text: &str) -> Result<Config, ConfigError> {
        let variable = |name: &str| (name == "TOKEN").then(|| "s3cr3t".to_owned());
        check::check("portal.toml", text, &Environment { folder: self.0.clone(), variable })
    }

    /// Every row is refused with these problems, as `line:column: text`, and none of them repeats a secret.
    fn refuse(&self, rows: &[(&str, String, &[&str])]) {
        let mut wrong = Vec::new();
        for (name, text, expected) in rows {
            let found = self.check(text).map_or_else(|error| error.to_string(), |_| String::new());
            let lines: Vec<_> = found.lines().collect();
            let fits = |(line, expected): (&&str, &&str)| {
                line.strip_prefix("portal.toml:").is_some_and(|rest| {
                    let (place, words) = expected.split_once(": ").unwrap();
                    rest.starts_with(&format!("{place}:")) && rest.contains(words)
                })
            };
            if lines.len() != expected.len()
                || !lines.iter().zip(*expected).all(fits)
                || found.contains("s3cr3t")
            {
                wrong.push(format!("{name}: {lines:#?} instead of {expected:#?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Lines inside of the issuer `login`; the first is line 3.
fn issuer(lines: &str) -> String {
    format!("[[issuer]]\nid = 'login'\n{lines}\n{VALID}")
}

/// A JWT issuer with more lines; the first is line 4.
fn jwt(lines: &str) -> String {
    issuer(&format!("url = 'https://login.example.com'\n{lines}"))
}

/// Lines after what a portal must say of its callers; the first is line 12.
fn asking(lines: &str) -> String {
    authn(&format!("resource = 'https://mcp.example.com/mcp'\nissuers = ['login']\n{lines}"))
}

/// Lines about the callers of the portal `acme`; the first is line 10.
fn authn(lines: &str) -> String {
    let login = "[[issuer]]\nid = 'login'\nurl = 'https://login.example.com'";
    format!("{login}{VALID}[portal.authn]\n{lines}\n")
}

/// A portal that trusts issuers of these lines, the first of which is line 1.
fn trusting(issuers: &str, names: &str) -> String {
    format!("{issuers}{VALID}[portal.authn]\nresource = 'https://mcp.example.com/mcp'\nissuers = [{names}]\n")
}

/// Lines of credentials of the server `github`; the first is line 7.
fn credentials(lines: &str) -> String {
    server(&format!("[portal.server.credentials]\n{lines}"))
}

const CLIENT: &str =
    "token_url = 'https://login.example.com/token'\nclient_id = 'portal'\nclient_secret = 's3cr3t'";

#[test]
fn faults_of_networks_are_told_with_their_place() {
    Folder::new("networks").refuse(&[
        (
            "no network",
            top("network.trusted_proxies = ['10.0.0.5', 'proxy']"),
            &["1:40: network.trusted_proxies: \"proxy\" is no network"],
        ),
        ("everybody", top("network.trusted_proxies = ['0.0.0.0/0']"), &["1:28: are everybody"]),
        ("bits", top("network.trusted_proxies = ['10.0.0.1/8']"), &["1:28: write 10.0.0.0/8"]),
        ("header", top("network.forwarded_header = 'via'"), &["1:28: is none of \"x-forwarded-for\""]),
        ("hops", top("network.max_hops = 0"), &["1:20: network.max_hops: 0 is not between 1 and 100"]),
        ("empty", top("network.named.office = []"), &["1:15: \"office\" has no addresses"]),
        (
            "two owners",
            top("[network.named]\na = ['10.0.0.0/8']\nb = ['10.0.0.0/8']"),
            &["3:1: network.named: the network \"10.0.0.0/8\" belongs to \"a\" already"],
        ),
    ]);
}

#[test]
fn faults_of_issuers_are_told_with_their_place() {
    Folder::new("issuers").refuse(&[
        ("no id", format!("[[issuer]]\n{VALID}"), &["1:1: missing field `id`"]),
        ("underscore", jwt("").replace("'login'", "'log_in'"), &["2:6: issuer id \"log_in\""]),
        (
            "one id twice",
            format!("{}{}", "[[issuer]]\nid = 'login'\nurl = 'https://a.example'\n", jwt("")),
            &["5:6: issuer id \"login\" is there twice"],
        ),
        ("kind", issuer("kind = 'saml'"), &["2:6: has no url", "3:8: issuer.kind: \"saml\" is none of \"jwt\""]),
        ("no url", issuer(""), &["2:6: issuer \"login\" has no url"]),
        (
            "http",
            issuer("url = 'http://login.example.com'"),
            &["3:7: must start with https://; on one machine, for tests, insecure_http = true allows it"],
        ),
        (
            "keys over http",
            jwt("jwks_url = 'http://login.example.com/keys'"),
            &["4:12: jwks_url: \"http://login.example.com/keys\" must start with https://"],
        ),
        ("query", issuer("url = 'https://login.example.com/?a'"), &["2:6: issuer \"login\": issuer"]),
        ("password", issuer("url = 'https://u:pw@login.example.com'"), &["3:7: holds a user or password"]),
        ("two sources", jwt("jwks_url = 'https://a/'\njwks_file = 'keys.json'"), &["5:13: not from both"]),
        ("no keys", jwt("jwks_file = 'nowhere.json'"), &["2:6: nowhere.json"]),
        ("garbage for keys", jwt("jwks_file = 'garbage'"), &["2:6: issuer \"login\": "]),
        ("keys twice", jwt("jwks_file = 'twice.json'"), &["2:6: issuer \"login\": "]),
        (
            "freshness of a file",
            jwt("jwks_file = 'keys.json'\nkey_grace = '1h'"),
            &["5:13: key_grace: can never matter beside jwks_file"],
        ),
        ("algorithm", jwt("algorithms = ['RS256', 'HS256']"), &["4:24: \"HS256\" is not an algorithm"]),
        ("none", jwt("algorithms = ['none']"), &["4:15: \"none\" is not an algorithm"]),
        ("no algorithm", jwt("algorithms = []"), &["4:14: an empty list accepts no token"]),
        ("no type", jwt("token_types = []"), &["4:15: token_types: an empty list can never match"]),
        ("blank type", jwt("token_types = ['']"), &["2:6: untyped_tokens"]),
        ("claims", jwt("claims = 'okta'"), &["4:10: claims: \"okta\" is none of \"standard\", \"entra\""]),
        ("subject", jwt("subject_claim = 'a..b'"), &["4:17: subject_claim: claim path \"a..b\""]),
        ("groups", jwt("group_claims = ['']"), &["4:17: group_claims: claim path \"\""]),
        ("attribute", jwt("attribute_claims = { a = '' }"), &["4:26: attribute_claims: claim path \"\""]),
        (
            "network by token",
            jwt("attribute_claims = { network = 'net' }"),
            &["4:22: \"network\" is said by no token"],
        ),
        ("age", jwt("max_key_age = '0s'"), &["4:15: max_key_age: \"0s\" is not between"]),
        ("grace", jwt("key_grace = '400d'"), &["4:13: key_grace: \"400d\" is not between 1s and 366d"]),
        ("certificates", jwt("root_certificates = 'nowhere.pem'"), &["4:21: cannot read \"nowhere.pem\""]),
        ("keys of another kind", jwt("roots = 'roots.txt'"), &["4:9: roots: has no meaning for an issuer of this kind"]),
        (
            "keys of other kinds",
            issuer("kind = 'biscuit'\nroots = 'roots.txt'\nurl = 'https://a'\ninsecure_http = true"),
            &["2:6: insecure_http: has no meaning", "5:7: url: has no meaning"],
        ),
        (
            "introspection without a client",
            jwt("kind = 'introspection'\nintrospection_url = 'https://a/'"),
            &["2:6: needs an introspection_url, a client_id and a client_secret"],
        ),
        (
            "introspection over http",
            jwt("kind = 'introspection'\nintrospection_url = 'http://a/'\nclient_id = 'a'\nclient_secret = 's3cr3t'"),
            &["5:21: introspection_url: \"http://a/\" must start with https://"],
        ),
        (
            "a client secret that is not there",
            jwt("kind = 'introspection'\nintrospection_url = 'https://a/'\nclient_id = 'a'\nclient_secret = { env = 'NOPE' }"),
            &["7:17: client_secret: the environment variable \"NOPE\" is not set"],
        ),
        ("no roots", issuer("kind = 'biscuit'"), &["2:6: issuer \"login\" of this kind needs roots, a file"]),
        ("roots nowhere", issuer("kind = 'biscuit'\nroots = 'nowhere'"), &["2:6: nowhere"]),
        ("empty roots", issuer("kind = 'biscuit'\nroots = 'empty'"), &["2:6: there is no key at all"]),
        ("garbage for roots", issuer("kind = 'biscuit'\nroots = 'lines'"), &["2:6: line 1"]),
        (
            "agents nowhere",
            issuer("kind = 'biscuit'\nroots = 'roots.txt'\nagents = 'nowhere'"),
            &["2:6: nowhere"],
        ),
        (
            "garbage for revocations",
            issuer("kind = 'biscuit'\nroots = 'roots.txt'\nrevocations = 'lines'"),
            &["2:6: line 1: is not hexadecimal"],
        ),
        ("no tokens", issuer("kind = 'service-tokens'"), &["2:6: needs tokens, a file"]),
        ("tokens nowhere", issuer("kind = 'service-tokens'\ntokens = 'nowhere'"), &["2:6: nowhere"]),
        ("a secret in the clear", issuer("kind = 'service-tokens'\ntokens = 'plain.json'"), &["2:6: \"nightly\""]),
        ("no rules", issuer("kind = 'client-certificates'"), &["2:6: needs an [[issuer.certificate]]"]),
        (
            "two names",
            issuer("kind = 'client-certificates'\n[[issuer.certificate]]\nuri = 'spiffe://a/b'\ndns = 'a'"),
            &["4:1: give one of uri, uri_below, dns and fingerprint"],
        ),
        (
            "no name",
            issuer("kind = 'client-certificates'\n[[issuer.certificate]]\ngroups = ['a']"),
            &["4:1: give one of uri"],
        ),
        (
            "no fingerprint",
            issuer("kind = 'client-certificates'\n[[issuer.certificate]]\nfingerprint = 'ab'"),
            &["2:6: \"ab\" is no SHA-256"],
        ),
    ]);
}

#[test]
fn faults_of_what_is_asked_of_callers_are_told_with_their_place() {
    let certificates =
        "[[issuer]]\nid = 'mtls'\nkind = 'client-certificates'\n[[issuer.certificate]]\ndns = 'a.example'\n";
    let opaque = "[[issuer]]\nid = 'opaque'\nkind = 'introspection'\nurl = 'https://a.example'\nintrospection_url = 'https://a.example/i'\nclient_id = 'a'\nclient_secret = 's3cr3t'\n";
    let biscuits = "[[issuer]]\nid = 'agents'\nkind = 'biscuit'\nroots = 'roots.txt'\n";
    let same =
        "[[issuer]]\nid = 'a'\nurl = 'https://a.example'\n[[issuer]]\nid = 'b'\nurl = 'https://a.example'\n";
    let minting =
        |key: &str| format!("{}[portal.authn.exchange]\nkey = {key}\n", trusting(biscuits, "'agents'"));
    let two = |one: &str, other: &str| {
        let portal = |id: &str, host: &str, lines: &str| {
            let server = "[[portal.server]]\nid = 's'\nurl = 'http://127.0.0.1:1/'\n";
            format!(
                "[[portal]]\nid = '{id}'\nhost = '{host}'\npath = '/mcp'\n{server}[portal.authn]\nissuers = ['agents']\n{lines}\n"
            )
        };
        format!("{biscuits}{}{}", portal("one", "a.example", one), portal("two", "b.example", other))
    };
    Folder::new("callers").refuse(&[
        ("no resource", authn("issuers = ['login']"), &["9:1: missing field `resource`"]),
        ("no issuers", authn("resource = 'https://a'"), &["9:1: missing field `issuers`"]),
        ("http", authn("resource = 'http://a'\nissuers = ['login']"), &["10:12: authn.resource: resource \"http://a\" must start with https://"]),
        ("a query", authn("resource = 'https://a?b'\nissuers = ['login']"), &["10:12: holds a query"]),
        ("nobody", authn("resource = 'https://a'\nissuers = []"), &["11:11: authn.issuers: an empty list lets nobody in"]),
        (
            "unknown issuer",
            authn("resource = 'https://a'\nissuers = ['login', 'okta']"),
            &["11:21: authn.issuers: there is no [[issuer]] with the id \"okta\""],
        ),
        ("one twice", authn("resource = 'https://a'\nissuers = ['login', 'login']"), &["11:21: \"login\" is there twice"]),
        ("two of one url", trusting(same, "'a', 'b'"), &["15:17: \"b\" would never be asked, because \"a\" stands before it"]),
        ("opaque before Biscuits", trusting(&format!("{opaque}{biscuits}"), "'opaque', 'agents'"), &["20:22: \"agents\" would never be asked"]),
        ("empty audience", asking("audiences = ['api://a', ' ']"), &["12:25: an audience must not be empty"]),
        ("documentation", asking("documentation = 'wiki'"), &["12:17: is not the URL of a page"]),
        ("dpop", asking("dpop = 'on'"), &["12:8: authn.dpop: \"on\" is none of \"off\", \"accept\", \"require\""]),
        ("nobody believed", asking("certificate_header = 'client-cert'"), &["12:22: nobody is believed without network.trusted_proxies"]),
        ("certificates of nobody", trusting(certificates, "'mtls'"), &["14:12: only authn.certificate_header can bring"]),
        ("no header", asking("service_id_header = 'a b'\nservice_secret_header = 'b'"), &["12:21: authn.service_id_header"]),
        ("half a token", asking("service_id_header = 'a'"), &["12:21: go together"]),
        ("one header for both", asking("service_id_header = 'a'\nservice_secret_header = 'A'"), &["13:25: holds the id already"]),
        ("credential", asking("max_credential = 10"), &["12:18: is not between 256 and 65536 bytes"]),
        ("two scopes in one", asking("scopes.base = ['a b']"), &["12:16: authn.scopes.base"]),
        ("offline access", asking("scopes.supported = ['offline_access']"), &["12:21: no resource should ask for it"]),
        ("a pattern for a method", asking("scopes.methods = { 'tools/*' = ['a'] }"), &["12:20: is not the full name of a method"]),
        ("a star inside", asking("scopes.tools = { 'a*b' = ['a'] }"), &["12:18: authn.scopes.tools"]),
        ("nothing needed", asking("scopes.tools = { a = [] }"), &["12:18: authn.scopes.tools"]),
        ("no groups", asking("require.any_group = []"), &["12:21: authn.require.any_group"]),
        ("blank group", asking("require.all_groups = ['']"), &["12:22: authn.require.all_groups"]),
        ("methods in one", asking("require.amr = ['pwd mfa']"), &["12:15: authn.require.amr"]),
        ("kind", asking("require.kinds = ['robot']"), &["12:18: authn.require.kinds: \"robot\" is none of \"user\""]),
        ("unknown network", asking("require.networks = ['office']"), &["12:21: authn.require.networks: [network.named] has no \"office\""]),
        ("attribute", asking("require.attributes = { a = [] }"), &["12:24: authn.require.attributes"]),
        ("actors", asking("require.max_actors = 9"), &["12:22: is not between 0 and 8"]),
        ("age", asking("require.max_token_age = '0s'"), &["12:25: is not between 1s and 366d"]),
        ("exchange without a key", asking("exchange = {}"), &["12:12: missing field `key`"]),
        ("exchange for nobody", asking("exchange = { key = { file = 'key' } }"), &["12:12: none of authn.issuers is of kind \"biscuit\""]),
        ("no key", minting("'s3cr3t'"), &["15:7: authn.exchange.key: a key is ed25519-private/"]),
        ("key nowhere", minting("{ file = 'nowhere' }"), &["15:7: cannot read the file \"nowhere\""]),
        ("exchange path", minting("{ file = 'key' }\npath = 'x'"), &["16:8: is not the path of a URL"]),
        ("taken path", minting("{ file = 'key' }\npath = '/mcp'"), &["7:6: authn.exchange.path is where something else is served"]),
        ("health", minting("{ file = 'key' }\npath = '/healthz'"), &["7:6: authn.exchange.path is where"]),
        ("short life", minting("{ file = 'key' }\nlifetime = '500ms'"), &["16:12: is not between 1s and 24h"]),
        (
            "one resource for two",
            two("resource = 'https://a.example/mcp'", "resource = 'https://A.example/mcp'"),
            &["16:6: portal \"two\" has the authn.resource of portal \"one\": a token for one would open the other"],
        ),
        (
            "exchange at another portal",
            two(
                "resource = 'https://a.example/mcp'\nexchange = { key = { file = 'key' } }",
                "resource = 'https://b.example/mcp'",
            )
            .replace("host = 'b.example'\npath = '/mcp'", "path = '/oauth/exchange'"),
            &["17:6: meet at a path of authn.exchange"],
        ),
    ]);
}

#[test]
fn faults_of_credentials_are_told_with_their_place() {
    let of = |kind: &str, lines: &str| credentials(&format!("kind = '{kind}'\n{CLIENT}\n{lines}"));
    let jag = "resource_issuer = 'https://auth.example.com'\nresource = 'https://mcp.example.com'\nresource_client_id = 'portal'\nresource_client_secret = 's3cr3t'";
    let exchanging = of("exchange", "audience = 'github'");
    Folder::new("credentials").refuse(&[
        ("no kind", credentials("value = 's3cr3t'"), &["6:1: missing field `kind`"]),
        ("kind", credentials("kind = 'basic'\nvalue = 's3cr3t'"), &["7:8: credentials.kind: \"basic\" is none of \"secret\""]),
        ("no secret", credentials("kind = 'secret'"), &["7:8: give either a value or a command that prints it"]),
        ("two secrets", credentials("kind = 'secret'\nvalue = 's3cr3t'\ncommand = ['/bin/cat']"), &["7:8: give either a value or a command"]),
        ("secret nowhere", credentials("kind = 'secret'\nvalue = { file = 'nowhere' }"), &["7:8: nowhere"]),
        ("two lines", credentials("kind = 'secret'\nvalue = { file = 'lines' }"), &["7:8: credentials: "]),
        ("empty", credentials("kind = 'secret'\nvalue = ''"), &["7:8: is empty"]),
        ("no variable", credentials("kind = 'secret'\nvalue = { env = 'NOPE' }"), &["8:9: value: the environment variable \"NOPE\" is not set"]),
        ("no program", credentials("kind = 'secret'\ncommand = []"), &["7:8: credentials: "]),
        ("header", credentials("kind = 'secret'\nvalue = 's3cr3t'\nheader = 'mcp-method'"), &["7:8: credentials: "]),
        ("refresh of a value", credentials("kind = 'secret'\nvalue = 's3cr3t'\nrefresh = '1m'"), &["9:11: refresh: has no meaning"]),
        ("client of a secret", credentials("kind = 'secret'\nvalue = 's3cr3t'\nclient_auth = 'post'\nmax_callers = 1\ninsecure_http = true"), &["7:8: insecure_http: has no meaning", "9:15: client_auth: has no meaning", "10:15: max_callers: has no meaning"]),
        ("beside the same header", server("headers = { authorization = 's3cr3t' }\n[portal.server.credentials]\nkind = 'secret'\nvalue = 's3cr3t'"), &["4:6: server \"github\""]),
        ("no endpoint", credentials("kind = 'client'\nclient_id = 'a'\nclient_secret = 's3cr3t'"), &["7:8: give either a token_url or an issuer"]),
        ("two endpoints", of("client", "issuer = 'https://a'"), &["7:8: give either a token_url or an issuer"]),
        ("http", credentials("kind = 'client'\ntoken_url = 'http://a/'\nclient_id = 'a'\nclient_secret = 's3cr3t'"), &["8:13: token_url: \"http://a/\" must start with https://"]),
        ("no client", credentials("kind = 'client'\ntoken_url = 'https://a/'"), &["7:8: a client_id and a client_secret are needed"]),
        ("client auth", of("client", "client_auth = 'jwt'"), &["11:15: client_auth: \"jwt\" is none of \"basic\", \"post\""]),
        ("scope", of("client", "scopes = ['a', '']"), &["7:8: scope"]),
        ("resource", of("client", "resource = 'mcp'"), &["7:8: resource"]),
        ("callers of a client", of("client", "max_callers = 1"), &["11:15: max_callers: has no meaning"]),
        ("exchange for nothing", of("exchange", ""), &["2:6: needs tokens", "7:8: names no resource, audience or scope"]),
        ("exchange of nobody", exchanging, &["2:6: needs tokens of its callers, and without [portal.authn] there are none"]),
        ("token type", of("exchange", "audience = 'a'\nsubject_token_type = 'saml2'"), &["2:6: needs tokens", "12:22: subject_token_type: \"saml2\" is none of"]),
        ("id-jag without a resource", of("id-jag", &jag.replace("resource = ", "# ")), &["2:6: needs tokens", "7:8: need a resource"]),
        ("id-jag without an issuer", of("id-jag", &jag.replace("resource_issuer", "# ")), &["7:8: need a resource_issuer"]),
        ("id-jag without a client", of("id-jag", &jag.replace("resource_client_id", "# ")), &["7:8: a resource_client_id and a resource_client_secret are needed"]),
        ("id-jag over http", of("id-jag", &jag.replace("https://auth", "http://auth")), &["11:19: resource_issuer: \"http://auth.example.com\" must start with https://"]),
        ("id-jag for an audience", of("id-jag", &format!("{jag}\naudience = 'a'")), &["2:6: needs tokens", "15:12: audience: has no meaning"]),
        ("of a program", program("credentials = { kind = 'secret', value = 's3cr3t' }"), &["6:15: credentials: "]),
    ]);
}

#[test]
fn issuers_of_every_kind_are_taken() {
    let folder = Folder::new("sound");
    let text = r#"
[network]
trusted_proxies = ["10.0.0.5"]
named = { office = ["192.0.2.0/24"] }
[[issuer]]
id = "login"
url = "https://login.example.com"
[[issuer]]
id = "file"
url = "https://file.example.com/"
jwks_file = "keys.json"
[[issuer]]
id = "agents"
kind = "biscuit"
roots = "roots.txt"
agents = "agents.txt"
revocations = "revoked.txt"
[[issuer]]
id = "opaque"
kind = "introspection"
url = "https://login.example.com"
introspection_url = "https://login.example.com/introspect"
client_id = "portal"
client_secret = { env = "TOKEN" }
[[issuer]]
id = "services"
kind = "service-tokens"
tokens = "tokens.json"
[[issuer]]
id = "mtls"
kind = "client-certificates"
[[issuer.certificate]]
uri_below = "spiffe://example.com/ns/jobs"
kind = "agent"
[[portal]]
id = "acme"
[portal.authn]
resource = "https://mcp.example.com/mcp"
issuers = ["login", "file", "agents", "opaque", "services", "mtls"]
certificate_header = "x-forwarded-client-cert"
require = { networks = ["office"], any_group = ["a"], max_actors = 0 }
exchange = { key = { file = "key" }, key_id = 1 }
[[portal.server]]
id = "github"
url = "https://github.example.com/mcp"
[portal.server.credentials]
kind = "exchange"
issuer = "https://login.example.com"
client_id = "portal"
client_secret = { file = "secret" }
audience = "github"
[[portal.server]]
id = "jira"
url = "https://jira.example.com/mcp"
[portal.server.credentials]
kind = "id-jag"
issuer = "https://login.example.com"
client_id = "portal"
client_secret = "s3cr3t"
resource = "https://jira.example.com/mcp"
resource_issuer = "https://auth.jira.example.com"
resource_token_url = "https://auth.jira.example.com/token"
resource_client_id = "portal"
resource_client_secret = "s3cr3t"
client_auth = "post"
[[portal.server]]
id = "wiki"
url = "https://wiki.example.com/mcp"
credentials = { kind = "client", token_url = "https://login.example.com/t", client_id = "a", client_secret = "s3cr3t" }
[[portal.server]]
id = "ci"
url = "https://ci.example.com/mcp"
credentials = { kind = "secret", header = "x-api-key", command = ["/bin/echo", "hello"], refresh = "1m" }
"#;
    let config = folder.check(text).unwrap();
    assert_eq!(config.issuers.len(), 6);
    let portal = &config.portals[0];
    let authn = portal.authn.as_ref().unwrap();
    assert_eq!(authn.issuers.len(), 6);
    assert!(authn.hand_on_tokens, "servers exchange the callers' tokens");
    let apart = |id: &str| portal.servers.iter().find(|server| server.id == id).unwrap().per_principal;
    assert_eq!(["github", "jira", "wiki", "ci"].map(apart), [true, true, false, false]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("ed25519-private"), "{shown}");
}
