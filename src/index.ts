// What `import … from 'regime'` gives: a client for any virtualisation server, and the types of a
// regime of one's own.
export {
  connect,
  RequestFailed,
  ServerFailed,
  type Capability,
  type Connection,
  type ConnectOptions,
  type ExecOptions,
  type ExecResult,
  type RequestOptions,
  type Word,
} from './client/connect.ts';
export { TestbedGone } from './client/exec.ts';
export type * from './regime.ts';
