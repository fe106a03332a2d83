// SPDX-License-Identifier: Apache-2.0
// issuer: an issuer of tokens on loopback: keys, the set of them that it serves, and tokens of any make.
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';

export const base64url = (value) => Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString('base64url');

/** A key pair of KIND: rsa, ec, weak (RSA of 1024 bits), p384 or ed25519. */
export function makeKey (kind, kid, more = {}) {
  const { publicKey, privateKey } = {
    rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    weak: () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
    ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    ed25519: () => generateKeyPairSync('ed25519'),
  }[kind]();
  const alg = { rsa: 'RS256', weak: 'RS256', ec: 'ES256', p384: 'ES384', ed25519: 'EdDSA' }[kind];
  return { kid, alg, privateKey, publicKey, pem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig', ...more } };
}

/** The signature of TEXT by KEY as ALG says; `der`: of ECDSA, in the form that JWS does not have. */
export function signature (text, key, alg, { der = false } = {}) {
  const data = Buffer.from(text);
  if (alg === 'none') return Buffer.alloc(0);
  if (alg.startsWith('HS')) return createHmac(`sha${alg.slice(2)}`, key).update(data).digest();
  if (alg === 'EdDSA') return sign(null, data, key.privateKey);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('PS')) return sign(hash, data, { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(alg.slice(2)) / 8 });
  return sign(hash, data, { key: key.privateKey, dsaEncoding: der ? 'der' : 'ieee-p1363' });
}

export const now = () => Math.floor(Date.now() / 1000);

export class Issuer {
  constructor (url) {
    this.url = url;
    this.issuer = `${url}/issuer`;
    this.audience = 'daedalus-client';
    this.rsa = makeKey('rsa', 'r1');
    this.ec = makeKey('ec', 'e1');
    this.set = [this.rsa.jwk, this.ec.jwk];
    this.fetches = 0;
    this.type = 'application/jwk-set+json';
    this.answer = null; // instead of the set: (res) => ...
  }

  /** Settings of a host that believes this issuer. */
  get settings () {
    return [`plugin auth.issuer=${this.issuer}`, `plugin auth.audience=${this.audience}`, `plugin auth.jwks-url=${this.url}/jwks`, 'plugin auth.jwks-pause=1s'];
  }

  claims (more = {}) {
    return { iss: this.issuer, aud: this.audience, sub: 'ada', email: 'ada@example.org', name: 'Ada', groups: ['staff'], iat: now(), exp: now() + 300, ...more };
  }

  /** A token: CLAIMS over the usual ones, HEAD over the usual head, signed by KEY as `by` (else as the head) says. */
  token (claims = {}, { key = this.rsa, head = {}, by, der, secret } = {}) {
    const full = { alg: key.alg, kid: key.kid, typ: 'JWT', ...head };
    const text = `${base64url(full)}.${base64url(typeof claims === 'string' ? claims : this.claims(claims))}`;
    return `${text}.${signature(text, secret ?? key, by ?? full.alg, { der }).toString('base64url')}`;
  }
}

export async function startIssuer (t) {
  let issuer;
  const server = http.createServer((req, res) => {
    issuer.fetches += 1;
    if (issuer.answer) { issuer.answer(res); return; }
    res.writeHead(req.url === '/jwks' ? 200 : 404, { 'Content-Type': issuer.type });
    res.end(JSON.stringify({ keys: issuer.set }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => new Promise((done) => { server.close(done); server.closeAllConnections(); }));
  issuer = new Issuer(`http://127.0.0.1:${server.address().port}`);
  return issuer;
}
