import { spawnSync } from 'node:child_process';

import { fileTempDir } from './tempdir.ts';

/** Certificates of an authority of the tests' own, made by openssl(1). */
export interface Certificates {
  /** What an engine on loopback wants: --tlscacert and so on. */
  serverArguments: string[];
  /** ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH has them. */
  client: string;
  /** The same from an authority that the engine does not know. */
  stranger: string;
  /** ca.pem only. */
  nameless: string;
}

/** For 127.0.0.1 only: `localhost` is another name. */
export function makeCertificates(): Certificates {
  const directory = fileTempDir();
  const script = `cd "$0" && exec 2>&1
    sign() { # DIRECTORY NAME AUTHORITY EXTENSION
      mkdir -p "$1" && cp "$3/ca.pem" "$1/ca.pem" &&
      openssl req -newkey rsa:2048 -nodes -keyout "$1/key.pem" -subj "/CN=$2" -out request &&
      echo "$4" >extension &&
      openssl x509 -req -in request -days 2 -CA "$3/ca.pem" -CAkey "$3/ca-key.pem" \\
        -CAcreateserial -extfile extension -out "$1/cert.pem"
    }
    authority() {
      mkdir -p "$1" && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \\
        -keyout "$1/ca-key.pem" -out "$1/ca.pem"
    }
    authority known && authority other &&
    sign server 127.0.0.1 known subjectAltName=IP:127.0.0.1 &&
    sign client client known extendedKeyUsage=clientAuth &&
    sign stranger client other extendedKeyUsage=clientAuth && cp known/ca.pem stranger/ca.pem &&
    mkdir nameless && cp known/ca.pem nameless/ca.pem`;
  const { status, stdout } = spawnSync('sh', ['-c', script, directory], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot make certificates: ${stdout}`);
  const server = `${directory}/server`;
  return {
    serverArguments: [
      ...['--tlsverify', `--tlscacert=${server}/ca.pem`],
      ...[`--tlscert=${server}/cert.pem`, `--tlskey=${server}/key.pem`],
    ],
    client: `${directory}/client`,
    stranger: `${directory}/stranger`,
    nameless: `${directory}/nameless`,
  };
}
