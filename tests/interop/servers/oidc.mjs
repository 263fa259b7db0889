// An OpenID provider, npm's oidc-provider, for whoever wants a token of a resource. Alice is always there: she logs in
// with two factors and consents to all that is asked for, so a browser only has to follow redirects.
//
//   oidc.mjs --port N --resources '{"http://127.0.0.1:5000/a": {"format": "jwt", "alg": "ES256", "seconds": 3600}}'
//
// Clients register themselves, are known beforehand (see `clients`), or are named by the URL of their metadata. GET /seen
// tells what arrived, so that a test knows who has done what.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { load } from '../lib/packages.mjs';

const { Provider } = await import(load.resolve('oidc-provider'));
const { values: options } = parseArgs({ options: { port: { type: 'string' }, resources: { type: 'string', default: '{}' } } });
const issuer = `http://127.0.0.1:${options.port}`;
const resources = JSON.parse(options.resources);
const scopes = ['openid', 'offline_access', 'mcp', 'echo:call'];
const seen = [];

/** The client that names itself by a URL, which the provider would fetch from the network. */
const metadataUrl = 'https://client.example/metadata.json';
const metadata = {
    client_id: metadataUrl, client_name: 'interop by URL', redirect_uris: ['http://127.0.0.1:7777/callback'], application_type: 'native',
    token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code']
};

const key = (type, settings, more) => ({ ...generateKeyPairSync(type, settings).privateKey.export({ format: 'jwk' }), use: 'sig', ...more });

const provider = new Provider(issuer, {
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, { kid: 'rsa', alg: 'RS256' }), key('ec', { namedCurve: 'P-256' }, { kid: 'ec', alg: 'ES256' })] },
    cookies: { keys: ['interop'] },
    scopes,
    claims: { openid: ['sub', 'groups'] },
    clients: [
        // The portal, which asks about opaque tokens.
        { client_id: 'portal', client_secret: 'portal-secret', grant_types: [], response_types: [], redirect_uris: [] },
        // A program without a person.
        { client_id: 'nightly', client_secret: 'nightly-secret', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }
    ],
    features: {
        devInteractions: { enabled: false },
        registration: { enabled: true },
        revocation: { enabled: true },
        clientCredentials: { enabled: true },
        dPoP: { enabled: true },
        introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === 'portal' },
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
        resourceIndicators: {
            enabled: true,
            defaultResource: (_, __, oneOf) => oneOf,
            useGrantedResource: () => true,
            getResourceServerInfo(_, resource) {
                const known = resources[resource];
                if (!known) throw new Error(`no such resource: ${resource}`);
                const { format = 'jwt', alg = 'RS256', seconds = 3600 } = known;
                return {
                    scope: 'mcp echo:call', audience: resource, accessTokenFormat: format, accessTokenTTL: seconds,
                    ...(format === 'jwt' && { jwt: { sign: { alg } } })
                };
            }
        }
    },
    // The SDKs register with the scope of the first challenge, and this provider would hold them to it for good: then no
    // client gets more later, as the specification wants. So who registers may ask for anything.
    extraClientMetadata: { properties: ['interop'], validator: (_, __, ___, client) => void (client.scope &&= scopes.join(' ')) },
    pkce: { required: () => true },
    // Without `offline_access` too: what a client may do by itself, the clients here shall do.
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    extraTokenClaims: async (_, token) => (token.accountId ? { groups: ['engineering', 'mcp-users'], amr: ['pwd', 'otp'], acr: 'mfa', email: `${token.accountId}@example.com` } : undefined),
    findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, groups: ['engineering', 'mcp-users'] }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    fetch: async url => {
        if (`${url}` === metadataUrl) return Response.json(metadata);
        throw new Error(`nothing is fetched from ${url}`);
    },
    ttl: { AccessToken: (_, token) => token.resourceServer?.accessTokenTTL ?? 3600 }
});

/** What Alice says to whatever she is asked. */
async function interact(request, response) {
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') {
        return provider.interactionFinished(request, response, { login: { accountId: 'alice', amr: ['pwd', 'otp'], acr: 'mfa' } });
    }
    const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    const { missingOIDCScope = [], missingOIDCClaims = [], missingResourceScopes = {} } = prompt.details;
    grant.addOIDCScope(missingOIDCScope.join(' '));
    grant.addOIDCClaims(missingOIDCClaims);
    for (const [resource, scopes] of Object.entries(missingResourceScopes)) grant.addResourceScope(resource, scopes.join(' '));
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

// Bodies are read by the provider, so what it made of them is told.
provider.use(async (context, next) => {
    await next();
    const { oidc, status } = context;
    if (!oidc) return;
    const { client_id: client, resource, scope, grant_type: grant, code_challenge_method: challenge } = oidc.params ?? {};
    seen.push({ route: oidc.route, status, client: client ?? oidc.client?.clientId, resource, scope, grant, challenge });
});
for (const event of ['server_error', 'authorization.error', 'grant.error', 'registration_create.error']) {
    provider.on(event, (_, error) => console.error(event, error.error_description ?? error.stack));
}

const callback = provider.callback();
createServer((request, response) => {
    if (request.url === '/seen') return response.end(JSON.stringify(seen));
    if (request.url.startsWith('/interaction/')) return interact(request, response).catch(error => response.writeHead(500).end(`${error.stack}`));
    return callback(request, response);
}).listen(Number(options.port), '127.0.0.1');
