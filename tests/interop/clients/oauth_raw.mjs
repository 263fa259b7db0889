// What no SDK does: tokens bound to a key (DPoP), tokens that only their issuer can read, tokens of programs, and what an
// attacker sends. OAUTH has the addresses.
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { browse, must, redirectUri, report } from '../lib/oauth.mjs';

const places = JSON.parse(process.env.OAUTH);
const META = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'interop-raw', version: '1.0.0' }
};
const base64 = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const digest = text => createHash('sha256').update(text).digest('base64url');

async function form(path, fields, headers = {}) {
    const response = await fetch(`${places.issuer}${path}`, { method: 'POST', body: new URLSearchParams(fields), headers });
    const text = await response.text();
    must(response.ok, `${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
}

/** A key of the client's own, and proofs that it has it (RFC 9449). */
function holder() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    return (method, url, token) => {
        const head = base64({ typ: 'dpop+jwt', alg: 'ES256', jwk });
        const body = base64({ jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ...(token && { ath: digest(token) }) });
        return `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    };
}

let registered;
/** A token of Alice's for a resource, by the code flow. */
async function tokenFor(resource, { scope = 'mcp', prove } = {}) {
    registered ??= await (await fetch(`${places.issuer}/reg`, {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [redirectUri], application_type: 'native', token_endpoint_auth_method: 'none' })
    })).json();
    const verifier = randomBytes(32).toString('base64url');
    const shared = { client_id: registered.client_id, redirect_uri: redirectUri, resource };
    const back = await browse(`${places.issuer}/auth?${new URLSearchParams({ ...shared, response_type: 'code', scope, code_challenge: digest(verifier), code_challenge_method: 'S256' })}`);
    const proof = prove && { dpop: prove('POST', `${places.issuer}/token`) };
    const answer = await form('/token', { ...shared, grant_type: 'authorization_code', code: back.searchParams.get('code'), code_verifier: verifier }, proof);
    return answer.access_token;
}

/** Calls a tool; returns the status, the text and the challenge. */
async function call(address, headers, name = 'count', args = { steps: 1, delay_ms: 0 }) {
    const response = await fetch(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name, ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: META } })
    });
    return { status: response.status, text: await response.text(), challenge: response.headers.get('www-authenticate') ?? '' };
}

async function isAnswered(address, headers) {
    const { status, text } = await call(address, headers);
    must(status === 200 && text.includes('counted 1'), `${status} ${text}`);
}

async function isRefused(what, address, headers, status = 401) {
    const answer = await call(address, headers);
    must(answer.status === status, `${what}: ${answer.status} ${answer.text}`);
    must(!/signature|expired|audience|thumbprint|jkt/i.test(answer.text + answer.challenge), `${what}: it says too much: ${answer.challenge} ${answer.text}`);
    return answer;
}

const bearer = token => ({ authorization: `Bearer ${token}` });

await report({
    /** The challenge and the document it leads to; the SDKs read no challenge but the first, so that is Bearer's. */
    async metadata() {
        const { challenge } = await isRefused('no token', places.a, {});
        must(/^Bearer /.test(challenge), challenge);
        must(/scope="[^"]*mcp/.test(challenge) && !/error=/.test(challenge), challenge);
        const url = /resource_metadata="([^"]+)"/.exec(challenge)[1];
        must(new URL(url).pathname === `/.well-known/oauth-protected-resource${new URL(places.a).pathname}`, url);
        const document = await (await fetch(url)).json();
        must(document.resource === places.a && document.authorization_servers.includes(places.issuer), JSON.stringify(document));
        return challenge;
    },
    /** Bound to a key, a token does nothing without it, and no proof does twice. */
    async dpop() {
        const prove = holder();
        const token = await tokenFor(places.a, { prove });
        const sent = (proof, scheme = 'DPoP') => ({ authorization: `${scheme} ${token}`, ...(proof && { dpop: proof }) });
        const proof = prove('POST', places.a, token);
        await isAnswered(places.a, sent(proof));
        await isRefused('the same proof again', places.a, sent(proof));
        await isAnswered(places.a, sent(prove('POST', places.a, token)));
        await isRefused('no proof', places.a, sent(undefined));
        await isRefused('as a bearer token', places.a, sent(undefined, 'Bearer'));
        await isRefused('the key of another', places.a, sent(holder()('POST', places.a, token)));
        await isRefused('a proof for another address', places.a, sent(prove('POST', places.b, token)));
        await isRefused('a proof for another method', places.a, sent(prove('GET', places.a, token)));
        await isRefused('a proof for another token', places.a, sent(prove('POST', places.a, `${token}x`)));
    },
    /** A token that is asked about; once it is revoked, it is over. */
    async opaque() {
        const token = await tokenFor(places.opaque);
        must(!token.includes('.'), 'it is no opaque token');
        await isAnswered(places.opaque, bearer(token));
        await isAnswered(places.opaque, bearer(token));
        await isRefused('a changed one', places.opaque, bearer(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`));
        await form('/token/revocation', { token, client_id: registered.client_id });
        await new Promise(done => setTimeout(done, places.cacheSeconds * 1000 + 200));
        await isRefused('a revoked one', places.opaque, bearer(token));
    },
    /** A program that calls for nobody. */
    async program() {
        const authorization = `Basic ${Buffer.from('nightly:nightly-secret').toString('base64')}`;
        const { access_token: token } = await form('/token', { grant_type: 'client_credentials', resource: places.a, scope: 'mcp' }, { authorization });
        await isAnswered(places.a, bearer(token));
    },
    /** What does not get in. */
    async attacks() {
        const token = await tokenFor(places.a);
        await isAnswered(places.a, bearer(token));
        const [head, body, signature] = token.split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url'));
        const forged = base64({ ...claims, sub: 'root' });
        const none = base64({ typ: 'at+jwt', alg: 'none' });
        for (const [what, address, one] of [
            ['the token of another portal', places.b, token],
            ['an opaque token of another portal', places.a, await tokenFor(places.opaque)],
            ['claims of another', places.a, `${head}.${forged}.${signature}`],
            ['no signature', places.a, `${head}.${body}.`],
            ['no algorithm', places.a, `${none}.${body}.`],
            ['no algorithm, and a signature', places.a, `${none}.${body}.${signature}`],
            ['garbage', places.a, 'x.y.z']
        ]) await isRefused(what, address, bearer(one));
        const insufficient = await call(places.a, bearer(token), 'echo', { message: 'more' });
        must(insufficient.status === 403 && /error="insufficient_scope"/.test(insufficient.challenge), `${insufficient.status} ${insufficient.challenge}`);
        // Every scope that the call needs: TypeScript SDK v1 forgets those it had.
        must(/scope="(mcp echo:call|echo:call mcp)"/.test(insufficient.challenge), insufficient.challenge);
        const query = await call(`${places.a}?access_token=${token}`, {});
        must([400, 401].includes(query.status), `in the query: ${query.status}`);
        const short = await tokenFor(places.short);
        await isAnswered(places.short, bearer(short));
        await new Promise(done => setTimeout(done, places.seconds * 1000 + 200));
        const { challenge } = await isRefused('an expired one', places.short, bearer(short));
        must(/error="invalid_token"/.test(challenge), challenge);
    }
});
