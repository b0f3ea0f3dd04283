import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';

import { asError, TestbedError } from '../../src/errors.ts';
import type { Address } from './address.ts';
import type { Dialler, Line, Trouble } from './line.ts';
import type { TlsFiles } from './tls-files.ts';

/**
 * Milliseconds of silence after which the kernel asks whether the peer is there; it gives up after
 * ten more seconds (libuv asks each second, ten times).
 */
const SILENCE = 10_000;

/**
 * Reaches an engine at a `tcp://` address, by TLS where it has certificates.
 * @throws TestbedError where the certificates are of no use
 */
export function socketDialler(address: Address): Dialler {
  const { hostname, port } = new URL(address.url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const { tls } = address;
  const secureContext = tls && readCertificates(tls);
  const where = { host, port: Number(port), allowHalfOpen: true };
  return {
    patience: Infinity,
    dial(): Line {
      const socket = secureContext
        ? connectTls({
            ...where,
            secureContext,
            rejectUnauthorized: tls.verify,
            // RFC 6066: an address is no name.
            ...(isIP(host) === 0 && { servername: host }),
          })
        : connect(where);
      socket.setKeepAlive(true, SILENCE);
      socket.setNoDelay(true);
      const over = new Promise<Trouble | undefined>((resolve) => {
        socket.on('error', (cause: Error) => resolve(describe(cause, address)));
        socket.once('close', () => resolve(undefined));
      });
      return { input: socket, output: socket, over, destroy: () => void socket.destroy() };
    },
    close() {},
  };
}

function readCertificates({ ca, cert, key }: TlsFiles): SecureContext {
  const read = (path: string | undefined) => path && readFileSync(path);
  try {
    return createSecureContext({ ca: read(ca), cert: read(cert), key: read(key) });
  } catch (cause) {
    const names = [ca, cert, key].filter((name) => name !== undefined).join(', ');
    const status = asError(cause).message;
    const hint = 'they have to be PEM files, and the key without a passphrase';
    throw new TestbedError({ step: `cannot use ${names}`, status, hint, cause });
  }
}

/** In words for whoever has to do something about it. The codes are Node's and OpenSSL's. */
function describe(cause: NodeJS.ErrnoException, { from, tls }: Address): Trouble {
  const code = cause.code ?? '';
  const source = `the address is from ${from}`;
  const found = EXPLANATIONS.find(([pattern]) => pattern.test(code));
  if (!found) return { status: cause.message, hint: source };
  const [, status, hint = ''] = found;
  const files = (tls?.cert ?? tls?.ca ?? 'DOCKER_CERT_PATH').replace(/\/[^/]*$/, '');
  return {
    status: status || cause.message,
    hint: hint === '' ? source : hint.replace('DIRECTORY', files),
  };
}

const EXPLANATIONS: [code: RegExp, status: string, hint?: string][] = [
  [/^ECONNREFUSED$/, 'nobody listens there'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'there is no host of this name'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'the host does not answer'],
  [/^ECONNRESET$/, 'it ended the connection without an answer'],
  [
    /WRONG_VERSION_NUMBER|^EPROTO$/,
    'it does not speak TLS',
    'unset DOCKER_TLS_VERIFY, or see the port: 2376 is that of TLS',
  ],
  [/ALTNAME/, '', 'its certificate is for another name'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, ''],
  [
    /SELF_SIGNED|UNABLE_TO|CERT_|ISSUER/,
    '',
    'nobody in DIRECTORY/ca.pem has signed its certificate',
  ],
  [
    /ALERT/,
    'it refuses our certificate',
    'cert.pem and key.pem in DIRECTORY have to be signed by an authority that the engine knows',
  ],
];
