// Starts programs, and ends exactly those.
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();

/** Starts a program in a process group of its own, its output in `log`. */
export function start([program, ...args], { env = {}, log }) {
    const out = openSync(log, 'a');
    const child = spawn(program, args.map(String), { env: { ...process.env, ...env }, detached: true, stdio: ['ignore', out, out] });
    child.on('error', error => console.error(`${program}: ${error.message}`));
    child.log = log;
    child.stop = (signal = 'SIGTERM') => new Promise(done => {
        running.delete(child);
        if (child.exitCode !== null || child.signalCode !== null || !child.pid) return done();
        child.once('exit', done);
        const signalGroup = which => {
            try {
                process.kill(-child.pid, which);
            } catch {
                // it is gone already
            }
        };
        signalGroup(signal);
        setTimeout(() => signalGroup('SIGKILL'), 5000).unref();
    });
    running.add(child);
    return child;
}

export const stopAll = () => Promise.all([...running].map(child => child.stop()));

/** Runs a program to its end, and kills it when it takes too long. */
export function run([program, ...args], { env = {}, seconds = 120, cwd } = {}) {
    return new Promise(done => {
        const child = spawn(program, args.map(String), { env: { ...process.env, ...env }, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
        let stdout = '', stderr = '', hung = false;
        const timer = setTimeout(() => { hung = true; process.kill(-child.pid, 'SIGKILL'); }, seconds * 1000);
        child.stdout.on('data', data => { stdout += data; });
        child.stderr.on('data', data => { stderr += data; });
        child.on('error', error => { stderr += error.message; clearTimeout(timer); done({ code: -1, stdout, stderr, hung }); });
        child.on('close', code => { clearTimeout(timer); done({ code, stdout, stderr, hung }); });
    });
}

/** A port that nothing listens on, below those that the kernel hands out for outgoing connections. */
export async function freePort() {
    for (;;) {
        const port = 20000 + Math.floor(Math.random() * 10000);
        const isFree = await new Promise(done => {
            const server = createServer().on('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true)));
        });
        if (isFree) return port;
    }
}

/** Waits until something listens on the port; throws with the last lines of the program when it ends or takes over half a minute. */
export async function listening(port, child) {
    for (const end = Date.now() + 30_000; Date.now() < end && child.exitCode === null;) {
        const isOpen = await new Promise(done => {
            const socket = connect({ port, host: '127.0.0.1' }).on('connect', () => { socket.destroy(); done(true); }).on('error', () => done(false));
        });
        if (isOpen) return;
        await sleep(100);
    }
    throw new Error(`${child.spawnargs.join(' ')} does not listen:\n${tail(child.log)}`);
}

export const tail = (log, lines = 30) => readFileSync(log, 'utf8').split('\n').slice(-lines).join('\n');
