// Stands in for an identity provider and for clients that have a token: the official suite can send none. Writes the keys
// that it signs with to a file, listens on one port, and passes everything on to another with a token added.
//
//   node bearer.mjs JWKS_FILE ISSUER AUDIENCE LISTEN_PORT TO_PORT
import { createServer, request } from 'node:http';
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const [file, issuer, audience, listen, to] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
writeFileSync(file, JSON.stringify({ keys: [jwk] }));

const now = Math.floor(Date.now() / 1000);
const claims = { iss: issuer, aud: audience, sub: 'alice', client_id: 'suite', iat: now, exp: now + 3600, jti: '1', scope: 'mcp' };
const part = object => Buffer.from(JSON.stringify(object)).toString('base64url');
const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })}.${part(claims)}`;
const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
const authorization = `Bearer ${signed}.${signature.toString('base64url')}`;

createServer((asked, answer) => {
    const { method, url: path } = asked;
    const passed = request({ host: '127.0.0.1', port: to, method, path, headers: { ...asked.headers, authorization } }, got => {
        answer.writeHead(got.statusCode, got.headers);
        // A stream on which nothing happens yet has begun all the same.
        answer.flushHeaders();
        got.pipe(answer);
    });
    answer.on('close', () => passed.destroy());
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
}).listen(Number(listen), '127.0.0.1');
