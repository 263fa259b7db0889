// The authorization code of the TypeScript SDKs, which is run by nobody but them: what is said here is what an application
// says (a place to keep things, a browser).
//
//   oauth_ts.mjs 1 legacy    or 2 legacy, 2 modern; OAUTH has the addresses
import { load } from '../lib/packages.mjs';
import { Wallet, browse, must, report } from '../lib/oauth.mjs';

const [sdk, mode] = process.argv.slice(2);
const places = JSON.parse(process.env.OAUTH);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = sdk === '2' ? await import('@modelcontextprotocol/client') : {
    ...load('@modelcontextprotocol/sdk/client/index.js'), ...load('@modelcontextprotocol/sdk/client/streamableHttp.js'), ...load('@modelcontextprotocol/sdk/client/auth.js')
};
const textOf = result => result.content.map(block => block.text ?? '').join('');

/** An application with one connection. `person` counts how often the SDK wanted a person. */
class App {
    visited = [];
    person = 0;

    constructor(address, wallet) {
        Object.assign(this, { address, wallet });
    }

    #fetch = async (url, init) => {
        const response = await fetch(url, init);
        this.visited.push(`${init?.method ?? 'GET'} ${new URL(url).pathname} ${response.status}`);
        return response;
    };

    /** Does it; sends the person to the provider when the SDK asks for one, and does it again. */
    async #authorized(transport, run) {
        try {
            return await run();
        } catch (error) {
            const isAsking = error instanceof UnauthorizedError || error.cause instanceof UnauthorizedError;
            if (!isAsking || this.wallet.asked.length === this.person) throw error;
            const back = await browse(this.wallet.asked[this.person++]);
            await (transport() ?? this.#lost()).finishAuth(sdk === '2' ? back.searchParams : back.searchParams.get('code'));
            return this.#authorized(transport, run);
        }
    }

    #lost() {
        throw new Error('no transport');
    }

    async open() {
        let transport;
        await this.#authorized(() => transport, async () => {
            transport = new StreamableHTTPClientTransport(new URL(this.address), { authProvider: this.wallet, fetch: this.#fetch });
            this.client = new Client({ name: 'interop-oauth', version: '1.0.0' }, mode === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {});
            await this.client.connect(transport);
        });
        this.transport = transport;
        return this;
    }

    call(name, args = {}) {
        return this.#authorized(() => this.transport, async () => textOf(await this.client.callTool({ name, arguments: args })));
    }

    async close() {
        await this.transport?.terminateSession?.().catch(() => {});
        await this.client?.close();
    }
}

async function within(address, options, run) {
    const app = new App(address, new Wallet(options));
    try {
        return await run(await app.open(), app.wallet);
    } finally {
        await app.close();
    }
}

/** Calls a tool that needs no scope of its own. */
async function plain(app) {
    const answer = await app.call('count', { steps: 1, delay_ms: 0 });
    must(answer === 'counted 1', `another answer: ${answer}`);
}

/** That the SDK took each step of the specification, in order. */
function mustHaveGone(app, steps) {
    let from = 0;
    for (const step of steps) {
        const at = app.visited.findIndex((line, index) => index >= from && step.test(line));
        must(at >= 0, `no ${step} among ${app.visited}`);
        from = at + 1;
    }
}

await report({
    /** Discovery, registration, PKCE, the token, the call. */
    call: () => within(places.a, { refresh: false }, async (app, wallet) => {
        await plain(app);
        mustHaveGone(app, [/^POST .* 401/, /oauth-protected-resource.* 200/, /oauth-authorization-server.* 200/, /^POST \/reg 201/, /^POST \/token 200/, /^POST .* 20[02]/]);
        const asked = wallet.asked[0].searchParams;
        must(asked.get('resource') === places.a, `asked for ${asked.get('resource')}`);
        must(asked.get('code_challenge_method') === 'S256', 'no PKCE');
        must(asked.get('scope')?.split(' ').includes('mcp'), `asked for scope ${asked.get('scope')}`);
        return `asked a person ${app.person} times, for ${asked.get('scope')}`;
    }),
    /** A client that names itself by a URL does not register. */
    metadata_url: () => within(places.a, { metadataUrl: places.metadataUrl }, async (app, wallet) => {
        await plain(app);
        must(wallet.asked[0].searchParams.get('client_id') === places.metadataUrl, 'another client id');
        must(!app.visited.some(line => line.includes('/reg ')), 'it registered');
    }),
    /** The token does for one tool and not for another: the SDK gets one that does. */
    step_up: () => within(places.a, { refresh: false }, async (app, wallet) => {
        await plain(app);
        must(await app.call('echo', { message: 'more' }) === 'more', 'no answer to echo');
        await plain(app);
        must(app.visited.some(line => line.endsWith(' 403')), 'nobody said 403');
        return `asked for ${wallet.asked.at(-1).searchParams.get('scope')}`;
    }),
    /** The same for a client that can refresh. v1 refreshes the token it has, which grants no more than before. */
    step_up_with_refresh: async () => {
        try {
            return await within(places.a, { refresh: true }, async (app, wallet) => {
                must(await app.call('echo', { message: 'more' }) === 'more', 'no answer to echo');
                return `asked for ${wallet.asked.at(-1).searchParams.get('scope')}`;
            });
        } catch (error) {
            if (sdk === '1' && /after trying upscoping/.test(error.message)) return 'cannot, by itself';
            throw error;
        }
    },
    /** A token that is over is refused, and refreshed without a person. */
    expiry: () => within(places.short, { refresh: true }, async (app, wallet) => {
        await plain(app);
        const first = wallet.tokens().access_token;
        await new Promise(done => setTimeout(done, places.seconds * 1000 + 200));
        const refused = app.visited.length;
        await plain(app);
        must(app.visited.slice(refused).some(line => /^POST .* 401/.test(line)), `nobody said 401: ${app.visited.slice(refused)}`);
        must(wallet.tokens().access_token !== first, 'the same token');
        must(app.person === 1, `a person was asked ${app.person} times`);
    }),
    /** What is issued for one portal opens no other. */
    other: () => within(places.a, { refresh: false }, async (_, wallet) => {
        const thief = new Wallet();
        thief.saveClientInformation(wallet.clientInformation());
        thief.saveTokens(wallet.tokens());
        const stolen = new App(places.b, thief);
        thief.redirectToAuthorization = () => {};
        const failure = await stolen.open().then(() => undefined, error => error);
        must(failure instanceof UnauthorizedError || failure?.cause instanceof UnauthorizedError, `no refusal: ${failure?.message}`);
        must(stolen.visited[0].endsWith(' 401'), stolen.visited[0]);
        await stolen.close();
    })
});
