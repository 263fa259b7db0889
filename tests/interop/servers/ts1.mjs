// A server of the initialize era: the TypeScript SDK v1, with what profiles/kit.json of the client kit calls.
//
//   ts1.mjs stdio            on standard input and output
//   ts1.mjs http --port N    sessions over Streamable HTTP, at /mcp
//   ts1.mjs sse --port N     the transport of 2024-11-05: GET /sse, POST /messages
//
// Over HTTP, GET /seen tells how many requests of each method arrived.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { load } from '../lib/packages.mjs';

const { McpServer, ResourceTemplate } = load('@modelcontextprotocol/sdk/server/mcp.js');
const { completable } = load('@modelcontextprotocol/sdk/server/completable.js');
const { SSEServerTransport } = load('@modelcontextprotocol/sdk/server/sse.js');
const { StdioServerTransport } = load('@modelcontextprotocol/sdk/server/stdio.js');
const { StreamableHTTPServerTransport } = load('@modelcontextprotocol/sdk/server/streamableHttp.js');
const types = load('@modelcontextprotocol/sdk/types.js');
const { z } = load('zod');

const { values: options, positionals: [transport = 'stdio'] } = parseArgs({
    allowPositionals: true, options: { port: { type: 'string', default: '0' } }
});

const people = ['ada', 'alan', 'barbara', 'grace'];
const text = value => ({ content: [{ type: 'text', text: value }] });
/** What all sessions share: what became of the calls of `slow`, and the open sessions by id. */
const calls = {}, sessions = new Map();
let dynamicIsOn = false;

function build() {
    const server = new McpServer({ name: 'interop-ts1', version: '1.0.0' }, {
        capabilities: { logging: {}, resources: { subscribe: true, listChanged: true }, tools: { listChanged: true }, prompts: {}, completions: {} }
    });
    const session = { server, subscribed: new Set() };
    const tool = (name, inputSchema, run, more = {}) => server.registerTool(name, { description: name, inputSchema, ...more }, run);

    tool('echo', { message: z.string() }, ({ message }) => text(message));
    tool('sum', { a: z.number(), b: z.number() }, ({ a, b }) => ({ ...text(`${a + b}`), structuredContent: { total: a + b } }), { outputSchema: { total: z.number() } });
    tool('fail', {}, () => { throw new Error('this tool always fails'); });
    tool('big', { bytes: z.number() }, ({ bytes }) => text('x'.repeat(bytes)));
    tool('count', { steps: z.number(), delay_ms: z.number() }, async ({ steps, delay_ms: delay }, { _meta, sendNotification }) => {
        for (let progress = 1; progress <= steps; progress++) {
            if (_meta?.progressToken !== undefined) {
                await sendNotification({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress, total: steps } });
            }
            await sleep(delay);
        }
        return text(`counted ${steps}`);
    });
    tool('log_it', {}, async (_, { sendNotification }) => {
        await sendNotification({ method: 'notifications/message', params: { level: 'warning', data: 'kit log line' } });
        return text('logged');
    });
    tool('ask_user', {}, async (_, { sendRequest }) => {
        const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
        const answer = await sendRequest({ method: 'elicitation/create', params: { message: 'What is your name?', requestedSchema } }, types.ElicitResultSchema);
        return text(`hello ${answer.content?.name}`);
    });
    tool('ask_model', {}, async (_, { sendRequest }) => {
        const messages = [{ role: 'user', content: { type: 'text', text: 'Say something' } }];
        const answer = await sendRequest({ method: 'sampling/createMessage', params: { messages, maxTokens: 100 } }, types.CreateMessageResultSchema);
        return text(`model said: ${answer.content.text}`);
    });
    tool('ask_roots', {}, async (_, { sendRequest }) => {
        const { roots } = await sendRequest({ method: 'roots/list' }, types.ListRootsResultSchema);
        return text(`roots: ${roots.map(root => root.uri)}`);
    });
    tool('slow', { key: z.string(), seconds: z.number() }, async ({ key, seconds }, { signal }) => {
        calls[key] = 'running';
        signal.addEventListener('abort', () => { calls[key] = 'cancelled'; });
        await sleep(seconds * 1000, undefined, { signal });
        calls[key] = 'finished';
        return text('slept');
    });
    tool('cancel_log', {}, () => text(JSON.stringify(calls)));
    tool('touch_tools', {}, () => {
        dynamicIsOn = !dynamicIsOn;
        for (const { dynamic } of sessions.values()) dynamicIsOn ? dynamic.enable() : dynamic.disable();
        return text('changed');
    });
    tool('touch_resource', {}, async () => {
        for (const { server: other, subscribed } of sessions.values()) {
            if (subscribed.has('kit://watched')) await other.server.sendResourceUpdated({ uri: 'kit://watched' });
        }
        return text('updated');
    });
    session.dynamic = tool('dynamic_tool', {}, () => text('dynamic'));
    if (!dynamicIsOn) session.dynamic.disable();

    for (const [name, contents] of [['text', 'kit text'], ['watched', 'watched']]) {
        server.registerResource(name, `kit://${name}`, {}, uri => ({ contents: [{ uri: uri.href, text: contents }] }));
    }
    server.registerResource('item', new ResourceTemplate('kit://item/{id}', { list: undefined }), {},
        (uri, { id }) => ({ contents: [{ uri: uri.href, text: `item ${id}` }] }));
    server.registerPrompt('greet', { argsSchema: { name: completable(z.string(), typed => people.filter(name => name.startsWith(typed))) } },
        ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Please greet ${name}` } }] }));

    server.server.setRequestHandler(types.SubscribeRequestSchema, ({ params }) => { session.subscribed.add(params.uri); return {}; });
    server.server.setRequestHandler(types.UnsubscribeRequestSchema, ({ params }) => { session.subscribed.delete(params.uri); return {}; });
    return session;
}

async function open(id, via) {
    const session = build();
    session.via = via;
    // Set before connecting: the SDK calls it besides its own.
    via.onclose = () => void sessions.delete(id ?? via.sessionId);
    if (id !== undefined) sessions.set(id, session);
    await session.server.connect(via);
    return session;
}

async function serveSession(request, response, body) {
    const known = sessions.get(request.headers['mcp-session-id']);
    if (known) return known.via.handleRequest(request, response, body);
    if (request.headers['mcp-session-id']) return response.writeHead(404).end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
    if (!types.isInitializeRequest(body)) return response.writeHead(400).end('{"jsonrpc":"2.0","error":{"code":-32000,"message":"Session ID required"},"id":null}');
    let session;
    const via = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: id => void sessions.set(id, session) });
    session = await open(undefined, via);
    return via.handleRequest(request, response, body);
}

async function serveSse(request, response, body, url) {
    if (url.pathname === '/sse') {
        const via = new SSEServerTransport('/messages', response);
        return void await open(via.sessionId, via);
    }
    const session = sessions.get(url.searchParams.get('sessionId'));
    return session ? session.via.handlePostMessage(request, response, body) : response.writeHead(404).end();
}

if (transport === 'stdio') {
    await open('stdio', new StdioServerTransport());
} else {
    const seen = {};
    createServer(async (request, response) => {
        const url = new URL(request.url, 'http://localhost');
        if (url.pathname === '/seen') return response.end(JSON.stringify(seen));
        const chunks = await request.toArray();
        const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
        const method = body?.method ?? request.method;
        seen[method] = (seen[method] ?? 0) + 1;
        return (transport === 'sse' ? serveSse : serveSession)(request, response, body, url);
    }).listen(Number(options.port), '127.0.0.1');
}
