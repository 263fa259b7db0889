// Judges the client cases of several `kit run --out FILE` results. Each run's label is "SERVER VIA".
import { readFileSync } from 'node:fs';
import { judge, print } from './lib/judge.mjs';

const runs = new Map();
for (const file of process.argv.slice(2)) {
    const { label, results } = JSON.parse(readFileSync(file, 'utf8'));
    const [server, via] = label.split(' ');
    for (const { id, ...result } of results) {
        const [suite, client, mode, name] = id.split('/');
        if (suite !== 'clients') continue;
        const key = [label, client, mode].join();
        if (!runs.has(key)) runs.set(key, { server, via, client, mode, cases: {} });
        runs.get(key).cases[name] = result;
    }
}
process.exitCode = print(judge([...runs.values()])) ? 0 : 1;
