// The servers and clients that are brought together, and how each is started and reached.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { everything, files } from './profiles.mjs';

const { INTEROP_CACHE: cache, PORTCULLIS_KIT: kit, KIT_CACHE: kitCache, KIT_NODE: node } = process.env;
const here = fileURLToPath(new URL('..', import.meta.url));
const python = `${cache}/py/bin/python`;
const rmcp = `${cache}/rmcp/debug/interop-rmcp`;
const kitProfile = JSON.parse(readFileSync(`${kit}/profiles/kit.json`, 'utf8'));
// The TypeScript SDK v1 drops a notification that it reads together with the result, as it may the last one.
kitProfile.progress.min -= 1;
const npm = name => `${cache}/node_modules/@modelcontextprotocol/${name}/dist/index.js`;

/** What our own programs need from the environment, also where the portal starts them. */
export const environment = { INTEROP_CACHE: cache, PORTCULLIS_KIT: kit, PYTHONWARNINGS: 'ignore' };

/**
 * Servers by name. `speaks` is the transport, and `command(port)` the program; one that speaks stdio is started by the
 * client or the portal, any other once. `era` goes into the portal's configuration, `without` names what it cannot do.
 */
export const servers = {
    'ts1-http': { speaks: 'http', command: port => [node, `${here}servers/ts1.mjs`, 'http', '--port', port] },
    'ts1-sse': { speaks: 'sse', path: '/sse', era: 'sse', command: port => [node, `${here}servers/ts1.mjs`, 'sse', '--port', port] },
    'ts1-stdio': { speaks: 'stdio', command: () => [node, `${here}servers/ts1.mjs`, 'stdio'] },
    'py-stdio': { speaks: 'stdio', command: () => [python, `${here}servers/py_stdio.py`] },
    'py-stdio-legacy': { speaks: 'stdio', era: 'legacy', command: () => [python, `${here}servers/py_stdio.py`] },
    'fast-http': { speaks: 'http', without: ['resource_updated'], command: port => [python, `${here}servers/fast.py`, 'http', '--port', port] },
    'fast-http-legacy': { speaks: 'http', without: ['resource_updated'], era: 'legacy', command: port => [python, `${here}servers/fast.py`, 'http', '--port', port] },
    'fast-stdio': { speaks: 'stdio', without: ['resource_updated'], command: () => [python, `${here}servers/fast.py`, 'stdio'] },
    'rmcp-http': { speaks: 'http', needs: rmcp, without: ['logging', 'list_changed', 'resource_updated'], command: port => [rmcp, 'serve', port] },
    'everything-http': { speaks: 'http', profile: everything, command: () => [node, npm('server-everything'), 'streamableHttp'], env: port => ({ PORT: port }) },
    'everything-sse': { speaks: 'sse', path: '/sse', era: 'sse', profile: everything, command: () => [node, npm('server-everything'), 'sse'], env: port => ({ PORT: port }) },
    'everything-stdio': { speaks: 'stdio', profile: everything, command: () => [node, npm('server-everything'), 'stdio'] },
    'filesystem-stdio': { speaks: 'stdio', profile: files, command: folder => [node, npm('server-filesystem'), folder] }
};

/**
 * Clients by name: which transports they speak to a server directly, and which cases they have no call for in a mode, or
 * all that they have one for. A slow one meets only some servers (`at`).
 */
export const clients = {
    ts1: { modes: ['legacy'], speaks: ['http', 'sse', 'stdio'], command: [node, `${here}clients/ts1.mjs`] },
    ts2: { modes: ['legacy', 'modern'], speaks: ['http', 'stdio'], command: [node, '--import', `${kit}/lib/resolve.mjs`, `${kit}/clients/ts2.mjs`], env: { KIT_MODULES: `${kitCache}/open` } },
    py: { modes: ['legacy', 'modern'], speaks: ['http'], command: [`${kitCache}/open/py/bin/python`, `${kit}/clients/py_client.py`] },
    fast: { modes: ['legacy', 'modern'], speaks: ['http', 'sse', 'stdio'], command: [python, `${here}clients/fast.py`], cannot: { modern: ['list_changed', 'resource_updated'] } },
    rmcp: { modes: ['legacy', 'modern'], speaks: ['http'], needs: rmcp, command: [rmcp, 'call'], cannot: { legacy: ['logging'], modern: ['logging'] } },
    inspector: { modes: ['legacy', 'modern'], speaks: ['http', 'sse', 'stdio'], command: [node, `${here}clients/inspector.mjs`], can: ['list_tools', 'call_tool', 'get_prompt'], at: ['ts1-http', 'ts1-sse', 'ts1-stdio', 'fast-http', 'everything-http'] }
};

/** What the cases call on a server and what they expect: those that the server and the client in its mode can do. */
export function profileOf(server, folder, client, mode) {
    const { profile, without = [] } = servers[server];
    const { can, cannot } = clients[client];
    const isAsked = name => !without.includes(name) && !cannot?.[mode]?.includes(name) && (can?.includes(name) ?? true);
    return Object.fromEntries(Object.entries(profile?.(folder) ?? kitProfile).filter(([name]) => isAsked(name)));
}
