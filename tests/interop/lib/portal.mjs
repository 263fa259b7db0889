// Configures and starts the portal binary.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment } from './fleet.mjs';
import { listening, start, tail } from './start.mjs';

// JSON's strings and lists of strings are TOML too.
const toml = JSON.stringify;

/** One server's table: by `command` when it speaks stdio, by `url` otherwise. */
const serverTable = ({ name, command, url, era }) => ['[[portal.server]]', `id = ${toml(name)}`,
    ...(command ? [`command = ${toml(command.map(String))}`, `env = { ${Object.entries(environment).map(([key, value]) => `${key} = ${toml(value)}`).join(', ')} }`]
        : [`url = ${toml(url)}`]),
    ...(era ? [`era = ${toml(era)}`] : [])];

/** A portal for each server, at the path of its name; names stay as they are. */
export function configuration({ port, keys, upstreams }) {
    return [
        `listen = "127.0.0.1:${port}"`,
        '[log]', 'level = "warn"',
        ...(keys ? ['[sessions]', `keys = ${toml(keys)}`] : []),
        ...upstreams.flatMap(one => ['', '[[portal]]', `id = ${toml(one.name)}`, `path = ${toml(`/${one.name}`)}`, 'namespace = "never"', '', ...serverTable(one)])
    ].join('\n') + '\n';
}

/** The command of a portal that speaks on standard input and output, with the configuration of another. */
export const onStdio = (portal, file, name) => [portal, '--config', file, '--stdio', '--portal', name];

/** Starts the program `portal` with what `configuration` takes, written to `file`. */
export async function startPortal(portal, file, settings, log) {
    writeFileSync(file, configuration(settings));
    const child = start([portal, '--config', file], { log });
    await listening(settings.port, child);
    // A server that stays down is not the end: its cells show it.
    for (let tries = 0; tries < 30 && child.exitCode === null; tries++) {
        const answer = await fetch(`http://127.0.0.1:${settings.port}/readyz`).catch(() => undefined);
        if (answer?.ok) break;
        await sleep(500);
    }
    if (child.exitCode !== null) throw new Error(`the portal ended:\n${tail(log)}`);
    return child;
}
