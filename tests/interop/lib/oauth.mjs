// What the clients that need a token share: Alice's browser, where a client keeps what it got, and how it tells of it.

export const redirectUri = 'http://127.0.0.1:7777/callback';

/**
 * Follows redirects from the authorization endpoint, with cookies, until the client's own address comes: nothing listens
 * there. Returns that address.
 */
export async function browse(start) {
    const cookies = new Map();
    let url = new URL(start);
    for (let hops = 0; hops < 20; hops++) {
        const cookie = [...cookies].map(pair => pair.join('=')).join('; ');
        const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
        for (const line of response.headers.getSetCookie()) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            value === '' ? cookies.delete(name) : cookies.set(name, value);
        }
        const to = response.headers.get('location');
        if (to === null) throw new Error(`the provider shows ${response.status} ${(await response.text()).replace(/<[^>]*>|\s+/g, ' ').slice(0, 300)}`);
        url = new URL(to, url);
        if (url.href.startsWith(redirectUri)) {
            if (!url.searchParams.has('code')) throw new Error(`the provider says ${url.search}`);
            return url;
        }
    }
    throw new Error('the provider redirects without end');
}

/** An `OAuthClientProvider` of both TypeScript SDKs that keeps everything in memory, as it was handed over. */
export class Wallet {
    redirectUrl = redirectUri;
    /** Where the person was sent, in order. */
    asked = [];
    #kept = {};

    constructor({ refresh = true, metadataUrl } = {}) {
        this.clientMetadataUrl = metadataUrl;
        this.clientMetadata = {
            client_name: 'interop', redirect_uris: [redirectUri], application_type: 'native', token_endpoint_auth_method: 'none',
            grant_types: refresh ? ['authorization_code', 'refresh_token'] : ['authorization_code'], response_types: ['code']
        };
    }

    state = () => crypto.randomUUID();
    clientInformation = () => this.#kept.client;
    saveClientInformation = client => void (this.#kept.client = client);
    tokens = () => this.#kept.tokens;
    saveTokens = tokens => void (this.#kept.tokens = tokens);
    codeVerifier = () => this.#kept.verifier;
    saveCodeVerifier = verifier => void (this.#kept.verifier = verifier);
    discoveryState = () => this.#kept.discovery;
    saveDiscoveryState = discovery => void (this.#kept.discovery = discovery);
    redirectToAuthorization = url => void this.asked.push(url);
}

export function must(condition, otherwise) {
    if (!condition) throw new Error(otherwise);
}

/** Runs cases one after the other and prints a line for each, as the clients of the kit do. */
export async function report(cases) {
    const wanted = process.env.OAUTH_CASES?.split(',');
    for (const [name, run] of Object.entries(cases).filter(([one]) => wanted?.includes(one) ?? true)) {
        let line;
        try {
            line = { case: name, status: 'pass', detail: await run() ?? '' };
        } catch (error) {
            line = { case: name, status: 'fail', detail: `${error.message} ${error.stack?.split('\n')[1]?.trim()}` };
        }
        console.log(JSON.stringify(line));
    }
    process.exit(0);
}
