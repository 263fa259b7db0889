// What no table of cases shows. Each check throws, or returns what it found.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { environment, servers } from './lib/fleet.mjs';
import { load } from './lib/packages.mjs';
import { startPortal } from './lib/portal.mjs';
import { freePort, listening, start } from './lib/start.mjs';

const { Client } = load('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { ElicitRequestSchema } = load('@modelcontextprotocol/sdk/types.js');

const textOf = result => result.content.map(block => block.text ?? '').join('');
function must(condition, otherwise) {
    if (!condition) throw new Error(otherwise);
}

/** A server that listens, and can be started again at the same port. */
async function raise(name, work) {
    const port = await freePort();
    const up = async () => {
        const child = start(servers[name].command(port), { env: environment, log: join(work, `check-${name}.log`) });
        await listening(port, child);
        return child;
    };
    let child = await up();
    const origin = `http://127.0.0.1:${port}`;
    return {
        upstream: { name, url: `${origin}/mcp` },
        seen: async () => (await fetch(`${origin}/seen`)).json(),
        stop: () => child.stop(),
        async again() {
            await child.stop('SIGKILL');
            child = await up();
        }
    };
}

/** A portal with these upstreams, which can be started again with the same configuration. */
async function gateway(portalProgram, work, upstreams) {
    const port = await freePort();
    const settings = { port, upstreams, keys: [randomBytes(32).toString('base64')] };
    const up = () => startPortal(portalProgram, join(work, `check-${port}.toml`), settings, join(work, 'portal.log'));
    let child = await up();
    return {
        address: name => `http://127.0.0.1:${port}/${name}`,
        stop: () => child.stop(),
        async again() {
            await child.stop();
            child = await up();
        }
    };
}

/** The TypeScript SDK v1, which never begins a new session by itself. */
async function connect(address, capabilities = { elicitation: {} }) {
    const client = new Client({ name: 'interop-check', version: '1.0.0' }, { capabilities });
    if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    const transport = new StreamableHTTPClientTransport(new URL(address));
    await client.connect(transport);
    return { client, transport, call: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })) };
}

/** Gives a check a server and a portal in front of it, and stops both whatever happens. */
const withBoth = (name, check) => async ({ portalProgram, work }) => {
    const server = await raise(name, work);
    const portal = await gateway(portalProgram, work, [server.upstream]);
    try {
        return await check(server, portal, portal.address(name));
    } finally {
        await portal.stop();
        await server.stop();
    }
};

/** One POST without a library; returns the message that answers it, from JSON or the event stream. */
async function post(address, message, headers = {}) {
    const response = await fetch(address, {
        method: 'POST', body: JSON.stringify(message),
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers }
    });
    const body = await response.text();
    const lines = body.split('\n').filter(line => line.startsWith('data:') && line.length > 6).map(line => line.slice(5));
    const messages = (lines.length > 0 ? lines : [body]).filter(Boolean).map(line => JSON.parse(line));
    return { response, answer: messages.find(one => one.id === message.id) ?? messages[0] };
}

const META = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {}
};

/** What a run of the table found for one case. */
const found = (runs, server, client, mode, name) => runs.find(run => run.via === 'portal' && run.server === server && run.client === client && run.mode === mode)?.cases[name];

async function outlives(_, portal, address) {
    const { client, transport, call } = await connect(address);
    const id = transport.sessionId;
    must(await call('echo', { message: 'before' }) === 'before', 'no answer before');
    await portal.again();
    must(await call('echo', { message: 'after' }) === 'after', 'no answer after');
    must(await call('ask_user') === 'hello Ada', 'the server could not ask the client after the restart');
    must(transport.sessionId === id, 'the client was given another session');
    await client.close();
}

export const checks = {
    'a session outlives a restart of the portal, in front of a server with sessions': withBoth('ts1-http', outlives),
    'a session outlives a restart of the portal, in front of a modern server': withBoth('fast-http', outlives),

    'a session outlives a restart of the server': withBoth('ts1-http', async (server, _, address) => {
        const { client, call } = await connect(address);
        must(await call('echo', { message: 'before' }) === 'before', 'no answer before');
        await server.again();
        must(await call('echo', { message: 'after' }) === 'after', 'no answer after');
        must(await call('ask_user') === 'hello Ada', 'the server could not ask the client after the restart');
        await client.close();
    }),

    'a deleted session is gone': withBoth('fast-http', async (_, __, address) => {
        const { transport, client } = await connect(address);
        const id = transport.sessionId;
        await transport.terminateSession();
        const { response } = await post(address, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' });
        must(response.status === 404, `HTTP status ${response.status} instead of 404`);
        await client.close();
    }),

    '21 calls of a modern client cost the server one initialize': withBoth('ts1-http', async (server, _, address) => {
        for (let id = 1; id <= 21; id++) {
            const params = { name: 'echo', arguments: { message: `${id}` }, _meta: META };
            const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
            const { answer } = await post(address, { jsonrpc: '2.0', id, method: 'tools/call', params }, headers);
            must(answer.result && textOf(answer.result) === `${id}`, `call ${id}: ${JSON.stringify(answer).slice(0, 200)}`);
        }
        const seen = await server.seen();
        must(seen.initialize === 1 && seen['tools/call'] === 21, JSON.stringify(seen));
        return JSON.stringify(seen);
    }),

    'initialize with 2026-07-28 is answered with 2025-11-25': withBoth('fast-http', async (_, __, address) => {
        const params = { protocolVersion: '2026-07-28', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
        const { response, answer } = await post(address, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
        must(answer.result?.protocolVersion === '2025-11-25', JSON.stringify(answer).slice(0, 250));
        const headers = { 'mcp-session-id': response.headers.get('mcp-session-id'), 'mcp-protocol-version': '2025-11-25' };
        must((await post(address, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers)).response.status === 202, 'initialized was not accepted');
        const list = await post(address, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers);
        must(list.answer.result?.tools.length > 0, JSON.stringify(list.answer).slice(0, 250));
        must(list.answer.result.resultType === undefined, 'the answer to a client of 2025 has a resultType');
    }),

    'roots are not declared for a client that has none': async ({ portalProgram, work, folder }) => {
        const upstream = { name: 'filesystem-stdio', command: servers['filesystem-stdio'].command(folder) };
        const portal = await gateway(portalProgram, work, [upstream]);
        try {
            const { client, call } = await connect(portal.address(upstream.name), {});
            await sleep(500);
            const allowed = await call('list_allowed_directories');
            must(allowed.includes(folder), allowed);
            await client.close();
        } finally {
            await portal.stop();
        }
    },

    '3 MB in one result reach Python clients, which take 1 MiB in one event': async ({ runs }) => {
        for (const client of ['py', 'fast']) {
            for (const mode of ['legacy', 'modern']) {
                const result = found(runs, 'ts1-http', client, mode, 'huge');
                must(result?.status === 'pass', `${client}/${mode}: ${result?.detail}`);
            }
        }
    },

    'a cancelled call is known to the server within a second, in all four pairings': async ({ runs }) => {
        const took = [];
        for (const server of ['ts1-http', 'fast-http']) {
            for (const [client, mode] of [['ts1', 'legacy'], ['ts2', 'modern']]) {
                const result = found(runs, server, client, mode, 'cancel');
                const ms = Number(/after (\d+) ms/.exec(result?.detail)?.[1]);
                must(result?.status === 'pass' && ms <= 1000, `${client}/${mode} at ${server}: ${result?.detail}`);
                took.push(`${mode} to ${server}: ${ms} ms`);
            }
        }
        return took.join(', ');
    }
};
