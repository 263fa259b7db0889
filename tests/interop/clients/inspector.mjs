// The Inspector's command line: one program, and one connection, per request. It prints the kit's lines for the cases
// that it has a method for. The address may also be sse:http://... or stdio:["command","argument",...].
import { run } from '../lib/start.mjs';

const { INTEROP_CACHE: cache, KIT_NODE: node, KIT_URL: address, KIT_MODE: mode } = process.env;
const profile = JSON.parse(process.env.KIT_PROFILE);
const only = (process.env.KIT_CASES ?? '').split(',').filter(Boolean);
const program = `${cache}/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js`;

const [scheme, rest] = address.split(/:(.*)/s);
const target = scheme === 'stdio' ? JSON.parse(rest) : ['--server-url', scheme === 'sse' ? rest : address, '--transport', scheme === 'sse' ? 'sse' : 'http'];

/** The result of one request; an error if the program fails. */
async function request(method, ...more) {
    const line = [node, program, '--cli', ...target, '--protocol-era', mode, '--quiet', '--format', 'json', '--method', method, ...more];
    // It keeps files in the home folder.
    const { code, stdout, stderr, hung } = await run(line, { seconds: 15, env: { HOME: cache } });
    const [found] = /\{.*\}/s.exec(stdout) ?? [];
    if (found === undefined) throw new Error(hung ? 'it hung' : `${code}: ${stderr.trim().slice(0, 250)}`);
    return JSON.parse(found);
}
const call = want => request('tools/call', '--tool-name', want.tool, '--tool-args-json', JSON.stringify(want.args));
const has = (result, text) => {
    if (!JSON.stringify(result).includes(JSON.stringify(text).slice(1, -1))) throw new Error(`got ${JSON.stringify(result).slice(0, 200)}`);
};

const cases = {
    async list_tools(want) {
        const found = await request('tools/list');
        for (const name of want.expect) has(found, name);
    },
    call_tool: async want => has(await call(want), want.text),
    tool_error: async want => has(await call(want), want.text),
    read_resource: async want => has(await request('resources/read', '--uri', want.uri), want.text),
    get_prompt: async want => has(await request('prompts/get', '--prompt-name', want.name, '--prompt-args', ...Object.entries(want.args).map(pair => pair.join('='))), want.text)
};

const print = (name, status, detail, began) => console.log(JSON.stringify({ case: name, status, detail, ms: Date.now() - began }));
print('connect', 'pass', `${mode}, not told`, Date.now());
for (const [name, check] of Object.entries(cases)) {
    if (!profile[name] || (only.length > 0 && !only.includes(name))) continue;
    const began = Date.now();
    try {
        await check(profile[name]);
        print(name, 'pass', '', began);
    } catch (error) {
        print(name, 'fail', error.message.replaceAll('\n', ' ').slice(0, 300), began);
    }
}
