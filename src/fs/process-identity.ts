/** Identifies a process so that another process can check it later: process ids alone are reused. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** The start time, in the kernel's ticks since boot; undefined where /proc does not have it. */
  readonly startTime?: string;
  /** Host, boot and pid namespace: a pid has meaning only where all three are the same. */
  readonly machine: string;
}

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => {
  const startTime = startTimeOf(process.pid);
  return { pid: process.pid, machine: machine(), ...(startTime === undefined ? {} : { startTime }) };
};

/** Whether a process of this machine is alive: `unknown` if its id is in use and its start time can't be compared. */
export const livenessOf = ({ pid, startTime }: ProcessIdentity): 'alive' | 'gone' | 'unknown' => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'gone'; // EPERM: it exists, as another user's.
  }
  if (hasEnded(pid)) return 'gone';
  const startedNow = startTimeOf(pid);
  if (startTime === undefined || startedNow === undefined) return 'unknown';
  return startTime === startedNow ? 'alive' : 'gone';
};

/** Fields of /proc/PID/stat (proc(5)) from the third on; the second may contain spaces and brackets. */
const statOf = (pid: number): readonly string[] | undefined => {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** Field 22: the start time. */
const startTimeOf = (pid: number): string | undefined => statOf(pid)?.[19];

/** Field 3, the state: it has ended, and its parent has not waited for it yet. */
const hasEnded = (pid: number): boolean => /^[ZX]/.test(statOf(pid)?.[0] ?? '');

const machine = (): string => {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  return [hostname(), boot, namespace].filter((part) => part !== undefined).join(' ');
};

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};
