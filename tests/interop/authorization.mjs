// Clients that need a token: their own OAuth code, a real OpenID provider, and the portal between them and a server.
//
// Each check is one client and all its cases; they share a provider, a server and a portal, which the first one starts.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { clients, environment, servers } from './lib/fleet.mjs';
import { freePort, listening, run, start, tail } from './lib/start.mjs';

const { KIT_NODE: node } = process.env;
const here = import.meta.dirname;
const toml = JSON.stringify;

/** How long tokens of the portal `short` last, and how long a verdict on an opaque one is believed. */
const SECONDS = 3, CACHE_SECONDS = 1;
const portals = {
    a: { alg: 'ES256' }, b: { alg: 'RS256' }, short: { seconds: SECONDS }, opaque: { format: 'opaque' }
};

const configuration = ({ port, provider, server, resource }) => `
listen = "127.0.0.1:${port}"

[log]
level = "info"

[[issuer]]
id = "idp"
url = ${toml(provider)}
insecure_http = true

[[issuer]]
id = "opaque"
kind = "introspection"
url = ${toml(provider)}
insecure_http = true
introspection_url = "${provider}/token/introspection"
client_id = "portal"
client_secret = "portal-secret"
cache_for = "${CACHE_SECONDS}s"
${Object.keys(portals).map(name => `
[[portal]]
id = "${name}"
path = "/${name}"
namespace = "never"

[portal.authn]
resource = ${toml(resource(name))}
insecure_http = true
issuers = ["${name === 'opaque' ? 'opaque' : 'idp'}"]
dpop = "accept"

[portal.authn.scopes]
base = ["mcp"]
tools = { echo = ["echo:call"] }

[[portal.server]]
id = "ts1"
url = "${server}/mcp"
`).join('')}`;

let started;
/** The provider, the server and the portal; the addresses are what clients are told. */
function raise({ portalProgram, work }) {
    return started ??= (async () => {
        const [port, providerPort, serverPort] = [await freePort(), await freePort(), await freePort()];
        const provider = `http://127.0.0.1:${providerPort}`, server = `http://127.0.0.1:${serverPort}`;
        const resource = name => `http://127.0.0.1:${port}/${name}`;
        const resources = Object.fromEntries(Object.entries(portals).map(([name, settings]) => [resource(name), settings]));
        const log = name => join(work, `authorization-${name}.log`);
        await Promise.all([
            [[node, `${here}/servers/oidc.mjs`, '--port', providerPort, '--resources', JSON.stringify(resources)], providerPort, 'oidc'],
            [servers['ts1-http'].command(serverPort), serverPort, 'server']
        ].map(([command, at, name]) => listening(at, start(command, { env: environment, log: log(name) }))));

        const file = join(work, 'authorization.toml');
        writeFileSync(file, configuration({ port, provider, server, resource }));
        const portal = start([portalProgram, '--config', file], { log: log('portal') });
        await listening(port, portal).catch(error => { throw new Error(`${error.message}\n${tail(log('portal'))}`); });
        for (let tries = 0; tries < 30 && !(await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok; tries++) await sleep(200);
        const addresses = Object.fromEntries(Object.keys(portals).map(name => [name, resource(name)]));
        return {
            places: { ...addresses, issuer: provider, metadataUrl: 'https://client.example/metadata.json', seconds: SECONDS, cacheSeconds: CACHE_SECONDS },
            seen: async () => (await fetch(`${provider}/seen`)).json()
        };
    })();
}

/** All cases of one client. */
const client = (command, env = {}) => async context => {
    const { places } = await raise(context);
    const { stdout, stderr, hung } = await run(command, { env: { ...environment, ...env, OAUTH: JSON.stringify(places) }, seconds: 60 });
    const lines = stdout.split('\n').filter(line => line.startsWith('{"case"')).map(line => JSON.parse(line));
    const failed = lines.filter(line => line.status !== 'pass');
    if (hung) throw new Error(`it hangs after ${lines.at(-1)?.case}`);
    if (lines.length === 0) throw new Error(stderr.slice(-300));
    if (failed.length > 0) throw new Error(failed.map(line => `${line.case}: ${line.detail}`).join('; '));
    return lines.map(line => (line.detail ? `${line.case} (${line.detail})` : line.case)).join(', ');
};

const ts = (command, mode, env) => client([...command, mode], env);
const ts1 = [node, `${here}/clients/oauth_ts.mjs`, '1'];
const ts2 = [...clients.ts2.command.slice(0, 3), `${here}/clients/oauth_ts.mjs`, '2'];
const py = [clients.py.command[0], `${here}/clients/oauth_py.py`];

export const authorization = {
    'oauth: TypeScript SDK v1': ts(ts1, 'legacy'),
    'oauth: TypeScript SDK v2, legacy': ts(ts2, 'legacy', clients.ts2.env),
    'oauth: TypeScript SDK v2, modern': ts(ts2, 'modern', clients.ts2.env),
    'oauth: Python SDK, legacy': client([...py, 'legacy']),
    'oauth: Python SDK, modern': client([...py, '2026-07-28']),
    'oauth: bound, opaque and forged tokens': client([node, `${here}/clients/oauth_raw.mjs`]),

    'oauth: the provider saw registrations, PKCE and the resource of each token': async context => {
        const { places, seen } = await raise(context);
        const requests = await seen();
        const of = route => requests.filter(one => one.route === route && one.status < 400);
        const tokens = of('token').filter(one => one.grant === 'authorization_code');
        const registered = of('registration').length;
        if (registered < 5 || tokens.length < 10) throw new Error(`${registered} registrations, ${tokens.length} tokens`);
        const ours = Object.values(places);
        for (const one of tokens) if (!ours.includes(one.resource)) throw new Error(`a token for ${one.resource}`);
        for (const one of of('authorization')) if (one.challenge !== 'S256') throw new Error('a code without PKCE');
        return `${registered} registrations, ${tokens.length} tokens by code, ${of('token').filter(one => one.grant === 'refresh_token').length} by refresh, ${of('introspection').length} introspections`;
    }
};
