// What the test asks of a client: read from standard input; what the client found: written to standard output, as JSON.

import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { text } from 'node:stream/consumers';

export const ask = JSON.parse(await text(process.stdin));

export function tell(found) {
  process.stdout.write(JSON.stringify(found));
}

// What a client throws when it is refused, as {status, outcome}; `read` takes both out of its own kind of error.
export async function refusal(request, read) {
  try {
    await request();
  } catch (error) {
    return read(error);
  }
  throw new Error('the server gave what it should have refused');
}

// A signed statement of who this client is (RFC 7523), with the private key that the test handed over.
export function assertion() {
  const key = createPrivateKey({ key: ask.jwk, format: 'jwk' });
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: 'JWT', alg: ask.jwk.alg, kid: ask.jwk.kid };
  const claims = { iss: ask.clientId, sub: ask.clientId, aud: ask.tokenUrl, jti: randomUUID(), iat: now, exp: now + 60 };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha384', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
