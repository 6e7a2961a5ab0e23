// An issuer of tokens as OpenID Connect describes it, on a port of this machine: a discovery document, a key set as
// Node.js writes it, and tokens that OpenSSL signs. One command a line, one answer a line:
//
//   token {"key": "rsa", "alg": "RS256", "header": {…}, "claims": {…}}   a token; null takes a claim away
//   rotate                                                               replaces the RSA key: rsa-2, rsa-3, …
//   fetches                                                              how often the key set was fetched
//
// node issuer.mjs <port> [<certificate> <key>]
import { constants, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createInterface } from "node:readline";

const [port, certificate, key] = process.argv.slice(2);
const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const keys = {
  rsa: { kid: "rsa-1", pair: rsa() },
  ec: { kid: "ec-1", pair: generateKeyPairSync("ec", { namedCurve: "P-256" }) },
  // Not published.
  stranger: { kid: "rsa-1", pair: rsa() },
};
const ALGORITHMS = {
  none: () => "",
  HS256: ({ pair }, input) => {
    const secret = pair.publicKey.export({ type: "spki", format: "pem" });
    return createHmac("sha256", secret).update(input).digest();
  },
  RS256: ({ pair }, input) => sign("sha256", input, pair.privateKey),
  RS512: ({ pair }, input) => sign("sha512", input, pair.privateKey),
  PS256: ({ pair }, input) => {
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    return sign("sha256", input, { key: pair.privateKey, ...padding });
  },
  ES256: ({ pair }, input) => sign("sha256", input, { key: pair.privateKey, dsaEncoding: "ieee-p1363" }),
};

let fetches = 0;
let rotations = 1;

const answer = (request, response) => {
  const jwk = ({ kid, pair }) => ({ ...pair.publicKey.export({ format: "jwk" }), kid, use: "sig" });
  const documents = {
    "/.well-known/openid-configuration": () => ({ issuer, jwks_uri: `${issuer}/keys`, response_types_supported: [] }),
    "/keys": () => {
      fetches += 1;
      return { keys: [{ kty: "oct", kid: "rsa-1", k: "AAAA" }, jwk(keys.rsa), jwk(keys.ec)] };
    },
  };
  const document = documents[request.url];
  response.writeHead(document ? 200 : 404, { "Content-Type": "application/json" });
  response.end(document ? JSON.stringify(document()) : "");
};
const server = certificate
  ? createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) }, answer)
  : createServer(answer);
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
const issuer = `${certificate ? "https" : "http"}://localhost:${server.address().port}`;
console.log(issuer);

function token({ key = "rsa", alg = "RS256", header = {}, claims = {} }) {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: issuer,
    aud: "https://webpubsub.azure.com",
    iat: now,
    nbf: now,
    exp: now + 600,
    sub: "00000000-0000-0000-0000-000000000001",
    roles: ["Web PubSub Service Owner"],
    ...claims,
  };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const defined = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  const input = `${part({ typ: "JWT", alg, kid: keys[key].kid, ...header })}.${part(defined)}`;
  return `${input}.${Buffer.from(ALGORITHMS[alg](keys[key], Buffer.from(input))).toString("base64url")}`;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith("token ")) {
    console.log(token(JSON.parse(line.slice("token ".length))));
  } else if (line === "rotate") {
    rotations += 1;
    keys.rsa = { kid: `rsa-${rotations}`, pair: rsa() };
    console.log(keys.rsa.kid);
  } else {
    console.log(fetches);
  }
}
process.exit();
