// Brings every client together with every server, directly and through the portal, and prints one table.
//
//   run.mjs PORTAL [--servers A,B] [--clients A,B] [--cases A,B] [--keep FOLDER]
//   run.mjs PORTAL --check TEXT      only the checks with this in their name, and no table
//
// Then the checks of checks.mjs and authorization.mjs. Exits with 1 when something is lost or a check fails.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { authorization } from './authorization.mjs';
import { checks } from './checks.mjs';
import { clients, environment, profileOf, servers } from './lib/fleet.mjs';
import { judge, print, table } from './lib/judge.mjs';
import { onStdio, startPortal } from './lib/portal.mjs';
import { fill } from './lib/profiles.mjs';
import { freePort, listening, run, start, stopAll, tail } from './lib/start.mjs';

const AT_ONCE = 3;
/** Which clients start `portal --stdio`, and what servers stand behind it. The Inspector takes --config for its own. */
const ON_STDIO = { clients: ['ts1', 'ts2', 'fast'], servers: ['ts1-http', 'ts1-stdio', 'py-stdio', 'fast-http'] };

const { values: options, positionals: [portalProgram] } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(['servers', 'clients', 'cases', 'keep', 'check'].map(name => [name, { type: 'string' }]))
});
const among = (all, wanted) => (wanted ? wanted.split(',') : Object.keys(all));

const work = options.keep ?? mkdtempSync(join(tmpdir(), 'interop-'));
const folder = join(work, 'files');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(fill)) writeFileSync(join(folder, name), text);

/** Starts what listens; returns what the portal and the clients need to reach each server. */
async function raise(name) {
    const { speaks, path = '/mcp', era, command, env } = servers[name];
    if (speaks === 'stdio') {
        const line = command(folder).map(String);
        // Some clients hand on little of their environment.
        const direct = ['env', ...Object.entries(environment).map(pair => pair.join('=')), ...line];
        return { name, era, command: line, address: `stdio:${JSON.stringify(direct)}` };
    }
    const port = await freePort();
    const child = start(command(port), { env: { ...environment, ...env?.(port) }, log: join(work, `${name}.log`) });
    await listening(port, child);
    const url = `http://127.0.0.1:${port}${path}`;
    return { name, era, url, address: speaks === 'sse' ? `sse:${url}` : url };
}

/** Runs one client against one address: { cases, asked } for the judge. */
async function runClient(name, mode, address, server) {
    const { command, env } = clients[name];
    const profile = profileOf(server, folder, name, mode);
    const given = { KIT_URL: address, KIT_MODE: mode, KIT_PROFILE: JSON.stringify(profile), KIT_CASES: options.cases ?? '' };
    const { stdout, stderr, hung } = await run(command, { env: { ...environment, ...env, ...given } });
    const lines = stdout.split('\n').filter(line => line.startsWith('{"case"')).map(line => JSON.parse(line));
    const cases = Object.fromEntries(lines.map(({ case: one, ...result }) => [one, result]));
    if (hung) cases.close = { status: 'fail', detail: 'the client hung' };
    cases.connect ??= { status: 'fail', detail: stderr.trim().slice(-300) };
    return { cases, asked: ['connect', ...Object.keys(profile).filter(one => !options.cases || options.cases.split(',').includes(one))] };
}

/** Every client with every server; returns the runs, for the judge. */
async function bringTogether() {
    const fleet = new Map(await Promise.all(among(servers, options.servers).map(async name => [name, await raise(name)])));
    const port = await freePort(), file = join(work, 'portal.toml');
    const portal = await startPortal(portalProgram, file, { port, upstreams: [...fleet.values()] }, join(work, 'portal.log'));

    // The clients of one server take turns, because some cases change what all its clients see.
    const runs = [];
    const visit = async ({ name: server, address }) => {
        for (const client of among(clients, options.clients).filter(one => clients[one].at?.includes(server) ?? true)) {
            for (const mode of clients[client].modes) {
                const ways = [['portal', `http://127.0.0.1:${port}/${server}`]];
                // What a server can do in an era that the portal is told not to speak with it is beside the point.
                const isPinned = servers[server].era === 'legacy' && mode === 'modern';
                if (clients[client].speaks.includes(servers[server].speaks) && !isPinned) ways.unshift(['direct', address]);
                if (ON_STDIO.clients.includes(client) && ON_STDIO.servers.includes(server)) {
                    ways.push(['--stdio', `stdio:${JSON.stringify(onStdio(portalProgram, file, server))}`]);
                }
                for (const [via, at] of ways) {
                    runs.push({ server, via, client, mode, ...await runClient(client, mode, at, server) });
                }
            }
        }
    };
    const waiting = [...fleet.values()];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (waiting.length > 0) await visit(waiting.shift());
    }));
    const order = [...fleet.keys()];
    runs.sort((one, other) => order.indexOf(one.server) - order.indexOf(other.server));
    if (options.keep) writeFileSync(join(work, 'runs.json'), JSON.stringify(runs, null, 1));
    await portal.stop();
    return runs;
}

/** Returns whether all passed. */
async function runChecks(runs) {
    const rows = [];
    for (const [what, check] of Object.entries({ ...checks, ...authorization }).filter(([name]) => name.includes(options.check ?? ''))) {
        try {
            rows.push([what, 'ok', await check({ portalProgram, work, runs, folder }) ?? '']);
        } catch (error) {
            rows.push([what, 'FAILED', error.message.replaceAll('\n', ' ').slice(0, 300)]);
        }
    }
    table(['check', '', ''], rows);
    return rows.every(row => row[1] === 'ok');
}

async function main() {
    const programs = [...among(servers, options.servers).map(name => servers[name].needs), ...among(clients, options.clients).map(name => clients[name].needs)];
    const missing = programs.filter(file => file !== undefined && !existsSync(file));
    if (missing.length > 0) throw new Error(`not installed: ${[...new Set(missing)]}`);
    if (options.check !== undefined) return runChecks([]);
    const runs = await bringTogether();
    const isGood = print(judge(runs));
    if (options.servers || options.clients || options.cases) return isGood;
    return await runChecks(runs) && isGood;
}

let isGood = false;
try {
    isGood = await main();
} catch (error) {
    console.error(error.message);
}
await stopAll();
if (!isGood && existsSync(join(work, 'portal.log'))) console.log(`--- the last lines of the portal\n${tail(join(work, 'portal.log'))}`);
if (!options.keep) rmSync(work, { recursive: true, force: true });
process.exit(isGood ? 0 : 1);
